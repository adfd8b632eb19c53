"""Compares messages with the ones kept in golden/. MUSTER_WRITE_GOLDEN=1 writes them anew; then read the diff."""

import json
import os
from pathlib import Path

from bot.slack.views.message import Message

FOLDER = Path(__file__).parent / "golden"


def check(name: str, drawn: Message) -> None:
    """Demand that a message is drawn as it was when somebody last looked at it."""
    text = json.dumps({"text": drawn.text, "blocks": drawn.blocks}, indent=1, ensure_ascii=False) + "\n"
    path = FOLDER / f"{name}.json"
    if os.environ.get("MUSTER_WRITE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, f"{path.name} is drawn differently now; MUSTER_WRITE_GOLDEN=1 if it is meant so"

"""What a message holds once it is JSON: where tests look into its blocks."""

import json
from typing import Any

from bot.slack.views.message import Message


def blocks(message: Message, kind: str = "") -> list[Any]:
    """The blocks, of one kind or all."""
    return [block for block in json.loads(json.dumps(message.blocks)) if kind in {"", block["type"]}]


def buttons(message: Message) -> list[Any]:
    return [button for row in blocks(message, "actions") for button in row["elements"]]


def labels(message: Message) -> list[str]:
    return [button["text"]["text"] for button in buttons(message)]

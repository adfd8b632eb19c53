"""Slack may fold a long section behind a "See more"; what is read before somebody decides is never folded."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.demo.workspace.messages import PostedMessage

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


@pytest.mark.parametrize("drawn", GOLDEN, ids=lambda path: path.stem)
def test_nothing_that_muster_says_may_be_folded(drawn: Path) -> None:
    said = json.loads(drawn.read_text())
    body = {"ts": "1.0", "text": "", "blocks": said.get("blocks", [])} if isinstance(said, dict) else {"blocks": said}
    assert PostedMessage(channel="C0OPS", body=body, author="U0MUSTER").folded == []


@pytest.mark.parametrize(("expand", "folded"), [(True, 0), (False, 1), (None, 1)])
def test_a_long_section_may_be_folded_unless_it_says_that_it_must_be_read(expand: bool | None, folded: int) -> None:
    section: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": "a line\n" * 20}}
    section |= {} if expand is None else {"expand": expand}
    short = {"type": "section", "text": {"type": "mrkdwn", "text": "short"}}
    message = PostedMessage(channel="C0OPS", body={"ts": "1.0", "blocks": [section, short]}, author="U0MUSTER")
    assert len(message.folded) == folded

"""What is read before somebody decides is never folded ("See more"), and shown by every client: also on a phone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo.workspace.messages import PostedMessage
from bot.domain.operation import Event, State
from bot.slack.views.cards import card, details
from tests.slack.views.examples import NOW, RULE, operation, plan, records

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


@pytest.mark.parametrize("drawn", GOLDEN, ids=lambda path: path.stem)
def test_nothing_that_muster_says_may_be_folded(drawn: Path) -> None:
    said = json.loads(drawn.read_text())
    body = {"ts": "1.0", "text": "", "blocks": said.get("blocks", [])} if isinstance(said, dict) else {"blocks": said}
    assert PostedMessage(channel="C0OPS", body=body, author="U0MUSTER").folded == []


@pytest.mark.parametrize("state", [State.AWAITING_APPROVAL, State.RUNNING, State.NEEDS_ATTENTION, State.SUCCEEDED])
@pytest.mark.parametrize("number", [12, 300])
def test_neither_a_card_nor_a_page_of_details_is_folded(number: int, state: State) -> None:
    of = plan(number, losing=number // 3)
    shown, rows = operation(state, of=of), records(state, of)
    blocks = [*card.render(shown, rows, RULE, now=NOW).blocks, *details.window(shown, rows, page=0)["blocks"]]  # type: ignore[misc]
    body = {"ts": "1.0", "text": "", "blocks": blocks}
    assert PostedMessage(channel="C0OPS", body=body, author="U0MUSTER").folded == []


@pytest.mark.parametrize("state", State)
def test_the_question_behind_a_button_is_plain_text_without_marks(state: State) -> None:
    """https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object"""
    shown = operation(state)
    asked = list(confirms(list(card.render(shown, records(state, plan()), RULE, now=NOW).blocks)))
    assert asked or not any(shown.may(event) for event in (Event.APPROVED, Event.CANCELLED, Event.STOP_ASKED))
    for dialog in asked:
        assert {dialog[part]["type"] for part in ("title", "text", "confirm", "deny")} == {"plain_text"}
        assert not set("*`<") & set(dialog["text"]["text"])


def confirms(said: Any) -> Iterator[dict[str, Any]]:
    """Every dialog in what was drawn."""
    if isinstance(said, dict):
        found = said.get("confirm")
        if isinstance(found, dict) and "title" in found:
            yield found
        for inner in said.values():
            yield from confirms(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from confirms(inner)


@pytest.mark.parametrize(("expand", "folded"), [(True, 0), (False, 1), (None, 1)])
def test_a_long_section_may_be_folded_unless_it_says_that_it_must_be_read(expand: bool | None, folded: int) -> None:
    section: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": "a line\n" * 20}}
    section |= {} if expand is None else {"expand": expand}
    short = {"type": "section", "text": {"type": "mrkdwn", "text": "short"}}
    message = PostedMessage(channel="C0OPS", body={"ts": "1.0", "blocks": [section, short]}, author="U0MUSTER")
    assert len(message.folded) == folded

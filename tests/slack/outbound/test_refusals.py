"""What Slack refuses to one place or one content holds up nothing else, and is tried again before it counts."""

import pytest

from bot.domain.messages.news import Audience
from bot.domain.operation import State
from tests.slack.conftest import Office, operation
from tests.slack.views.examples import plan


async def test_a_channel_that_an_admin_closed_holds_up_no_other_channel(office: Office) -> None:
    board = office.board()
    closed, open_ = await office.add(operation("OP1", channel="C0INCIDENT")), await office.add(operation("OP2"))
    await office.until(lambda: office.cards() and office.cards("C0INCIDENT"), board)
    office.served.faults.refuse("ekm_access_denied", method="chat.postMessage", channel="C0INCIDENT", times=3)
    await office.line(closed, "waits")
    for word in ("one", "two", "three"):
        await office.line(open_, word)
    await office.quiet(board, seconds=8)
    assert len(office.thread(office.cards()[0])) == 3
    await office.until(lambda: office.thread(office.cards("C0INCIDENT")[0]), board, seconds=60)


@pytest.mark.parametrize(("refusals", "is_there"), [(3, True), (20, False)])
async def test_an_incident_line_waits_a_while_for_an_admin_and_then_goes_to_whoever_asked(
    office: Office, refusals: int, is_there: bool
) -> None:
    office.served.faults.refuse("ekm_access_denied", method="chat.postMessage", channel="C0INCIDENT", times=refusals)
    shown = await office.add(operation())
    await office.line(shown, "start", audience=Audience.INCIDENT)
    board = office.board()
    await office.quiet(board, seconds=900, step=5)
    assert bool(office.cards("C0INCIDENT")) is is_there
    assert bool(office.dms("U0ALICE")) is not is_there


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_trouble_that_follows_the_content_is_overcome_by_a_plainer_form(office: Office, method: str) -> None:
    board = office.board()
    shown = await office.add(operation())
    if method == "chat.update":
        await office.until(office.cards, board)
    office.served.faults.refuse("internal_error", method=method, block="table", times=1_000)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: office.cards() and "Waiting for approval" in office.cards()[0].plain, board, seconds=30)
    assert len(office.cards()) == 1
    await office.move(shown, State.DENIED)
    await office.until(lambda: "Rejected" in office.cards()[0].plain, board, seconds=10)


async def test_trouble_of_slack_itself_leaves_the_card_as_it_was_drawn(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.refuse(
        "internal_error", method="chat.update", times=26
    )  # one alone, then all forms, five times
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting for approval" in office.cards()[0].plain, board)
    assert any(block["type"] == "table" for block in office.cards()[0].blocks)


@pytest.mark.parametrize("code", ["external_channel_migrating", "channel_not_found", "team_added_to_org"])
async def test_an_edit_that_is_refused_for_a_while_is_tried_again(office: Office, code: str) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.refuse(code, method="chat.update", times=3)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting for approval" in office.cards()[0].plain, board, seconds=30)
    assert len(office.cards()) == 1

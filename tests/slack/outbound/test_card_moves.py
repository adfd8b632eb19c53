"""A card whose channel is gone stands elsewhere with its buttons, and what was to be told there is told there."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from bot.domain.messages.executed import AllVerified
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, calling
from bot.domain.operation import State
from bot.domain.ports import Copy
from bot.domain.values import UserId
from tests.news import news_of
from tests.slack.conftest import Office, opened, operation
from tests.slack.mortal import Killed, MortalArchive
from tests.slack.views.examples import plan

INCIDENT, LEADS, RANDOM = "C0INCIDENT", "G0LEADS", "C0RANDOM"


def archived(office: Office, channel: str) -> None:
    office.workspace.archive(channel)


def kicked(office: Office, channel: str) -> None:
    office.workspace.kick(channel, "U0MUSTER")


def deleted(office: Office, channel: str) -> None:
    office.workspace.delete_channel(channel)


@pytest.mark.parametrize("gone", [archived, kicked, deleted])
async def test_a_card_whose_channel_is_gone_stands_in_the_incident_channel_with_its_thread(
    office: Office, gone: Callable[[Office, str], None]
) -> None:
    board = office.board()
    shown = await office.add(operation(channel=LEADS))
    await office.until(lambda: office.cards(LEADS), board)
    gone(office, LEADS)
    await office.line(shown, "one")
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.line(shown, "two")
    await office.until(lambda: office.cards(INCIDENT) and len(office.thread(office.cards(INCIDENT)[0])) == 2, board)
    (card,) = office.cards(INCIDENT)
    assert f"Muster cannot post in <#{LEADS}>" in card.plain
    assert "Approve" in card.buttons
    assert office.thread(card) == ["Phase: *one*", "Phase: *two*"]
    async with office.archive.unit() as unit:
        assert await unit.outbox.waiting(limit=10) == []


async def test_without_an_incident_channel_the_requester_gets_the_card_and_reads_how_others_see_it(
    office: Office,
) -> None:
    office.incident_channel = ""
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.workspace.archive("C0OPS")
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: office.dms("U0ALICE"), board)
    assert "do that where approvers are" in office.dms("U0ALICE")[0]


async def test_the_incident_channel_hears_that_a_card_went_to_somebodys_direct_messages(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation(channel=LEADS))
    await office.until(lambda: office.cards(LEADS), board)
    office.workspace.archive(LEADS)
    office.served.faults.refuse("is_archived", method="chat.postMessage", channel=INCIDENT)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: office.dms("U0ALICE"), board)
    assert f"cannot post in <#{INCIDENT}>" in office.dms("U0ALICE")[0]


async def test_a_card_that_nobody_takes_goes_round_until_a_channel_is_mended(office: Office) -> None:
    office.incident_channel = ""
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.workspace.archive("C0OPS")
    direct = office.workspace.direct_channel("U0ALICE").id
    office.served.faults.refuse("messages_tab_disabled", method="chat.postMessage", channel=direct, times=1_000)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    before = len(office.calls)
    await office.quiet(board, seconds=1_200, step=5)
    assert len(office.calls) - before < 200
    office.workspace.channels["C0OPS"].is_archived = False
    await office.until(lambda: "Approve" in (office.cards()[-1].buttons if office.cards() else []), board)


def is_told(office: Office) -> bool:
    cards = office.cards(INCIDENT)
    return len(cards) == 1 and office.thread(cards[0]) == ["Phase: *one*"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_while_it_moves_it_stands_once_and_loses_no_line(after: bool) -> None:
    for at in range(1, 12):
        async with opened() as office:
            shown = await office.add(operation(channel=LEADS))
            board = office.board()
            await office.until(partial(office.cards, LEADS), board)
            office.workspace.archive(LEADS)
            await office.line(shown, "one")
            mortal = MortalArchive(office.archive, at=at, after=after)
            with contextlib.suppress(Killed):
                await office.quiet(office.board(mortal), seconds=5)
            await office.until(partial(is_told, office), office.board())


async def copied(office: Office, channel: str) -> None:
    (shown,) = await office.all()
    async with office.archive.unit() as unit:
        await unit.copies.keep(Copy(operation=shown.id, channel=channel, person=UserId("U0CAROL")))
        await unit.commit()


async def test_a_further_card_is_kept_up_to_date_like_the_first_one(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    await copied(office, INCIDENT)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(
        lambda: (
            all("Approve" in c.buttons for c in (*office.cards(), *office.cards(INCIDENT))) and office.cards(INCIDENT)
        ),
        board,
    )
    await office.line(shown, "told once")
    await office.move(shown, State.DENIED)
    await office.until(lambda: "Rejected" in office.cards(INCIDENT)[0].plain, board)
    await office.until(lambda: office.thread(office.cards()[0]) == ["Phase: *told once*"], board)
    assert office.thread(office.cards(INCIDENT)[0]) == []


async def test_a_further_card_takes_the_place_of_the_first_one_when_that_is_gone(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    await copied(office, LEADS)
    await office.until(lambda: office.cards(LEADS), board)
    office.workspace.archive("C0OPS")
    await office.line(shown, "here now")
    await office.until(lambda: office.thread(office.cards(LEADS)[0]), board)
    assert "cannot post in <#C0OPS>" in office.cards(LEADS)[0].plain
    assert any("the card stands elsewhere now" in m.plain for m in office.cards(INCIDENT))
    async with office.archive.unit() as unit:
        assert await unit.copies.of(shown.id) == []


async def test_who_asks_for_a_card_where_muster_is_not_reads_why_there_is_none(office: Office) -> None:
    board = office.board()
    await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.refuse("not_in_channel", method="chat.*", channel="G0SECRET", times=9)
    await copied(office, "G0SECRET")
    await office.until(lambda: office.dms("U0CAROL"), board)
    assert (
        "cannot post where you asked for it (Slack: not_in_channel), so the card of OP1 is not shown there. Add Muster with"
        in office.dms("U0CAROL")[0]
    )


async def test_a_further_card_that_somebody_deleted_is_let_go(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await copied(office, INCIDENT)
    await office.until(lambda: office.cards() and office.cards(INCIDENT), board)
    office.served.faults.refuse("message_not_found", method="chat.update", channel=INCIDENT)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.quiet(board)
    async with office.archive.unit() as unit:
        assert await unit.copies.of(shown.id) == []


@pytest.mark.parametrize("gone", [archived, deleted])
async def test_what_a_lost_incident_channel_would_have_heard_goes_to_whoever_asked(
    office: Office, gone: Callable[[Office, str], None]
) -> None:
    gone(office, INCIDENT)
    shown = await office.add(operation())
    started = news_of(Kind.STARTED, audience=Audience.INCIDENT, operation=shown.id)
    await office.tell(started, replace(started, what=AllVerified(seconds=60)))
    board = office.board()
    await office.until(lambda: len(office.dms("U0ALICE")) == 2, board)
    await office.quiet(board)
    first, last = office.dms("U0ALICE")
    assert "Started." in first
    assert "Done: everything was verified in 1 min." in last
    assert f"here because Muster cannot post in <#{INCIDENT}>, the incident channel (Slack: " in last
    assert "<@U0ALICE>" not in last
    async with office.archive.unit() as unit:
        assert await unit.outbox.waiting(limit=10) == []


async def test_who_would_have_been_called_in_a_lost_incident_channel_alone_is_called_by_direct_message(
    office: Office,
) -> None:
    """An archived channel keeps its members, so Slack's list of them says nothing of who is notified."""
    chief = UserId("U0BOB")
    office.workspace.kick("C0OPS", chief)
    archived(office, INCIDENT)
    shown = await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan()))
    await office.tell(*calling(news_of(Kind.WAITING, operation=shown.id), [chief]))
    board = office.board()
    await office.until(lambda: office.dms(chief) and office.dms("U0ALICE"), board)
    await office.quiet(board)
    (asked,), (told,) = office.dms(chief), office.dms("U0ALICE")
    assert f"<@{chief}>: this plan waits for approval." in asked
    assert "This plan waits for approval." in told


async def test_a_card_that_slack_refuses_for_what_it_says_stays_where_it_is(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.refuse("msg_too_long", method="chat.update", times=1_000)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.quiet(board, seconds=300, step=5)
    async with office.archive.unit() as unit:
        card = await unit.cards.of(shown.id)
    assert card is not None
    assert (card.channel, card.left) == ("C0OPS", "")
    assert office.cards(INCIDENT) == []

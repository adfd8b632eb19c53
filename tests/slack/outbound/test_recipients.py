"""Whoever is called hears of it: in a conversation that they are in, or by direct message."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.domain.messages.decided import ApprovalWanted
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import News, calling
from bot.domain.operation import STANDS, Operation, State
from bot.domain.ports import Copy
from bot.domain.values import UserId
from bot.slack.outbound.board import Board
from bot.slack.outbound.recipients import DirectMessages, Recipients
from bot.slack.people import SlackPeople
from tests.news import every_fact, news_of
from tests.slack.conftest import RULES, Office, operation
from tests.slack.views.examples import plan

LEADS = ("U0BOB", "U0CAROL")
CALLS = {
    Kind.WAITING: "Approval wanted",
    Kind.ESCALATED: "Still undecided",
    Kind.EXPIRY_NEAR: "About to expire",
    Kind.START_NEAR: "Starts soon",
    Kind.VOUCH_WANTED: "A second person must vouch",
    Kind.NEEDS_ATTENTION: "Needs a person",
    Kind.STILL_WAITS: "Still needs a person",
}


def board(office: Office, direct_messages: DirectMessages = DirectMessages.ABSENT) -> Board:
    people = SlackPeople(office.client, office.clock, RULES)
    recipients = Recipients(office.client, office.clock, people, direct_messages)
    return Board(office.archive, office.clock, office.bell, office.client, RULES, "C0INCIDENT", recipients=recipients)


async def called(office: Office, kind: Kind, *, ask: Sequence[str] = ("S0LEADS",), channel: str = "C0OPS") -> Operation:
    """An operation whose approvers are called, once everything was told."""
    is_standing = kind in {Kind.NEEDS_ATTENTION, Kind.STILL_WAITS}
    state = State.NEEDS_ATTENTION if is_standing else State.AWAITING_APPROVAL
    shown = await office.add(operation(channel=channel, plan=plan(12, losing=3), state=state))
    await office.tell(*calling(news_of(kind, every_fact("web-1"), operation=shown.id), ask))
    return shown


def rings(office: Office, who: str) -> int:
    """How often that phone rang because somebody was called."""
    return sum(push.startswith(tuple(CALLS.values())) for push in office.workspace.phones.of(who))


@pytest.mark.parametrize("kind", CALLS)
async def test_a_call_rings_once_on_the_phone_of_each_who_is_called_wherever_they_are(
    office: Office, kind: Kind
) -> None:
    office.workspace.kick("C0OPS", "U0CAROL")  # she reads the incident channel
    office.workspace.kick("C0OPS", "U0BOB")
    office.workspace.kick("C0INCIDENT", "U0BOB")  # he reads neither
    await called(office, kind, ask=("S0LEADS", "U0DAVE"))  # he reads both
    await office.quiet(board(office))
    for who in ("U0BOB", "U0CAROL", "U0DAVE"):
        assert rings(office, who) == 1, office.workspace.phones.pushes
        (push,) = [one for one in office.workspace.phones.of(who) if CALLS[kind] in one]
        for said in ("Evacuate prod/h-OP1", "12 VMs", "asked for by Alice Ferrer", "3 VMs lose their disks"):
            assert said in push
    assert rings(office, "U0ALICE") == 0  # she asked for it, and is called by nobody


@pytest.mark.parametrize("state", [State.CHECKING, State.RUNNING, State.CANCELLED])
async def test_what_is_over_by_the_time_that_slack_takes_it_rings_nowhere_and_stands_as_told_late(
    office: Office, state: State
) -> None:
    office.workspace.kick("C0OPS", "U0CAROL")
    office.workspace.kick("C0INCIDENT", "U0CAROL")
    shown = await office.add(operation(state=state, plan=plan(12, losing=3)))
    await office.tell(*calling(News(what=ApprovalWanted(), operation=shown.id), ["S0LEADS"]))
    await office.quiet(board(office))
    assert [office.workspace.phones.of(who) for who in LEADS] == [[], []]
    (line,) = [m.plain for m in office.workspace.channel_messages("C0INCIDENT")]
    (card,) = office.cards()
    (reply,) = office.thread(card)
    for said in (line, reply):
        assert said.startswith("*Approval wanted* (told late): Evacuate `prod/h-OP1`, 12 VMs, asked for by Alice")
        assert f"the operation {STANDS[state]}." in said


async def test_a_card_that_is_posted_calls_nobody_besides_the_lines(office: Office) -> None:
    """A quick cloud, or a slow Slack: the card stands there for the first time when it waits for approval already."""
    shown = await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan(12, losing=3)))
    await office.tell(*calling(News(what=ApprovalWanted(), operation=shown.id), ["S0LEADS"]))
    await office.quiet(board(office))
    assert [len(office.workspace.phones.of(who)) for who in ("U0BOB", "U0CAROL")] == [1, 1]
    (card,) = office.cards()
    assert "May approve: <!subteam^S0LEADS>" in card.plain, "it names them by an edit, which rings nowhere"
    async with office.archive.unit() as unit:
        await unit.copies.keep(Copy(operation=shown.id, channel="C0INCIDENT", person=UserId("U0DAVE")))
        await unit.commit()
    await office.quiet(board(office))
    assert [len(office.workspace.phones.of(who)) for who in ("U0BOB", "U0CAROL")] == [1, 1]


async def test_who_has_a_card_shown_reads_who_asked_for_it_by_name_and_nobody_else_is_called(office: Office) -> None:
    office.workspace.users["U0ALICE"] = replace(office.workspace.users["U0ALICE"], real_name='Alice "*Al*" <Ferrer>')
    shown = await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan(12, losing=3)))
    async with office.archive.unit() as unit:
        await unit.copies.keep(Copy(operation=shown.id, channel="C0INCIDENT", person=UserId("U0DAVE")))
        await unit.commit()
    await office.quiet(board(office))
    (push,) = office.workspace.phones.of("U0DAVE")
    assert push.startswith('Evacuate prod/h-OP1, 12 VMs, asked for by Alice "∗Al∗" <Ferrer>. 3 VMs lose their disks.')
    assert "U0ALICE" not in push
    assert office.workspace.phones.of("U0BOB") == office.workspace.phones.of("U0CAROL") == []


async def test_a_direct_message_names_the_card_and_why_it_comes(office: Office) -> None:
    office.workspace.kick("C0OPS", "U0CAROL")
    office.workspace.kick("C0INCIDENT", "U0CAROL")
    await called(office, Kind.WAITING)
    await office.quiet(board(office))
    (told,) = office.dms("U0CAROL")
    (card,) = office.cards()
    assert office.workspace.permalink(card) in told
    assert "because you are not in <#C0OPS>" in told
    assert "`/muster show OP1`" in told


async def test_where_the_card_stands_in_the_incident_channel_nobody_is_called_twice(office: Office) -> None:
    await called(office, Kind.WAITING, channel="C0INCIDENT")
    await office.quiet(board(office))
    assert [rings(office, who) for who in LEADS] == [1, 1]


async def test_where_slack_does_not_show_who_is_in_a_conversation_everybody_is_told_directly(office: Office) -> None:
    scopes = office.workspace.app.scopes
    office.workspace.app = office.workspace.app.with_scopes(*(s for s in scopes if s != "channels:read"))
    await called(office, Kind.WAITING)
    await office.quiet(board(office))
    assert [len(office.dms(who)) for who in LEADS] == [1, 1]


@pytest.mark.parametrize(("direct", "messages"), [(DirectMessages.NEVER, 0), (DirectMessages.ALWAYS, 1)])
async def test_a_setting_says_who_gets_direct_messages(office: Office, direct: DirectMessages, messages: int) -> None:
    office.workspace.kick("C0OPS", "U0CAROL")
    office.workspace.kick("C0INCIDENT", "U0CAROL")
    await called(office, Kind.WAITING)
    await office.quiet(board(office, direct))
    assert [len(office.dms(who)) for who in LEADS] == [messages, messages]


@pytest.mark.parametrize("kind", CALLS)
async def test_whoever_asked_is_told_where_they_asked_that_nobody_who_is_called_could_be_reached(
    office: Office, kind: Kind
) -> None:
    for who in LEADS:
        office.workspace.kick("C0OPS", who)
        office.workspace.kick("C0INCIDENT", who)
    await called(office, kind, ask=("U0ALICE", "S0LEADS"))
    await office.quiet(board(office, DirectMessages.NEVER))
    (card,) = office.cards()
    (reply,) = office.thread(card)
    who = (
        "no approver"
        if kind not in {Kind.ESCALATED, Kind.NEEDS_ATTENTION, Kind.STILL_WAITS}
        else "nobody who is called"
    )
    assert (
        f"<@U0ALICE>: {who} could be reached. Muster sees nobody of <!subteam^S0LEADS> here or in <#C0INCIDENT> "
        "and, by its settings, sends no direct messages. Invite one of them, or tell them yourself."
    ) in reply
    assert office.workspace.phones.of("U0ALICE"), "it rings on the phone of whoever asked"
    assert [office.dms(who) for who in LEADS] == [[], []]


@pytest.mark.parametrize(("channel", "direct"), [("C0OPS", "never"), ("C0INCIDENT", "never"), ("", "absent")])
async def test_nobody_is_said_to_be_out_of_reach_of_whom_one_can_be_reached(
    office: Office, channel: str, direct: str
) -> None:
    for who in LEADS:
        for left in {"C0OPS", "C0INCIDENT"} - ({channel} if who == "U0BOB" else set()):
            office.workspace.kick(left, who)
    await called(office, Kind.WAITING)
    await office.quiet(board(office, DirectMessages(direct)))
    (card,) = office.cards()
    assert "could be reached" not in office.thread(card)[0]


async def test_who_joins_or_leaves_is_known_at_once_to_whoever_hears_of_it(office: Office) -> None:
    recipients = Recipients(office.client, office.clock, SlackPeople(office.client, office.clock, RULES))
    assert "U0CAROL" in await recipients.members("C0OPS")
    office.workspace.kick("C0OPS", "U0CAROL")
    assert "U0CAROL" in await recipients.members("C0OPS")  # remembered
    recipients.forget("C0OPS")
    assert "U0CAROL" not in await recipients.members("C0OPS")


async def test_killed_between_two_direct_messages_each_is_sent_once(office: Office) -> None:
    for who in LEADS:
        office.workspace.kick("C0OPS", who)
        office.workspace.kick("C0INCIDENT", who)
    await called(office, Kind.WAITING)
    for _ in range(8):
        await board(office).round()  # a new process each time
        await office.clock.pass_time(2)
    assert [len(office.dms(who)) for who in LEADS] == [1, 1]


async def test_somebody_whose_account_is_closed_holds_up_nobody_else(office: Office) -> None:
    for who in LEADS:
        office.workspace.kick("C0OPS", who)
        office.workspace.kick("C0INCIDENT", who)
    office.workspace.deactivate("U0BOB")
    await called(office, Kind.WAITING)
    await office.quiet(board(office))
    assert len(office.dms("U0CAROL")) == 1


async def test_what_fails_within_seconds_rings_once_on_the_phone_of_whoever_asked_and_names_all(office: Office) -> None:
    shown = await office.add(operation(plan=plan(12)))
    at = board(office)
    await office.until(office.cards, at)
    for n in range(4):
        facts = {"title": f"evacuate web-{n}", "vm": f"id-{n}", "sentence": f"Cause {n}.", "remedy": "Retry."}
        news = news_of(Kind.STEP_FAILED, facts, operation=shown.id)
        await office.tell(*calling(news, ["U0ALICE"]))
        await office.quiet(at, seconds=1)
    await office.quiet(at, seconds=20)
    rung = [push for push in office.workspace.phones.of("U0ALICE") if push.startswith("Failed")]
    assert len(rung) == 1
    assert rung[0].startswith("Failed: 4 VMs: Evacuate prod/h-OP1, 12 VMs, asked for by Alice Ferrer.")
    (told,) = [m.plain for m in office.cards("C0INCIDENT")]
    for n in range(4):
        assert f"evacuate web-{n}" in told
        assert f"Cause {n}" in told

"""The messages of alarms: posted once, edited when the alarm changes, and known again after a crash."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.messages.alarm import Alarm, AlarmKind, Notice
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.values import HostId
from bot.slack.outbound.pending import read
from tests.slack.conftest import NOON, Office, operation
from tests.slack.mortal import Killed, MortalArchive
from tests.slack.views.examples import plan

INCIDENT = "C0INCIDENT"


def alarm(number: int = 1) -> Alarm:
    return Alarm(
        id=f"a{number}",
        kind=AlarmKind.HOST_DOWN,
        cloud="prod",
        subject=f"h-{number}",
        host=HostId(f"h-{number}"),
        host_name=f"compute-{number}",
        since=NOON - timedelta(seconds=40),
        first_seen_at=NOON,
        raised_at=NOON,
        vms=21,
        may_evacuate=True,
    )


async def raised(office: Office, new: Alarm) -> Alarm:
    async with office.archive.unit() as unit:
        assert await unit.alarms.open(new)
        await unit.commit()
    return new


async def saved(office: Office, changed: Alarm) -> Alarm:
    async with office.archive.unit() as unit:
        stored = await unit.alarms.save(changed)
        await unit.commit()
    return stored


async def test_an_alarm_is_one_message_in_the_incident_channel_and_edited_when_it_is_over(office: Office) -> None:
    board = office.board()
    told = await raised(office, alarm())
    await office.until(lambda: office.cards(INCIDENT), board)
    (message,) = office.cards(INCIDENT)
    assert message.plain.startswith(":rotating_light: *`prod/compute-1` has been down for 40 s, 21 VMs*")
    assert message.buttons == ["Evacuate…"]
    await office.clock.pass_time(140)
    await saved(office, told.cleared(office.clock.now()))
    await office.until(lambda: "is back after 3 min" in office.cards(INCIDENT)[0].plain, board)
    assert len(office.cards(INCIDENT)) == 1
    assert office.cards(INCIDENT)[0].buttons == []
    assert office.cards() == []


async def test_it_links_to_the_card_of_the_operation_that_deals_with_it(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    told = await raised(office, alarm())
    await office.until(lambda: office.cards() and office.cards(INCIDENT), board)
    await saved(office, replace(told, operation=shown.id))
    await office.until(
        lambda: office.workspace.permalink(office.cards()[0]) in office.cards(INCIDENT)[0].plain, board, seconds=20
    )
    assert office.cards(INCIDENT)[0].buttons == []


async def test_a_burst_of_alarms_keeps_to_the_pace_that_slack_allows(office: Office) -> None:
    for number in range(20):
        await raised(office, alarm(number))
    await office.until(lambda: len(office.cards(INCIDENT)) == 20, office.board())
    assert office.too_many == []


async def test_without_an_incident_channel_nothing_waits_for_one(office: Office) -> None:
    office.incident_channel = ""
    await raised(office, alarm())
    await office.quiet(office.board())
    async with office.archive.unit() as unit:
        assert list(await unit.notices.outdated(limit=5)) == []


async def test_a_channel_that_takes_no_message_holds_nothing_else_up(office: Office) -> None:
    office.incident_channel = "C0NOWHERE"
    await raised(office, alarm())
    await office.quiet(office.board())
    office.incident_channel = INCIDENT
    await raised(office, alarm(2))
    await office.until(lambda: office.cards(INCIDENT), office.board())
    assert len(office.cards(INCIDENT)) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_killed_around_the_post_it_still_tells_once(office: Office, at: int, after: bool) -> None:
    await raised(office, alarm())
    with pytest.raises(Killed):
        await office.board(MortalArchive(office.archive, at=at, after=after)).round()
    await office.until(lambda: office.cards(INCIDENT), office.board())
    await office.quiet(office.board())
    assert len(office.cards(INCIDENT)) == 1


async def test_an_answer_that_was_lost_is_looked_for_instead_of_posting_twice(office: Office) -> None:
    await raised(office, alarm())
    office.served.faults.lose_reply(method="chat.postMessage")
    board = office.board()
    await office.until(lambda: office.cards(INCIDENT), board)
    await office.quiet(board, seconds=60)
    assert office.served.faults.used["lost_reply"] == 1
    assert len(office.cards(INCIDENT)) == 1


async def test_a_message_that_somebody_deleted_is_posted_anew_while_the_alarm_is_open(office: Office) -> None:
    board = office.board()
    told = await raised(office, alarm())
    await office.until(lambda: office.cards(INCIDENT), board)
    office.served.faults.refuse("message_not_found", method="chat.update")
    await saved(office, replace(told, vms=20))
    await office.until(lambda: any("20 VMs" in m.plain for m in office.cards(INCIDENT)), board)


async def test_an_alarm_waits_for_a_channel_that_refuses_it_for_a_while(office: Office) -> None:
    await raised(office, alarm())
    office.served.faults.refuse("ekm_access_denied", method="chat.postMessage", times=8)
    await office.until(lambda: office.cards("C0INCIDENT"), office.board())


async def test_an_edit_of_an_alarm_that_is_refused_for_a_while_is_tried_again(office: Office) -> None:
    told = await raised(office, alarm())
    board = office.board()
    await office.until(lambda: office.cards(INCIDENT), board)
    office.served.faults.refuse("external_channel_migrating", method="chat.update", times=3)
    await saved(office, told.cleared(office.clock.now()))
    await office.until(lambda: "is back" in office.cards(INCIDENT)[0].plain, board, seconds=60)


async def test_alarms_of_a_storm_stand_below_the_message_that_counts_them(office: Office) -> None:
    counting = replace(alarm(0), kind=AlarmKind.STORM, subject="s", host=None, host_name="", sentence="3 alerts")
    await raised(office, replace(counting, raised_at=None))
    for number in (1, 2, 3):
        await raised(office, replace(alarm(number), kind=AlarmKind.ALERT, within=counting.id))
    board = office.board()
    await office.quiet(board, seconds=5)
    assert office.cards(INCIDENT) == []  # the count comes first
    await saved(office, counting)
    await office.until(lambda: office.cards(INCIDENT) and len(office.thread(office.cards(INCIDENT)[0])) == 3, board)
    (message,) = office.cards(INCIDENT)
    assert message.plain.startswith(":rotating_light: *3 alerts* in a short time")


async def test_a_call_for_help_comes_before_the_alarms_that_wait(office: Office) -> None:
    shown = await office.add(operation())
    board = office.board()
    await office.until(office.cards, board)
    for number in range(30):
        await raised(office, alarm(number))
    await office.quiet(board, seconds=5)
    alarms = len(office.cards(INCIDENT))
    await office.line(shown, "help", audience=Audience.INCIDENT)
    await office.until(lambda: any("help" in m.plain for m in office.cards(INCIDENT)), board)
    assert len(office.cards(INCIDENT)) <= alarms + 2  # of thirty


async def test_a_card_says_what_is_to_be_decided_before_the_ends_of_many_alarms_and_all_of_them_come(
    office: Office,
) -> None:
    shown = await office.add(operation())
    board = office.board()
    told = [await raised(office, alarm(number)) for number in range(60)]
    await office.until(lambda: len(office.cards(INCIDENT)) == 60, board)
    for each in told:
        await saved(office, each.cleared(office.clock.now()))
    await office.quiet(board, seconds=20)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting for approval" in office.cards()[0].plain, board, seconds=4)
    await office.move(shown, State.RUNNING, plan=plan())
    await office.until(lambda: "Running" in office.cards()[0].plain, board, seconds=4)
    moving = [await office.add(operation(f"MOVES{n}", state=State.RUNNING, plan=plan())) for n in range(3)]

    def ended() -> int:
        return sum(1 for m in office.cards(INCIDENT) if "is back" in m.plain)

    before = ended()
    assert before < 30, "some are left"
    for _ in range(60):
        for one in moving:
            await office.move(one, State.RUNNING)
        await office.quiet(board, seconds=1)
    assert ended() - before >= 15, "the progress of an operation does not hold them up"
    await office.until(lambda: ended() == 60, board, seconds=300)


def _archived(office: Office) -> None:
    office.workspace.archive(INCIDENT)


def _deleted(office: Office) -> None:
    office.workspace.delete_channel(INCIDENT)


def _kicked(office: Office) -> None:
    office.workspace.kick(INCIDENT, "U0MUSTER")


@pytest.mark.parametrize("gone", [_archived, _deleted])
async def test_an_alarm_whose_channel_is_gone_is_told_once_to_those_who_may_act_and_so_is_its_end(
    office: Office, gone: Callable[[Office], None]
) -> None:
    gone(office)
    told = await raised(office, alarm())
    board = office.board()
    await office.until(lambda: office.dms("U0BOB") and office.dms("U0CAROL"), board)
    await saved(office, replace(told, vms=20))
    await office.quiet(board, seconds=200, step=5)
    (said,) = office.dms("U0BOB")
    assert said.startswith(":rotating_light: *`prod/compute-1` has been down for 40 s, 21 VMs*")
    assert "`/evacuate prod/compute-1` only asks: Muster looks closer and shows a plan." in said
    assert f"Muster cannot post in <#{INCIDENT}>, the incident channel (Slack: " in said
    assert office.dms("U0ALICE") == [], "she may not approve"
    assert board.unheard.startswith("takes nothing (Slack: ")

    async with office.archive.unit() as unit:
        last = await unit.alarms.find(told.id)
        assert last is not None
        await unit.alarms.save(last.cleared(office.clock.now()))
        await unit.commit()
    await office.until(lambda: len(office.dms("U0BOB")) == 2, board, seconds=120)
    await office.quiet(board, seconds=200, step=5)
    assert "is back after" in office.dms("U0BOB")[1]
    assert len(office.dms("U0BOB")) == 2
    async with office.archive.unit() as unit:
        assert list(await unit.notices.outdated(limit=5)) == []


async def test_an_alarm_that_was_told_directly_stands_in_its_channel_as_soon_as_that_takes_it(office: Office) -> None:
    _archived(office)
    await raised(office, alarm())
    board = office.board()
    await office.until(lambda: office.dms("U0BOB"), board)
    office.workspace.channels[INCIDENT].is_archived = False
    await office.until(lambda: office.cards(INCIDENT), board, seconds=120)
    await office.quiet(board)
    assert len(office.dms("U0BOB")) == 1
    assert board.unheard == ""


async def test_an_alarm_that_stands_in_a_channel_which_is_gone_moves_to_the_one_that_is_named_since(
    office: Office,
) -> None:
    told = await raised(office, alarm())
    await office.until(lambda: office.cards(INCIDENT), office.board())
    _archived(office)
    office.incident_channel = "C0OPS"
    await saved(office, replace(told, vms=20))
    board = office.board()
    await office.until(lambda: any("20 VMs" in m.plain for m in office.cards("C0OPS")), board)
    await office.quiet(board, seconds=60)
    assert office.dms("U0BOB") == []


async def test_hosts_of_a_storm_whose_channel_is_gone_are_named_in_the_one_message_that_counts_them(
    office: Office,
) -> None:
    _archived(office)
    counting = replace(alarm(0), kind=AlarmKind.STORM, subject="s", host=None, host_name="", sentence="3 alerts")
    for number in (1, 2, 3):
        await raised(office, replace(alarm(number), kind=AlarmKind.ALERT, within=counting.id))
    await raised(office, counting)
    board = office.board()
    await office.until(lambda: office.dms("U0BOB"), board)
    await office.quiet(board)
    (said,) = office.dms("U0BOB")
    assert "*3 alerts* in a short time" in said
    assert all(f"• `prod/compute-{number}`: " in said for number in (1, 2, 3))


def counts(of: int) -> Alarm:
    """A storm of so many alerts."""
    sentence = f"{of} alerts"
    return replace(alarm(0), kind=AlarmKind.STORM, subject="s", host=None, host_name="", cloud="", sentence=sentence)


async def joins(office: Office, storm: Alarm, *numbers: int) -> None:
    """So many more alerts, which the storm counts."""
    for number in numbers:
        await raised(office, replace(alarm(number), kind=AlarmKind.ALERT, within=storm.id))
    async with office.archive.unit() as unit:
        counting = await unit.alarms.find(storm.id)
        assert counting is not None
        await unit.alarms.save(counting)
        await unit.commit()


async def test_what_joins_a_storm_after_its_direct_message_is_told_by_further_ones_all_of_a_minute_in_one(
    office: Office,
) -> None:
    _archived(office)
    storm = await raised(office, counts(of=1))
    await joins(office, storm, 1)
    board = office.board()
    await office.until(lambda: office.dms("U0BOB"), board)
    await joins(office, storm, 2)
    await office.quiet(board, seconds=20)
    await joins(office, storm, 3)
    await office.until(lambda: len(office.dms("U0BOB")) == 2, board, seconds=61)
    await office.quiet(board, seconds=300, step=5)
    first, second = office.dms("U0BOB")
    assert "`prod/compute-1`" in first
    assert "Since the last message of it there came:\n• `prod/compute-2`: 0 alerts\n• `prod/compute-3`" in second
    assert "compute-1" not in second
    assert office.dms("U0CAROL") == [first, second]
    office.workspace.channels[INCIDENT].is_archived = False
    await office.until(lambda: office.cards(INCIDENT) and len(office.thread(office.cards(INCIDENT)[0])) == 3, board)
    await joins(office, storm, 4)
    await office.until(lambda: len(office.thread(office.cards(INCIDENT)[0])) == 4, board)
    await office.quiet(board, seconds=90, step=5)
    assert len(office.dms("U0BOB")) == 2


async def test_what_joins_a_storm_whose_channel_is_gone_since_is_told_in_one_message_and_ends_with_it(
    office: Office,
) -> None:
    storm = await raised(office, counts(of=1))
    await joins(office, storm, 1)
    board = office.board()
    await office.until(lambda: office.cards(INCIDENT) and office.thread(office.cards(INCIDENT)[0]), board)
    _archived(office)
    await joins(office, storm, *range(2, 12))
    await office.until(lambda: office.dms("U0BOB"), board, seconds=70)
    await office.quiet(board, seconds=200, step=5)
    said = "\n".join(office.dms("U0BOB"))
    assert len(office.dms("U0BOB")) <= 2
    assert [said.count(f"`prod/compute-{number}`") for number in range(1, 12)] == [0, *[1] * 10]
    async with office.archive.unit() as unit:
        for one in [
            *await unit.alarms.of(AlarmKind.ALERT, cloud=None),
            *await unit.alarms.of(AlarmKind.STORM, cloud=""),
        ]:
            await unit.alarms.save(one.cleared(office.clock.now()))
        await unit.commit()
    before = len(office.dms("U0BOB"))
    await office.quiet(board, seconds=200, step=5)
    (over,) = office.dms("U0BOB")[before:]
    assert "All alerts of the last" in over


async def test_a_host_that_is_down_is_told_though_many_alerts_wait_for_their_storm(office: Office) -> None:
    office.served.faults.refuse("ekm_access_denied", method="chat.postMessage", times=5)
    storm = await raised(office, counts(of=60))
    await joins(office, storm, *range(1, 61))
    await raised(office, alarm(99))
    board = office.board()
    await board.round()
    await office.until(lambda: any("compute-99" in m.plain for m in office.cards(INCIDENT)), board, seconds=10)


async def test_a_round_reads_few_of_them_and_none_of_a_kind_holds_up_another(office: Office) -> None:
    storm = await raised(office, counts(of=200))
    await joins(office, storm, *range(1, 201))
    for number in range(300, 500):
        over = await raised(office, alarm(number))
        async with office.archive.unit() as unit:
            await unit.notices.keep(Notice(alarm=over.id, channel=INCIDENT, ts=f"1.{number}"))
            await unit.commit()
    await raised(office, alarm(999))
    pending = await read(office.archive)
    assert len(pending.notices) < 200
    told = [one.id for one, notice in pending.notices if not notice.ts]
    assert (pending.notices[0][0].id, "a999" in told) == (storm.id, True)


async def test_of_many_storms_whose_channel_is_gone_all_that_joins_them_is_told(office: Office) -> None:
    storms = [await raised(office, replace(counts(of=60), id=f"s{n}", subject=f"s{n}")) for n in range(3)]
    _archived(office)
    board = office.board()
    await office.until(lambda: len(office.dms("U0BOB")) == len(storms), board, seconds=300)
    for place, storm in enumerate(storms):
        await joins(office, storm, *range(100 * place, 100 * place + 60))
    await office.quiet(board, seconds=200, step=5)
    said = "\n".join(office.dms("U0BOB"))
    assert all(f"`prod/compute-{100 * place}`" in said for place in range(3))
    async with office.archive.reading() as unit:
        assert list(await unit.notices.unheard()) == []


async def test_killed_around_the_turn_to_direct_messages_each_is_sent_once(office: Office) -> None:
    _archived(office)
    await raised(office, alarm())
    for at in range(1, 8):
        with contextlib.suppress(Killed):
            await office.board(MortalArchive(office.archive, at=at, after=True)).round()
    await office.quiet(office.board(), seconds=100)
    assert (len(office.dms("U0BOB")), len(office.dms("U0CAROL"))) == (1, 1)


async def test_an_alarm_that_is_posted_long_after_its_answer_was_given_up_stands_once(office: Office) -> None:
    await raised(office, alarm())
    office.served.faults.come_late(20, method="chat.postMessage")
    await office.quiet(office.board(), seconds=120)
    assert len(office.cards(INCIDENT)) == 1

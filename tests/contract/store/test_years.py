"""What is over goes after a while; what is asked for in every round has an index, however much has ended."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from bot.desk import periodic
from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.messages.kind import Kind
from bot.domain.operation import Operation, State
from bot.domain.ports import Card, Delivery
from bot.slack.views.cards import card
from bot.store import figures
from bot.store.archive import SqlArchive
from bot.store.parts import audit
from bot.store.unit import SqlUnit
from tests.clocks import ManualClock
from tests.news import news_of
from tests.store.examples import START, operation, plan, records
from tests.store.outbox import waiting

LATER = START + timedelta(days=200)


async def ended(archive: SqlArchive, number: int, *, at: datetime = START, steps: int = 3) -> Operation:
    """An operation that has ended, with its plan and steps, and whose card says so."""
    made = replace(operation(number, state=State.SUCCEEDED, plan=plan(steps)), ended_at=at)
    async with archive.unit() as unit:
        await unit.operations.add(made, Entry(event=AuditEvent.REQUESTED))
        await unit.steps.lay_out(made.id, records(steps))
        await unit.outbox.tell(news_of(Kind.FINISHED, {"seconds": 60}, operation=made.id))
        await unit.commit()
    async with archive.unit() as unit:
        ((_, revision, _),) = await unit.cards.outdated(limit=9)
        await unit.cards.keep(Card(operation=made.id, channel="C1", ts="1.0", revision=revision))
        await unit.outbox.told([line.id for line in await waiting(unit)], ts="2.0")
        await unit.inbox.receive(Delivery(key=f"key-{number}", kind="test", payload={}, received_at=at))
        await unit.inbox.settle(f"key-{number}", result="done")
        await unit.commit()
    return made


async def let_go(archive: SqlArchive, clock: ManualClock, *, keep_audit: int | None = None) -> None:
    days = None if keep_audit is None else timedelta(days=keep_audit)
    await periodic.let_go(archive, clock, keep=timedelta(days=180), keep_audit=days)


async def rows(archive: SqlArchive, table: str) -> int:
    async with archive.unit() as unit:
        return int(await unit.transaction.first(text(f"SELECT count(*) FROM {table}")))


async def test_what_has_been_over_for_long_goes_and_the_operation_stays(
    archive: SqlArchive, clock: ManualClock
) -> None:
    old = await ended(archive, 1)
    await clock.pass_time(timedelta(days=181).total_seconds())
    young = await ended(archive, 2, at=clock.now())
    await let_go(archive, clock)
    async with archive.unit() as unit:
        kept, whole = await unit.operations.get(old.id), await unit.operations.get(young.id)
        assert (kept.state, kept.plan, list(await unit.steps.of(old.id))) == (State.SUCCEEDED, None, [])
        assert (whole.plan, len(await unit.steps.of(young.id))) == (plan(3), 3)
        assert await unit.cards.outdated(limit=9) == []
        assert await unit.inbox.receive(Delivery(key="key-2", kind="test", payload={}, received_at=START)) is False
    assert [await rows(archive, table) for table in ("plan", "step", "inbox", "outbox")] == [1, 3, 1, 1]
    assert await rows(archive, "audit") == 2


async def test_a_dry_run_that_nobody_took_up_ends_and_goes_as_what_has_ended(
    archive: SqlArchive, clock: ManualClock
) -> None:
    def age(days: int) -> datetime:
        return START - timedelta(days=days)

    async with archive.unit() as unit:
        for number, changed_at in ((1, age(170)), (2, age(0))):
            made = replace(operation(number, state=State.READY, plan=plan(3)), dry_run=True)
            made = replace(made, created_at=age(170), changed_at=changed_at)
            await unit.operations.add(made, Entry(event=AuditEvent.REQUESTED))
        await unit.commit()

    async def left() -> list[tuple[State, bool]]:
        async with archive.reading() as unit:
            found = [await unit.operations.get(operation(number).id) for number in (1, 2)]
        return [(one.state, one.plan is not None) for one in found]

    await let_go(archive, clock)
    assert await left() == [(State.READY, True)] * 2
    await clock.pass_time(timedelta(days=11).total_seconds())
    await let_go(archive, clock)
    assert await left() == [(State.CANCELLED, True), (State.READY, True)]
    async with archive.unit() as unit:
        for one, revision, _ in await unit.cards.outdated(limit=9):
            await unit.cards.keep(Card(operation=one.id, channel="C1", ts="1.0", revision=revision))
        await unit.commit()
    await clock.pass_time(timedelta(days=181).total_seconds())
    await let_go(archive, clock)
    assert await left() == [(State.CANCELLED, False), (State.CANCELLED, True)]


async def test_a_delivery_that_nobody_ever_acted_on_goes_too(archive: SqlArchive, clock: ManualClock) -> None:
    async with archive.unit() as unit:
        await unit.inbox.receive(Delivery(key="missed", kind="test", payload={}, received_at=clock.now()))
        await unit.commit()
    await clock.pass_time(timedelta(days=179).total_seconds())
    await let_go(archive, clock)
    assert await rows(archive, "inbox") == 1
    await clock.pass_time(timedelta(days=2).total_seconds())
    await let_go(archive, clock)
    assert await rows(archive, "inbox") == 0


async def test_operations_go_a_few_at_a_time_since_people_wait_for_whoever_deletes_their_steps(
    archive: SqlArchive, clock: ManualClock
) -> None:
    for number in range(1, 6):
        await ended(archive, number, steps=40)
    steps = []
    for _ in range(6):
        async with archive.unit() as unit:
            await unit.let_go(LATER, most=100)
            await unit.commit()
        steps.append(await rows(archive, "step"))
    assert steps == [120, 40, 0, 0, 0, 0]


async def test_a_host_that_is_still_left_over_keeps_what_its_return_needs(
    archive: SqlArchive, clock: ManualClock
) -> None:
    old = await ended(archive, 1)
    left = Alarm(id=old.id, kind=AlarmKind.LEFT_OVER, cloud="prod", subject="h", since=START, first_seen_at=START)
    async with archive.unit() as unit:
        await unit.alarms.open(left)
        await unit.commit()
    await clock.pass_time(timedelta(days=999).total_seconds())
    await let_go(archive, clock)
    async with archive.unit() as unit:
        assert len(await unit.steps.of(old.id)) == 3
        await unit.alarms.save(left.cleared(clock.now()))
        await unit.commit()
    await let_go(archive, clock)
    async with archive.unit() as unit:
        assert list(await unit.steps.of(old.id)) == []


async def test_an_alarm_that_has_been_over_for_long_goes_and_what_is_open_stays(
    archive: SqlArchive, clock: ManualClock
) -> None:
    async def alarm(id: str, kind: AlarmKind, *, is_over: bool) -> None:
        made = Alarm(id=id, kind=kind, subject=id, since=START, first_seen_at=START, raised_at=START)
        async with archive.unit() as unit:
            await unit.alarms.open(made)
            if is_over:
                await unit.alarms.save(made.cleared(clock.now()))
            await unit.commit()

    for kind in (AlarmKind.ALERT, AlarmKind.STORM, AlarmKind.HOST_DOWN, AlarmKind.LEFT_OVER):
        await alarm(f"{kind} over", kind, is_over=True)
        await alarm(f"{kind} open", kind, is_over=False)
    await clock.pass_time(timedelta(days=179).total_seconds())
    await let_go(archive, clock)
    assert await rows(archive, "alarm") == 8
    await alarm("young", AlarmKind.ALERT, is_over=True)
    await clock.pass_time(timedelta(days=2).total_seconds())
    await let_go(archive, clock)
    async with archive.unit() as unit:
        left = set(await unit.transaction.scalars(text("SELECT id FROM alarm")))
    assert left == {"alert open", "storm open", "host down open", "left over open", "left over over", "young"}


async def test_a_card_that_does_not_say_yet_how_it_ended_keeps_what_it_shows(
    archive: SqlArchive, clock: ManualClock
) -> None:
    old = await ended(archive, 1)
    async with archive.unit() as unit:
        await unit.operations.revise(old.id)
        await unit.commit()
    await clock.pass_time(timedelta(days=999).total_seconds())
    await let_go(archive, clock)
    async with archive.unit() as unit:
        assert (await unit.operations.get(old.id)).plan is not None
        ((_, revision, card_there),) = await unit.cards.outdated(limit=9)
        assert card_there is not None
        await unit.cards.keep(replace(card_there, revision=revision))
        await unit.commit()
    await let_go(archive, clock)
    async with archive.unit() as unit:
        assert (await unit.operations.get(old.id)).plan is None


async def test_the_audit_is_kept_unless_its_own_setting_says_otherwise_and_proves_what_was_cut(
    archive: SqlArchive, clock: ManualClock
) -> None:
    for number in range(1, 6):
        await ended(archive, number)
    await clock.pass_time(timedelta(days=400).total_seconds())
    await let_go(archive, clock)
    assert await rows(archive, "audit") == 5
    await ended(archive, 6, at=clock.now())
    await let_go(archive, clock, keep_audit=365)
    async with archive.unit() as unit:
        lines = [(row.seq, row.event) async for row in unit.audit.lines()]
        assert await audit.broken(unit.audit) == []
    assert lines == [(6, "requested"), (7, "audit cut")]
    await let_go(archive, clock, keep_audit=365)
    assert await rows(archive, "audit") == 2


async def test_a_cut_of_which_no_line_says_is_found(archive: SqlArchive) -> None:
    for number in range(1, 6):
        await ended(archive, number)
    async with archive.unit() as unit:
        third = await unit.transaction.first(text("SELECT hash FROM audit WHERE seq = 3"))
        await unit.transaction.run(text(f"UPDATE audit_head SET cut_seq = 3, cut_hash = '{third}'"))
        await unit.transaction.run(text("DELETE FROM audit WHERE seq <= 3"))
        await unit.commit()
    async with archive.unit() as unit:
        assert await audit.broken(unit.audit) == [3]


async def test_lines_behind_the_cut_are_not_deleted(archive: SqlArchive) -> None:
    await ended(archive, 1)
    async with archive.unit() as unit:
        with pytest.raises(Exception, match="append-only"):
            await unit.transaction.run(text("DELETE FROM audit WHERE seq = 1"))


SPAN = timedelta(seconds=8)
Ask = Callable[[SqlUnit], Awaitable[object]]
ROUNDS: dict[str, tuple[Ask, str]] = {
    "the list": (lambda unit: unit.operations.newest(live=True), "ix_operation_live"),
    "the board": (lambda unit: unit.cards.outdated(limit=100), "ix_operation_behind"),
    "further cards": (lambda unit: unit.copies.outdated(limit=100), "ix_operation_copies_behind"),
    "leases at a start": (lambda unit: unit.leases.void(), "ix_operation_leased"),
    "whether there is work": (lambda unit: unit.leases.has_work(span=SPAN, clouds=["prod"]), "ix_operation_work"),
    "work to take": (lambda unit: unit.leases.claim("me", span=SPAN, clouds=["prod"]), "ix_operation_work"),
    "what expires": (lambda unit: unit.operations.overdue(START), "ix_operation_work"),
    "deliveries left over": (lambda unit: unit.inbox.unsettled(since=START), "ix_inbox_unsettled"),
    "news to tell": (lambda unit: unit.outbox.waiting(limit=100), "ix_outbox_waiting"),
    "an alert": (lambda unit: unit.alarms.about(AlarmKind.ALERT, ["x"]), "ix_alarm_subject"),
    "alerts to tell": (lambda unit: unit.alarms.untold(limit=9), "ix_alarm_waiting"),
    "where hosts are sought": (lambda unit: unit.alarms.sought_in(), "ix_alarm_sought"),
    "alerts to place": (lambda unit: unit.alarms.sought("toy", after="", limit=9), "ix_alarm_sought"),
    "what a storm counts": (lambda unit: unit.alarms.counted("s"), "ix_alarm_within"),
    "what begins a storm": (
        lambda unit: unit.alarms.begun(AlarmKind.ALERT, since=START),
        "one_open_alarm|ix_alarm_subject",
    ),
    "what nobody heard of": (lambda unit: unit.notices.unheard(), "ix_alarm_behind|ix_alarm_within"),
    "alarms to show": (lambda unit: unit.notices.outdated(limit=9), "ix_alarm_behind"),
    "what ended": (lambda unit: unit.alarms.unwatched("prod", limit=9), "ix_operation_unwatched"),
    "what is left over": (
        lambda unit: unit.alarms.of(AlarmKind.LEFT_OVER, cloud="prod"),
        "one_open_alarm|ix_alarm_subject",
    ),
    "figures of what goes on": (lambda unit: figures.of_steps(unit.transaction), "ix_operation_work|pk_operation"),
    "targets": (lambda unit: unit.operations.requests("prod"), "one_live_operation_per_host"),
}


@pytest.mark.parametrize("what", ROUNDS)
async def test_what_is_asked_in_every_round_reads_no_history(archive: SqlArchive, what: str) -> None:
    ask, index = ROUNDS[what]
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _k: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    async with archive.unit() as unit:
        connection = await unit.transaction._session.connection()
        if not archive.is_embedded:
            await unit.transaction.run(text("ANALYZE operation"))
            await unit.transaction.run(
                text("SET LOCAL enable_seqscan = off")
            )  # a table of no rows is quicker read whole
        event.listen(connection.sync_connection, "before_cursor_execute", note)
        await ask(unit)
        event.remove(connection.sync_connection, "before_cursor_execute", note)
        said = ""
        explain = "EXPLAIN QUERY PLAN " if archive.is_embedded else "EXPLAIN "
        for statement, parameters in asked:
            if "clock_timestamp" not in statement:
                plans = await connection.exec_driver_sql(explain + statement, parameters)
                said += " ".join(str(tuple(row)) for row in plans)
    assert any(name in said for name in index.split("|"))


def test_a_card_whose_plan_is_gone_can_still_be_drawn() -> None:
    from tests.slack.conftest import RULES

    rule: Any = next(iter(RULES.values()))
    for state in (State.SUCCEEDED, State.ENDED_INCOMPLETE, State.BLOCKED, State.CANCELLED, State.EXPIRED, State.DENIED):
        shown = replace(operation(1, state=state), ended_at=START, started_at=START)
        assert card.render(shown, [], rule, now=datetime.now(UTC)).text

"""What the clock does to operations: reminds of them, lets them expire, and lets go of what is long over.

Each of these is a tick over rows, harmless to repeat, however many replicas tick.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.desk.transition import apply
from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages import reminder
from bot.domain.messages.decided import ExpiryNear, RequestExpired, StartNear, Undecided
from bot.domain.messages.executed import StillWaits
from bot.domain.messages.news import Happened, News, calling
from bot.domain.messages.reminder import Reminder
from bot.domain.operation import Event, Operation, State, Told
from bot.domain.ports import Archive, Clock, Rank, Stale, Unit
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Facts
from bot.runtime.log import logger

log = logger(__name__)

MOST = 1_000
"""How many operations that wait are looked at in one tick."""
MOST_GONE = 500
"""Rows of a kind that go in one transaction."""
_UNUSED = "Nobody turned this dry run into a request."
_RECORDED: Mapping[Told, AuditEvent] = {
    Told.START_NEAR: AuditEvent.REMINDED_START,
    Told.EXPIRY_NEAR: AuditEvent.REMINDED_EXPIRY,
    Told.ESCALATED: AuditEvent.REMINDED_ESCALATED,
    Told.STILL_WAITS: AuditEvent.REMINDED_STANDING,
}


# expiry ------------------------------------------------------------------------------------------------------------


async def expire(archive: Archive, clock: Clock) -> int:
    """Expire every request whose time has come; answers how many."""
    async with archive.reading() as unit:
        due = await unit.operations.overdue(clock.now())
    expired = 0
    for overdue in due:
        try:
            async with archive.unit() as unit:
                operation = await unit.operations.get(overdue)
                if _is_overdue(operation, now=clock.now()):  # still: it may have been put to people anew since
                    told = RequestExpired(requester=operation.requested_by)
                    await apply(unit, operation, Event.EXPIRED, clock.now(), None, {}, told=told)
                    await unit.commit()
                    expired += 1
        except Stale:
            continue  # somebody decided at the last moment; the next tick looks again
    return expired


def _is_overdue(operation: Operation, *, now: datetime) -> bool:
    expires_at = operation.expires_at
    return operation.may(Event.EXPIRED) and expires_at is not None and expires_at <= now


# reminders ---------------------------------------------------------------------------------------------------------


async def remind(archive: Archive, clock: Clock, rules: Mapping[tuple[str, Action], Rule]) -> int:
    """Tell whatever is due, once, stored with the news of it; answers how much that was.

    Args:
        archive: the database.
        clock: tells what is due.
        rules: the policy of each cloud and action; an operation without one is not reminded of.
    """
    now = clock.now()
    async with archive.reading() as unit:
        waiting = await unit.operations.newest(live=True, states=reminder.WAITING, limit=MOST)
    told = 0
    for seen in waiting:
        rule = rules.get((seen.request.cloud, seen.request.action))
        if rule is None or not reminder.due(seen, rule, now=now):
            continue
        try:
            async with archive.unit() as unit:
                operation = await unit.operations.get(seen.id)
                reminders = reminder.due(operation, rule, now=now)
                await _tell(unit, operation, rule, reminders)
                await unit.commit()
                told += len(reminders)
        except Stale:
            continue  # somebody decided, or another replica reminds: the next tick looks again
    return told


async def _tell(unit: Unit, operation: Operation, rule: Rule, reminders: tuple[Reminder, ...]) -> None:
    for one in reminders:
        facts: Facts = {
            "at": one.at.isoformat(),
            "count": rule.count(operation),
            "quorum": rule.quorum,
            "is_approved": operation.state is State.QUEUED,
        }
        entry = Entry(event=_RECORDED[one.what], facts={**facts, "ask": list(one.ask)})
        operation = await unit.operations.save(replace(operation, told=(*operation.told, one.what)), entry)
        await unit.outbox.tell(*calling(News(what=_said(one, operation, rule), operation=operation.id), one.ask))


def _said(one: Reminder, operation: Operation, rule: Rule) -> Happened:
    match one.what:
        case Told.START_NEAR:
            return StartNear(at=one.at, is_approved=operation.state is State.QUEUED)
        case Told.EXPIRY_NEAR:
            return ExpiryNear(at=one.at, count=rule.count(operation), quorum=rule.quorum)
        case Told.STILL_WAITS:
            return StillWaits(at=one.at, is_paused=operation.state is State.PAUSED)
        case _:
            return Undecided(at=one.at)


# retention ---------------------------------------------------------------------------------------------------------


async def let_go(archive: Archive, clock: Clock, *, keep: timedelta, keep_audit: timedelta | None = None) -> None:
    """Delete what is older, a little at a time; lines of the audit only where a setting says so.

    A dry run that nobody has turned into a request for so long is ended; as one that has ended it goes, in its time.

    Args:
        archive: the database.
        clock: tells how old something is.
        keep: how long what is over is kept.
        keep_audit: how long a line of the audit is kept; None: for ever.
    """
    gone = cut = 0
    while await _end_dry_runs(archive, clock, keep):
        pass
    while more := await _let_go_once(archive, clock, keep):
        gone += more
    while keep_audit is not None and (more := await _cut_once(archive, clock, keep_audit)):
        cut += more
    if gone or cut:
        log.info("let go of what is old", rows=gone, audit_lines=cut)


async def _end_dry_runs(archive: Archive, clock: Clock, keep: timedelta) -> int:
    now = clock.now()
    async with archive.reading() as unit:
        old = await unit.operations.dry_runs(now - keep, limit=MOST_GONE)
    ended = 0
    for id in old:
        try:
            async with archive.unit(Rank.BULK) as unit:
                operation = await unit.operations.get(id)
                if operation.state is State.READY and operation.changed_at < now - keep:
                    facts: Facts = {"by": None, "sentence": _UNUSED}
                    await apply(unit, replace(operation, outcome=_UNUSED), Event.CANCELLED, now, None, facts)
                    await unit.commit()
                    ended += 1
        except Stale:
            continue  # somebody takes it up at this moment
    return ended


async def _let_go_once(archive: Archive, clock: Clock, keep: timedelta) -> int:
    async with archive.unit(Rank.BULK) as unit:
        gone = await unit.let_go(clock.now() - keep, most=MOST_GONE)
        await unit.commit()
    return gone


async def _cut_once(archive: Archive, clock: Clock, keep: timedelta) -> int:
    async with archive.unit(Rank.BULK) as unit:
        gone = await unit.audit.cut(clock.now() - keep, most=2 * MOST_GONE)
        await unit.commit()
    return gone

"""Hosts that an operation of ours took out of service and nobody brought back: people are reminded until it is so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import AnyCloud, Host
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.messages.executed import BackInService, StillOut
from bot.domain.messages.news import Audience, Happened, News
from bot.domain.operation import Operation, State
from bot.domain.ports import Archive, Clock, Rank, Unit
from bot.domain.values import Action, Facts, HostId
from bot.watch.down import MOST_LIVE

AGAIN = timedelta(days=1)
"""Between two reminders of the same host."""
_TAKEN_UP = 100
_TAKES_OUT = frozenset({Action.ENTER, Action.EVACUATE})


async def judge(archive: Archive, clock: Clock, cloud: AnyCloud, hosts: Sequence[Host], *, after: timedelta) -> None:
    """Remind of what is left over in a cloud, and tell when it is gone.

    Args:
        archive: the database.
        clock: tells when the look was.
        cloud: which cloud.
        hosts: all of its hosts, as listed just now.
        after: the operation's end, the first reminder comes.

    Raises:
        Stale: another process judged at the same time; nothing is stored.
    """
    now = clock.now()
    by_id = {host.id: host for host in hosts}
    async with archive.unit(Rank.BULK) as unit:
        for id in await unit.alarms.unwatched(cloud.name, limit=_TAKEN_UP):
            await _take_up(unit, await unit.operations.get(id), now)
        live = {o.request.host for o in await unit.operations.newest(live=True, cloud=cloud.name, limit=MOST_LIVE)}
        for alarm in await unit.alarms.of(AlarmKind.LEFT_OVER, cloud=cloud.name):
            await _judge(unit, alarm, by_id.get(alarm.host or HostId("")), now, after, is_busy=alarm.host in live)
        await unit.commit()


async def _take_up(unit: Unit, operation: Operation, now: datetime) -> None:
    """From an operation's end on, its host is watched; a later operation of the host takes over from an earlier one.

    Whoever opens the alarm does the rest: another process that took the operation up first has done it.
    """
    request = operation.request
    takes_out = request.action in _TAKES_OUT and operation.started_at is not None
    alarm = Alarm(
        id=operation.id,
        kind=AlarmKind.LEFT_OVER,
        cloud=request.cloud,
        subject=operation.id,
        host=request.host,
        host_name=request.host_name,
        since=operation.ended_at or operation.changed_at,
        first_seen_at=now,
        operation=operation.id,
    )
    if not await unit.alarms.open(alarm if takes_out else alarm.cleared(now)):
        return
    if takes_out or operation.state is State.SUCCEEDED:
        for earlier in await unit.alarms.of(AlarmKind.LEFT_OVER, cloud=request.cloud):
            if earlier.host == request.host and earlier.id != alarm.id:
                await _gone(unit, earlier, now, quietly=takes_out)


async def _judge(
    unit: Unit, alarm: Alarm, host: Host | None, now: datetime, after: timedelta, *, is_busy: bool
) -> None:
    if host is None or host.is_silent:  # a list without it proves nothing
        return
    if not _is_out(host):
        await _gone(unit, alarm, now)
        return
    if alarm.reminded_at is not None and now < alarm.reminded_at:
        await unit.alarms.save(replace(alarm, reminded_at=now))  # the clock was set back since: a day from now on
        return
    due = alarm.since + after if alarm.reminded_at is None else alarm.reminded_at + AGAIN
    if is_busy or now < due:
        return
    await unit.alarms.save(replace(alarm, raised_at=alarm.raised_at or now, reminded_at=now))
    facts: Facts = {
        "state": host.state,
        "out": not host.in_service,
        "still": host.left,
        "seconds": (now - alarm.since).total_seconds(),
    }
    out = StillOut(
        state=host.state, out=not host.in_service, still=host.left, seconds=(now - alarm.since).total_seconds()
    )
    await _tell(unit, alarm, out, Entry(event=AuditEvent.LEFT_OVER, facts=facts))


async def _gone(unit: Unit, alarm: Alarm, now: datetime, *, quietly: bool = False) -> None:
    await unit.alarms.save(alarm.cleared(now))
    if alarm.reminded_at is not None and not quietly:
        seconds = (now - alarm.since).total_seconds()
        entry = Entry(event=AuditEvent.LEFT_OVER_GONE, facts={"seconds": seconds})
        await _tell(unit, alarm, BackInService(seconds=seconds), entry)


async def _tell(unit: Unit, alarm: Alarm, what: Happened, entry: Entry) -> None:
    for audience in (Audience.THREAD, Audience.INCIDENT):
        await unit.outbox.tell(News(what=what, audience=audience, operation=alarm.operation))
    await unit.audit.record(alarm.operation, entry)


def _is_out(host: Host) -> bool:
    """Whether we left something: the host out of service (where it bears a mark, only by ours), or its VMs locked."""
    return bool(host.left) or (not host.in_service and host.taken_out_by != "")

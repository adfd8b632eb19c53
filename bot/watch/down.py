"""Hosts that are down in two looks in a row: one alarm for each failure, or one that suspects ourselves."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import AnyCloud, Host
from bot.domain.counting import counted, listed
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.ports import Archive, Clock, Rank, Unit
from bot.domain.values import Action, Facts, HostId, OperationId

MOST_LIVE = 1_000
_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look at a cloud showed, beside what our operations do there."""

    cloud: AnyCloud
    hosts: Sequence[Host]
    live: Mapping[HostId, OperationId]
    at: datetime

    @property
    def down(self) -> Mapping[str, Host]:
        """The hosts that the cloud calls down, by id."""
        return {host.id: host for host in self.hosts if host.is_down}

    def explained_by(self, host: Host) -> OperationId | None:
        """The operation because of which nobody need be told that this host is down."""
        return self.live.get(host.id) or OperationId(host.taken_out_by or "") or None

    @property
    def unexplained(self) -> Sequence[Host]:
        """Hosts that are down for no reason of ours."""
        return [host for host in self.down.values() if self.explained_by(host) is None]

    @property
    def is_doubtful(self) -> bool:
        """Whether most hosts look dead at once: then it is rather us, or the way to them.

        Hosts that are down and empty do not count: a cloud may list many that were retired long ago.
        """
        return len(self.lost) > 1 and 2 * len(self.lost) > len(self.counted)

    @property
    def counted(self) -> Sequence[Host]:
        """The hosts of which most must look dead: all but those that are down and empty."""
        return [host for host in self.hosts if not (host.is_down and host.vms == 0)]

    @property
    def lost(self) -> Sequence[Host]:
        """Of these, the hosts that are down for no reason of ours."""
        return [host for host in self.unexplained if host.vms != 0]


async def judge(archive: Archive, clock: Clock, cloud: AnyCloud, hosts: Sequence[Host], *, gap: timedelta) -> None:
    """Store what a look means for the alarms of a cloud.

    Args:
        archive: the database.
        clock: tells when the look was.
        cloud: which cloud.
        hosts: all of its hosts, as listed just now; not none.
        gap: two looks count as two only when they are that far apart.

    Raises:
        Stale: another process judged at the same time; nothing is stored.
    """
    async with archive.unit(Rank.BULK) as unit:
        live = await unit.operations.newest(live=True, cloud=cloud.name, limit=MOST_LIVE)
        now = clock.now()
        busy = {o.request.host: o.id for o in live if o.starts_at is None or o.starts_at <= now}  # not what is to come
        look = Look(cloud=cloud, hosts=hosts, live=busy, at=now)
        await _judge_each(unit, look, gap)
        await _judge_all(unit, look, gap)
        await unit.commit()


async def end_unwatched(archive: Archive, clock: Clock, *, watched: Collection[str]) -> None:
    """End the alarms of clouds at whose hosts nobody looks any more: they would stand for ever.

    Args:
        archive: the database.
        clock: tells when they ended.
        watched: the names of the others.

    Raises:
        Stale: another process did it at the same time; nothing is stored.
    """
    kinds = (AlarmKind.HOST_DOWN, AlarmKind.MOST_DOWN)
    async with archive.reading() as unit:
        every = [alarm for kind in kinds for alarm in await unit.alarms.of(kind, cloud=None)]
    left = [alarm for alarm in every if alarm.cloud not in watched]
    if not left:
        return
    async with archive.unit(Rank.BULK) as unit:
        for alarm in left:
            await _over(unit, clock.now(), alarm, "Muster does not look at the hosts of this cloud any more.")
        await unit.commit()


async def _judge_each(unit: Unit, look: Look, gap: timedelta) -> None:
    known = {alarm.subject: alarm for alarm in await unit.alarms.of(AlarmKind.HOST_DOWN, cloud=look.cloud.name)}
    down = look.down
    for host in down.values():
        alarm = known.get(host.id)
        if alarm is None:
            if look.explained_by(host) is None:
                await unit.alarms.open(_sign(look, AlarmKind.HOST_DOWN, host.id, host))
        else:
            await _still_down(unit, look, alarm, host, gap)
    silent = {host.id for host in look.hosts if host.is_silent}
    for subject, alarm in known.items():
        if subject not in down and subject not in silent:
            listed = any(host.id == subject for host in look.hosts)
            await _over(unit, look.at, alarm, "" if listed else "The cloud does not list it any more.")


async def _still_down(unit: Unit, look: Look, alarm: Alarm, host: Host, gap: timedelta) -> None:
    by = look.explained_by(host)
    if alarm.raised_at is not None:
        if alarm.operation != by:
            await unit.alarms.save(replace(alarm, operation=by))
    elif by is not None:
        await unit.alarms.drop(alarm)
    elif look.at < alarm.first_seen_at:
        await unit.alarms.save(_dated_anew(alarm, look))
    elif not look.is_doubtful and look.at - alarm.first_seen_at >= gap:
        raised = replace(
            alarm,
            raised_at=look.at,
            evidence=_evidence(look, alarm, host),
            vms=host.vms,
            may_evacuate=Action.EVACUATE in look.cloud.actions,
        )
        await unit.alarms.save(raised)
        facts: Facts = {
            "cloud": look.cloud.name,
            "host": host.name,
            "state": host.state,
            "since": alarm.since.isoformat(),
        }
        await unit.audit.record(None, Entry(event=AuditEvent.HOST_DOWN, facts=facts))


async def _judge_all(unit: Unit, look: Look, gap: timedelta) -> None:
    alarm = next(iter(await unit.alarms.of(AlarmKind.MOST_DOWN, cloud=look.cloud.name)), None)
    if not look.is_doubtful:
        if alarm is not None:
            await _over(unit, look.at, alarm, "")
    elif alarm is None:
        await unit.alarms.open(_sign(look, AlarmKind.MOST_DOWN, "", None))
    elif alarm.raised_at is None and look.at < alarm.first_seen_at:
        await unit.alarms.save(_dated_anew(alarm, look))
    elif alarm.raised_at is None and look.at - alarm.first_seen_at >= gap:
        await unit.alarms.save(replace(alarm, raised_at=look.at, evidence=_evidence_of_most(look)))
        facts: Facts = {"cloud": look.cloud.name, "down": len(look.lost), "hosts": len(look.counted)}
        await unit.audit.record(None, Entry(event=AuditEvent.MOST_HOSTS_DOWN, facts=facts))


def _evidence_of_most(look: Look) -> tuple[str, ...]:
    """The hosts that look down among those that count; and how many do not."""
    names = listed([host.name for host in look.lost], most=_LISTED)
    said = f"{len(look.lost):,} of {counted(len(look.counted), 'host')} look down: {names}."
    empty = len(look.hosts) - len(look.counted)
    apart = counted(empty, "host that is down and empty is", "hosts that are down and empty are")
    return said, *([f"{apart} not counted."] if empty else [])


async def _over(unit: Unit, at: datetime, alarm: Alarm, sentence: str) -> None:
    if alarm.raised_at is None:
        await unit.alarms.drop(alarm)
        return
    await unit.alarms.save(alarm.cleared(at, sentence))
    facts = {"cloud": alarm.cloud, "host": alarm.host_name, "alarm": alarm.kind, "since": alarm.since.isoformat()}
    await unit.audit.record(None, Entry(event=AuditEvent.ALARM_OVER, facts=facts))


def _sign(look: Look, kind: AlarmKind, subject: str, host: Host | None) -> Alarm:
    """An alarm that is not certain yet."""
    return Alarm(
        id=secrets.token_hex(8),
        kind=kind,
        cloud=look.cloud.name,
        subject=subject,
        host=host.id if host else None,
        host_name=host.name if host else "",
        since=(host.down_since if host else None) or look.at,
        first_seen_at=look.at,
    )


def _dated_anew(alarm: Alarm, look: Look) -> Alarm:
    """A first look that lies ahead of this one: the clock was set back in between. It counts from now on."""
    return replace(alarm, first_seen_at=look.at, since=min(alarm.since, look.at))


def _evidence(look: Look, alarm: Alarm, host: Host) -> tuple[str, ...]:
    others = [h for h in look.hosts if h.id != host.id]
    up = sum(1 for h in others if not h.is_down)
    apart = (look.at - alarm.first_seen_at).total_seconds()
    return (
        f"{look.cloud.name} reports it as {host.state or 'down'}.",
        f"Muster has seen that twice, {apart:.0f} s apart.",
        f"{up:,} of {counted(len(others), 'other host')} of {look.cloud.name} {'is' if up == 1 else 'are'} up.",
    )

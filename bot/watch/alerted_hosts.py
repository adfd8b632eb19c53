"""Tells the alerts that were taken in, counted in one message when they are many, and finds out which hosts they mean.

Two ticks over rows, harmless to repeat: telling waits for no cloud, and a cloud is asked once for all alerts.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.cloud import AnyCloud, CloudError, Host
from bot.domain.counting import counted
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.ports import Archive, Clock, Rank, Stale
from bot.domain.values import Action
from bot.runtime.log import logger
from bot.watch.rounds import MOST_HOSTS

log = logger(__name__)

STORM = 10
"""Alarms of alerts that may begin within `STORM_SPAN` and be told each by itself; more are counted in one message."""
STORM_SPAN = timedelta(minutes=1)
STORM_LASTS = timedelta(minutes=5)
"""How long what comes belongs to the storm that has begun: longer, and it would be told where nobody hears it."""
AGAIN_SECONDS = 30.0
"""How long a cloud that did not answer is not asked again."""
_AT_ONCE = 200
_FOUND_AT_ONCE = 2_000
"""More than wait for one cloud that does not answer: those of another must not wait behind them."""

Listed = Mapping[str, Sequence[Host] | str]
"""By cloud, its hosts; or why it could not be asked."""


@dataclass(kw_only=True)
class AlertedHosts:
    """The hosts that stored alerts are about."""

    archive: Archive
    clock: Clock
    clouds: Mapping[str, AnyCloud]
    _not_before: dict[str, float] = field(default_factory=dict)  #: by cloud that did not answer

    async def tell(self) -> None:
        """Raise what was taken in. Above ten in a minute, all that come then stand below one message.

        Slack tells nobody of what stands below a message, so each storm is soon over: what comes then is a message
        again, or begins the next one.
        """
        async with self.archive.reading() as unit:
            waiting = await unit.alarms.waiting(limit=_AT_ONCE)
            storms = await unit.alarms.of(AlarmKind.STORM, cloud=None)
            fresh = [alarm for alarm in waiting if alarm.raised_at is None]
            every = await unit.alarms.of(AlarmKind.ALERT, cloud=None) if fresh or storms else []
        if not (fresh or storms):
            return
        now = self.clock.now()
        current = next((storm for storm in storms if now - storm.first_seen_at <= STORM_LASTS), None)
        if current is None and sum(1 for alarm in every if now - alarm.first_seen_at <= STORM_SPAN) > STORM and fresh:
            current = _storm(now)
        try:
            async with self.archive.unit(Rank.BULK) as unit:
                is_new = current is not None and current not in storms
                for storm in [*storms, *([current] if current and is_new else [])]:
                    counted_now = _counted(storm, every, is_current=storm is current, now=now)
                    if storm is current and is_new:
                        await unit.alarms.open(counted_now)
                    elif counted_now != storm:
                        await unit.alarms.save(counted_now)
                for alarm in fresh:
                    await unit.alarms.save(replace(alarm, raised_at=now, within=current.id if current else ""))
                await unit.commit()
        except Stale:
            return  # more was told of one of them meanwhile; the next tick takes it up

    async def find(self) -> None:
        """Find out which hosts are meant, each cloud asked once for all."""
        async with self.archive.reading() as unit:
            waiting = [one for one in await unit.alarms.waiting(limit=_FOUND_AT_ONCE) if one.label is not None]
        labels = {alarm.label[0] for alarm in waiting if alarm.label}
        names = self.clouds.keys() if "" in labels else labels & self.clouds.keys()
        asked = [self.clouds[name] for name in sorted(names) if self._may_ask(name)]
        listed = dict(zip([c.name for c in asked], await asyncio.gather(*map(self._hosts, asked)), strict=True))
        for alarm in waiting:
            located = _located(alarm, listed, self.clouds)
            if located == alarm:
                continue
            try:
                async with self.archive.unit(Rank.BULK) as unit:
                    await unit.alarms.save(located)
                    await unit.commit()
            except Stale:
                continue

    def _may_ask(self, cloud: str) -> bool:
        return self.clock.monotonic() >= self._not_before.get(cloud, 0.0)

    async def _hosts(self, cloud: AnyCloud) -> Sequence[Host] | str:
        try:
            async with asyncio.timeout(cloud.deadline):
                return await cloud.hosts("", limit=MOST_HOSTS)
        except (CloudError, TimeoutError) as error:
            self._not_before[cloud.name] = self.clock.monotonic() + AGAIN_SECONDS
            why = (
                error.sentence if isinstance(error, CloudError) else f"It did not answer within {cloud.deadline:.0f} s."
            )
            log.warning("the hosts that alerts are about could not be looked up", cloud=cloud.name, error=why)
            return f"Cloud {cloud.name} could not be asked which host is meant: {why}"


def _storm(now: datetime) -> Alarm:
    id = secrets.token_hex(8)
    return Alarm(id=id, kind=AlarmKind.STORM, subject=id, since=now, first_seen_at=now, raised_at=now)


def _counted(storm: Alarm, every: Sequence[Alarm], *, is_current: bool, now: datetime) -> Alarm:
    """The storm with what it counts now; over when none of its alerts is open."""
    mine = [one for one in every if one.within == storm.id or (is_current and one.raised_at is None)]
    if not mine:
        return storm.cleared(now)
    alerts = sum(1 for alarm in mine for alert in alarm.alerts if not alert.is_over)
    hosts = len({(alarm.cloud, alarm.host_name) for alarm in mine if alarm.host_name})
    about = f" about {counted(hosts, 'host')}" if hosts else ""
    return replace(storm, sentence=f"{counted(alerts, 'alert')}{about}")


def _located(alarm: Alarm, listed: Listed, clouds: Mapping[str, AnyCloud]) -> Alarm:
    """The alarm with the one host of exactly the label's name or id, a port behind it or none; never a guess."""
    if alarm.label is None:
        return alarm
    cloud, label = alarm.label
    if cloud and cloud not in clouds:
        sentence = f"No cloud is named {cloud}, so which host is meant is not known."
        return replace(alarm, label=None, sentence=sentence)
    names = [cloud] if cloud else sorted(clouds)
    silent = [why for why in (listed.get(n, alarm.sentence) for n in names) if isinstance(why, str)]
    if silent:
        return replace(alarm, sentence=silent[0])
    for name in dict.fromkeys((label, label.rpartition(":")[0] or label)):
        found = [(n, h) for n in names for h in listed[n] if isinstance(h, Host) and name in {h.name, h.id}]
        if len(found) > 1:
            said = ", ".join(f"{n}/{h.name} ({h.id})" for n, h in found)
            return replace(alarm, label=None, sentence=f"{counted(len(found), 'host')} of that name, {name}: {said}.")
        if found:
            return _on(alarm, clouds[found[0][0]], found[0][1])
    where = f"Cloud {cloud} has" if cloud else "No cloud has"
    return replace(alarm, label=None, sentence=f"{where} {'no' if cloud else 'a'} host named exactly {label}.")


def _on(alarm: Alarm, cloud: AnyCloud, host: Host) -> Alarm:
    return replace(
        alarm,
        label=None,
        cloud=cloud.name,
        host=host.id,
        host_name=host.name,
        vms=host.vms,
        sentence="",
        evidence=(f"{cloud.name} reports it as {host.state}.",) if host.state else (),
        may_evacuate=Action.EVACUATE in cloud.actions,
    )

"""Tells the alerts that were taken in, counted in one message when they are many, and finds out which hosts they mean.

Ticks over rows, harmless to repeat: telling waits for no cloud, a cloud is asked once for all alerts that name it, and
what one cloud does not answer keeps no alert of another back.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.cloud import AnyCloud, CloudError, Host
from bot.domain.counting import counted
from bot.domain.messages.alarm import Alarm, AlarmKind, Counted
from bot.domain.ports import Archive, Clock, Rank, Stale, Unit
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
_AT_ONCE = 100
"""Alarms that are read, or written, at a time: reading more of them holds up everything else."""
ANY = ""
"""Instead of a cloud: of alerts that name none."""

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
            fresh = await unit.alarms.untold(limit=_AT_ONCE)
            storms = await unit.alarms.of(AlarmKind.STORM, cloud=None)
            counted = {storm.id: await unit.alarms.counted(storm.id) for storm in storms}
        now = self.clock.now()
        if not fresh and all(storm == _with(storm, counted[storm.id], now) for storm in storms):
            return
        try:
            async with self.archive.unit(Rank.BULK) as unit:
                fresh = await unit.alarms.untold(limit=_AT_ONCE)  # as they are now: more was told meanwhile
                current = next((storm for storm in storms if now - storm.first_seen_at <= STORM_LASTS), None)
                if current is None and fresh:
                    current = await self._begun(unit, now)
                    storms = [*storms, *([current] if current else [])]
                within = current.id if current else ""
                await unit.alarms.save_each([_told(alarm, within, now) for alarm in fresh])
                for storm in storms:
                    changed = _with(storm, await unit.alarms.counted(storm.id), now)
                    if changed != storm:
                        await unit.alarms.save(changed)
                await unit.commit()
        except Stale:
            return  # another process saved one of them first; the next tick takes it up

    async def _begun(self, unit: Unit, now: datetime) -> Alarm | None:
        """The storm that begins, stored; None: there are not so many."""
        if await unit.alarms.begun(AlarmKind.ALERT, since=now - STORM_SPAN) <= STORM:
            return None
        id = secrets.token_hex(8)
        storm = Alarm(id=id, kind=AlarmKind.STORM, subject=id, since=now, first_seen_at=now, raised_at=now)
        await unit.alarms.open(storm)
        return storm

    async def find(self, cloud: str = ANY) -> None:
        """Find out which hosts are meant by alerts that name this cloud; ANY: by those that name none, or none of ours.

        It is asked once for all of them.
        """
        async with self.archive.reading() as unit:
            named = await unit.alarms.sought_in()
        if cloud == ANY:
            for unknown in set(named) - self.clouds.keys() - {ANY}:
                await self._place(unknown, {})
        if cloud not in named:
            return
        asked = [one for one in self.clouds.values() if cloud in {ANY, one.name}]
        if all(self._may_ask(one.name) for one in asked):  # while one is silent, no other can prove what it has not
            answers = await asyncio.gather(*map(self._hosts, asked))
            await self._place(cloud, {one.name: answer for one, answer in zip(asked, answers, strict=True)})

    async def _place(self, cloud: str, listed: Listed) -> None:
        """Place the alarms whose hosts are sought there, some at a time."""
        after, page = "", await self._some(cloud, "", listed)
        while page:
            after = page[-1]
            page = await self._some(cloud, after, listed)

    async def _some(self, cloud: str, after: str, listed: Listed) -> Sequence[str]:
        """Place the next of them; answers their ids."""
        async with self.archive.reading() as unit:
            sought = await unit.alarms.sought(cloud, after=after, limit=_AT_ONCE)
        placed = [(alarm, _located(alarm, listed, self.clouds)) for alarm in sought]
        changed = [located for alarm, located in placed if located != alarm]
        if changed:
            with suppress(Stale):  # more was told of one of them meanwhile; the next tick takes them up
                async with self.archive.unit(Rank.BULK) as unit:
                    await unit.alarms.save_each(changed)
                    await unit.commit()
        return [alarm.id for alarm in sought]

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


def _told(alarm: Alarm, within: str, now: datetime) -> Alarm:
    """The alarm once it is told; what an earlier release told is as it was."""
    return alarm if alarm.raised_at is not None else replace(alarm, raised_at=now, within=within)


def _with(storm: Alarm, of_it: Counted, now: datetime) -> Alarm:
    """The storm with what it counts now; over when none of its alerts is open."""
    if not of_it.alarms:
        return storm.cleared(now)
    about = f" about {counted(of_it.hosts, 'host')}" if of_it.hosts else ""
    return replace(storm, sentence=f"{counted(of_it.alerts, 'alert')}{about}")


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

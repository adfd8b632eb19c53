"""Alerts of another monitoring: one alarm for each group and host, from the first that fires to the last that ends.

Whoever calls is answered once what it told is stored; no cloud is asked before that. Storms come: what is told while
something is stored is stored together behind it.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.alarm import Alarm, AlarmKind, Alert
from bot.domain.ports import Archive, Clock, Delivery, Rank, Stale, StoreFailed, Unit
from bot.domain.values import Facts
from bot.retry_policy import UNSAVED, RetryPolicy
from bot.runtime.log import logger

log = logger(__name__)

KIND = "alert"
_TRIES = 5
_MOST_ALERTS = 100
"""How many alerts one alarm remembers; the newest."""
_AT_ONCE = 200
"""Alerts that are stored together, of one call or of several: more, and whoever has the next turn waits for long."""


@dataclass(frozen=True, kw_only=True)
class ToldAlert:
    """What was told of one alert."""

    fingerprint: str
    starts_at: datetime
    is_over: bool
    summary: str
    host: str = ""  #: as its label names it; empty: it names none
    cloud: str = ""  #: as its label, or the settings, name it; empty: any

    @property
    def name(self) -> str:
        """The same for the same alert, firing or resolved."""
        return _hash(self.fingerprint, self.starts_at.isoformat())

    @property
    def keys(self) -> Sequence[str]:
        """The key of its delivery; behind that of an end, the one that its beginning has or will have."""
        return [_hash("alert", self.name, what) for what in (("resolved", "firing") if self.is_over else ("firing",))]


@dataclass(frozen=True, kw_only=True)
class AlertGroup:
    """What one call told: alerts that belong together."""

    key: str  #: the same for the same group
    alerts: tuple[ToldAlert, ...]


@dataclass(eq=False)
class _Call:
    """What one call told, and what became of it."""

    group: AlertGroup
    outcome: int | Exception | None = None  #: how much of it was new, or why nothing is stored; None: it waits


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Where alerts are taken in. Taking one twice is harmless, and so is hearing of its end first."""

    archive: Archive
    clock: Clock
    _waiting: list[_Call] = field(default_factory=list)  #: the first that came first
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, group: AlertGroup) -> int:
        """Store what a call told, with what others tell meanwhile; answers how much of it was new.

        Raises:
            StoreFailed: not all was stored; it must be told again.
        """
        starts = range(0, len(group.alerts), _AT_ONCE)
        parts = [replace(group, alerts=group.alerts[start : start + _AT_ONCE]) for start in starts]
        return sum([await self._take(part) for part in parts])

    async def _take(self, group: AlertGroup) -> int:
        mine = _Call(group)
        self._waiting.append(mine)
        async with self._turn:
            while mine.outcome is None:
                await self._store_some()
        if isinstance(mine.outcome, Exception):
            raise mine.outcome
        return mine.outcome

    async def _store_some(self) -> None:
        """Store what the first of those that wait told; where that is impossible for reasons of one, each by itself."""
        calls = self._together()
        try:
            await self._settle(calls)
        except Stale as error:
            for call in calls:
                call.outcome = error
        except StoreFailed as error:
            for call in self._waiting:  # they would find the same, one after the other
                call.outcome = error
        except Exception:
            log.exception("alerts of several calls could not be stored together", calls=len(calls))
            for call in calls:
                await self._settle_alone(call)
        finally:
            self._waiting[:] = [call for call in self._waiting if call.outcome is None]

    def _together(self) -> Sequence[_Call]:
        """The first of those that wait, each of another group, and no more than can be stored in a short time."""
        calls, groups, number = list[_Call](), set[str](), 0
        for call in self._waiting:
            number += len(call.group.alerts)
            if calls and (number > _AT_ONCE or call.group.key in groups):
                break
            calls.append(call)
            groups.add(call.group.key)
        return calls

    async def _settle_alone(self, call: _Call) -> None:
        try:
            await self._settle([call])
        except Exception as error:  # noqa: BLE001  # whoever told it is told
            call.outcome = error

    async def _settle(self, calls: Sequence[_Call]) -> None:
        storing = partial(self._store, [call.group for call in calls])
        fresh = await RetryPolicy(clock=self.clock, on=UNSAVED, most=_TRIES).of(storing)
        for call, number in zip(calls, fresh, strict=True):
            call.outcome = number

    async def _store(self, groups: Sequence[AlertGroup]) -> Sequence[int]:
        async with self.archive.unit(Rank.BULK) as unit:
            fresh = await self._fresh(unit, groups)
            about: dict[str, list[ToldAlert]] = {}
            for group, told in zip(groups, fresh, strict=True):
                for one in told:
                    about.setdefault(_hash("group", group.key, one.cloud, one.host), []).append(one)
            await self._keep(unit, about)
            await unit.commit()
            return [len(told) for told in fresh]

    async def _fresh(self, unit: Unit, groups: Sequence[AlertGroup]) -> Sequence[Sequence[ToldAlert]]:
        """Record what calls told, all at once; answers what of each is new.

        An end that is heard first makes its beginning, when that comes late, old news.
        """
        now = self.clock.now()
        recorded = [
            Delivery(key=key, kind=KIND, payload=_payload(told), received_at=now)
            for group in groups
            for told in group.alerts
            for key in told.keys
        ]
        unknown = set(await unit.inbox.take_in(recorded, result="taken in"))
        fresh = []
        for group in groups:
            new = []
            for told in group.alerts:
                if told.keys[0] in unknown:
                    new.append(told)
                unknown -= set(told.keys)
            fresh.append(new)
        return fresh

    async def _keep(self, unit: Unit, about: Mapping[str, Sequence[ToldAlert]]) -> None:
        """Open or change the alarm about each of these subjects."""
        now = self.clock.now()
        known = {alarm.subject: alarm for alarm in await unit.alarms.about(AlarmKind.ALERT, about.keys())}
        firing = {subject: [told for told in alerts if not told.is_over] for subject, alerts in about.items()}
        new = [_new(subject, told, now) for subject, told in firing.items() if told and subject not in known]
        if await unit.alarms.open_each(new) != len(new):
            raise Stale("Another process opened one of these alarms first.")
        changed = []
        for subject, before in known.items():
            after = replace(before, alerts=_merged(before.alerts, about[subject]))
            if all(alert.is_over for alert in after.alerts):
                after = after.cleared(now)
                facts = {"cloud": before.cloud, "host": before.host_name, "alarm": before.kind}
                await unit.audit.record(None, Entry(event=AuditEvent.ALARM_OVER, facts=facts))
            if after != before:
                changed.append(after)
        await unit.alarms.save_each(changed)


def _payload(told: ToldAlert) -> Facts:
    return {"summary": told.summary, "host": told.host, "cloud": told.cloud, "is_over": told.is_over}


def _new(subject: str, firing: Sequence[ToldAlert], now: datetime) -> Alarm:
    """Told by the next tick, and placed on a host once the cloud was asked (`alerted_hosts`)."""
    first = firing[0]
    return Alarm(
        id=secrets.token_hex(8),
        kind=AlarmKind.ALERT,
        subject=subject,
        host_name=first.host,
        since=min(told.starts_at for told in firing),
        first_seen_at=now,
        label=(first.cloud, first.host) if first.host else None,
        alerts=_merged((), firing),
    )


def _merged(known: Sequence[Alert], told: Sequence[ToldAlert]) -> tuple[Alert, ...]:
    """What is known with what was told; an alert that is over does not fire again by itself."""
    by_key = {alert.key: alert for alert in known}
    for one in told:
        before = by_key.get(one.name)
        is_over = one.is_over or (before is not None and before.is_over)
        by_key[one.name] = Alert(key=one.name, summary=one.summary, since=one.starts_at, is_over=is_over)
    return tuple(by_key.values())[-_MOST_ALERTS:]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode(errors="surrogatepass")).hexdigest()

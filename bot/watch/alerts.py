"""Alerts of another monitoring: one alarm for each group and host, from the first that fires to the last that ends.

Whoever calls is answered once what it told is stored; no cloud is asked before that.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.alarm import Alarm, AlarmKind, Alert
from bot.domain.ports import Archive, Clock, Delivery, Rank, Stale, Unit
from bot.domain.values import Facts
from bot.retry_policy import UNSAVED, RetryPolicy

KIND = "alert"
_TRIES = 5
_MOST_ALERTS = 100
"""How many alerts one alarm remembers; the newest."""


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


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Where alerts are taken in. Taking one twice is harmless, and so is hearing of its end first."""

    archive: Archive
    clock: Clock

    async def take(self, group: AlertGroup) -> int:
        """Store what a call told; answers how much of it was new.

        Raises:
            StoreFailed: nothing was stored; it must be told again.
        """
        return await RetryPolicy(clock=self.clock, on=UNSAVED, most=_TRIES).of(partial(self._take, group))

    async def _take(self, group: AlertGroup) -> int:
        async with self.archive.unit(Rank.BULK) as unit:
            fresh = await self._fresh(unit, group.alerts)
            for pair in dict.fromkeys((told.cloud, told.host) for told in fresh):
                of_pair = [told for told in fresh if (told.cloud, told.host) == pair]
                await self._keep(unit, group.key, of_pair)
            await unit.commit()
            return len(fresh)

    async def _fresh(self, unit: Unit, alerts: Sequence[ToldAlert]) -> Sequence[ToldAlert]:
        """Record what a call told, all at once, for storms of them come; answers what of it is new.

        An end that is heard first makes its beginning, when that comes late, old news.
        """
        now = self.clock.now()
        recorded = [
            Delivery(key=key, kind=KIND, payload=_payload(told), received_at=now)
            for told in alerts
            for key in told.keys
        ]
        unknown = set(await unit.inbox.take_in(recorded, result="taken in"))
        fresh = []
        for told in alerts:
            if told.keys[0] in unknown:
                fresh.append(told)
            unknown -= set(told.keys)
        return fresh

    async def _keep(self, unit: Unit, group: str, alerts: Sequence[ToldAlert]) -> None:
        now, first = self.clock.now(), alerts[0]
        subject = _hash("group", group, first.cloud, first.host)
        known = await unit.alarms.about(AlarmKind.ALERT, subject)
        if known is None:
            firing = [told for told in alerts if not told.is_over]
            if firing and not await unit.alarms.open(_new(subject, firing, now)):
                raise Stale("Another process opened this alarm first.")
            return
        changed = replace(known, alerts=_merged(known.alerts, alerts))
        if all(alert.is_over for alert in changed.alerts):
            changed = changed.cleared(now)
            facts = {"cloud": known.cloud, "host": known.host_name, "alarm": known.kind}
            await unit.audit.record(None, Entry(event=AuditEvent.ALARM_OVER, facts=facts))
        if changed != known:
            await unit.alarms.save(changed)


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

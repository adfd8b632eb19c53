"""Clock times as people type and set them: moments, spans, and freezes that come again, right across clock changes.

A local time that a clock change skips or repeats is never guessed at: a person is asked to write it with its offset.
A freeze is never shorter than its clock says.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.domain.errors import BadCommand

When: TypeAlias = timedelta | datetime | time
"""So long from now; a day and a time, in the person's own zone where it has none; or the next such time of day."""

FURTHEST = timedelta(days=30)
"""How far ahead something may be asked for: the cloud of next year is another one."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+")
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOMENT = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?", re.IGNORECASE)
_TIME = re.compile(r"\d?\d:\d\d")


def span(text: str) -> timedelta | None:
    """A duration such as "2s", "30m" or "1h30m"; None when the text is none, or longer than a century."""
    if not _SPAN.fullmatch(text):
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _SPAN_PART.findall(text))
    return timedelta(seconds=seconds) if seconds < 100 * 366 * 86_400 else None


def when(text: str) -> When | None:
    """A moment as a person types it: "02:00", "2026-11-22T02:00", with an offset behind it, or "+2h"."""
    if text.startswith("+"):
        return span(text[1:])
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper())
        return _time(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _time(text: str) -> time:
    hours, _, minutes = text.partition(":")
    return time(int(hours), int(minutes))


def zone(name: str) -> ZoneInfo | None:
    """The time zone of an IANA name; None when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def moment(meant: When, *, now: datetime, zone: tzinfo | None) -> datetime:
    """The moment that a person meant.

    Args:
        meant: what they typed.
        now: when they typed it.
        zone: theirs; None when nobody knows it.

    Raises:
        BadCommand: it is past or too far ahead, a clock change makes it ambiguous, or its zone is unknown.
    """
    at = now + meant if isinstance(meant, timedelta) else _on_the_clock(meant, now=now, zone=zone)
    if at <= now:
        raise BadCommand(f"{spoken(at, zone)} is past.", remedy="Leave --at out to start as soon as it is approved.")
    if at - now > FURTHEST:
        raise BadCommand(
            f"{spoken(at, zone)} is more than {FURTHEST.days} days ahead.", remedy="Ask again when it is nearer."
        )
    return at.astimezone(UTC)


def _on_the_clock(meant: datetime | time, *, now: datetime, zone: tzinfo | None) -> datetime:
    if isinstance(meant, datetime) and meant.tzinfo is not None:
        return meant
    if zone is None:
        raise BadCommand(
            "Slack does not say what your time zone is.",
            remedy="Write the day, the time and the offset: 2026-11-22T02:00+01:00.",
        )
    if isinstance(meant, datetime):
        return _exactly(meant, zone)
    today = datetime.combine(now.astimezone(zone).date(), meant)
    _, last = _readings(today, zone)
    return _exactly(today if last > now else today + timedelta(days=1), zone)


def _exactly(local: datetime, zone: tzinfo) -> datetime:
    """A local time that happens exactly once; while clocks change, its two readings differ."""
    first, second = _readings(local, zone)
    if first != second:
        is_skipped = first.astimezone(zone).replace(tzinfo=None) != local
        how_often, write = (
            ("does not happen", "Write") if is_skipped else ("happens twice", "Write which, with its offset:")
        )
        raise BadCommand(
            f"Clocks change then: {local:%H:%M} on {local:%Y-%m-%d} {how_often} in {zone}.",
            remedy=f"{write} {_with_offset(first, zone)} or {_with_offset(second, zone)}.",
        )
    return first


def _readings(local: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The moments that a local time may mean, the earlier one first; equal but around a clock change."""
    both = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(both), max(both)


def _with_offset(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="minutes")


def spoken(at: datetime, zone: tzinfo | None) -> str:
    """A moment with its day and zone, where Slack cannot say it in the reader's own."""
    local = at.astimezone(zone or UTC)
    return f"{local:%a %Y-%m-%d %H:%M} ({zone or UTC})"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """When a freeze begins or ends: every day at a time, on one day of each week, or on one date."""

    at: time
    weekday: int | None = None  #: 0 is Monday
    day: date | None = None

    def is_on(self, day: date) -> bool:
        """Whether it comes on this day."""
        if self.day is not None:
            return day == self.day
        return self.weekday is None or day.weekday() == self.weekday

    def __str__(self) -> str:
        on = str(self.day) if self.day else "every day" if self.weekday is None else DAYS[self.weekday].capitalize()
        return f"{on} {self.at:%H:%M}"

    def is_like(self, other: "Mark") -> bool:
        """Whether both are of one kind: of every day, of each week, or of one date."""
        return (self.weekday is None, self.day is None) == (other.weekday is None, other.day is None)


def mark(text: str) -> Mark | None:
    """A mark as set: "22:00", "fri 18:00" or "2026-12-20 18:00"; None when the text is none."""
    day, _, clock = text.strip().lower().rpartition(" ")
    if not _TIME.fullmatch(clock):
        return None
    try:
        if not day or day in DAYS:
            return Mark(at=_time(clock), weekday=DAYS.index(day) if day else None)
        return Mark(at=_time(clock), day=date.fromisoformat(day))
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class Period:
    """One occurrence of a freeze."""

    name: str
    starts: datetime
    ends: datetime
    zone: tzinfo

    def __str__(self) -> str:
        return f"{self.name}, from {spoken(self.starts, self.zone)} until {spoken(self.ends, self.zone)}"


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """A time in which no planned work is begun."""

    name: str
    starts: Mark
    ends: Mark  #: of the same kind as `starts`
    zone: tzinfo

    def __str__(self) -> str:
        return f"{self.name}, {self.starts} until {self.ends} ({self.zone})"

    def periods(self, at: datetime) -> Iterator[Period]:
        """Occurrences that are not over at a moment, in their order: that of now, if any, and those of a week ahead."""
        today = at.astimezone(self.zone).date()
        first = self.starts.day or today - timedelta(days=8)
        for days in range(1 if self.starts.day else 17):
            day = first + timedelta(days=days)
            if not self.starts.is_on(day):
                continue
            period = self._from(day)
            if period is not None and period.ends > at:
                yield period

    def _from(self, day: date) -> Period | None:
        """The occurrence that begins on a day; None where the freeze ends before it begins."""
        starts, _ = _readings(datetime.combine(day, self.starts.at), self.zone)
        ends_on = [self.ends.day] if self.ends.day else [day + timedelta(days=n) for n in range(9)]
        for last in filter(self.ends.is_on, ends_on):
            _, ends = _readings(datetime.combine(last, self.ends.at), self.zone)
            if ends > starts:
                return Period(name=self.name, starts=starts, ends=ends, zone=self.zone)
        return None


def frozen(freezes: Sequence[Freeze], at: datetime) -> Period | None:
    """The occurrence that a moment lies in; of several the one that ends last."""
    now = [period for freeze in freezes for period in freeze.periods(at) if period.starts <= at]
    return max(now, key=lambda period: period.ends, default=None)


def next_freeze(freezes: Sequence[Freeze], after: datetime) -> Period | None:
    """The first occurrence that begins later than a moment, as far as a week ahead."""
    coming = [period for freeze in freezes for period in freeze.periods(after) if period.starts > after]
    return min(coming, key=lambda period: period.starts, default=None)

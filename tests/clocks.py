"""Clocks of cases: one that runs fast, one that stands still until it is told to go on, and what sleepers do to it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.domain.ports import Clock


class FastClock:
    """A clock that runs `factor` times as fast as the machine's, from the same moment."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began = datetime.now(UTC)
        self._since = self.monotonic()

    def now(self) -> datetime:
        """Aware UTC, ahead of the machine's clock."""
        return self._began + timedelta(seconds=self.monotonic() - self._since)

    def monotonic(self) -> float:
        """Its own seconds since some moment."""
        return time.monotonic() * self._factor

    async def sleep(self, seconds: float) -> None:
        """Wait that many of its own seconds."""
        await asyncio.sleep(seconds / self._factor)


class ManualClock:
    """A clock that stands still until it is told to go on. Sleepers wake when their moment has come."""

    def __init__(self, start: datetime | None = None) -> None:
        self._date = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._monotonic = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        """The date that it shows."""
        return self._date

    def monotonic(self) -> float:
        """Seconds that were let pass so far."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds were let pass."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        self._sleepers.append((self._monotonic + seconds, woken))
        await woken.wait()

    async def pass_time(self, seconds: float) -> None:
        """Move on, waking sleepers in the order of their moments."""
        goal = self._monotonic + seconds
        while due := sorted((s for s in self._sleepers if s[0] <= goal), key=lambda s: s[0]):
            moment, woken = due[0]
            self._sleepers.remove(due[0])
            self._go_on(max(self._monotonic, moment))
            woken.set()
            await asyncio.sleep(0)
        self._go_on(goal)
        await asyncio.sleep(0)

    def set_by(self, seconds: float) -> None:
        """Set the date, forwards or back, as NTP or a person does: no time passes, and nobody wakes."""
        self._date += timedelta(seconds=seconds)

    def _go_on(self, moment: float) -> None:
        self._date += timedelta(seconds=moment - self._monotonic)
        self._monotonic = moment


class Passing(Clock, Protocol):
    """A clock that a case moves on."""

    async def pass_time(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class TakingAlong:
    """Whoever sleeps moves it on."""

    clock: Passing

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.clock.pass_time(seconds)


class StandingStill(TakingAlong):
    """Whoever sleeps wakes at once."""

    async def sleep(self, seconds: float) -> None:
        return None

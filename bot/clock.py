"""The only place that reads the time or waits for it."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.domain.ports import Clock


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)


class FastClock:
    """A clock that runs `factor` times as fast as the machine's, from the same moment."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        """Aware UTC, ahead of the machine's clock."""
        return self._began + (datetime.now(UTC) - self._began) * self._factor

    async def sleep(self, seconds: float) -> None:
        """Wait that many of its own seconds."""
        await asyncio.sleep(seconds / self._factor)


class ManualClock:
    """A clock that stands still until it is told to go on. Sleepers wake when their moment has come."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        """The moment it stands at."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved on that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        self._sleepers.append((self._now + timedelta(seconds=seconds), woken))
        await woken.wait()

    async def pass_time(self, seconds: float) -> None:
        """Move on, waking sleepers in the order of their moments."""
        goal = self._now + timedelta(seconds=seconds)
        while due := sorted((s for s in self._sleepers if s[0] <= goal), key=lambda s: s[0]):
            moment, woken = due[0]
            self._sleepers.remove(due[0])
            self._now = max(self._now, moment)
            woken.set()
            await asyncio.sleep(0)
        self._now = goal
        await asyncio.sleep(0)


class WakeUp:
    """A bell within one process. `wait` answers at the next ring, or after so many seconds of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiters: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake everyone who waits."""
        for waiter in self._waiters:
            waiter.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after that many seconds."""
        rung = asyncio.Event()
        self._waiters.add(rung)
        ring = asyncio.ensure_future(rung.wait())
        nap = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({ring, nap}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ring.cancel()
            nap.cancel()
            self._waiters.discard(rung)

"""The only place that reads the time or waits for it."""

import asyncio
import time
from datetime import UTC, datetime

from bot.domain.ports import Clock


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; goes on when the machine's clock is set."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)


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

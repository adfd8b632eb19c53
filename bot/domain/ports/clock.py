"""Time, and the bell that wakes those who wait."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time: one for dates, which is set and stepped, and one for spans, moved on by time alone."""

    def now(self) -> datetime:
        """The date: aware UTC. The difference of two is no span, for the clock may have been set in between."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment: the difference of two, within one process, is the time that passed."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock."""
        ...


class Bell(Protocol):
    """Rung by every commit, so that worker and board wake before their next poll."""

    def ring(self) -> None:
        """Wake everyone who waits."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after so many seconds; a ring nobody waited for costs one poll."""
        ...

"""Simulated time: what will happen is a queue of deeds with a due time, and `settle` lets happen what is due."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from adapters.simulated.records import Deed


class EventQueue:
    """A clock that is injected, and what is still to come.

    Args:
        now: the time, aware and UTC.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._clock = now
        self._moment: datetime | None = None
        self._queue: list[tuple[datetime, int, Deed]] = []
        self._order = count()
        self.born = now()

    @property
    def now(self) -> datetime:
        """The moment it is: of the deed that runs, else of the clock."""
        return self._moment or self._clock()

    def after(self, seconds: float, deed: Deed) -> None:
        """Let `deed` happen `seconds` of simulated time from now."""
        due = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._queue, (due, next(self._order), deed))

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        if self._moment is not None:
            return
        until = self._clock()
        try:
            while self._queue and self._queue[0][0] <= until:
                self._moment, _, deed = heapq.heappop(self._queue)
                deed()
        finally:
            self._moment = None

    def next_deed(self) -> datetime | None:
        """When something will happen next, for a test that moves its clock there."""
        return self._queue[0][0] if self._queue else None

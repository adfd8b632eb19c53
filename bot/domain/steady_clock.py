"""A line of moments for the spans of one process: the wall clock dates its begin, and nothing but time moves it on."""

from datetime import datetime, timedelta

from bot.domain.ports import Clock


class SteadyClock:
    """Dates whose differences are spans: one moment of the clock for dates, carried on by the one for spans.

    Its date is off by as much as the clock for dates was set since it began, so it is for moments that are held against
    each other, not for what people agreed on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now()
        self._since = clock.monotonic()

    def now(self) -> datetime:
        """Aware UTC, never earlier than before."""
        return self._began + timedelta(seconds=self._clock.monotonic() - self._since)

    def not_before(self, moment: datetime) -> None:
        """Go on from a later moment: of the rows of an earlier process whose clock was ahead."""
        self._began += max(moment - self.now(), timedelta(0))

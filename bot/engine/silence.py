"""How long a cloud has not answered an operation, and when people are told: by its length, in a line that is edited."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.cloud import CloudError
from bot.domain.messages.news import Audience, Kind, News
from bot.domain.operation import Operation
from bot.domain.ports import Clock
from bot.domain.values import Facts

TOLD_AT = (20.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds of silence at which the line is written, and written anew; then once for each further hour."""
LOUD_AT = 900.0
"""Seconds of silence from which the incident channel is told too."""


@dataclass
class Silence:
    """The silence that lasts, or none."""

    clock: Clock
    _since: float | None = None  #: by the clock for spans
    _date: datetime | None = None
    _told: float = 0.0  #: the length that was told last

    def goes_on(self, operation: Operation, error: CloudError) -> tuple[News, ...]:
        """A look failed: what is to be told now; nothing most of the time."""
        if self._since is None:
            self._since, self._date = self.clock.monotonic(), self.clock.now()
        lasted = self.clock.monotonic() - self._since
        if lasted < self._due:
            return ()
        self._told = lasted
        return self._news(Kind.CLOUD_SILENT, operation, {"sentence": error.sentence, "remedy": error.remedy}, lasted)

    def is_over(self, operation: Operation) -> tuple[News, ...]:
        """A look succeeded: what is to be told, where the silence was."""
        if self._since is None:
            return ()
        lasted = self.clock.monotonic() - self._since
        told = self._news(Kind.CLOUD_BACK, operation, {}, lasted) if self._told else ()
        self._since, self._told = None, 0.0
        return told

    @property
    def is_told(self) -> bool:
        """Whether people know of it."""
        return self._told > 0

    @property
    def _due(self) -> float:
        further = TOLD_AT[-1] * (self._told // TOLD_AT[-1] + 1)
        return next((length for length in TOLD_AT if length > self._told), further)

    def _news(self, kind: Kind, operation: Operation, said: Facts, lasted: float) -> tuple[News, ...]:
        facts: Facts = {**said, "seconds": lasted, "since": self._date.isoformat() if self._date else None}
        loud = (Audience.INCIDENT,) if self._told >= LOUD_AT else ()
        return tuple(
            News(kind=kind, audience=audience, operation=operation.id, facts=facts)
            for audience in (Audience.THREAD, *loud)
        )

"""How long a cloud has not answered an operation, and when people are told: by its length, in a line that is edited."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.cloud import CloudError, NotKnown, Refused
from bot.domain.messages.executed import CloudBack, CloudSilent
from bot.domain.messages.news import Audience, News
from bot.domain.operation import Operation
from bot.domain.ports import Clock

TOLD_AT = (20.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds of an outage at which the line is written, and written anew; then once for each further hour."""
LOUD_AT = 900.0
"""Seconds of an outage from which the incident channel is told too."""


@dataclass
class CloudOutage:
    """The outage that lasts, or none."""

    clock: Clock
    _since: float | None = None  #: by the clock for spans
    _date: datetime | None = None
    _told: float = 0.0  #: the length that was told last
    _answers: bool = False  #: whether the cloud does answer, but not what must be known

    def goes_on(self, operation: Operation, error: CloudError) -> tuple[News, ...]:
        """A look failed: what is to be told now; nothing most of the time."""
        if self._since is None:
            self._since, self._date = self.clock.monotonic(), self.clock.now()
        lasted = self.clock.monotonic() - self._since
        if lasted < self._due:
            return ()
        self._told, self._answers = lasted, isinstance(error, Refused | NotKnown)
        silent = CloudSilent(
            sentence=error.sentence, remedy=error.remedy, seconds=lasted, since=self._date, answers=self._answers
        )
        return self._news(operation, silent)

    def is_over(self, operation: Operation) -> tuple[News, ...]:
        """A look succeeded: what is to be told, where the outage was."""
        if self._since is None:
            return ()
        lasted = self.clock.monotonic() - self._since
        back = CloudBack(seconds=lasted, since=self._date, answered=self._answers)
        told = self._news(operation, back) if self._told else ()
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

    def _news(self, operation: Operation, what: CloudSilent | CloudBack) -> tuple[News, ...]:
        loud = (Audience.INCIDENT,) if self._told >= LOUD_AT else ()
        return tuple(
            News(what=what, audience=audience, operation=operation.id) for audience in (Audience.THREAD, *loud)
        )

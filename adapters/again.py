"""Repeats reads that failed in passing: a few times, with jitter, none begun after a deadline. Never for changes."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.domain.cloud import Unreachable

T = TypeVar("T")
PAUSES = (0.25, 0.5, 1.0, 2.0)
"""Seconds between two tries at the most, half of each at the least. Where three of ten calls fail, one read of 400 does
not come through; a survey is made of fifteen."""
LONGEST = 10.0  #: seconds: the longest `Retry-After` that is waited for


class Passing(Unreachable):
    """The trouble of a moment: worth another try of a read.

    Args:
        sentence: as in `CloudError`.
        remedy: as in `CloudError`.
        raw: as in `CloudError`.
        is_over: as in `Unreachable`.
        after: seconds that the cloud asks to wait for.
    """

    def __init__(
        self, sentence: str, *, remedy: str = "", raw: str = "", is_over: bool = False, after: float = 0.0
    ) -> None:
        super().__init__(sentence, remedy=remedy, raw=raw, is_over=is_over)
        self.after = after


@dataclass(frozen=True, kw_only=True)
class Again:
    """How reads are repeated."""

    sleep: Callable[[float], Awaitable[object]]  #: seconds
    monotonic: Callable[[], float] = time.monotonic  #: seconds
    pauses: Sequence[float] = PAUSES

    @property
    def twice(self) -> "Again":
        """The same with twice as many tries, for what is itself made of several calls."""
        return replace(self, pauses=(*self.pauses, *self.pauses))

    async def read(self, ask: Callable[[], Awaitable[T]], *, seconds: float) -> T:
        """What a read answers, or its last error.

        Args:
            ask: makes the call; it changes nothing.
            seconds: after which no other try is begun.
        """
        began = self.monotonic()
        for pause in self.pauses:
            try:
                return await ask()
            except Passing as trouble:
                wait = max(min(trouble.after, LONGEST), random.uniform(pause / 2, pause))
                if self.monotonic() + wait - began >= seconds:
                    raise
            await self.sleep(wait)
        return await ask()


def seconds_in(header: str | None) -> float:
    """What a `Retry-After` says; 0 where it says nothing, or a date."""
    try:
        return max(float(header or 0), 0.0)
    except ValueError:
        return 0.0

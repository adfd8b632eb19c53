"""On what something is tried again, after which pauses and until when. Only for what changes nothing where it fails."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_none
from tenacity.retry import RetryBaseT
from tenacity.wait import WaitBaseT

from bot.domain.ports import Clock, Stale

T = TypeVar("T")
_AT_ONCE = wait_none()


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How one kind of question is tried, in tenacity's words, by a clock that is given."""

    clock: Clock
    on: RetryBaseT  #: what is worth another try
    wait: WaitBaseT = _AT_ONCE  #: the pause after each
    most: float = math.inf

    async def of(self, ask: Callable[[], Awaitable[T]], *, seconds: float = math.inf) -> T:
        """What the last try answers, or its error.

        Args:
            ask: asks the question.
            seconds: after which no other try is begun.
        """
        end = self.clock.monotonic() + seconds

        def is_last(so_far: RetryCallState) -> bool:
            return so_far.attempt_number >= self.most or self.clock.monotonic() + so_far.upcoming_sleep >= end

        async def asked() -> T:
            return await ask()

        # new for each question, for it counts in itself
        return await AsyncRetrying(
            sleep=self.clock.sleep, retry=self.on, wait=self.wait, stop=is_last, retry_error_callback=_outcome
        )(asked)


UNSAVED = retry_if_exception_type(Stale)
"""Somebody else saved first: read again and decide again."""


def _outcome(last: RetryCallState) -> object:
    """Raises where it is an error."""
    return last.outcome and last.outcome.result()

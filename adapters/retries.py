"""Repeats reads that failed in passing: a few times, with jitter, none begun after a deadline. Never for changes."""

from tenacity import retry_if_exception_type, wait_exception, wait_exponential, wait_random_exponential

from bot.domain.cloud import Unreachable
from bot.domain.ports import Clock
from bot.retry_policy import RetryPolicy

TRIES = 5
"""Where three of ten calls fail, one read of 400 does not come through; a survey is made of fifteen."""
LONGEST = 10.0  #: seconds: the longest `Retry-After` that is waited for


class Passing(Unreachable):
    """The trouble of a moment: worth another try of a read.

    Args:
        sentence: as in `CloudError`.
        remedy: as in `CloudError`.
        raw: as in `CloudError`.
        is_over: as in `Unreachable`.
        after: seconds that the cloud asks to wait for.
        is_put_off: whether it did not take the call at all, for it is asked too often; see `Unreachable`.
    """

    def __init__(
        self,
        sentence: str,
        *,
        remedy: str = "",
        raw: str = "",
        is_over: bool = False,
        after: float = 0.0,
        is_put_off: bool = False,
    ) -> None:
        super().__init__(sentence, remedy=remedy, raw=raw, is_over=is_over, put_off=after if is_put_off else None)
        self.after = after


def reads(clock: Clock) -> RetryPolicy:
    """How reads are repeated.

    After 0.25, 0.5, 1, 2 seconds at the most and half of each at the least, on top of what the cloud asks for: whoever
    was sent away together does not come back together.
    """
    half = wait_exponential(multiplier=0.125, max=1) + wait_random_exponential(multiplier=0.125, max=1)
    wait = half + wait_exception(_asked_for)
    return RetryPolicy(clock=clock, on=retry_if_exception_type(Passing), wait=wait, most=TRIES)


def _asked_for(trouble: BaseException) -> float:
    return min(trouble.after, LONGEST) if isinstance(trouble, Passing) else 0.0


def seconds_in(header: str | None) -> float:
    """What a `Retry-After` says; 0 where it says nothing, or a date."""
    try:
        return max(float(header or 0), 0.0)
    except ValueError:
        return 0.0

"""Asks again after the time that Slack names when it is asked too often: nobody waits in front of `muster check`."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import retry_if_exception, wait_exception

from bot.domain.errors import CouldNotAsk
from bot.domain.ports import Clock
from bot.retry_policy import RetryPolicy
from bot.slack.wire import LATER, SlackBusy

MOST_SECONDS = 300.0
"""After which nothing is asked again."""

T = TypeVar("T")


class Retries:
    """Waits out `Retry-After`, for five minutes.

    Args:
        clock: by which it waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end = clock.monotonic() + MOST_SECONDS
        on = retry_if_exception(lambda error: _busy(error) is not None)
        self._tries = RetryPolicy(clock=clock, on=on, wait=wait_exception(_seconds))

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question that may be asked twice.

        Raises:
            CouldNotAsk, SlackError: Slack did not answer, or wants more time than there is.
        """
        return await self._tries.of(question, seconds=self._end - self._clock.monotonic())


def _busy(error: BaseException) -> SlackBusy | None:
    told = error.__cause__ if isinstance(error, CouldNotAsk) else error
    return told if isinstance(told, SlackBusy) and told.code in LATER else None


def _seconds(error: BaseException) -> float:
    return busy.seconds if (busy := _busy(error)) else 0.0

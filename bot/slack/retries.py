"""Asks again after the time that Slack names when it is asked too often: nobody waits in front of `muster check`."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.domain.errors import CouldNotAsk
from bot.domain.ports import Clock
from bot.slack.wire import LATER, SlackBusy

MOST_SECONDS = 300.0
"""How long it is waited altogether."""

T = TypeVar("T")


class Retries:
    """Waits out `Retry-After`, five minutes in all.

    Args:
        clock: by which it waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = MOST_SECONDS

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question that may be asked twice.

        Raises:
            CouldNotAsk, SlackError: Slack did not answer, or wants more time than there is.
        """
        while True:
            try:
                return await question()
            except (SlackBusy, CouldNotAsk) as error:
                busy = error if isinstance(error, SlackBusy) else error.__cause__
                if not isinstance(busy, SlackBusy) or busy.code not in LATER or busy.seconds > self._left:
                    raise
                self._left -= busy.seconds
                await self._clock.sleep(busy.seconds)

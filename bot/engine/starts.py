"""Calls that are on the wire: beside the looking, each heard to its end."""

import asyncio
from collections.abc import Coroutine, Mapping

from bot.domain.values import StepKey

GRACE_SECONDS = 8.0
"""How long a call on the wire may take to answer once Muster is told to stop; later the next start looks for it."""


class Starts:
    """The starts of one operation whose answers are not stored yet.

    A step that is being started is not looked at: its row belongs to its start until the answer is in it.
    """

    def __init__(self) -> None:
        self._calls: dict[StepKey, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> frozenset[StepKey]:
        """The steps whose call is on the wire now."""
        return frozenset(self._calls)

    async def begin(self, calls: Mapping[StepKey, Coroutine[None, None, None]], *, seconds: float) -> None:
        """Make calls side by side; return when all have ended, or after so many seconds with the slow ones under way.

        Raises:
            Exception: what a call ended with, from now or from before.
        """
        begun = {key: asyncio.create_task(_to_its_end(call)) for key, call in calls.items()}
        self._calls |= begun
        if begun:
            await asyncio.wait(begun.values(), timeout=seconds)
        self.settle()

    def settle(self) -> None:
        """Let go of the calls that have ended.

        Raises:
            Exception: what one of them ended with.
        """
        for key, call in list(self._calls.items()):
            if not call.done():
                continue
            del self._calls[key]
            call.result()

    async def aclose(self) -> None:
        """Give the calls on the wire a while to be answered, then let go of them."""
        calls = list(self._calls.values())
        self._calls.clear()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def _to_its_end(start: Coroutine[None, None, None]) -> None:
    """Let a start whose call is on the wire hear its answer and store it, even while Muster is told to stop."""
    task = asyncio.ensure_future(start)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=GRACE_SECONDS)
        raise

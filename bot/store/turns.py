"""Whose turn it is on a database that takes so many transactions at a time: by rank, then first come, first served."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from bot.domain.ports import Rank, StoreFailed
from bot.store import database


class Turns:
    """Hands out turns. Whoever comes waits for one holder, and for those that wait already with its rank or before it.

    Args:
        places: how many may hold one at a time.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._is_only_one = places == 1
        self._holder: asyncio.Task[Any] | None = None
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._order = count()

    @asynccontextmanager
    async def take(self, rank: Rank) -> AsyncIterator[None]:
        """Wait for a turn and keep it.

        Raises:
            StoreFailed: nobody gave theirs back for too long.
        """
        me = asyncio.current_task()
        if self._is_only_one and me is self._holder:
            raise RuntimeError("A unit of work inside another one would wait for itself for ever.")
        await self._wait(rank)
        self._holder = me
        try:
            yield
        finally:
            self._holder = None
            self._pass_on()

    async def _wait(self, rank: Rank) -> None:
        if self._free:
            self._free -= 1
            return
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), given))
        try:
            async with asyncio.timeout(database.PATIENCE_MS / 1000):
                await given
        except BaseException as error:
            if given.done() and not given.cancelled():
                self._pass_on()  # it was given just as we left
            given.cancel()
            if isinstance(error, TimeoutError):
                raise StoreFailed("The database was busy for too long.") from error
            raise

    def _pass_on(self) -> None:
        """Give a turn that is free to the first of those that still wait."""
        while self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                given.set_result(None)
                return
        self._free += 1

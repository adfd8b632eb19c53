"""Whose turn it is on a database that takes so many transactions at a time: by rank, then first come, first served."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from bot.domain.ports import Rank, StoreFailed
from bot.store import database


class TransactionQueue:
    """Hands out turns. Whoever comes waits for one holder, and for those that wait already with its rank or before it.

    Args:
        places: how many may hold one at a time.
        bulk: how many of them what moves VMs may hold: its transactions wait for each other's locks.
    """

    def __init__(self, places: int, *, bulk: int) -> None:
        self._free = places
        self._free_to_bulk = bulk
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
            self._give_back(rank)

    async def _wait(self, rank: Rank) -> None:
        if self._is_free(rank):
            self._give(rank)
            return
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), given))
        try:
            async with asyncio.timeout(database.PATIENCE_MS / 1000):
                await given
        except BaseException as error:
            if given.done() and not given.cancelled():
                self._give_back(rank)  # it was given just as we left
            given.cancel()
            if isinstance(error, TimeoutError):
                raise StoreFailed("The database was busy for too long.") from error
            raise

    def _is_free(self, rank: Rank) -> bool:
        return self._free > 0 and (rank is not Rank.BULK or self._free_to_bulk > 0)

    def _give(self, rank: Rank) -> None:
        self._free -= 1
        self._free_to_bulk -= rank is Rank.BULK

    def _give_back(self, rank: Rank) -> None:
        """Let the first of those that wait have it."""
        self._free += 1
        self._free_to_bulk += rank is Rank.BULK
        while self._waiting and self._is_free(self._waiting[0][0]):
            next_rank, _, given = heapq.heappop(self._waiting)
            if not given.done():
                self._give(next_rank)
                given.set_result(None)

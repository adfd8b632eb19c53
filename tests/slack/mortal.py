"""An archive whose process dies at a chosen commit, just before it or just after; or that fails once, or for a while."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from bot.domain.ports import Archive, Rank, StoreFailed


class Killed(BaseException):
    """SIGKILL: nothing after this line happens."""


class MortalArchive:
    """Hands everything on; dies at the n-th commit.

    Args:
        archive: the real one, which survives.
        at: which commit, counted from 1; 0 never.
        after: die when the commit has been made, instead of before.
        fails_at: which transaction fails, counted from 1; 0 none.
    """

    def __init__(self, archive: Archive, *, at: int = 0, after: bool = False, fails_at: int = 0) -> None:
        self._archive = archive
        self._at = at
        self._after = after
        self.fails_at = fails_at
        self.commits = 0
        self.begun = 0
        self.is_broken = False
        self.failure: Exception = StoreFailed("The disk is full.")

    def _begin(self) -> None:
        self.begun += 1
        if self.is_broken or self.begun == self.fails_at:
            raise self.failure

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Any]:
        self._begin()
        async with self._archive.unit(rank) as unit:
            yield _MortalUnit(unit, self)

    def reading(self) -> AbstractAsyncContextManager[Any]:
        self._begin()
        return self._archive.reading()

    async def commit(self, unit: Any) -> None:
        self.commits += 1
        if self.commits == self._at and not self._after:
            raise Killed
        await unit.commit()
        if self.commits == self._at:
            raise Killed


class _MortalUnit:
    def __init__(self, unit: Any, archive: MortalArchive) -> None:
        self._unit = unit
        self._archive = archive

    async def commit(self) -> None:
        await self._archive.commit(self._unit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)

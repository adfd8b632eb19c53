"""Archives on SQLite whose schema was not migrated to but copied: the migrations are the same for every test.

They run once in a process, over a database of their own, and what they made is kept as SQL. Each test still gets a new
database, and opening it still checks that its schema is the newest. What one in memory is asked is answered in the test's own thread
at the loop's next turn: others still come in between, but no thread must be waited for, thousands of times a test.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from aiosqlite import core as aiosqlite
from alembic import command
from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from bot.store import SqlArchive, schema


@cache
def _script() -> str:
    """What the migrations make of an empty database."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            command.upgrade(schema.config(connection), "head")
        with engine.connect() as connection:
            made = connection.connection.driver_connection
            assert isinstance(made, sqlite3.Connection)
            return "\n".join(made.iterdump())
    finally:
        engine.dispose()


def migrated_file(path: Path) -> None:
    """A new SQLite database in a file, to be opened by whoever takes it."""
    with closing(sqlite3.connect(path)) as made:
        made.executescript(_script())


_COPIED: ContextVar[bool] = ContextVar("_COPIED", default=False)
"""Whether the database that is opened here gets its schema by copying. Each of several that open meanwhile has its own."""


async def _copy(driver: aiosqlite.Connection) -> None:
    """Give a new database its tables."""
    async with driver.execute("SELECT count(*) FROM sqlite_master") as found:
        is_new = await found.fetchone() == (0,)
    if is_new:
        await driver.executescript(_script())


@event.listens_for(StaticPool, "connect")
def _connected(connection: Any, _record: object) -> None:
    if _COPIED.get():
        connection.run_async(_copy)


class _NextTurn:
    """Stands where the driver hands questions to its thread; the thread itself is told to end at once."""

    def put_nowait(self, asked: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        answer, ask = asked
        if answer is None:
            ask()
        else:
            answer.get_loop().call_soon(self._give, answer, ask)

    def get(self) -> tuple[None, Callable[[], object]]:
        return None, lambda: aiosqlite._STOP_RUNNING_SENTINEL

    @staticmethod
    def _give(answer: asyncio.Future[Any], ask: Callable[[], Any]) -> None:
        try:
            found = ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(found)


def _queue() -> "_NextTurn | SimpleQueue[Any]":
    return _NextTurn() if _COPIED.get() else SimpleQueue()


aiosqlite.SimpleQueue = _queue  # type: ignore[assignment, attr-defined] # the name it has in the driver's module


async def open_migrated(archive: SqlArchive) -> None:
    """Open an archive over `sqlite://`, which has one connection for as long as it is open."""
    token = _COPIED.set(True)
    try:
        await archive.open()
    finally:
        _COPIED.reset(token)

"""SQLite on a thread of its own: one way there and back for each statement, where aiosqlite takes four.

What is done to a cursor beside its statement (made, read to the end, closed) costs SQLite nothing, but each way to the
thread waits for a turn of the event loop, in the middle of a transaction that others wait for. So a transaction is
begun on the way of its first statement, and what was not committed is forgotten here.
"""

import sqlite3
from collections.abc import Iterable
from functools import partial
from typing import Any

import aiosqlite

_CHUNK = 64  #: rows; unused, for rows are read with their statement


class StatementCursor(aiosqlite.Cursor):
    """Runs a statement and reads what it answers on one way to the thread."""

    _conn: "StatementConnection"
    _rows: Iterable[Any] = ()

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "StatementCursor":
        """Execute the statement, and keep all of its rows for `fetchall`."""
        self._rows = await self._execute(self._run, sql, parameters or ())  # type: ignore[no-untyped-call]  # no types
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "StatementCursor":
        """Execute the statement once for each of the parameters."""
        await self._execute(self._run_many, sql, parameters)  # type: ignore[no-untyped-call]  # no types
        return self

    def _run(self, sql: str, parameters: Any) -> list[Any]:
        self._conn.begin_now(self._cursor)
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall() if self._cursor.description else []

    def _run_many(self, sql: str, parameters: Any) -> None:
        self._conn.begin_now(self._cursor)
        self._cursor.executemany(sql, parameters)

    async def fetchall(self) -> Iterable[Any]:
        """The rows of the statement; they are handed out once."""
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """Close it here: there is nothing left to be read."""
        self._cursor.close()


class StatementConnection(aiosqlite.Connection):
    """A connection with such cursors."""

    _begin = ""

    def begin_with_next(self, begin: str) -> None:
        """Begin a transaction with the next statement.

        Args:
            begin: how.
        """
        self._begin = begin

    def begin_now(self, cursor: sqlite3.Cursor) -> None:
        """Begin what is to be begun, on the thread; it still is where this fails."""
        if self._begin:
            cursor.execute(self._begin)
            self._begin = ""

    async def rollback(self) -> None:
        """Forget here what was not committed: nothing of it is on the disk."""
        self._begin = ""
        self._conn.rollback()

    def cursor(self) -> StatementCursor:  # type: ignore[override]  # theirs is made on the thread
        """A new cursor."""
        return StatementCursor(self, self._conn.cursor())


def connect(*arguments: Any, **options: Any) -> StatementConnection:
    """A connection that is to be awaited, as SQLAlchemy's `async_creator_fn` wants it.

    Args:
        arguments: of `sqlite3.connect`.
        options: likewise; that cursors are made and closed on another thread than they work on is among them.
    """
    connector = partial(sqlite3.connect, *arguments, **options | {"check_same_thread": False})
    connection = StatementConnection(connector, _CHUNK)
    connection._thread.daemon = True  # noqa: SLF001  # as SQLAlchemy has it of aiosqlite's own
    return connection

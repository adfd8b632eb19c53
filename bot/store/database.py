"""Opening the database: engine, pragmas and sessions, for SQLite and PostgreSQL."""

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, ExceptionContext, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, StaticPool

from bot.store import sqlite
from bot.store.postgresql import PunctualConnection

PATIENCE_MS = 30_000
"""How long a statement of ours may take, or wait for its turn on an embedded database."""
IDLE_MS = 6_000
"""After so long a process that was frozen in the middle of a transaction loses its locks, and whoever waits goes on."""
LOCK_MS = 10_000
"""How long a statement waits for somebody else's lock: longer than that, so that one who is frozen holds up nobody."""
SILENCE_MS = 5_000
"""How long a server, one that died with its machine, may leave what was sent to it unacknowledged, or be called."""
PING_SECONDS = 5.0
"""How long a server may take to say that a session still stands."""
IDLE_SECONDS = 1.0
"""After so long without use a session is asked whether it still stands before it is used: else that is one way more to
the server for each transaction."""
WRITERS = 10
"""How many transactions of ours a server takes at a time, so that connections are left to who only reads."""
BULK_WRITERS = 3
"""How many of them may move VMs: those of one cloud wait for each other anyway."""
_CONNECTIONS = 20
_READERS = 2
_IDLE_SINCE = "idle since"
_ON_A_THREAD = {"async_creator_fn": sqlite.connect}
_NO_LONGER_OURS = frozenset({"25006", "25P03", "57P01", "57P02", "57P03", "57P05"})
"""What PostgreSQL says to a session with which nothing can be written any more: it is read-only (of a primary that was
demoted), it was idle for too long, or its server goes down (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


def _options() -> str:
    settings = {
        "timezone": "UTC",
        "lock_timeout": LOCK_MS,
        "statement_timeout": PATIENCE_MS,
        "idle_in_transaction_session_timeout": IDLE_MS,
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def parse(url: str) -> URL:
    """The address of a database.

    Args:
        url: `sqlite:///file.db`, `sqlite://` (in memory) or `postgresql://user@host/name`.

    Raises:
        ValueError: neither of them; says what is taken.
    """
    forms = "sqlite:///file.db or postgresql://user@host/database"
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise ValueError(f"The store's url is not one; use {forms}.") from error
    if address.drivername == "sqlite":
        return address.set(drivername="sqlite+aiosqlite")
    if address.drivername in {"postgresql", "postgres"}:
        return address.set(drivername="postgresql+psycopg")
    raise ValueError(f"The store cannot be {address.drivername}; use {forms}.")


def is_embedded(address: URL) -> bool:
    """Whether the database lives in this process."""
    return address.get_backend_name() == "sqlite"


def file_of(address: URL) -> str | None:
    """The file of an embedded database; None in memory or on a server."""
    if not is_embedded(address) or address.database in {None, "", ":memory:"}:
        return None
    return address.database


def is_missing(address: URL) -> bool:
    """Whether the file of an embedded database does not exist yet."""
    file = file_of(address)
    return file is not None and not Path(file).exists()


def connect(address: URL, *, begin: str = "BEGIN IMMEDIATE", writes: bool = True) -> AsyncEngine:
    """An engine; nothing is connected yet.

    A session of PostgreSQL with which nothing can be written any more is thrown away, and all of its pool with it:
    the next statement has a new one, from a server that may write.

    Args:
        address: from `parse`.
        begin: how an embedded database begins a transaction. IMMEDIATE takes the right to write at once, so two
            transactions queue instead of failing at their first write.
        writes: whether a server that takes no writes is of no use.
    """
    if not is_embedded(address):
        server = create_async_engine(
            address,
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=PATIENCE_MS / 1000,
            connect_args={
                "connect_timeout": SILENCE_MS // 1000,
                "tcp_user_timeout": SILENCE_MS,
                "target_session_attrs": "read-write" if writes else "any",
                "options": _options(),
                "async_creator_fn": PunctualConnection.connect,
            },
        )
        event.listen(server.sync_engine, "handle_error", _throw_away)
        event.listen(server.sync_engine, "checkin", _note_idle)
        event.listen(server.sync_engine, "checkout", partial(_ask_when_idle, server.dialect))
        return server
    if file_of(address) is None:
        engine = create_async_engine(address, hide_parameters=True, poolclass=StaticPool, connect_args=_ON_A_THREAD)
    else:
        engine = create_async_engine(
            address,
            hide_parameters=True,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args=_ON_A_THREAD,
        )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", partial(begin_lazily, how=begin))
    return engine


def connect_reader(address: URL) -> AsyncEngine:
    """Connections to the file of an embedded database that only read: in WAL none waits for another.

    Args:
        address: from `parse`; the file is there, with the schema of this release.
    """
    engine = create_async_engine(
        address,
        hide_parameters=True,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=_READERS,
        max_overflow=0,
        connect_args=_ON_A_THREAD,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, record: object) -> None:
        _prepare_sqlite(connection, record)
        connection.execute("PRAGMA query_only = ON").close()

    event.listen(engine.sync_engine, "begin", partial(begin_lazily, how="BEGIN"))
    return engine


def reader_of(server: AsyncEngine) -> AsyncEngine:
    """The same connections to a server, for transactions that only read: each question is one way there and no more.

    It shows each what is committed by then, as it does within a transaction, too (READ COMMITTED).
    """
    return server.execution_options(isolation_level="AUTOCOMMIT")


def begin_lazily(connection: Connection, *, how: str) -> None:
    """Begin a transaction of an embedded database with its first statement."""
    driver: Any = connection.connection.driver_connection
    driver.begin_with_next(how)


def _note_idle(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_IDLE_SINCE] = time.monotonic()


def _ask_when_idle(dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
    """Ask a session that was idle for a while whether it still stands; where it does not, none of its pool does."""
    since = record.info.get(_IDLE_SINCE)
    if since is None or time.monotonic() - since < IDLE_SECONDS:
        return
    session: Any = connection.driver_connection
    try:
        with session.within(PING_SECONDS):
            dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


def _throw_away(context: ExceptionContext) -> None:
    """Have a session replaced that is good for nothing any more."""
    if getattr(context.original_exception, "sqlstate", None) in _NO_LONGER_OURS:
        context.is_disconnect = True


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Durable before fast, and no transaction begun behind our back."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in (
            f"busy_timeout = {PATIENCE_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


if sqlite3.sqlite_version_info < (3, 35):  # partial indexes, upserts, NULLS FIRST, RETURNING
    raise ImportError(f"SQLite {sqlite3.sqlite_version} is too old; Muster needs 3.35 or newer.")

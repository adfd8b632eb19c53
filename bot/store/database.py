"""Opening the database: engine, pragmas and sessions, for SQLite and PostgreSQL."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, StaticPool

PATIENCE_MS = 30_000
"""How long a statement waits for somebody else's lock, or for a database that does not answer."""

_POSTGRESQL_OPTIONS = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "timezone": "UTC",
        "lock_timeout": PATIENCE_MS,
        "statement_timeout": 2 * PATIENCE_MS,
        # a process that was frozen in the middle of a transaction lets go of its locks
        "idle_in_transaction_session_timeout": 2 * PATIENCE_MS,
    }.items()
)


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


def connect(address: URL, *, begin: str = "BEGIN IMMEDIATE") -> AsyncEngine:
    """An engine; nothing is connected yet.

    Args:
        address: from `parse`.
        begin: how an embedded database begins a transaction. IMMEDIATE takes the right to write at once, so two
            transactions queue instead of failing at their first write.
    """
    if not is_embedded(address):
        return create_async_engine(
            address,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=10,
            pool_timeout=PATIENCE_MS / 1000,
            connect_args={
                "connect_timeout": 10,
                "tcp_user_timeout": PATIENCE_MS,
                "options": _POSTGRESQL_OPTIONS,
            },
        )
    if file_of(address) is None:
        engine = create_async_engine(address, hide_parameters=True, poolclass=StaticPool)
    else:
        engine = create_async_engine(
            address, hide_parameters=True, poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0
        )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


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

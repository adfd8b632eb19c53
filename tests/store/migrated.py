"""An archive in memory whose schema was not migrated to but copied: the migrations are the same for every test.

They run once in a process, over a database of their own, and what they made is kept as SQL. Each test still gets a new
database, and opening it still checks that its schema is the newest.
"""

import sqlite3
from functools import cache
from typing import Any

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


def _copy(connection: Any, _record: object) -> None:
    connection.run_async(lambda driver: driver.executescript(_script()))


async def open_migrated(archive: SqlArchive) -> None:
    """Open an archive over `sqlite://`."""
    event.listen(StaticPool, "connect", _copy)
    try:
        await archive.open()
    finally:
        event.remove(StaticPool, "connect", _copy)

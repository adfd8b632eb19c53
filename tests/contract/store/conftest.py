"""One suite over three databases: SQLite in memory, SQLite in a file, PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store import databases
from tests.store.migrated import open_migrated


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bell(clock: ManualClock) -> WakeUp:
    return WakeUp(clock)


@pytest.fixture(params=databases.ALL)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database."""
    return str(request.param)


@pytest.fixture
def server_if_needed(kind: str, request: pytest.FixtureRequest) -> databases.Postgresql | None:
    return request.getfixturevalue("server") if kind == "postgresql" else None


@pytest.fixture
async def url(kind: str, server_if_needed: databases.Postgresql | None, tmp_path: Path) -> AsyncIterator[str]:
    async with databases.database_url(kind, folder=tmp_path, server=server_if_needed) as url:
        yield url


@pytest.fixture
async def archive(kind: str, url: str, clock: ManualClock, bell: WakeUp) -> AsyncIterator[SqlArchive]:
    opened = SqlArchive(url, clock=clock, bell=bell)
    await (open_migrated(opened) if kind == "memory" else opened.open())
    yield opened
    await opened.close()

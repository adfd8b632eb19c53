import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.clock import ManualClock, WakeUp
from bot.store import SqlArchive
from tests.store import databases


@pytest.fixture(scope="session")
def server() -> Iterator[databases.Postgresql]:
    with databases.postgresql_server() as url:
        server = databases.Postgresql(url)
        yield server
        asyncio.run(server.drop_template())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def archive(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqlArchive]:
    """An archive over a file."""
    opened = SqlArchive(f"sqlite:///{tmp_path / 'muster.db'}", clock=clock, bell=WakeUp(clock))
    await opened.open()
    yield opened
    await opened.close()

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store.migrated import migrated_file


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def archive(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqlArchive]:
    """An archive over a file."""
    migrated_file(tmp_path / "muster.db")
    opened = SqlArchive(f"sqlite:///{tmp_path / 'muster.db'}", clock=clock, bell=WakeUp(clock))
    await opened.open()
    yield opened
    await opened.close()

"""Archives whose schema was copied: any number of them may be opened side by side."""

import asyncio

from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store.migrated import open_migrated


async def test_archives_that_open_one_while_another_does_have_their_tables_each() -> None:
    async def opened(turns: int) -> object:
        for _ in range(turns):
            await asyncio.sleep(0)
        clock = ManualClock()
        archive = SqlArchive("sqlite://", clock=clock, bell=WakeUp(clock))
        await open_migrated(archive)
        try:
            async with archive.unit() as unit:
                return await unit.operations.overdue(clock.now())
        finally:
            await archive.close()

    assert await asyncio.gather(*(opened(turns) for turns in range(40))) == [[]] * 40

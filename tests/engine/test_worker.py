"""The worker between two operations."""

import asyncio
from dataclasses import dataclass, field

from bot.clock import SystemClock
from bot.domain.operation import State
from bot.engine.worker import Worker
from bot.store.archive import SqlArchive
from tests.engine.conftest import Workshop
from tests.store.migrated import open_migrated


@dataclass
class Bell:
    """Counts how often it rings, and how often somebody comes to wait for it."""

    rings: int = 0
    waits: int = 0
    waited: asyncio.Condition = field(default_factory=asyncio.Condition)

    def ring(self) -> None:
        self.rings += 1

    async def wait(self, seconds: float) -> None:
        async with self.waited:
            self.waits += 1
            self.waited.notify_all()
        await asyncio.sleep(0)

    async def comes_round(self, times: int) -> None:
        """Wait until the worker has come round so many times more."""
        async with asyncio.timeout(60), self.waited:
            goal = self.waits + times
            await self.waited.wait_for(lambda: self.waits >= goal)


async def test_a_worker_without_work_wakes_nobody_and_one_with_work_does(shop: Workshop) -> None:
    """Each ring makes the board read what is to be posted, and a board that posts rings again."""
    bell, clock = Bell(), SystemClock()
    archive = SqlArchive("sqlite://", clock=clock, bell=bell)
    await open_migrated(archive)
    bell.rings = 0
    worker = Worker(owner="w", archive=archive, clock=clock, bell=bell, clouds={"toy": shop.cloud}, rules={})
    running = asyncio.create_task(worker.run())
    try:
        await bell.comes_round(5)
        assert bell.rings == 0
        shop.archive = archive
        id = await shop.ask()
        asked = bell.rings
        async with asyncio.timeout(60):
            while (await shop.operation(id)).state is State.CHECKING:
                await bell.comes_round(1)
        assert bell.rings > asked
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await archive.close()

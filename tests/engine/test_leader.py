"""One of several replicas leads: what ticks, ticks there alone, and all that ticks in the bot is such a one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot import main as house
from bot.engine.leader import Leader
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.settings.written import SMALL, read


async def until(happened: Callable[[], bool], clock: ManualClock | None = None) -> None:
    """Let the threads of the database work until it has; with a clock, its time goes on meanwhile."""
    async with asyncio.timeout(60):
        while not happened():
            await asyncio.sleep(0.002)
            if clock:
                await clock.pass_time(0.1)


@asynccontextmanager
async def opened(archive: SqlArchive) -> AsyncIterator[None]:
    await archive.open()
    try:
        yield
    finally:
        await archive.close()


@asynccontextmanager
async def running(leader: Leader) -> AsyncIterator[None]:
    task = asyncio.create_task(leader.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_ticks_does_so_where_the_lease_is_and_goes_on_where_it_goes(tmp_path: Path) -> None:
    clock, ticked = ManualClock(), list[str]()

    async def tick(name: str) -> None:
        ticked.append(name)

    archive = SqlArchive(f"sqlite:///{tmp_path / 'muster.db'}", clock=clock, bell=WakeUp(clock))
    first, second = (Leader(archive, clock, owner=name) for name in ("first", "second"))
    ticks = [one.only_here(lambda name=name: tick(name)) for one, name in ((first, "first"), (second, "second"))]  # type: ignore[misc]
    async with opened(archive), running(second):
        async with running(first):
            await until(lambda: (first.term is None) is not (second.term is None))
            leads = "first" if first.term is not None else "second"
            for one in ticks:
                await one()
            assert ticked == [leads]
        await until(lambda: second.term is not None, clock)
        for one in ticks:
            await one()
        assert ticked == [leads, "second"]


async def test_all_that_ticks_in_a_bot_rests_while_another_replica_leads(tmp_path: Path) -> None:
    store = '[store]\nurl = "postgresql://nobody@127.0.0.1:9/none"\n'
    bot = house.build(read(tmp_path, store + SMALL))
    ticks = house.ticks_of(bot)
    assert "reminders" in ticks
    for _, tick in ticks.values():
        await tick()  # or it would raise: the database is not open

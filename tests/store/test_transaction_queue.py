"""Turns on the database: whoever Slack waits for, then people, then what moves VMs; and readers who take none."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from bot.domain.ports import Rank
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from bot.store.transaction_queue import TransactionQueue
from tests.clocks import ManualClock
from tests.store.examples import ENTRY, operation


async def _turn(turns: TransactionQueue, rank: Rank, name: str, served: list[str]) -> None:
    async with turns.take(rank):
        served.append(name)
        await asyncio.sleep(0)


async def test_an_acknowledgement_waits_for_one_holder_and_people_come_before_bulk_work() -> None:
    turns, served = TransactionQueue(1, bulk=1), list[str]()
    async with asyncio.TaskGroup() as group, turns.take(Rank.BULK):
        for number in range(20):
            group.create_task(_turn(turns, Rank.BULK, f"bulk {number}", served))
        group.create_task(_turn(turns, Rank.PEOPLE, "shown", served))
        group.create_task(_turn(turns, Rank.ACKNOWLEDGED, "acknowledged", served))
        group.create_task(_turn(turns, Rank.PEOPLE, "shown next", served))
        await asyncio.sleep(0)  # all of them wait for the one holder
    assert served == ["acknowledged", "shown", "shown next", *(f"bulk {number}" for number in range(20))]


async def test_as_many_hold_a_turn_at_once_as_there_are_places() -> None:
    turns, served = TransactionQueue(2, bulk=2), list[str]()
    async with AsyncExitStack() as held:
        await held.enter_async_context(turns.take(Rank.BULK))
        await _turn(turns, Rank.BULK, "beside", served)
    assert served == ["beside"]


async def test_bulk_work_leaves_places_to_people() -> None:
    turns, served = TransactionQueue(3, bulk=2), list[str]()
    async with AsyncExitStack() as held:
        await held.enter_async_context(turns.take(Rank.BULK))
        async with turns.take(Rank.BULK):
            waiting = asyncio.create_task(_turn(turns, Rank.BULK, "bulk", served))
            await asyncio.sleep(0)
            await _turn(turns, Rank.PEOPLE, "shown", served)
        await waiting
    assert served == ["shown", "bulk"]


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    turns, served = TransactionQueue(1, bulk=1), list[str]()
    async with turns.take(Rank.BULK):
        gone = asyncio.create_task(_turn(turns, Rank.PEOPLE, "gone", served))
        late = asyncio.create_task(_turn(turns, Rank.PEOPLE, "late", served))
        next_one = asyncio.create_task(_turn(turns, Rank.BULK, "next", served))
        await asyncio.sleep(0)
        gone.cancel()
    late.cancel()  # just when the turn was given to it
    await asyncio.gather(gone, late, return_exceptions=True)
    await next_one
    assert served == ["next"]
    await _turn(turns, Rank.BULK, "once more", served)


async def test_who_reads_waits_for_no_writer_and_sees_what_is_committed(archive: SqlArchive) -> None:
    async with archive.unit(Rank.BULK) as unit:
        await unit.operations.add(operation(), ENTRY)
        async with archive.reading() as reading:
            assert not await reading.operations.newest()
        await unit.commit()
    async with archive.reading() as reading:
        assert [found.id for found in await reading.operations.newest()] == [operation().id]


@pytest.mark.parametrize("url", ["sqlite://", "file"])
async def test_a_unit_that_reads_writes_nothing(archive: SqlArchive, clock: ManualClock, url: str) -> None:
    async with AsyncExitStack() as stack:
        if url == "sqlite://":
            archive = SqlArchive(url, clock=clock, bell=WakeUp(clock))
            await archive.open()
            stack.push_async_callback(archive.close)
        async with archive.reading() as reading:
            with pytest.raises(RuntimeError, match="only reads"):
                await reading.inbox.forget("a key")
            with pytest.raises(RuntimeError, match="only reads"):
                await reading.commit()

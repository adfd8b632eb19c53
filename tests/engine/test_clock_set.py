"""The machine's clock is set in the middle of an operation: nothing changes but dates."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.store.archive import SqlArchive
from tests.news import facts_of
from tests.store.migrated import open_migrated
from tests.tiers import examples
from tests.toy_cloud import ToyCloud
from tests.workshop import LeapingClock, NoBell, Workshop

HOUR, DAY = 3_600, 86_400
STEPS = st.sampled_from([-DAY, -HOUR, -61, -2, 2, 61, HOUR, DAY])


class SetClock(LeapingClock):
    """A clock that is set by so many seconds when somebody's sleep has lasted until a moment."""

    def __init__(self, steps: dict[int, float]) -> None:
        super().__init__()
        self.steps = dict(steps)  #: by how much, after so many sleeps
        self.sleeps = 0
        self.calls: dict[int, Callable[[], object]] = {}

    def after(self, sleeps: int, call: Callable[[], object]) -> None:
        self.calls[sleeps] = call

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        self.sleeps += 1
        self.set_by(self.steps.pop(self.sleeps, 0))
        self.calls.pop(self.sleeps, lambda: None)()


async def evacuated(steps: dict[int, float], *, relief: str = "", hangs: str = "") -> tuple[object, ...]:
    """How an evacuation ends, what was called, and how long it took, when the clock is set after so many sleeps."""
    clock = SetClock({})
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    try:
        cloud = ToyCloud(clock=clock, vms={f"vm-{n}": "host-1" for n in range(4)}, relief=relief, hangs={hangs})
        cloud.poll = 20.0 if hangs else cloud.poll
        shop = Workshop(archive=archive, clock=clock, cloud=cloud)
        id = await shop.approved()
        clock.steps, clock.sleeps = dict(steps), 0
        began = clock.monotonic()
        await shop.work()
        operation = await shop.operation(id)
        took = clock.monotonic() - began
        told = [(n.kind, facts_of(n).get("seconds")) for n in await shop.news()]
        return operation.state, await shop.states(id), cloud.starts, took, told
    finally:
        await archive.close()


async def taken_over(by: float) -> tuple[object, ...]:
    """How an evacuation ends that one process began and another, whose clock is set otherwise, goes on with."""
    clock = SetClock({})
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    try:
        cloud = ToyCloud(clock=clock, vms={f"vm-{n}": "host-1" for n in range(4)}, relief="abort", hangs={"vm-1"})
        cloud.poll = 20.0
        shop = Workshop(archive=archive, clock=clock, cloud=cloud)
        id = await shop.approved()
        first, clock.sleeps = asyncio.create_task(shop.work()), 0
        clock.after(8, first.cancel)
        await asyncio.gather(first, return_exceptions=True)
        clock.set_by(by)
        began = clock.monotonic()
        await shop.work()
        return (await shop.operation(id)).state, await shop.states(id), cloud.starts, clock.monotonic() - began
    finally:
        await archive.close()


@given(steps=st.dictionaries(st.integers(1, 12), STEPS, min_size=1, max_size=3))
@settings(max_examples=examples(5))
async def test_an_evacuation_takes_the_same_way_however_often_the_clock_is_set(steps: dict[int, float]) -> None:
    assert await evacuated(steps) == await evacuated({})


@pytest.mark.parametrize("by", [-DAY, -HOUR, HOUR, DAY])
async def test_deadlines_come_neither_earlier_nor_later_when_the_clock_is_set(by: float) -> None:
    assert await evacuated({4: by}, relief="abort", hangs="vm-1") == await evacuated({}, relief="abort", hangs="vm-1")


@pytest.mark.parametrize("by", [-DAY, -HOUR])
async def test_whoever_takes_over_with_a_clock_behind_is_as_patient_as_the_one_before(by: float) -> None:
    """What the rows say lies hours ahead by then; no deadline waits for that."""
    assert await taken_over(by) == await taken_over(0)

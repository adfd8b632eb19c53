"""The worker between two operations."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import structlog
from openstack.config.cloud_region import CloudRegion
from openstack.exceptions import ConfigException

from adapters.openstack.wire.session import Session
from bot.desk.control import Steer
from bot.domain.cloud import NO_BOOKS, Books, Host, Request, Unreachable
from bot.domain.heartbeats import Heartbeats
from bot.domain.operation import Choice, State
from bot.domain.plans.plan import Receipt, Step
from bot.domain.ports import LEFT_TO_OTHERS, Rank
from bot.domain.progress import right_to_act
from bot.domain.rules.order import Order
from bot.domain.values import Action, HostId, OperationId
from bot.engine.leased import LeasedOperation
from bot.engine.runner import Runner
from bot.engine.worker import AT_ONCE, GATHER_SECONDS, LEASE, STUCK_AFTER, TURN_SECONDS, Worker
from bot.runtime.clock import SystemClock
from bot.store.archive import SqlArchive
from bot.store.unit import SqlUnit
from tests.clocks import ManualClock
from tests.store.migrated import open_migrated
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, BOB, RULE, LeapingClock, Workshop


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


class CountingArchive(SqlArchive):
    """Counts the turns that are taken."""

    turns = 0

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[SqlUnit]:
        self.turns += 1
        async with super().unit(rank) as unit:
            yield unit


async def test_a_worker_without_work_takes_no_turn_and_wakes_nobody_and_one_with_work_does(shop: Workshop) -> None:
    """Each ring makes the board read what is to be posted, and a board that posts rings again."""
    bell, clock = Bell(), SystemClock()
    archive = CountingArchive("sqlite://", clock=clock, bell=bell)
    await open_migrated(archive)
    bell.rings = archive.turns = 0
    worker = Worker(owner="w", archive=archive, clock=clock, bell=bell, clouds={"toy": shop.cloud}, rules={})
    running = asyncio.create_task(worker.run())
    try:
        await bell.comes_round(5)
        assert (bell.rings, archive.turns) == (0, 0)
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


class HangingCloud(ToyCloud):
    """Does not say what it sees until it is told to."""

    asked: asyncio.Event
    goes_on: asyncio.Event

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> dict[str, str]:
        self.asked.set()
        await self.goes_on.wait()
        return await super().survey(request, books)


async def test_an_operation_that_is_stuck_is_known_until_it_goes_on(shop: Workshop) -> None:
    bell, manual = Bell(), ManualClock()
    cloud, beats = HangingCloud(clock=manual, vms=shop.cloud.vms), Heartbeats(manual)
    cloud.asked, cloud.goes_on = asyncio.Event(), asyncio.Event()
    worker = Worker(
        owner="w",
        archive=shop.archive,
        clock=SystemClock(),
        bell=bell,
        clouds={"toy": cloud},
        rules={},
        heartbeats=beats,
    )
    id = await shop.ask()
    running = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(60):
            await cloud.asked.wait()
            await manual.pass_time(STUCK_AFTER + 1)
            await bell.comes_round(2)
            assert beats.hanging() == {f"operation {id}": "last seen 601 s ago"}
            cloud.goes_on.set()
            while (await shop.operation(id)).state is State.CHECKING:
                await bell.comes_round(1)
            while beats.parts != {"worker"}:
                await bell.comes_round(1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_operation_that_takes_long_is_not_stuck(shop: Workshop) -> None:
    shop.cloud.move_seconds = 2 * STUCK_AFTER
    id = await shop.approved()
    async with shop.archive.unit() as unit:
        lease = await unit.leases.claim("w", span=timedelta(days=1))
        await unit.commit()
    assert lease is not None
    came_round: list[float] = []
    held = LeasedOperation(lease=lease, archive=shop.archive, clock=shop.clock, cloud=shop.cloud, rule=shop.rule)
    await Runner(held, beat=lambda: came_round.append(shop.clock.monotonic())).run()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert came_round[-1] - came_round[0] > STUCK_AFTER
    assert max(later - earlier for earlier, later in pairwise(came_round)) < STUCK_AFTER / 10


class NotingClock(SystemClock):
    """Notes how long it was slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


async def test_rings_are_gathered_while_an_operation_is_in_hand_and_followed_at_once_while_none_is(
    shop: Workshop,
) -> None:
    """Operations that move VMs commit many times a second, and each commit rings."""
    bell, clock = Bell(), NotingClock()
    cloud = HangingCloud(clock=clock, vms=shop.cloud.vms)
    cloud.asked, cloud.goes_on = asyncio.Event(), asyncio.Event()
    worker = Worker(owner="w", archive=shop.archive, clock=clock, bell=bell, clouds={"toy": cloud}, rules={})
    running = asyncio.create_task(worker.run())
    try:
        await bell.comes_round(5)
        assert GATHER_SECONDS not in clock.slept
        await shop.ask()
        async with asyncio.timeout(60):
            await cloud.asked.wait()
        await bell.comes_round(3)
        assert clock.slept.count(GATHER_SECONDS) >= 2
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_a_library_logs_while_an_operation_is_worked_on_carries_its_id(shop: Workshop) -> None:
    """On a thread of a cloud's session, where libraries log, too."""
    clock, bell = SystemClock(), Bell()
    archive = SqlArchive("sqlite://", clock=clock, bell=bell)
    await open_migrated(archive)

    def region() -> CloudRegion:
        seen.append(structlog.contextvars.get_contextvars().get("operation"))
        raise ConfigException("nothing there")

    async def survey(request: Request, books: Books = NO_BOOKS) -> dict[str, str]:
        seen.append(structlog.contextvars.get_contextvars().get("operation"))
        await session.get("compute", "/servers", doing="list servers")
        return {}

    seen: list[object] = []
    session = Session(region)
    shop.archive, shop.cloud.survey = archive, survey  # type: ignore[method-assign]
    worker = Worker(owner="w", archive=archive, clock=clock, bell=bell, clouds={"toy": shop.cloud}, rules={})
    running = asyncio.create_task(worker.run())
    try:
        id = await shop.ask()
        async with asyncio.timeout(60):
            while (await shop.operation(id)).state is State.CHECKING:
                await bell.comes_round(1)
        assert seen == [id, id]
        assert "operation" not in structlog.contextvars.get_contextvars()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await session.aclose()
        await archive.close()


# many of them only wait ----------------------------------------------------------------------------------------------


class AnyHost(ToyCloud):
    """Has a host of every name; whatever is moved stays on its way."""

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        return [Host(id=HostId(matching), name=matching)]


@pytest.mark.parametrize("wait_for", ["people", "a silent cloud"])
async def test_however_many_operations_wait_for_somebody_one_more_is_taken_up(wait_for: str) -> None:
    clock, bell = SystemClock(), Bell()
    archive = SqlArchive("sqlite://", clock=clock, bell=bell)
    await open_migrated(archive)
    hosts = [f"rack-{number}" for number in range(AT_ONCE)]
    cloud = AnyHost(clock=clock, vms={f"vm-of-{host}": host for host in hosts}, move_seconds=3600.0, poll=0.2)
    cloud.concurrency = 2 * AT_ONCE
    shop = Workshop(archive=archive, clock=LeapingClock(), cloud=cloud)
    desk = replace(shop.desk, clock=clock, clouds={"toy": cloud, "near": AnyHost(clock=clock, vms={}, name="near")})
    desk = replace(desk, rules={(name, Action.EVACUATE): RULE for name in desk.clouds})
    worker = Worker(owner="w", archive=archive, clock=clock, bell=bell, clouds=desk.clouds, rules=desk.rules)

    async def ask(cloud: str, host: str) -> OperationId:
        order = Order(action=Action.EVACUATE, cloud=cloud, host=host)
        return await desk.ask(order, by=ALICE, channel="C0OPS", key=await shop.key())

    async def become(state: State, *ids: OperationId) -> None:
        async with asyncio.timeout(60):
            while {(await desk.show(id))[0].state for id in ids} != {state}:
                await bell.comes_round(1)

    running = asyncio.create_task(worker.run())
    try:
        waiting = [await ask("toy", host) for host in hosts]
        await become(State.AWAITING_APPROVAL, *waiting)
        for id in waiting:
            digest = (await desk.show(id))[0].digest
            assert digest is not None
            await desk.vote(id, Choice.APPROVE, digest=digest, by=BOB, key=await shop.key())
        await become(State.RUNNING, *waiting)
        if wait_for == "people":
            for id in waiting:
                await desk.steer(id, Steer.PAUSE, by=BOB, key=await shop.key())
        else:
            cloud.silent = 1_000_000
        await become(State.AWAITING_APPROVAL, await ask("near", "rack-99"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await archive.close()


# one that stood still ------------------------------------------------------------------------------------------------


@dataclass
class ShiftedClock(SystemClock):
    """Is moved on, as for a process that was frozen."""

    date: datetime
    by: float = 0.0

    def now(self) -> datetime:
        return self.date

    def monotonic(self) -> float:
        return super().monotonic() + self.by


async def test_a_worker_that_was_frozen_on_its_way_to_a_cloud_begins_nothing_there(shop: Workshop) -> None:
    id = await shop.approved()
    clock, bell, began = ShiftedClock(shop.clock.now()), Bell(), asyncio.Event()
    outcomes: list[type[Exception] | None] = []

    async def start(step: Step) -> Receipt:
        for frozen in (0.0, LEASE.total_seconds()):
            clock.by += frozen
            try:
                right_to_act.ensure()
            except Unreachable as lost:
                outcomes.append(type(lost))
            else:
                outcomes.append(None)
        began.set()
        return await asyncio.Future()

    shop.cloud.start = start  # type: ignore[method-assign]
    rules = {("toy", Action.EVACUATE): RULE}
    worker = Worker(owner="w", archive=shop.archive, clock=clock, bell=bell, clouds={"toy": shop.cloud}, rules=rules)
    running = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(60):
            await began.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert outcomes[:2] == [None, Unreachable]
    assert (await shop.operation(id)).state is State.RUNNING


# replicas with other settings ----------------------------------------------------------------------------------------


@asynccontextmanager
async def stranger(shop: Workshop) -> AsyncIterator[Bell]:
    """The worker of a replica that does not know the cloud; its clock leaps while it has something in hand."""
    bell = Bell()
    worker = Worker(owner="w", archive=shop.archive, clock=shop.clock, bell=bell, clouds={}, rules={})
    running = asyncio.create_task(worker.run())
    try:
        yield bell
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_replica_that_does_not_know_a_cloud_leaves_its_operations_to_one_that_does(shop: Workshop) -> None:
    id = await shop.ask()
    async with stranger(shop) as bell:
        await bell.comes_round(5)
        assert (await shop.operation(id)).state is State.CHECKING
        assert await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_one_that_took_it_since_nobody_else_did_gives_it_back_for_whoever_knows_the_cloud_by_then(
    shop: Workshop,
) -> None:
    id = await shop.approved()
    await shop.clock.sleep(LEFT_TO_OTHERS.total_seconds())
    began = shop.clock.monotonic()

    async def is_free() -> bool:
        async with shop.archive.reading() as unit:
            return await unit.leases.has_work(span=LEASE)

    async with stranger(shop) as bell, asyncio.timeout(60):
        while shop.clock.monotonic() < began + TURN_SECONDS or not await is_free():
            await bell.comes_round(1)
    assert await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED

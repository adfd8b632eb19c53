"""A control plane that shakes: three of ten calls fail, or each takes ten seconds; plans are made, and VMs moved."""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire.session import Session
from adapters.retries import reads
from adapters.simulated import datacentre, openstack_api
from adapters.simulated.datacentre import add_server
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.middleware import served
from adapters.simulated.records import SimHost
from adapters.simulated.world import World
from bot.desk.control import Steer
from bot.desk.desk import Desk
from bot.desk.votes import Confirmation
from bot.domain.cloud import PartlySeen, Unreachable
from bot.domain.operation import Choice, Operation, State
from bot.domain.rules.order import Order
from bot.domain.values import Action, OperationId
from bot.engine.leased import LeasedOperation
from bot.engine.runner import Runner
from bot.store.archive import SqlArchive
from tests.contract.arena_openstack import clouds_file
from tests.deliveries import recorded
from tests.steps import steps_of
from tests.store.migrated import open_migrated
from tests.workshop import ALICE, BOB, RULE, NoBell

REQUESTS = 10


class QuickClock:
    """Real time, so that what happens side by side takes no longer; a tenth of it."""

    SPEED = 10.0

    def __init__(self) -> None:
        self._began, self._ahead = time.monotonic(), 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 3, 0, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self.SPEED + self._ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0) / self.SPEED)

    def leap(self, seconds: float) -> None:
        self._ahead += seconds


class Shaking:
    """Fails so many of the calls at random, without effect, and lets each wait so many real seconds.

    Not with 504, which leaves open whether a service is still at work: that is waited out, however long it takes.
    """

    def __init__(self, share: float, seconds: float) -> None:
        self.share, self.seconds, self.failed = share, seconds, 0
        self._dice = random.Random(20261129)

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
            if self._dice.random() < self.share:
                self.failed += 1
                status = self._dice.choice((500, 502, 503))
                return web.Response(status=status, text="upstream trouble", content_type="text/plain")
            await asyncio.sleep(self.seconds)
            answer: web.StreamResponse = await handler(request)
            return answer

        return middleware


@dataclass(kw_only=True)
class Night:
    """The bot before a cloud that shakes."""

    clock: QuickClock
    world: World
    hosts: list[SimHost]
    cloud: OpenStackCloud
    archive: SqlArchive
    shaking: Shaking
    keys: int = 0

    @property
    def desk(self) -> Desk:
        rules = {("sim", action): RULE for action in Action}
        return Desk(archive=self.archive, clock=self.clock, clouds={"sim": self.cloud}, rules=rules)

    async def key(self) -> str:
        self.keys += 1
        return await recorded(self.desk, self.keys)

    async def ask(self, host: str) -> OperationId:
        order = Order(action=Action.EVACUATE, cloud="sim", host=host)
        return await self.desk.ask(order, by=ALICE, channel="C0OPS", key=await self.key())

    async def work(self) -> None:
        async with self.archive.unit() as unit:
            lease = await unit.leases.claim("worker", span=timedelta(days=9))
            await unit.commit()
        assert lease is not None, [o.state for o in await self.desk.live()]
        await Runner(
            LeasedOperation(lease=lease, archive=self.archive, clock=self.clock, cloud=self.cloud, rule=RULE)
        ).run()
        async with self.archive.unit() as unit:
            await unit.leases.release(lease)
            await unit.commit()

    async def approve(self, id: OperationId) -> None:
        operation, _ = await self.desk.show(id)
        assert operation.plan is not None
        assert operation.digest is not None
        confirmed = Confirmation(host=operation.plan.host_name, vouched=operation.plan.vouches)
        for who, choice in ((ALICE, Choice.VOUCH), (BOB, Choice.APPROVE)):
            await self.desk.vote(id, choice, digest=operation.digest, by=who, key=await self.key(), confirmed=confirmed)

    async def shown(self, id: OperationId) -> Operation:
        return (await self.desk.show(id))[0]


@asynccontextmanager
async def night(*, share: float = 0.0, vms: int, seconds: float = 0.0, patience: float = 30.0) -> AsyncIterator[Night]:
    clock, shaking = QuickClock(), Shaking(share, seconds)
    world = World(clock.now, sleep=clock.sleep)
    hosts = datacentre.bare_openstack(world, hosts=5)
    for number in range(vms):
        add_server(world, f"vm-{number}", hosts[0], flavor="m1.small")
    world.hang_host(hosts[0].name)
    for host in hosts:
        host.knobs.spawn_seconds = 30.0  # as on clouds that wait for ports and volumes
    clock.leap(600)
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(archive.close)
        app = openstack_api.app(world)
        app.middlewares.insert(0, shaking.middleware)
        url = await stack.enter_async_context(served(app))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        again = reads(clock)
        session = Session.of("sim", clouds_yaml=clouds_file(folder, url), timeout=patience, again=again)
        cloud = OpenStackCloud(
            OpenStackSettings(name="sim", kind="openstack", concurrency=40, api_timeout=timedelta(seconds=patience)),
            session=session,
            now=clock.now,
        )
        stack.push_async_callback(cloud.aclose)
        yield Night(clock=clock, world=world, hosts=hosts, cloud=cloud, archive=archive, shaking=shaking)


async def test_ten_of_ten_requests_get_their_plan_within_a_minute_while_three_of_ten_calls_fail() -> None:
    async with night(share=0.3, vms=6) as one:
        for _ in range(REQUESTS):
            began = one.clock.monotonic()
            id = await one.ask(one.hosts[0].name)
            await one.work()
            assert (await one.shown(id)).state is State.AWAITING_APPROVAL
            assert one.clock.monotonic() - began <= 60
            await one.desk.steer(id, Steer.CANCEL, by=ALICE, key=await one.key())
        assert one.shaking.failed > 50


async def evacuated(share: float) -> float:
    async with night(share=share, vms=60) as one:
        one.shaking.share = 0
        id = await one.ask(one.hosts[0].name)
        await one.work()
        await one.approve(id)
        one.shaking.share = share
        began = one.clock.monotonic()
        await one.work()
        assert (await one.shown(id)).state is State.SUCCEEDED
        return one.clock.monotonic() - began


@pytest.mark.long
async def test_an_evacuation_of_sixty_vms_takes_at_most_twice_as_long_while_three_of_ten_calls_fail() -> None:
    healthy = await evacuated(0.0)
    shaky = await evacuated(0.3)
    assert shaky <= 2 * healthy


async def test_a_plan_comes_where_each_call_takes_a_third_of_its_time_out() -> None:
    async with night(vms=3, seconds=0.1, patience=0.3) as one:
        id = await one.ask(one.hosts[0].name)
        await one.work()
        assert (await one.shown(id)).state is State.AWAITING_APPROVAL
        assert one.cloud.deadline == pytest.approx(6 * 0.3)


async def test_a_look_uses_what_it_could_read() -> None:
    async with night(vms=3) as one:
        id = await one.ask(one.hosts[0].name)
        await one.work()
        plan = (await one.shown(id)).plan
        assert plan is not None
        one.world.faults.order(CallFault(effect=Effect.ANSWER, status=503, path="/servers", times=None))
        with pytest.raises(PartlySeen, match="answered 503") as partly:
            await one.cloud.look(steps_of(plan))
        assert partly.value.seen.keys() == {step.key for step in plan.steps if step.vm is None}
        one.world.faults.clear()
        one.world.faults.order(CallFault(effect=Effect.ANSWER, status=503, path="/os-services", times=None))
        with pytest.raises(Unreachable):  # that the host is dead forbids its VMs: without it nothing is said of them
            await one.cloud.look([step for step in steps_of(plan) if step.vm is not None])


async def test_calls_that_are_answered_429_are_made_again_when_the_cloud_asks_for_that_and_each_vm_moves_once() -> None:
    async with night(vms=6) as one:
        for host in one.hosts:
            host.knobs.spawn_seconds = 2.0
        id = await one.ask(one.hosts[0].name)
        await one.work()
        await one.approve(id)
        for path, body, times in (("/os-services", "disabled", 1), ("/action$", "evacuate", 6)):
            too_often = CallFault(effect=Effect.ANSWER, status=429, path=path, body=body, times=times, retry_after=8)
            one.world.faults.order(too_often)
        began = one.clock.monotonic()
        await one.work()
        assert (await one.shown(id)).state is State.SUCCEEDED
        quiet = OpenStackSettings(name="sim", kind="openstack", api_timeout=timedelta(seconds=30)).quiet
        assert one.clock.monotonic() - began < quiet.total_seconds()
        evacuations = [c for c in one.world.mutations() if c.path.endswith("/action") and "evacuate" in c.body]
        taken, put_off = ([c for c in evacuations if (c.status == 429) is is_put_off] for is_put_off in (False, True))
        assert (len(taken), len({c.path for c in taken}), len(put_off)) == (6, 6, 6)
        assert min(c.at for c in taken) - min(c.at for c in put_off) >= timedelta(seconds=8)


@pytest.mark.parametrize("seconds", [8, 60])
async def test_a_call_that_takes_effect_long_after_a_proxy_gave_up_on_it_moves_its_vm_once(seconds: int) -> None:
    """Nova would take the repeat of an evacuation that is under way, and the VM would be lost between the two."""
    async with night(vms=2) as one:
        for host in one.hosts:
            host.knobs.spawn_seconds = 5.0
        id = await one.ask(one.hosts[0].name)
        await one.work()
        await one.approve(id)
        late = CallFault(effect=Effect.LATE, gateway=504, path="/action$", body="evacuate", times=2, seconds=seconds)
        one.world.faults.order(late)
        await one.work()
        assert (await one.shown(id)).state is State.SUCCEEDED
        assert sorted(move.vm.name for move in one.world.moves) == ["vm-0", "vm-1"]
        assert sum(1 for c in one.world.mutations() if "evacuate" in c.body) == 2

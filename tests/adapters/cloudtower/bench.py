"""A CloudTower on the bench: the simulated face, the adapter over a socket, a clock moved by hand, every call checked."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.cloudtower.settings import CloudTowerSettings
from adapters.cloudtower.survey.survey import CloudTowerSurvey
from adapters.cloudtower.wire.client import Client, Credentials
from adapters.simulated import cloudtower_api
from adapters.simulated.cloudtower.gate import PREFIX
from adapters.simulated.cloudtower.state import API_KEY, PASSWORD, USERNAME, Tower
from adapters.simulated.middleware import served
from adapters.simulated.records import Cluster, Platform, Power, SimHost, SimVm
from adapters.simulated.world import World
from bot.domain.cloud import Books, CloudError, Left, Refused, Request, Seen, Unreachable
from bot.domain.plans.plan import By, Plan, Verdict
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState, after_look, laid_out
from bot.domain.progress.turns import not_needed, to_start
from bot.domain.settings.secret import Secret
from bot.domain.values import Action, HostId, OperationId
from tests.adapters.cloudtower import spec
from tests.clocks import ManualClock, TakingAlong

WITH_PASSWORD = {"username": USERNAME, "password_env": Secret(PASSWORD)}
"""Keys of somebody who logs in, instead of having a token."""
ENTER = f"{PREFIX}/enter-maintance-mode"


@dataclass(kw_only=True)
class Bench:
    """Everything a test needs at hand."""

    clock: ManualClock
    world: World
    tower: Tower
    url: str
    violations: list[str] = field(default_factory=list)  #: of the OpenAPI document
    cloud: CloudTowerCloud

    def made(self, **keys: Any) -> CloudTowerCloud:
        """Another adapter for the same tower, with these keys of its settings."""
        return made(self.url, self.clock, **keys)

    def host(self, name: str) -> SimHost:
        return self.world.host(name)

    def enter_calls(self) -> list[object]:
        """The bodies of the calls that send a host into maintenance."""
        return [c.body for c in self.world.calls if c.path == ENTER]

    def request(self, *, action: Action = Action.ENTER, **more: Any) -> Request:
        host = self.host("node-1")
        return Request(
            action=action, cloud="tower", host=HostId(host.cuid), host_name=host.name, run=OperationId("op-1"), **more
        )

    async def survey(self) -> CloudTowerSurvey:
        """Of node-1, which shall enter maintenance."""
        found = await self.cloud.survey(self.request())
        assert isinstance(found, CloudTowerSurvey)
        return found

    async def plan(self, *, action: Action = Action.ENTER, ledger: tuple[Left, ...] = (), **more: Any) -> Plan:
        request = self.request(action=action, **more)
        return self.cloud.plan(request, await self.cloud.survey(request, Books(ledger=ledger)))


def made(url: str, clock: ManualClock, **keys: Any) -> CloudTowerCloud:
    login: dict[str, Any] = {} if "username" in keys else {"token_env": Secret(API_KEY)}
    settings = CloudTowerSettings(name="tower", kind="cloudtower", url=url, **login, **keys)
    return CloudTowerCloud(settings, TakingAlong(clock))


def bad(plan: Plan) -> dict[str, Verdict]:
    """By code, the findings that are not well."""
    return {f.code: f.verdict for f in plan.findings if f.verdict is not Verdict.OK}


@asynccontextmanager
async def bench(*, middlewares: Sequence[Any] = (), **switches: Any) -> AsyncIterator[Bench]:
    """A tower with the cluster `c1`: node-1 … node-3, and on node-1 four VMs, of which `gpu-1` cannot be migrated.

    Args:
        middlewares: what stands in front of it on the wire.
        switches: of the `Tower`.
    """
    clock = ManualClock()
    world = World(clock.now, sleep=clock.pass_time)
    tower = Tower(world=world, **switches)
    furnish(world)
    violations: list[str] = []
    app = cloudtower_api.app(world, tower=tower)
    app.middlewares.insert(0, recorder(violations))
    app.middlewares[:0] = middlewares
    async with served(app) as address:
        url = address + PREFIX
        cloud = made(url, clock)
        try:
            yield Bench(clock=clock, world=world, tower=tower, url=url, violations=violations, cloud=cloud)
        finally:
            await cloud.aclose()
    assert violations == []


def furnish(world: World) -> Cluster:
    cluster = world.add_cluster("c1", Platform.CLOUDTOWER)
    nodes = [world.add_host(f"node-{n}", cluster, memory_mb=65536) for n in (1, 2, 3)]
    for name in ("web-1", "web-2"):
        world.add_vm(name, nodes[0])
    gpu: SimVm = world.add_vm("gpu-1", nodes[0])
    gpu.migratable, gpu.devices, gpu.ha = False, ("gpu",), False
    world.add_vm("batch-1", nodes[0], power=Power.STOPPED)
    world.add_vm("app-2", nodes[1])
    return cluster


def recorder(violations: list[str]) -> Any:
    """A middleware that holds every call and every answer against the OpenAPI document."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        raw = await request.read()
        response: web.StreamResponse = await handler(request)
        if isinstance(response, web.Response) and response.content_type == "application/json":
            body = json.loads(raw) if raw else None
            reply = json.loads(response.text or "")
            violations.extend(spec.complaints(request.method, request.path, body, response.status, reply))
        return response

    return middleware


@dataclass(kw_only=True)
class Walk:
    """The engine's round in small, without its store: enough to take a plan from its first step to its end."""

    bench: Bench
    plan: Plan
    records: list[StepRecord] = field(default_factory=list)
    errors: list[CloudError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = laid_out(self.plan.steps)

    def record(self, key: str) -> StepRecord:
        """The record whose step's title contains `key`."""
        return next(r for r in self.records if key in r.step.title)

    def states(self) -> dict[str, StepState]:
        return {r.step.title: r.state for r in self.records}

    async def round(self) -> None:
        """Look, start, and let a poll go by."""
        for skipped in not_needed(self.records, self.plan.phases):
            self._keep(skipped.end(StepState.NOT_NEEDED, now=self.bench.clock.now()))
        following = to_start(self.records, self.plan.phases, limit=10, now=self.bench.clock.now())
        live = [*(r for r in self.records if r.state in IN_FLIGHT), *following]
        if live:
            seen = await self.bench.cloud.look([r.step for r in live])
            for record in live:
                self._keep(after_look(record, seen[record.key], now=self.bench.clock.now()))
            for record in following:
                now = next(r for r in self.records if r.key == record.key)
                if now.state is StepState.PLANNED and now.step.by is By.MUSTER:
                    await self._start(now, seen[record.key].mark)
        await self.bench.clock.pass_time(self.bench.cloud.poll)

    async def _start(self, record: StepRecord, mark: Any) -> None:
        intent = record.intend(mark, now=self.bench.clock.now())
        self._keep(intent)
        again = await self.bench.cloud.look([intent.step])
        if again[intent.key].seen is not Seen.NEVER_STARTED:
            return
        try:
            receipt = await self.bench.cloud.start(intent.step)
        except Unreachable as lost:
            self.errors.append(lost)
        except Refused as no:
            self.errors.append(no)
            self._keep(intent.end(StepState.FAILED, now=self.bench.clock.now(), sentence=no.sentence))
        else:
            self._keep(intent.accept(receipt, now=self.bench.clock.now()))

    def _keep(self, record: StepRecord) -> None:
        self.records[record.seq] = record

    async def to_end(self, *, rounds: int = 400) -> "Walk":
        for _ in range(rounds):
            if all(r.has_ended for r in self.records):
                return self
            await self.round()
        raise AssertionError(f"still open: {self.states()}")


@asynccontextmanager
async def client(url: str, clock: ManualClock, **options: Any) -> AsyncIterator[Client]:
    settings: dict[str, Any] = {
        "token": None,
        "login": Credentials(username=USERNAME, password=PASSWORD),
        "verify": True,
        "timeout": 10.0,
    } | options
    made = Client(name="tower", url=url, clock=TakingAlong(clock), **settings)
    try:
        yield made
    finally:
        await made.aclose()


@asynccontextmanager
async def answering(answer: web.Response) -> AsyncIterator[str]:
    """A server that is no CloudTower and answers everything alike."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    async with served(app) as address:
        yield address + "/v2/api"

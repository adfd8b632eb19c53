"""The contract's arenas for OpenStack: four computes, the first of them dead or to be emptied alive."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.session import Session
from adapters.redfish.bmcs import Bmcs
from adapters.simulated import datacentre, openstack_api
from adapters.simulated.openstack_api import Release
from adapters.simulated.records import SimVm
from adapters.simulated.world import World
from bot.domain.cloud import AnyCloud, Left
from bot.domain.plans.plan import Plan
from bot.domain.ports import Clock
from bot.domain.values import Action, HostId, VmId
from tests.clocks import ManualClock
from tests.contract.clouds import START, Arena, ReturnArena

PASSWORD = "muster-demo"
NOBODY = "http://127.0.0.1:9"  #: the discard port: nothing listens there


@dataclass(kw_only=True)
class OpenStackArena(Arena):
    """Evacuates a dead host, or empties a living one."""

    def move_verbs(self) -> frozenset[str]:
        return frozenset({"evacuate", "live-migrate", "cold-migrate"})

    @property
    def host_id(self) -> HostId:
        return HostId(self.host.name)

    def add_vm(self, name: str) -> SimVm:
        return datacentre.add_server(self.world, name, self.host, flavor="m1.small")

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[AnyCloud]:
        async with adapter(NOBODY, self.clock) as cloud:
            yield cloud

    @asynccontextmanager
    async def with_bad_credentials(self) -> AsyncIterator[AnyCloud]:
        async with adapter(self.address, self.clock, password="wrong-secret") as cloud:
            yield cloud


@dataclass(kw_only=True)
class OpenStackReturnArena(ReturnArena, OpenStackArena):
    """Returns a host whose VMs are all on compute-2, so that their number is all that differs. All come by default."""

    def add_vm(self, name: str) -> SimVm:
        if not self.arranged:
            return OpenStackArena.add_vm(self, name)
        vm = datacentre.add_server(self.world, name, self.world.host("compute-2"), flavor="m1.small")
        self.ledger += (Left(id=VmId(vm.id), name=name, status="ACTIVE", place="compute-2"),)
        return vm


A = TypeVar("A", bound=OpenStackArena)


async def planned_by(arena: OpenStackArena, cloud: OpenStackCloud) -> Plan:
    """What another adapter plans for the same cloud."""
    request = arena.request()
    return cloud.plan(request, await cloud.survey(request))


@asynccontextmanager
async def openstack_arena(*, vms: int = 3, release: Release | None = None) -> AsyncIterator[OpenStackArena]:
    """A fresh region whose compute-1 died two minutes ago with so many servers on it."""
    async with _region(Action.EVACUATE, vms=vms, kind=OpenStackArena, release=release) as arena:
        arena.world.kill_host(arena.host.name)
        await arena.pass_time(120)
        yield arena


@asynccontextmanager
async def openstack_enter_arena(*, vms: int = 3, release: Release | None = None) -> AsyncIterator[OpenStackArena]:
    """A fresh region whose living compute-1 has so many running servers."""
    async with _region(Action.ENTER, vms=vms, kind=OpenStackArena, release=release) as arena:
        yield arena


@asynccontextmanager
async def openstack_exit_arena(*, vms: int = 3) -> AsyncIterator[OpenStackReturnArena]:
    """A region whose compute-1 is in maintenance."""
    async with _region(Action.EXIT, vms=vms, kind=OpenStackReturnArena, bring_back="all") as arena:
        await arena.empty(action=Action.ENTER, to="compute-2")
        yield arena


@asynccontextmanager
async def openstack_revival_arena(*, vms: int = 3) -> AsyncIterator[OpenStackReturnArena]:
    """A region whose compute-1 died, was evacuated, and has been started again."""
    async with _region(Action.EXIT, vms=vms, kind=OpenStackReturnArena, bring_back="all") as arena:
        await arena.kill_host()
        await arena.empty(action=Action.EVACUATE, to="compute-2")
        arena.world.revive_host(arena.host.name)
        await arena.pass_time(60)
        yield arena


@asynccontextmanager
async def _region(
    action: Action, *, vms: int, kind: type[A], release: Release | None = None, **settings: Any
) -> AsyncIterator[A]:
    clock = ManualClock(START)
    world = World(clock.now)
    host, *_ = datacentre.bare_openstack(world, hosts=4)
    async with openstack_api.serve(world, release=release) as url, adapter(url, clock, **settings) as cloud:
        arena = kind(
            face=openstack_api.FACE,
            action=action,
            clock=clock,
            world=world,
            host=host,
            cloud=cloud,
            moves="/servers/[^/]+/action$",
            address=url,
        )
        for number in range(1, vms + 1):
            arena.add_vm(f"vm-{number}")
        yield arena


@asynccontextmanager
async def adapter(
    url: str,
    clock: Clock,
    *,
    user: str = "admin",
    password: str = PASSWORD,
    bmcs: Bmcs | None = None,
    runner: CommandRunner | None = None,
    **keys: Any,
) -> AsyncIterator[OpenStackCloud]:
    """The adapter with a clouds.yaml of its own, and with these keys of its settings."""
    settings = OpenStackSettings(name="sim", kind="openstack", **{"concurrency": 10, **keys})
    with tempfile.TemporaryDirectory() as folder:
        path = clouds_file(Path(folder), url, user=user, password=password)
        session = Session.of("sim", clouds_yaml=path, timeout=30)
        cloud = OpenStackCloud(settings, session=session, now=clock.now, bmcs=bmcs, runner=runner)
        try:
            yield cloud
        finally:
            await cloud.aclose()


def clouds_file(folder: Path, url: str, *, user: str = "admin", password: str = PASSWORD) -> Path:
    """A clouds.yaml in a folder, with the entry `sim`."""
    project = "admin" if user == "admin" else "demo"
    path = folder / "clouds.yaml"
    path.write_text(f"""\
clouds:
  sim:
    region_name: RegionOne
    auth:
      auth_url: {url}/identity
      username: {user}
      password: {password}
      project_name: {project}
      user_domain_name: Default
      project_domain_name: Default
""")
    return path

"""The evenings that are bent: a dead host evacuated, a host emptied and returned, on OpenStack and on CloudTower."""

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.cloudtower.settings import CloudTowerSettings
from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import FencingSettings, OpenStackSettings
from adapters.openstack.wire.session import Session
from adapters.redfish.bmcs import Bmc, Bmcs
from adapters.redfish.settings import BmcSettings
from adapters.simulated import cloudtower_api, datacentre, openstack_api, redfish_api
from adapters.simulated.cloudtower.gate import PREFIX
from adapters.simulated.cloudtower.state import API_KEY, Tower
from adapters.simulated.middleware import served
from adapters.simulated.records import Platform, Power
from adapters.simulated.world import World
from bot.domain.settings.secret import Secret
from bot.domain.values import Action
from bot.store.archive import SqlArchive
from tests.bends.evening import Evening, WatchedClock
from tests.bends.wire import Wire
from tests.contract.arena_openstack import clouds_file
from tests.store.migrated import open_migrated
from tests.workshop import NoBell


@dataclass(frozen=True, kw_only=True)
class Night:
    """What is done in one evening."""

    name: str
    actions: tuple[Action, ...]
    begun: Callable[..., Any]


@asynccontextmanager
async def _openstack(clock: WatchedClock, wire: Wire, *, dies: bool, patience: float) -> AsyncIterator[Any]:
    """Four hosts; compute-1 holds three VMs, one of them stopped, and dies if that is told."""
    world = World(clock.now)
    host, *others = datacentre.bare_openstack(world, hosts=4)
    async with AsyncExitStack() as stack:
        nova, bmcs = openstack_api.app(world), redfish_api.app(world)
        for app in (nova, bmcs):
            app.middlewares.insert(0, wire.middleware)
        url = await stack.enter_async_context(served(nova))
        bmc_url = await stack.enter_async_context(served(bmcs))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        known = {
            name: Bmc(url=address, username=redfish_api.USERNAME, password=redfish_api.PASSWORD)
            for name, address in redfish_api.systems(world, bmc_url).items()
        }
        session = Session.of("sim", clouds_yaml=clouds_file(Path(folder), url), timeout=patience)
        redfish = {
            name: BmcSettings(url=bmc.url, username=bmc.username, password_env=Secret(bmc.password))
            for name, bmc in known.items()
        }
        cloud = OpenStackCloud(
            OpenStackSettings(
                name="sim",
                kind="openstack",
                api_timeout=timedelta(seconds=patience),
                concurrency=10,
                bring_back="all",
                fencing=FencingSettings(fence=True, redfish=redfish),
            ),
            session=session,
            now=clock.now,
            bmcs=Bmcs(known, now=clock.now, timeout=patience),
        )
        stack.push_async_callback(cloud.aclose)
        datacentre.add_server(world, "web-1", host, flavor="m1.small")
        for at in range(2):
            datacentre.add_server(world, f"other-{at}", others[at], flavor="m1.small")
        await cloud.hosts("", limit=50)  # yesterday: one VM, and everything lives
        await clock.sleep(600)
        datacentre.add_server(world, "web-2", host, flavor="m1.small")
        datacentre.add_server(world, "batch-1", host, flavor="m1.small")
        world.set_power(world.vm("batch-1"), Power.STOPPED)
        for one in (host, *others):
            one.knobs.spawn_seconds = one.knobs.live_seconds = 8.0
        if dies:
            world.hang_host(host.name)  # only its BMC can see to it that it is dead
            await clock.sleep(180)
        yield world, host, cloud


@asynccontextmanager
async def _tower(clock: WatchedClock, wire: Wire, *, patience: float) -> AsyncIterator[Any]:
    """Three nodes; node-1 holds a VM that moves, one that must be shut down and one that is off."""
    world = World(clock.now, sleep=clock.sleep)
    tower = Tower(world=world)
    cluster = world.add_cluster("c1", Platform.CLOUDTOWER)
    nodes = [world.add_host(f"node-{n}", cluster, memory_mb=65536) for n in (1, 2, 3)]
    app = cloudtower_api.app(world, tower=tower)
    app.middlewares.insert(0, wire.middleware)
    async with served(app) as url:
        settings = CloudTowerSettings(
            name="tower",
            kind="cloudtower",
            url=url + PREFIX,
            token_env=Secret(API_KEY),
            poll=timedelta(seconds=5),
            api_timeout=timedelta(seconds=patience),
        )
        cloud = CloudTowerCloud(settings, clock)
        world.add_vm("web-1", nodes[0])
        world.add_vm("other-1", nodes[1])
        await cloud.hosts("", limit=50)
        await clock.sleep(600)
        world.add_vm("web-2", nodes[0])
        gpu = world.add_vm("gpu-1", nodes[0])
        gpu.migratable, gpu.devices, gpu.ha = False, ("gpu",), False
        world.add_vm("batch-1", nodes[0], power=Power.STOPPED)
        for node in nodes:
            node.knobs.live_seconds = 8.0
        await clock.sleep(60)
        yield world, nodes[0], cloud
        await cloud.aclose()


NIGHTS: Mapping[str, Night] = {
    night.name: night
    for night in (
        Night(
            name="evacuation", actions=(Action.EVACUATE,), begun=lambda c, w, t: _openstack(c, w, dies=True, patience=t)
        ),
        Night(
            name="maintenance",
            actions=(Action.ENTER, Action.EXIT),
            begun=lambda c, w, t: _openstack(c, w, dies=False, patience=t),
        ),
        Night(name="tower", actions=(Action.ENTER, Action.EXIT), begun=lambda c, w, t: _tower(c, w, patience=t)),
    )
}


@asynccontextmanager
async def evening(night: Night, *, patience: float = 30.0) -> AsyncIterator[Evening]:
    """A fresh evening of a night, before anything was asked."""
    clock, wire = WatchedClock(), Wire()
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    try:
        async with night.begun(clock, wire, patience) as (world, host, cloud):
            yield Evening(clock=clock, world=world, wire=wire, cloud=cloud, archive=archive, host=host)
    finally:
        await archive.close()


async def through(night: Night, one: Evening, *, until: str = "") -> None:
    """All that is done in the evening, until something cannot be done.

    Args:
        night: what is done.
        one: its evening.
        until: the last action; empty: all.
    """
    for action in night.actions:
        if await one.operate(action) is None or action == until:
            return

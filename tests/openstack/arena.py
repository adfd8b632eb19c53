"""The contract's arenas over the real services: a compute that is dead for the whole module, and one that lives.

From the dead host each case takes as many VMs as it needs, by naming them: what was evacuated never comes back there,
and to bring a host back takes half a minute. The living host is given what it lacks.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from adapters.openstack.things import OPEN
from adapters.simulated import datacentre, openstack_api
from adapters.simulated.world import World
from bot.clock import SystemClock
from bot.domain.cloud import Request
from bot.domain.values import Action
from tests.contract.arena_openstack import OpenStackArena, adapter
from tests.contract.clouds import Guest
from tests.openstack.between import standing_between
from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD

DEAD, LIVING = "compute-2", "compute-1"


@dataclass(kw_only=True)
class RealArena(OpenStackArena):
    """A host of the real cloud. Its world only notes the calls and orders faults."""

    clock: SystemClock
    real: Cloud
    meant: list[str]  #: ids of the VMs that are asked for; none: the whole host

    def request(self, **changes: Any) -> Request:
        return super().request(**{"vms": tuple(self.meant), "is_choice": bool(self.meant)} | changes)

    async def guests(self) -> Sequence[Guest]:
        return await asyncio.to_thread(_guests, self.real, self.host.name)

    async def misplaced(self) -> Sequence[Guest]:
        return [guest for guest in await self.guests() if not self.meant or guest.id in self.meant]

    async def one_more(self, name: str) -> None:
        if self.meant:
            newcomer = next(guest.id for guest in await self.guests() if guest.id not in self.meant)
            await asyncio.to_thread(self.real.rename, newcomer, name)
            self.meant.append(newcomer)
        else:
            await asyncio.to_thread(self.real.boot, 1, on=self.host.name, name=name)

    async def delete(self, guest: Guest) -> None:
        await asyncio.to_thread(self.real.delete, guest.id)

    async def pass_time(self, seconds: float) -> None:
        """A moment at most: cases look repeatedly, and what takes minutes in a simulated cloud takes seconds here."""
        await self.clock.sleep(min(seconds, 0.5))


@asynccontextmanager
async def dead_host(real: Cloud, *, vms: int = 3) -> AsyncIterator[RealArena]:
    """The dead host, of whose VMs so many are asked for."""
    await asyncio.to_thread(_settled, real, DEAD)
    meant = [guest.id for guest in _guests(real, DEAD)[:vms]]
    assert len(meant) == vms, "more VMs must wait on the dead host"
    async with _arena(real, DEAD, Action.EVACUATE, meant=meant) as arena:
        yield arena


@asynccontextmanager
async def living_host(real: Cloud, *, vms: int = 3) -> AsyncIterator[RealArena]:
    """The living host in service, with at least so many VMs."""
    await asyncio.to_thread(_settled, real, LIVING)
    await asyncio.to_thread(real.change_service, LIVING, {"status": "enabled"})
    lacking = vms - len(_guests(real, LIVING))
    if lacking > 0:
        await asyncio.to_thread(real.boot, lacking, on=LIVING)
    async with _arena(real, LIVING, Action.ENTER, meant=[]) as arena:
        yield arena


@asynccontextmanager
async def _arena(real: Cloud, host: str, action: Action, *, meant: list[str]) -> AsyncIterator[RealArena]:
    clock = SystemClock()
    world = World(clock.now)
    names = {each.name: each for each in datacentre.bare_openstack(world, hosts=len(real.computes))}
    async with standing_between(world, real.settings) as url, adapter(url, clock, password=PASSWORD) as cloud:
        yield RealArena(
            face=openstack_api.FACE,
            action=action,
            clock=clock,
            world=world,
            host=names[host],
            cloud=cloud,
            moves="/servers/[^/]+/action$",
            address=url,
            real=real,
            meant=meant,
        )


def _guests(real: Cloud, host: str) -> list[Guest]:
    return sorted((Guest(id=s["id"], name=s["name"]) for s in real.servers(on=host)), key=lambda guest: guest.name)


def _settled(real: Cloud, host: str) -> None:
    """Wait until nothing that an earlier case began still moves from a host."""
    until(
        f"the moves from {host} to end",
        lambda: not any(record["status"] in OPEN for record in real.migrations(host, kind=None)),
        seconds=120,
    )

"""The contract's arenas over the real services: a compute that is dead for the whole module, and one that lives.

From the dead host each case takes as many VMs as it needs, by naming them: what was evacuated never comes back there,
and to bring a host back takes half a minute. The living host is given what it lacks. A host that returns is emptied by
Muster itself, once, and stays so for the next case unless one has returned it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from adapters.openstack.model.resources import OPEN
from adapters.simulated import datacentre, openstack_api
from adapters.simulated.world import World
from bot.domain.cloud import Left, Request
from bot.domain.values import Action, VmId
from bot.runtime.clock import SystemClock
from tests.contract.arena_openstack import OpenStackArena, adapter
from tests.contract.clouds import Guest, ReturnArena
from tests.openstack.between import standing_between
from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD

DEAD, LIVING, TARGET = "compute-2", "compute-1", "compute-3"


class RealClock(SystemClock):
    """The machine's."""

    async def pass_time(self, seconds: float) -> None:
        """A moment at most: cases look repeatedly, and what takes minutes in a simulated cloud takes seconds here."""
        await self.sleep(min(seconds, 0.5))


@dataclass(kw_only=True)
class RealArena(OpenStackArena):
    """A host of the real cloud. Its world only notes the calls and orders faults."""

    clock: RealClock
    real: Cloud

    async def delete(self, guest: Guest) -> None:
        await asyncio.to_thread(self.real.delete, guest.id)

    async def pass_time(self, seconds: float) -> None:
        """Let it pass for the real cloud; in the world nothing falls due."""
        await self.clock.pass_time(seconds)


@dataclass(kw_only=True)
class RealSource(RealArena):
    """A host that is to be emptied, dead or alive."""

    meant: list[str]  #: ids of the VMs that are asked for; none: the whole host

    def request(self, **changes: Any) -> Request:
        return super().request(**{"vms": tuple(self.meant), "is_choice": bool(self.meant)} | changes)

    async def guests(self) -> Sequence[Guest]:
        return await asyncio.to_thread(_guests, self.real, self.host.name)

    def is_where_it_should_be(self, guest: Guest) -> bool:
        return bool(self.meant) and guest.id not in self.meant

    async def one_more(self, name: str) -> None:
        if self.meant:
            newcomer = next(guest.id for guest in await self.guests() if guest.id not in self.meant)
            await asyncio.to_thread(self.real.rename, newcomer, name)
            self.meant.append(newcomer)
        else:
            await asyncio.to_thread(self.real.boot, 1, on=self.host.name, name=name)


@dataclass(kw_only=True)
class RealReturn(ReturnArena, RealArena):
    """A host that is to return."""

    async def guests(self) -> Sequence[Guest]:
        found = {guest.id: guest for guest in await asyncio.to_thread(_guests, self.real)}
        return [found[left.id] for left in self.ledger if left.id in found]

    async def is_in_service(self) -> bool:
        service = await asyncio.to_thread(self.real.service, self.host.name)
        return (service["status"], service["state"]) == ("enabled", "up")

    async def move_on(self, guest: Guest) -> str:
        there = next(name for name in self.real.computes if name not in {guest.host, self.host.name})
        await asyncio.to_thread(_move, self.real, guest, there)
        return there

    async def kill_host(self) -> None:
        await asyncio.to_thread(self.real.kill_compute, self.host.name)
        await asyncio.to_thread(self.real.wait_for_service, self.host.name, "down")


@asynccontextmanager
async def dead_host(real: Cloud, *, vms: int = 3) -> AsyncIterator[RealSource]:
    """The dead host, of whose VMs so many are asked for."""
    await asyncio.to_thread(_settled, real, DEAD)
    meant = [guest.id for guest in _guests(real, DEAD)[:vms]]
    assert len(meant) == vms, "more VMs must wait on the dead host"
    async with _arena(RealSource, real, DEAD, Action.EVACUATE, meant=meant) as arena:
        yield arena


@asynccontextmanager
async def living_host(real: Cloud, *, vms: int = 3) -> AsyncIterator[RealSource]:
    """The living host in service, with at least so many VMs."""
    await asyncio.to_thread(_settled, real, LIVING)
    await asyncio.to_thread(_in_service, real, LIVING, lacking=vms - len(_guests(real, LIVING)))
    async with _arena(RealSource, real, LIVING, Action.ENTER, meant=[]) as arena:
        yield arena


@asynccontextmanager
async def emptied_host(real: Cloud, *, vms: int = 3) -> AsyncIterator[RealReturn]:
    """The living host in maintenance, and so many VMs that were on it.

    It is emptied if it is in service. Of what an earlier case has left elsewhere, the books say that it was left there.
    """
    lacking = vms - len(_guests(real))
    if lacking > 0 or real.service(LIVING)["state"] != "up":
        await asyncio.to_thread(_in_service, real, LIVING, lacking=lacking)
    async with _arena(RealReturn, real, LIVING, Action.EXIT) as arena:
        if await arena.is_in_service():
            await arena.empty(action=Action.ENTER, to=TARGET)
        books = {left.id: left for left in arena.ledger}
        arena.ledger = tuple(
            books.get(VmId(guest.id)) or Left(id=VmId(guest.id), name=guest.name, status=guest.status, place=guest.host)
            for guest in _guests(real)[:vms]
        )
        yield arena


@asynccontextmanager
async def revived_host(real: Cloud, *, vms: int = 3) -> AsyncIterator[RealReturn]:
    """The living host after it died, was evacuated, and was started again."""
    await asyncio.to_thread(_in_service, real, LIVING, lacking=vms - len(_guests(real, LIVING)))
    async with _arena(RealReturn, real, LIVING, Action.EXIT) as arena:
        await arena.kill_host()
        await arena.empty(action=Action.EVACUATE, to=TARGET)
        await asyncio.to_thread(real.start_compute, LIVING)
        arena.ledger = arena.ledger[:vms]
        yield arena


R = TypeVar("R", bound=RealArena)


@asynccontextmanager
async def _arena(kind: type[R], real: Cloud, host: str, action: Action, **more: Any) -> AsyncIterator[R]:
    clock = RealClock()
    world = World(clock.now)
    names = {each.name: each for each in datacentre.bare_openstack(world, hosts=len(real.computes))}
    async with (
        standing_between(world, real.settings) as url,
        adapter(url, clock, password=PASSWORD, bring_back="all") as cloud,
    ):
        yield kind(
            face=openstack_api.FACE,
            action=action,
            clock=clock,
            world=world,
            host=names[host],
            cloud=cloud,
            moves="/servers/[^/]+/action$",
            address=url,
            real=real,
            **more,
        )


def _guests(real: Cloud, host: str | None = None) -> list[Guest]:
    """The VMs of a host, or of the whole cloud, by name."""
    found = (
        Guest(id=s["id"], name=s["name"], host=s["OS-EXT-SRV-ATTR:host"], status=s["status"])
        for s in real.servers(on=host)
    )
    return sorted(found, key=lambda guest: guest.name)


def _in_service(real: Cloud, host: str, *, lacking: int) -> None:
    """Have a host up and enabled, and boot there as many VMs as are lacking."""
    if real.service(host)["state"] != "up":
        real.revive(host)
    real.change_service(host, {"status": "enabled"})
    if lacking > 0:
        real.boot(lacking, on=host)


def _move(real: Cloud, guest: Guest, there: str) -> None:
    real.act(guest.id, "os-migrateLive", {"host": there, "block_migration": "auto"})
    until(
        f"{guest.name} to be on {there}",
        lambda: real.server(guest.id)["OS-EXT-SRV-ATTR:host"] == there,
        seconds=60,
    )
    _settled(real, guest.host)


def _settled(real: Cloud, host: str) -> None:
    """Wait until nothing that an earlier case began still moves from a host."""
    until(
        f"the moves from {host} to end",
        lambda: not any(record["status"] in OPEN for record in real.migrations(host, kind=None)),
        seconds=120,
    )

"""A host that is emptied through Nova's one slot for live migrations, by the whole bot on time that leaps.

The slot stands empty for no look, and a VM whose memory changes faster than it is copied gives it to the others.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from adapters.openstack.settings import MigrationSettings
from adapters.simulated import datacentre, openstack_api
from adapters.simulated.faults import Break, MoveFault
from adapters.simulated.records import SimHost, SimVm
from adapters.simulated.world import World
from bot.domain.operation import Operation
from bot.domain.values import Action
from bot.store.archive import SqlArchive
from tests.bends.evening import Evening, WatchedClock
from tests.bends.wire import Wire
from tests.contract.arena_openstack import adapter
from tests.store.migrated import open_migrated
from tests.workshop import NoBell

COPY_SECONDS, EACH_SECONDS = 20.0, 21.0
"""What it takes to copy the memory of a VM, and what a VM is in the slot and on its way there from the one before."""


@dataclass
class Slot:
    """How much of the time somebody was in the host's one slot."""

    world: World
    host: SimHost
    used: list[bool] = field(default_factory=list)
    most: int = 0

    def watch(self) -> None:
        """Look four times a second of simulated time."""
        mine = [m for m in self.world.moves if m.source is self.host]
        inside = [m for m in mine if m.status in {"preparing", "running", "post-migrating"}]
        self.most = max(self.most, len(inside))
        if mine:
            self.used.append(bool(inside))
        self.world.after(0.25, self.watch)

    @property
    def share(self) -> float:
        """From the first VM in it to the last."""
        first = self.used.index(True)
        last = len(self.used) - self.used[::-1].index(True)
        return sum(self.used[first:last]) / (last - first)


@dataclass(kw_only=True)
class Drain:
    """A living host with VMs, and an evening to empty it."""

    evening: Evening
    slot: Slot
    vms: list[SimVm]

    async def run(self, *again: SimVm) -> Operation:
        """Empty it; these VMs may be begun again, and everything else that is said and done must be so."""
        ended = await self.evening.operate(Action.ENTER)
        begun_again = [c for c in self.evening.complaints if c.startswith("begun") and any(vm.id in c for vm in again)]
        assert [c for c in self.evening.complaints if c not in begun_again] == []
        assert ended is not None
        return ended

    def seconds(self, *vms: SimVm) -> float:
        """From the first order of all until the last of these has left."""
        moves = [m for m in self.evening.world.moves if m.source is self.slot.host]
        last = max(m.updated_at or m.created_at for m in moves if m.vm in vms and m.status == "completed")
        return (last - min(m.created_at for m in moves)).total_seconds()


@asynccontextmanager
async def drain(*, vms: int = 5, poll: float = 2.0, deadline: float = 1800.0) -> AsyncIterator[Drain]:
    clock = WatchedClock()
    world = World(clock.now)
    host, *others = datacentre.bare_openstack(world, hosts=4)
    for other in others:
        other.knobs.live_seconds = COPY_SECONDS
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    async with (
        openstack_api.serve(world) as url,
        adapter(
            url,
            clock,
            concurrency=100,
            poll=timedelta(seconds=poll),
            migration=MigrationSettings(deadline=timedelta(seconds=deadline)),
        ) as cloud,
    ):
        datacentre.add_server(world, "other-0", others[0], flavor="m1.small")
        guests = [datacentre.add_server(world, f"vm-{n}", host, flavor="m1.small") for n in range(vms)]
        evening = Evening(clock=clock, world=world, wire=Wire(), cloud=cloud, archive=archive, host=host)
        slot = Slot(world, host)
        slot.watch()
        yield Drain(evening=evening, slot=slot, vms=guests)
    await archive.close()


@pytest.mark.parametrize("poll", [2.0, pytest.param(8.0, marks=pytest.mark.long)])
async def test_the_slot_stands_empty_for_no_look(poll: float) -> None:
    async with drain(poll=poll) as one:
        await one.run()
        assert one.slot.most == 1
        assert one.slot.share >= 0.99  # without one that waits it stands empty for a look after each


async def test_a_vm_that_never_converges_costs_the_others_a_minute_at_most_and_is_tried_again_last() -> None:
    async with drain() as one:
        hot, *others = one.vms
        one.evening.world.faults.order_move(MoveFault(how=Break.HANG, vm=hot.name))
        ended = await one.run(hot)
        assert one.seconds(*others) <= len(others) * EACH_SECONDS + 60
        assert one.seconds(hot) > one.seconds(*others)
        assert [m.status for m in one.evening.world.moves if m.vm is hot] == ["cancelled", "completed"]
        assert ended.outcome == f"{len(one.vms)} VMs verified"
        assert any(f"let others go before {hot.name}" in line for line in one.evening.lines)
        assert not one.evening.detours, "nobody was asked"


def forced(world: World) -> None:
    """A person has what is in the slot complete."""
    for move in world.moves:
        if move.status == "running":
            move.status, move.vm.task, move.vm.host = "completed", None, move.dest


@pytest.mark.parametrize("many", [2, pytest.param(3, marks=pytest.mark.long)])
async def test_of_several_that_never_converge_none_waits_for_another_and_a_person_is_asked_about_each(
    many: int,
) -> None:
    async with drain(vms=many + 2, poll=8.0, deadline=120.0) as one:
        hot, others, world = one.vms[:many], one.vms[many:], one.evening.world
        for vm in hot:
            world.faults.order_move(MoveFault(how=Break.HANG, vm=vm.name, times=2))
        world.after(240.0 + 120.0 * many, lambda: forced(world))
        ended = await one.run(*hot)
        courses = sorted([m.status for m in world.moves if m.vm is vm] for vm in hot)
        assert courses == [*[["cancelled", "cancelled", "completed"]] * (many - 1), ["cancelled", "completed"]]
        assert one.seconds(*others) <= len(others) * EACH_SECONDS + many * 60
        (asked,) = one.evening.detours
        assert asked.count("let others go first once, kept them waiting again, and was aborted") == many - 1
        assert any("decide about the live migration of" in line for line in one.evening.lines), "about the last"
        assert ended.outcome == f"{len(one.vms)} VMs verified"

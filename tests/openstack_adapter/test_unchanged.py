"""The look right before a start: a VM is believed untouched by a row that proves it, and by nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.simulated.openstack_api import Release
from adapters.simulated.things import Vm
from bot.domain.cloud import Seen
from bot.domain.plan import Step
from tests.contract.arena_openstack import OpenStackArena, openstack_arena
from tests.contract.clouds import up_to_the_move

UNTOUCHED = ["servers"]


async def marked(arena: OpenStackArena, *, number: int = 1, age: float = 3_600) -> list[Step]:
    """The first evacuations, marked as right before their start, of VMs last touched so many seconds before that."""
    await up_to_the_move(arena, await arena.planned())
    steps = [s for s in (await arena.planned()).steps if s.verb == "evacuate"][:number]
    for step in steps:
        arena.world.vms[step.target].updated_at = arena.world.now - timedelta(seconds=age)
    seen = await arena.cloud.look(steps)
    return [replace(s, before=seen[s.key].mark) for s in steps]


async def looked(arena: OpenStackArena, *steps: Step) -> tuple[set[Seen], list[str]]:
    """What a look shows of them, and the last words of the paths that it asked."""
    before = len(arena.calls())
    seen = await arena.cloud.look(steps)
    return {s.seen for s in seen.values()}, [c.path.rpartition("/")[2] for c in arena.calls()[before:]]


async def test_a_vm_that_nobody_touched_costs_one_row_and_keeps_its_mark() -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena)
        assert await looked(arena, step) == ({Seen.NEVER_STARTED}, UNTOUCHED)
        seen = (await arena.cloud.look([step]))[step.key]
        assert (seen.mark, seen.place) == (step.before, arena.host.name)
        assert seen.sentence == f"{step.arguments['name']} is still on {arena.host.name}, ACTIVE."


def _given_a_task(vm: Vm) -> None:
    vm.task = "rebuilding"  # an evacuation that somebody asked for, before there is a record of it


def _deleted(vm: Vm) -> None:
    vm.task = "deleting"


@pytest.mark.parametrize("touch", [_given_a_task, _deleted])
async def test_a_vm_that_somebody_touched_since_its_mark_is_looked_at(touch: Callable[[Vm], None]) -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena)
        vm = arena.world.vms[step.target]
        touch(vm)
        vm.updated_at = arena.world.now
        seen, asked = await looked(arena, step)
        assert seen.isdisjoint({Seen.NEVER_STARTED})
        assert asked == [*UNTOUCHED, "os-migrations", step.target]


async def test_a_vm_that_is_gone_or_elsewhere_since_its_mark_is_looked_at() -> None:
    async with openstack_arena(vms=3) as arena:
        gone, away = await marked(arena, number=2)
        arena.world.delete_vm(str(gone.arguments["name"]))
        arena.world.vms[away.target].host = arena.world.host("compute-3")  # without any change of its stamp
        seen, asked = await looked(arena, gone, away)
        assert seen == {Seen.DONE}
        assert {gone.target, away.target} <= set(asked)


async def test_a_vm_whose_evacuation_has_a_record_is_underway_by_that() -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena)
        receipt = await arena.cloud.start(step)
        assert await looked(arena, step) == ({Seen.UNDERWAY}, [*UNTOUCHED, "os-migrations"])
        assert await looked(arena, replace(step, receipt=receipt)) == ({Seen.UNDERWAY}, ["os-migrations"])


async def test_a_vm_that_was_touched_right_before_its_mark_is_looked_at() -> None:
    """Its stamp, in whole seconds, would not tell another change in the same second."""
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena, age=29)
        assert await looked(arena, step) == ({Seen.NEVER_STARTED}, ["os-migrations", step.target])


async def test_a_nova_that_cannot_list_by_the_last_change_is_asked_for_the_vm() -> None:
    async with openstack_arena(vms=2, release=Release(nova=65)) as arena:
        (step,) = await marked(arena)
        assert await looked(arena, step) == ({Seen.NEVER_STARTED}, ["os-migrations", step.target])


async def test_many_vms_are_listed_together() -> None:
    async with openstack_arena(vms=9) as arena:
        steps = await marked(arena, number=9)
        assert await looked(arena, *steps) == ({Seen.NEVER_STARTED}, ["os-migrations", "detail"])

"""Rows right before a start and at the end of a move: what one proves is believed, and what none proves is looked at."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.simulated.openstack_api import Release
from adapters.simulated.records import SimVm
from bot.domain.cloud import Seen
from bot.domain.plans.plan import Step
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena
from tests.contract.clouds import up_to_the_move
from tests.steps import steps_of

Region = Callable[..., AbstractAsyncContextManager[OpenStackArena]]
ROW = ["servers"]


LIFE = "os-services"  #: whether the host has come to life, asked once for all that may be about to start


async def marked(arena: OpenStackArena, *, number: int = 1, age: float = 3_600, verb: str = "evacuate") -> list[Step]:
    """The first moves, marked as right before their start, of VMs last touched so many seconds before that."""
    await up_to_the_move(arena, await arena.planned())
    steps = [s for s in steps_of(await arena.planned()) if s.verb == verb][:number]
    for step in steps:
        arena.world.vms[step.target].updated_at = arena.world.now - timedelta(seconds=age)
    seen = await arena.cloud.look(steps)
    return [replace(s, before=seen[s.key].mark) for s in steps]


async def looked(arena: OpenStackArena, *steps: Step) -> tuple[set[Seen], list[str]]:
    """What a look shows of them, and the last words of the paths that it asked."""
    before = len(arena.calls())
    seen = await arena.cloud.look(steps)
    asked = [c.path.rpartition("/")[2] for c in arena.calls()[before:]]
    return {s.seen for s in seen.values()}, sorted(asked, key=LIFE.__eq__)  # beside all others


async def test_a_vm_that_nobody_touched_costs_one_row_and_keeps_its_mark() -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena)
        assert await looked(arena, step) == ({Seen.NEVER_STARTED}, [*ROW, LIFE])
        seen = (await arena.cloud.look([step]))[step.key]
        assert (seen.mark, seen.place) == ({**(step.before or {}), "in_vain": True}, arena.host.name)
        assert seen.sentence == f"{step.arguments['name']} is still on {arena.host.name}, ACTIVE."


def _given_a_task(vm: SimVm) -> None:
    vm.task = "rebuilding"  # an evacuation that somebody asked for, before there is a record of it


def _deleted(vm: SimVm) -> None:
    vm.task = "deleting"


@pytest.mark.parametrize("touch", [_given_a_task, _deleted])
async def test_a_vm_that_somebody_touched_since_its_mark_is_looked_at(touch: Callable[[SimVm], None]) -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena)
        vm = arena.world.vms[step.target]
        touch(vm)
        vm.updated_at = arena.world.now
        seen, asked = await looked(arena, step)
        assert seen.isdisjoint({Seen.NEVER_STARTED})
        assert asked == [*ROW, "os-migrations", step.target, LIFE]


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
        assert await looked(arena, step) == ({Seen.UNDERWAY}, [*ROW, "os-migrations", LIFE])
        assert await looked(arena, replace(step, receipt=receipt)) == ({Seen.UNDERWAY}, ["os-migrations"])


async def test_a_vm_that_was_touched_right_before_its_mark_is_looked_at() -> None:
    """Its stamp, in whole seconds, would not tell another change in the same second."""
    async with openstack_arena(vms=2) as arena:
        (step,) = await marked(arena, age=29)
        assert await looked(arena, step) == ({Seen.NEVER_STARTED}, ["os-migrations", step.target, LIFE])


async def test_a_nova_that_cannot_list_by_the_last_change_is_asked_for_the_vm() -> None:
    async with openstack_arena(vms=2, release=Release(nova=65)) as arena:
        (step,) = await marked(arena)
        assert await looked(arena, step) == ({Seen.NEVER_STARTED}, ["os-migrations", step.target, LIFE])


async def test_many_vms_are_listed_together() -> None:
    async with openstack_arena(vms=9) as arena:
        steps = await marked(arena, number=9)
        assert await looked(arena, *steps) == ({Seen.NEVER_STARTED}, ["os-migrations", "detail", LIFE])


# ---------------------------------------------------------------------- the end


async def moved(arena: OpenStackArena, *, number: int = 1, verb: str = "evacuate") -> list[Step]:
    """The first moves, started and waited for until their records have ended."""
    steps = [replace(s, receipt=await arena.cloud.start(s)) for s in await marked(arena, number=number, verb=verb)]
    await arena.pass_time(60)
    return steps


@pytest.mark.parametrize(("of_host", "verb"), [(openstack_arena, "evacuate"), (openstack_enter_arena, "live-migrate")])
async def test_a_vm_that_has_arrived_costs_the_records_and_one_row(of_host: Region, verb: str) -> None:
    async with of_host(vms=2) as arena:
        (step,) = await moved(arena, verb=verb)
        target = arena.world.vms[step.target].host
        seen, asked = await looked(arena, step)
        assert (seen, asked[-2:]) == ({Seen.DONE}, ["os-migrations", *ROW])
        found = (await arena.cloud.look([step]))[step.key]
        assert target is not None
        assert (found.place, found.sentence) == (target.name, f"{step.arguments['name']} is on {target.name}.")
        assert re.fullmatch(
            rf"migration #1: \w+, {arena.host.name} to {target.name}; server {step.target}: ACTIVE on .*", found.raw
        )


def _in_error(vm: SimVm) -> None:
    vm.state = "error"


def _elsewhere(vm: SimVm) -> None:
    vm.host = None


def _busy(vm: SimVm) -> None:
    vm.task, vm.updated_at = "powering-off", vm.updated_at + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("touch", "shows"), [(_in_error, Seen.FAILED), (_elsewhere, Seen.UNCLEAR), (_busy, Seen.UNDERWAY)]
)
async def test_a_vm_that_is_not_as_its_record_says_is_looked_at(touch: Callable[[SimVm], None], shows: Seen) -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await moved(arena)
        touch(arena.world.vms[step.target])
        seen, asked = await looked(arena, step)
        assert (seen, asked[:3]) == ({shows}, ["os-migrations", *ROW, step.target])


async def test_a_vm_that_somebody_else_moved_is_looked_at() -> None:
    """The record is in the mark, so that it is none of ours."""
    async with openstack_arena(vms=2) as arena:
        (step,) = await moved(arena)
        foreign = replace(step, before={**(step.before or {}), "migrations": [1]})
        assert await looked(arena, foreign) == ({Seen.DONE}, ["os-migrations", step.target])


async def test_a_vm_that_shall_be_stopped_is_looked_at() -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await moved(arena)
        stopped = replace(step, arguments={**step.arguments, "wanted": ["SHUTOFF"]})
        seen, asked = await looked(arena, stopped)
        assert (seen, asked[:2]) == ({Seen.FAILED}, ["os-migrations", step.target])


async def test_a_vm_that_came_to_another_host_than_the_only_right_one_is_looked_at() -> None:
    async with openstack_arena(vms=2) as arena:
        (step,) = await moved(arena)
        home = replace(step, arguments={**step.arguments, "exactly": True, "to": "compute-9"})
        seen, asked = await looked(arena, home)
        assert (seen, asked[:2]) == ({Seen.FAILED}, ["os-migrations", step.target])


async def test_many_vms_that_have_arrived_are_listed_together() -> None:
    async with openstack_arena(vms=9) as arena:
        assert await looked(arena, *await moved(arena, number=9)) == ({Seen.DONE}, ["os-migrations", "detail"])

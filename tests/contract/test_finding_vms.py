"""Where VMs are that no step is about: moved meanwhile, deleted meanwhile, still there, and where nobody could tell."""

import pytest

from adapters.openstack.survey.servers import FEW
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.openstack_api import Release
from bot.domain.abilities import FindsVms, VmPlace
from bot.domain.cloud import AnyCloud, CloudError
from bot.domain.values import VmId
from tests.adapters.openstack.bends import bent, says
from tests.contract.arena_openstack import openstack_arena
from tests.contract.clouds import Arena, ArenaOf, ReturnOf


def searching(cloud: AnyCloud) -> FindsVms:
    assert isinstance(cloud, FindsVms)
    return cloud


async def last(arena: Arena) -> dict[VmId, str]:
    return {VmId(guest.id): guest.host for guest in await arena.guests()}


async def test_each_is_found_where_it_is_and_a_deleted_one_nowhere(return_of: ReturnOf) -> None:
    async with return_of(vms=3) as arena:
        astray, deleted, still = await arena.guests()
        known = await last(arena)
        there = await arena.move_on(astray)
        await arena.delete(deleted)
        found = {place.vm: place for place in await searching(arena.cloud).find(known)}
    assert found.keys() == known.keys()
    assert found[VmId(astray.id)] == VmPlace(vm=VmId(astray.id), host=there)
    assert found[VmId(still.id)] == VmPlace(vm=VmId(still.id), host=still.host)
    gone = found[VmId(deleted.id)]
    assert gone.host == ""
    assert gone.is_gone or "does not show it any more" in gone.unknown, "a list that leaves it out is no proof"


async def test_calls_do_not_grow_with_the_vms(arena_of: ArenaOf) -> None:
    calls = []
    for vms in (FEW - 1, 40):
        async with arena_of(vms=vms) as arena:
            known = await last(arena)
            await searching(arena.cloud).find(known)
            before = len(arena.calls())
            found = await searching(arena.cloud).find(known)
            assert {place.vm: place.host for place in found} == known
            calls.append(len(arena.calls()) - before)
    assert calls[1] <= calls[0]


async def test_where_nobody_answers_none_is_called_gone(arena_of: ArenaOf) -> None:
    async with arena_of(vms=2) as arena:
        known = await last(arena)
        await searching(arena.cloud).find(known)
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, status=503, face=arena.face, times=None))
        try:
            found = await searching(arena.cloud).find(known)
        except CloudError:
            return
    assert all(place.unknown and not place.is_gone and not place.host for place in found)


@pytest.mark.parametrize("release", [Release(), Release(nova=42, placement=4)])
@pytest.mark.parametrize("vms", [2, FEW + 3])
async def test_a_vm_that_moved_into_a_silent_cell_is_not_called_gone_and_hides_no_other(
    release: Release, vms: int
) -> None:
    async with openstack_arena(vms=vms, release=release) as arena:
        known = await last(arena)
        arena.world.relocate(arena.world.vm("vm-1"), arena.world.host("compute-4"))
        arena.world.faults.silence("compute-4")
        found = {place.vm: place for place in await searching(arena.cloud).find(known)}
        astray = found.pop(VmId(arena.world.vm("vm-1").id))
    assert not astray.is_gone
    assert astray.host == ""
    assert astray.unknown
    assert all(place.host == arena.host.name for place in found.values()), found


async def test_a_list_that_is_short_makes_no_vm_gone() -> None:
    async with openstack_arena(vms=FEW + 3) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        known = await last(arena)
        bends.on("/servers/detail", says('{"servers": []}'))
        try:
            found = await searching(cloud).find(known)
        except CloudError:
            return
    assert all(place.unknown or place.host == known[place.vm] for place in found), found

"""Another cloud than the plan was made of, as a changed clouds.yaml names it, knows none of its VMs: nothing is done."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

import pytest

from adapters.openstack.survey.servers import FEW
from bot.domain.cloud import AnyCloud, Seen
from bot.domain.plans.plan import Step
from tests.contract.arena_openstack import (
    OpenStackArena,
    adapter,
    openstack_arena,
    openstack_enter_arena,
    openstack_exit_arena,
)
from tests.steps import steps_of

Region: TypeAlias = Callable[..., AbstractAsyncContextManager[OpenStackArena]]


@asynccontextmanager
async def another() -> AsyncIterator[AnyCloud]:
    """A region whose hosts are called the same, and that has nothing else of the first."""
    async with openstack_enter_arena(vms=0) as arena:
        for host in arena.world.hosts.values():
            host.service_id = arena.world.new_uuid()
        yield arena.cloud


async def of_vms(arena: OpenStackArena) -> Sequence[Step]:
    """The steps about VMs of a plan that locks them, where it does."""
    async with adapter(arena.address, arena.clock, lock_vms=True, bring_back="all") as cloud:
        request = arena.request()
        plan = cloud.plan(request, await cloud.survey(request, arena.books))
    return [s for s in steps_of(plan) if s.vm is not None]


@pytest.mark.parametrize("vms", [2, FEW + 3])
@pytest.mark.parametrize("region", [openstack_arena, openstack_enter_arena, openstack_exit_arena])
async def test_a_vm_that_another_cloud_does_not_know_was_not_deleted(region: Region, vms: int) -> None:
    async with region(vms=vms) as arena, another() as other:
        steps = await of_vms(arena)
        assert len({s.vm for s in steps}) == vms
        seen = await other.look(steps)
    assert {one.seen for one in seen.values()} == {Seen.UNCLEAR}
    assert all("or this is another cloud" in one.sentence for one in seen.values())
    assert all("clouds.yaml" in one.remedy for one in seen.values())


async def test_a_vm_whose_record_nova_has_was_deleted_though_its_hosts_service_is_gone_too() -> None:
    async with openstack_arena(vms=2) as arena:
        steps = [s for s in await of_vms(arena) if s.verb == "evacuate"]
        before = await arena.cloud.look(steps)
        moved = replace(steps[0], before=before[steps[0].key].mark)
        arena.host.forced_down = True
        await arena.cloud.start(moved)
        await arena.pass_time(3600)
        for step in steps:
            arena.world.delete_vm(step.target)
        arena.host.service_id = arena.world.new_uuid()
        seen = await arena.cloud.look([moved, steps[1]])
    assert [one.seen for one in seen.values()] == [Seen.DONE, Seen.UNCLEAR]


async def test_a_plan_of_an_earlier_release_names_no_service_and_is_looked_at_as_before() -> None:
    async with openstack_arena(vms=1) as arena, another() as other:
        steps = [replace(s, witness="") for s in await of_vms(arena)]
        assert {one.seen for one in (await other.look(steps)).values()} == {Seen.DONE}

"""What is under way is seen by the newest records of its host, and nothing of that is missed, however many there are."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters.simulated.openstack_api import Release
from adapters.simulated.records import Move, MoveKind, SimVm
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import Step
from tests.adapters.openstack.bends import bent
from tests.clocks import ManualClock
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena
from tests.contract.clouds import up_to_the_move

YEARS = timedelta(days=900)
OF_YEARS = 2_400
JUST_NOW = timedelta(minutes=10)


def record(arena: OpenStackArena, vm: SimVm, *, at: datetime, status: str = "done", **said: Any) -> Move:
    move = Move(
        id=len(arena.world.moves) + 1,
        uuid=arena.world.new_uuid(),
        kind=MoveKind.EVACUATION,
        vm=vm,
        source=arena.host,
        dest=arena.world.host("compute-3"),
        status=status,
        created_at=at,
        request_id="",
    )
    arena.world.moves.append(replace(move, **said))
    return arena.world.moves[-1]


def grown(arena: OpenStackArena, number: int, *, ago: timedelta, apart: timedelta = timedelta(hours=1)) -> None:
    """So many records of a VM that no plan moves, an hour apart."""
    other = arena.world.add_vm("elsewhere", arena.world.host("compute-2"))
    for one in range(number):
        at = arena.world.now - ago + apart * one
        record(arena, other, at=at, updated_at=at)


async def marked(arena: OpenStackArena) -> Step:
    """The first move, marked as right before its start; its VM was touched just now, so no row proves anything."""
    step = await up_to_the_move(arena, await arena.planned())
    vm = arena.world.vms[step.target]
    vm.updated_at = arena.world.now
    return replace(step, before=(await arena.cloud.look([step]))[step.key].mark)


async def look(arena: OpenStackArena, step: Step) -> tuple[Sighting, int]:
    """What is seen of it, and for how many pages of records."""
    before = len(arena.calls())
    seen = (await arena.cloud.look([step]))[step.key]
    return seen, len([c for c in arena.calls()[before:] if c.path.endswith("/os-migrations")])


async def test_what_is_under_way_is_seen_on_one_page_of_years_of_records() -> None:
    async with openstack_arena(vms=2) as arena:
        grown(arena, OF_YEARS, ago=YEARS)
        step = await marked(arena)
        assert (await look(arena, replace(step, before=None)))[1] == 3
        seen, pages = await look(arena, replace(step, receipt=await arena.cloud.start(step)))
        assert (seen.seen, pages) == (Seen.UNDERWAY, 1)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=55)])
async def test_an_order_that_nobody_has_changed_yet_is_seen_whichever_clock_dated_it(late: timedelta) -> None:
    async with openstack_arena(vms=2) as arena:
        grown(arena, OF_YEARS, ago=YEARS)
        grown(arena, 300, ago=JUST_NOW, apart=timedelta(seconds=1))
        step = await marked(arena)
        order = record(arena, arena.world.vms[step.target], at=arena.world.now - late, status="accepted")
        assert order.updated_at is None
        seen, pages = await look(arena, step)
        assert (seen.seen, pages) == (Seen.UNDERWAY, 2)
        assert "Nova has accepted" in seen.sentence or "goes to compute-3" in seen.sentence


async def test_an_older_record_of_the_vm_that_goes_on_after_all_is_seen() -> None:
    async with openstack_arena(vms=2) as arena:
        grown(arena, OF_YEARS, ago=timedelta(days=200))
        vm = next(vm for vm in arena.world.vms.values() if vm.host is arena.host)
        vm.updated_at = arena.world.now - timedelta(hours=1)
        lost = record(arena, vm, at=arena.world.now - YEARS, status="accepted", dest=None)
        step = await up_to_the_move(arena, await arena.planned())
        assert (step.target, (step.before or {})["newest"]) == (vm.id, "")
        lost.status, lost.updated_at = "pre-migrating", arena.world.now
        vm.updated_at = arena.world.now
        seen, pages = await look(arena, step)
        assert (seen.seen, pages) == (Seen.UNDERWAY, 6)  # all that leave, and all that come or leave
        assert f"#{lost.id}" in seen.sentence


async def test_a_second_start_knows_the_records_that_it_was_not_shown() -> None:
    async with openstack_arena(vms=2) as arena:
        vm = next(vm for vm in arena.world.vms.values() if vm.host is arena.host)
        at = arena.world.now - YEARS
        first = record(arena, vm, at=at, updated_at=at, status="failed")
        grown(arena, OF_YEARS, ago=YEARS - timedelta(days=1))
        step = await marked(arena)
        assert step.target == vm.id
        ours = record(arena, vm, at=arena.world.now, status="error", updated_at=arena.world.now)
        seen, pages = await look(arena, step)
        assert (seen.seen, pages) == (Seen.FAILED, 1)
        assert seen.mark["migrations"] == [first.id, ours.id]
        assert seen.mark["refused_by"] == ["compute-3"]
        arena.world.moves.remove(ours)
        whole, _ = await look(arena, replace(step, before={**seen.mark, "newest": ""}))
        assert whole.seen is Seen.NEVER_STARTED


@pytest.mark.parametrize("apart", [timedelta(hours=-1), timedelta(hours=1)])
async def test_our_clock_decides_nothing(apart: timedelta) -> None:
    async with openstack_arena(vms=2) as arena:
        grown(arena, OF_YEARS, ago=YEARS)
        async with adapter(arena.address, ManualClock(arena.world.now + apart)) as cloud:
            arena.cloud = cloud
            step = await marked(arena)
            record(arena, arena.world.vms[step.target], at=arena.world.now, status="accepted")
            seen, pages = await look(arena, step)
        assert (seen.seen, pages) == (Seen.UNDERWAY, 1)


async def test_a_nova_that_gives_no_pages_is_read_whole() -> None:
    async with openstack_arena(vms=2, release=Release(nova=58)) as arena:
        grown(arena, OF_YEARS, ago=YEARS)
        step = await marked(arena)
        seen, pages = await look(arena, replace(step, receipt=await arena.cloud.start(step)))
        assert (seen.seen, pages) == (Seen.UNDERWAY, 1)
        assert "limit" not in arena.calls()[-1].query


async def test_a_list_that_is_not_sorted_is_read_whole() -> None:
    async with openstack_arena(vms=2) as arena:
        grown(arena, OF_YEARS, ago=YEARS)

        def shuffled(_request: web.Request, body: Any) -> Any:
            first, *rest, last = body["migrations"]
            return {**body, "migrations": [*reversed(rest), first, last]}

        async with bent(arena.world, arena.clock) as (cloud, bends, _):
            arena.cloud = cloud
            step = await marked(arena)
            bends.on("/os-migrations$", shuffled)
            seen, pages = await look(arena, replace(step, receipt=await arena.cloud.start(step)))
        assert seen.seen is Seen.UNDERWAY
        assert pages > OF_YEARS // 250

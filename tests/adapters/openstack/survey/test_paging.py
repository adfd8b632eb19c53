"""Lists that come in pages: read to their end, each entry once, and given up where there is no end."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.openstack.survey import nova
from adapters.openstack.wire import session as wall
from adapters.openstack.wire.session import Session
from adapters.retries import Passing, reads
from adapters.simulated.records import SimServerGroup
from bot.domain.cloud import Unreachable
from tests.adapters.openstack.bends import bent
from tests.clocks import TakingAlong
from tests.contract.arena_openstack import clouds_file, openstack_arena, planned_by


def again(key: str) -> Any:
    """The first page, whatever marker is sent, and always with a next one."""
    first: list[Any] = []

    def bend(request: web.Request, body: Any) -> Any:
        first[:] = first or body[key]
        return {key: first, f"{key}_links": [{"rel": "next", "href": str(request.url)}]}

    return bend


PAGED = {
    "/servers/detail$": "servers",
    "/os-migrations$": "migrations",
    "/os-server-groups$": "server_groups",
    "/volume/v3/volumes/detail$": "volumes",
}


@pytest.mark.parametrize(("path", "key"), PAGED.items())
async def test_a_list_that_never_ends_is_given_up_at_its_second_page_and_that_is_told(path: str, key: str) -> None:
    async with openstack_arena(vms=2) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        owner = next(iter(arena.world.projects.values()))
        arena.world.groups["g1"] = SimServerGroup(
            id="g1", name="apart", policy="anti-affinity", project=owner, members=[*arena.subjects()]
        )
        bends.on(path, again(key))
        with pytest.raises(Unreachable) as lost:
            await planned_by(arena, cloud)
        assert "no end" in lost.value.sentence
        assert "not known to be whole" in lost.value.sentence
        pages = [call for call in bends.seen if path.strip("$").rpartition("/")[2] in call]
        assert len(pages) <= 4


async def test_a_vm_that_slips_from_one_page_to_the_next_is_counted_once() -> None:
    def with_the_last_one_again(request: web.Request, body: Any) -> Any:
        if "marker" in request.query:
            return {"servers": [*first[-1:], *body["servers"]]}
        first[:] = body["servers"][:2]
        return {"servers": first, "servers_links": [{"rel": "next", "href": str(request.url)}]}

    first: list[Any] = []
    async with openstack_arena(vms=4) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/servers/detail", with_the_last_one_again)
        plan = await planned_by(arena, cloud)
    assert sorted(vm.name for vm in plan.vms) == ["vm-1", "vm-2", "vm-3", "vm-4"]


async def test_a_list_with_more_pages_than_anybody_has_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "MOST_PAGES", 3)
    monkeypatch.setattr(wall, "PAGE", 2)
    async with openstack_arena(vms=8) as arena:
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address))
        try:
            with pytest.raises(Unreachable) as lost:
                await nova.servers_on(session, "compute-1")
            assert "after 3 pages there are more" in lost.value.sentence
        finally:
            await session.aclose()


async def test_pages_are_read_on_threads_one_at_a_time_whoever_asks() -> None:
    """Parsing them side by side takes as long, and the memory of all of them at once."""
    at_it, most = Counter[str](), 0
    another_came = threading.Event()

    def made(row: Any) -> str:
        nonlocal most
        at_it[threading.current_thread().name] += 1
        most = max(most, len(+at_it))
        if most > 1:
            another_came.set()
        another_came.wait(timeout=0.05)
        at_it[threading.current_thread().name] -= 1
        return str(row["id"])

    async with openstack_arena(vms=2) as arena, bent(arena.world, arena.clock) as (cloud, _, _):
        session = cloud._session
        await session.offer("compute")
        lists = [
            session.pages("compute", "/servers/detail", "servers", made=made, params={"all_tenants": "1"}, doing="list")
            for _ in range(3)
        ]
        found = await session.together(*lists)
    assert [len(one) for one in found] == [2, 2, 2]
    assert most == 1
    assert threading.main_thread().name not in at_it


async def test_a_page_that_was_taken_in_vain_hides_nothing_when_it_is_read_again() -> None:
    """Whatever was made of an answer before it counted as failed in passing, the next answer is read as if it were the first."""
    trouble = [Passing("That call failed in passing.")]

    def made(row: Any) -> str:
        if trouble and row["name"] != "vm-1":
            raise trouble.pop()
        return str(row["name"])

    async with openstack_arena(vms=3) as arena, bent(arena.world, arena.clock) as (cloud, _, _):
        session = cloud._session
        session._again = reads(TakingAlong(arena.clock))
        found = await session.pages(
            "compute", "/servers/detail", "servers", made=made, params={"all_tenants": "1"}, doing="list"
        )
    assert sorted(found) == ["vm-1", "vm-2", "vm-3"]
    assert trouble == []

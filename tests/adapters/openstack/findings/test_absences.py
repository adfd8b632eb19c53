"""Lists of servers that are not what was asked for, as Nova gives them without a word."""

from typing import Any

import pytest
from aiohttp import web

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.survey import nova
from adapters.simulated import datacentre
from adapters.simulated.openstack_api import Release
from bot.domain.cloud import Refused, Unreachable
from tests.adapters.openstack.bends import Bend, bent
from tests.contract.arena_openstack import openstack_arena

LIST = "/servers/detail$"
SHADOW = {"id": "s1", "status": "UNKNOWN", "tenant_id": "p1", "created": "2026-11-21T00:00:00Z", "links": []}


async def everybody(cloud: OpenStackCloud) -> Bend:
    """Nova whose policy lets the account list all projects but drops its host filter, which it does in silence."""
    all_of_them = await cloud._session.get("compute", "/servers/detail", params={"all_tenants": "1"}, doing="list all")

    def bend(request: web.Request, _body: Any) -> Any:
        return dict(all_of_them) if "host" in request.query else None

    return bend


async def test_a_list_of_servers_that_was_not_filtered_is_not_trusted() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        datacentre.add_server(arena.world, "elsewhere", arena.world.host("compute-2"))
        bends.on(LIST, await everybody(cloud))
        with pytest.raises(Refused) as refused:
            await nova.servers_on(cloud._session, "compute-1")
        assert "did not restrict" in refused.value.sentence


@pytest.mark.parametrize("release", [Release(), Release(nova=52)])
async def test_the_vms_of_a_dead_host_are_counted_of_that_host_alone_or_not_at_all(release: Release) -> None:
    async with (
        openstack_arena(vms=2, release=release) as arena,
        bent(arena.world, arena.clock, release=release) as (cloud, bends, _),
    ):
        gone, _ = arena.world.vms_on(arena.host)
        gone.host = arena.world.host("compute-2")
        arena.host.forced_down = True  # so that what its nova-compute wrote last is not believed
        bends.on(LIST, await everybody(cloud))
        counted = [1] if release.nova >= 53 else [None]  # below, only a filter could count them
        assert [host.vms for host in await cloud.hosts("compute-1", limit=1)] == counted


async def test_a_list_that_lacks_the_servers_of_a_dead_cell_is_not_trusted() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on(LIST, lambda _request, body: {"servers": [*body["servers"], SHADOW]})
        with pytest.raises(Unreachable) as lost:
            await nova.servers_on(cloud._session, "compute-1")
        assert "not whole" in lost.value.sentence

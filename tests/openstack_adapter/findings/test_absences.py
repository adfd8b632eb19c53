"""Lists of servers that are not what was asked for, as Nova gives them without a word."""

from pathlib import Path
from typing import Any

import pytest

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.survey import nova
from adapters.openstack.wire.answers import Document
from adapters.openstack.wire.session import Session
from adapters.simulated import datacentre
from adapters.simulated.openstack_api import Release
from bot.domain.cloud import Refused, Unreachable
from tests.contract.arena_openstack import clouds_file, openstack_arena


class DropsTheFilter(Session):
    """A cloud whose policy lets the account list all projects but drops its host filter, as Nova does in silence."""

    async def get(self, service: str, path: str, **how: Any) -> Document:
        if path == "/servers/detail":
            how["params"] = {k: v for k, v in how["params"].items() if k != "host"}
        return await super().get(service, path, **how)


async def test_a_list_of_servers_that_was_not_filtered_is_not_trusted(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:
        datacentre.add_server(arena.world, "elsewhere", arena.world.host("compute-2"))
        path = clouds_file(tmp_path, arena.address)
        session = DropsTheFilter.of("sim", clouds_yaml=path)
        try:
            with pytest.raises(Refused) as refused:
                await nova.servers_on(session, "compute-1")
            assert "did not restrict" in refused.value.sentence
        finally:
            await session.aclose()


@pytest.mark.parametrize("release", [Release(), Release(nova=52)])
async def test_the_vms_of_a_dead_host_are_counted_of_that_host_alone_or_not_at_all(
    release: Release, tmp_path: Path
) -> None:
    async with openstack_arena(vms=2, release=release) as arena:
        gone, _ = arena.world.vms_on(arena.host)
        gone.host = arena.world.host("compute-2")
        arena.host.forced_down = True  # so that what its nova-compute wrote last is not believed
        path = clouds_file(tmp_path, arena.address)
        session = DropsTheFilter.of("sim", clouds_yaml=path)
        cloud = OpenStackCloud(OpenStackSettings(name="sim", kind="openstack"), session=session, now=arena.clock.now)
        try:
            counted = [1] if release.nova >= 53 else [None]  # below, only a filter could count them
            assert [host.vms for host in await cloud.hosts("compute-1", limit=1)] == counted
        finally:
            await session.aclose()


class HasADeadCell(Session):
    """A cloud of which one cell does not answer: from 2.69 Nova lists its servers with next to nothing in them."""

    async def get(self, service: str, path: str, **how: Any) -> Document:
        found = await super().get(service, path, **how)
        shadow = {"id": "s1", "status": "UNKNOWN", "tenant_id": "p1", "created": "2026-11-21T00:00:00Z", "links": []}
        servers = {"servers": [*found["servers"], shadow]} if path == "/servers/detail" else {}
        return Document({**found, **servers}, service=service, doing=how["doing"])


async def test_a_list_that_lacks_the_servers_of_a_dead_cell_is_not_trusted(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:
        path = clouds_file(tmp_path, arena.address)
        session = HasADeadCell.of("sim", clouds_yaml=path)
        try:
            with pytest.raises(Unreachable) as lost:
                await nova.servers_on(session, "compute-1")
            assert "not whole" in lost.value.sentence
        finally:
            await session.aclose()

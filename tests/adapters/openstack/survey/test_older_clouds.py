"""Clouds below 2.53: services by number, forced down by host and binary, and what they tell in other ways."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.model.resources import Room
from adapters.simulated import openstack_api
from adapters.simulated.openstack_api import OCATA, Release
from adapters.simulated.records import Flavor, Power
from bot.domain.cloud import Refused
from bot.domain.values import Action
from tests.adapters.openstack.build import codes
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena, openstack_enter_arena
from tests.contract.clouds import carry_out

PUT = "/compute/v2.1/os-services"


def of_service(arena: OpenStackArena) -> list[tuple[str, Any]]:
    """What was asked of the compute service: path and body."""
    return [(c.path.removeprefix(PUT), c.body) for c in arena.mutations() if c.method == "PUT"]


async def test_a_dead_host_is_disabled_and_forced_down_by_the_old_routes_and_evacuated() -> None:
    async with openstack_arena(vms=3, release=OCATA) as arena:
        plan = await arena.planned()
        assert not plan.is_blocked, plan.sorted_findings
        done = await carry_out(arena, plan)
        assert not done.bad()
        whom = {"host": "compute-1", "binary": "nova-compute"}
        (path, body), forced = of_service(arena)
        assert path == "/disable-log-reason"
        assert body == {**whom, "disabled_reason": arena.host.disabled_reason}
        assert forced == ("/force-down", {**whom, "forced_down": True})
        assert (arena.host.enabled, arena.host.forced_down) == (False, True)
        assert arena.world.vms_on(arena.host) == []
        assert {vm.power for vm in arena.world.vms.values()} == {Power.RUNNING}


async def test_both_are_undone_by_the_old_routes_too() -> None:
    async with openstack_arena(vms=1, release=OCATA) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        arena.world.revive_host(arena.host.name)
        await arena.pass_time(30)
        before = len(of_service(arena))
        plan = await arena.planned(action=Action.EXIT)
        assert not plan.is_blocked, plan.sorted_findings
        assert not (await carry_out(arena, plan)).bad()
        assert of_service(arena)[before:] == [
            ("/force-down", {"host": "compute-1", "binary": "nova-compute", "forced_down": False}),
            ("/enable", {"host": "compute-1", "binary": "nova-compute"}),
        ]
        assert (arena.host.enabled, arena.host.forced_down) == (True, False)


async def test_a_living_host_is_emptied_of_running_and_stopped_vms() -> None:
    async with openstack_enter_arena(vms=2, release=OCATA) as arena:
        arena.world.set_power(arena.world.vm("vm-2"), Power.STOPPED)
        plan = await arena.planned()
        assert not plan.is_blocked, plan.sorted_findings
        assert not (await carry_out(arena, plan)).bad()
        assert arena.world.vms_on(arena.host) == []
        assert arena.world.vm("vm-2").power is Power.STOPPED


async def test_from_2_53_on_the_service_is_told_by_its_uuid() -> None:
    async with openstack_arena(vms=0, release=Release(nova=53, placement=10)) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        assert {path for path, _ in of_service(arena)} == {f"/{arena.host.service_id}"}


def bare(rooms: Mapping[str, Room]) -> Mapping[str, Room]:
    return {host: replace(room, traits=frozenset()) for host, room in rooms.items()}


async def test_room_and_sizes_are_the_same_however_old_the_cloud_is() -> None:
    async with openstack_arena(vms=3) as arena:
        for number, vm in enumerate(arena.world.vms.values(), start=1):
            vm.flavor = [f for f in arena.world.flavors.values() if f.name != "r1.xlarge"][number % 3]
        new = await arena.cloud.survey(arena.request())
        for old in (OCATA, Release(nova=53, placement=10), Release(nova=60, placement=17)):
            async with openstack_api.serve(arena.world, release=old) as url, adapter(url, arena.clock) as cloud:
                told = await cloud.survey(arena.request())
                assert told.rooms.by_host is not None
            assert new.rooms.by_host is not None
            assert bare(told.rooms.by_host) == bare(new.rooms.by_host)
            traits = {r.traits for r in told.rooms.by_host.values()}
            assert traits == ({frozenset()} if old is OCATA else {r.traits for r in new.rooms.by_host.values()})
            assert told.rooms.held == new.rooms.held
            for mine, its in zip(new.servers.here, told.servers.here, strict=True):
                assert (its.flavor, its.needs, its.has_local_disk) == (mine.flavor, mine.needs, mine.has_local_disk)


async def test_what_a_flavor_demands_is_read_where_servers_do_not_tell_it() -> None:
    async with openstack_arena(vms=2, release=OCATA) as arena:
        sealed = Flavor(
            id=arena.world.new_uuid(),
            name="sealed",
            vcpus=1,
            memory_mb=512,
            disk_gb=0,
            extra=(("hw:tpm_version", "2.0"), ("resources:VGPU", "1")),
        )
        arena.world.flavors[sealed.id] = sealed
        arena.world.vm("vm-2").flavor = sealed
        taken = await arena.cloud.survey(arena.request())
        assert [(s.name, s.flavor, s.has_vtpm, s.devices) for s in taken.servers.here] == [
            ("vm-1", "m1.small", False, ()),
            ("vm-2", "sealed", True, ("a vGPU",)),
        ]
        assert "cannot-evacuate" in codes(await arena.planned())


async def test_a_flavor_that_was_deleted_leaves_its_size_to_what_placement_holds() -> None:
    async with openstack_arena(vms=1, release=OCATA) as arena:
        vm = arena.world.vm("vm-1")
        assert vm.flavor is not None
        del arena.world.flavors[vm.flavor.id]
        taken = await arena.cloud.survey(arena.request())
        (server,) = taken.servers.here
        assert server.needs == {}
        assert taken.rooms.needs(server)["MEMORY_MB"] == vm.memory_mb
        assert not (await carry_out(arena, await arena.planned())).bad()


async def test_the_number_of_calls_does_not_grow_with_the_number_of_vms() -> None:
    counts = []
    for vms in (3, 30):
        async with openstack_arena(vms=vms, release=OCATA) as arena:
            await arena.cloud.survey(arena.request())
            before = len(arena.calls())
            await arena.cloud.survey(arena.request())
            counts.append(len(arena.calls()) - before)
    assert counts[0] == counts[1]


async def test_the_check_is_content_with_an_old_cloud_and_says_which_are_too_old() -> None:
    async with openstack_arena(vms=0, release=OCATA) as arena:
        assert await arena.cloud.check() == []
    async with openstack_arena(vms=0, release=Release(nova=24, placement=4)) as arena:
        (complaint,) = await arena.cloud.check()
        assert "Muster needs 2.25" in complaint
        with pytest.raises(Refused, match=r"up to 2\.24"):
            await arena.planned()


async def test_no_vm_is_put_anywhere_past_the_scheduler() -> None:
    """Below 2.29 a host named in an evacuation is forced (Nova's REST API history), so nothing is wished for."""
    async with openstack_arena(vms=3, release=replace(OCATA, nova=25)) as arena:
        plan = await arena.planned()
        assert {step.wish for step in plan.steps} == {""}


async def test_a_new_cloud_tells_of_a_full_host_what_it_can_do_too() -> None:
    """Placement's summaries leave it out: it is asked for alone, and lacks no trait for that."""
    async with openstack_enter_arena(vms=2) as arena:
        told = (await arena.cloud.survey(arena.request())).rooms.by_host or {}
        taken = sum(vm.flavor.memory_mb for vm in arena.world.vms_on(arena.host) if vm.flavor)
        arena.host.capacity = replace(arena.host.capacity, memory_mb=taken)
        full = (await arena.cloud.survey(arena.request())).rooms.by_host or {}
        assert full[arena.host.name].free["MEMORY_MB"] == 0
        assert full[arena.host.name].traits == told[arena.host.name].traits != frozenset()

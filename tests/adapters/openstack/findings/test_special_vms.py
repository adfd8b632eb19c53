"""What is special about single VMs, read over the wire: devices, ports, keys, limits, an image's properties."""

from dataclasses import replace

import pytest

from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Aggregate
from bot.domain.plans.plan import Disposition, Plan
from tests.adapters.openstack.build import codes, finding
from tests.contract.arena_openstack import (
    OpenStackArena,
    adapter,
    openstack_arena,
    openstack_enter_arena,
    openstack_exit_arena,
)


def about(plan: Plan, code: str) -> set[str]:
    """The VMs that a finding of this code is about."""
    names = {vm.id: vm.name for vm in plan.vms}
    return {names[f.vm] for f in plan.findings if f.code == code and f.vm}


def with_extra(arena: OpenStackArena, name: str, **extra: str) -> None:
    vm = arena.world.vm(name)
    assert vm.flavor is not None
    vm.flavor = replace(vm.flavor, extra=tuple((key.replace("__", ":"), value) for key, value in extra.items()))


async def test_what_flavors_ask_for_is_read_and_only_whom_it_concerns_is_named() -> None:
    async with openstack_arena() as arena:
        assert {"needs-device", "aggregate-bound", "fits-nowhere"} & codes(await arena.planned()) == set()
        with_extra(arena, "vm-1", pci_passthrough__alias="nic:1")
        with_extra(arena, "vm-2", aggregate_instance_extra_specs__ssd="true")
        with_extra(arena, "vm-3", trait__HW_CPU_X86_AVX512F="required")
        plan = await arena.planned()
        assert about(plan, "needs-device") == {"vm-1"}
        assert about(plan, "aggregate-bound") == {"vm-2"}
        assert {vm.name for vm in plan.vms if not vm.chosen} == {"vm-3"}
        (room,) = (f.sentence for f in plan.findings if f.code == "stays-for-room")
        assert "HW_CPU_X86_AVX512F" in room
        arena.world.aggregates[7] = Aggregate(
            id=7,
            uuid=arena.world.new_uuid(),
            name="fast",
            zone=None,
            hosts=[arena.world.host("compute-3")],
            created_at=arena.world.now,
            metadata={"ssd": "true"},
        )
        assert about(await arena.planned(), "aggregate-bound") == set()


async def test_a_vtpm_that_only_the_image_asks_for_keeps_the_vm_where_it_is() -> None:
    async with openstack_arena() as arena:
        image = replace(next(iter(arena.world.images.values())), properties=(("hw_tpm_version", "2.0"),))
        arena.world.vm("vm-1").image = image
        plan = await arena.planned()
        assert {vm.name for vm in plan.vms if vm.disposition is Disposition.CANNOT} == {"vm-1"}


async def test_ports_that_are_more_than_a_virtual_switch_are_read_from_neutron() -> None:
    async with openstack_arena() as arena:
        for name, kind in (("vm-1", "vdpa"), ("vm-2", "normal"), ("vm-3", "accelerator-direct")):
            arena.world.vm(name).ports = (kind,)
        plan = await arena.planned()
        assert about(plan, "special-port") == {"vm-1"}
        assert about(plan, "cannot-evacuate") == {"vm-3"}


@pytest.mark.parametrize("status", [403, 500])
async def test_a_neutron_that_does_not_tell_is_said_and_forbids_nothing(status: int) -> None:
    async with openstack_arena() as arena:
        assert "ports-unknown" not in codes(await arena.planned())
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, path="/ports$", status=status))
        plan = await arena.planned()
        assert "ports-unknown" in codes(plan)
        assert not plan.is_blocked


@pytest.mark.parametrize("is_full", [False, True])
async def test_shares_are_read_of_the_servers_that_can_have_one_and_of_no_other(*, is_full: bool) -> None:
    async with openstack_arena() as arena:
        if is_full:  # Placement's summaries leave such a host out
            taken = sum(vm.flavor.memory_mb for vm in arena.world.vms_on(arena.host) if vm.flavor)
            arena.host.capacity = replace(arena.host.capacity, memory_mb=taken)
        arena.world.vm("vm-1").shares = ("share-1",)
        with_extra(arena, "vm-1", hw__mem_page_size="large")
        assert about(await arena.planned(), "cannot-evacuate") == {"vm-1"}
        asked = [c.path for c in arena.world.calls if c.path.endswith("/shares")]
        assert asked == [f"/compute/v2.1/servers/{arena.world.vm('vm-1').id}/shares"]


async def test_a_nova_that_does_not_tell_of_shares_is_said_and_forbids_nothing() -> None:
    async with openstack_arena() as arena:
        with_extra(arena, "vm-1", hw__mem_page_size="large")
        assert "shares-unknown" not in codes(await arena.planned())
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, path="/shares$", status=403))
        plan = await arena.planned()
        assert "shares-unknown" in codes(plan)
        assert not plan.is_blocked


async def test_bandwidth_that_a_port_is_promised_is_read_from_neutron() -> None:
    async with openstack_enter_arena() as arena:
        arena.world.vm("vm-1").ports = arena.world.vm("vm-2").ports = ("normal",)
        arena.world.vm("vm-2").promised_kbps = 1000
        assert about(await arena.planned(), "promised-bandwidth") == {"vm-2"}


async def test_an_amphora_of_a_random_name_is_known_by_its_port() -> None:
    async with openstack_enter_arena() as arena:
        arena.world.vm("vm-1").ports = arena.world.vm("vm-2").ports = ("normal",)
        arena.world.vm("vm-2").port_name = "octavia-lb-vrrp-1b2c"
        assert about(await arena.planned(), "amphora") == {"vm-2"}


async def test_of_a_host_that_returns_it_is_read_what_is_attached_to_those_that_come_back() -> None:
    async with openstack_exit_arena() as arena:
        special = {"special-port", "encrypted-volume", "promised-bandwidth", "stays-away"}
        assert not special & codes(await arena.planned())
        arena.world.vm("vm-1").ports = ("direct",)
        arena.world.vm("vm-2").shares = ("share-1",)
        with_extra(arena, "vm-2", hw__mem_page_size="large")
        next(v for v in arena.world.volumes.values() if v.name == "vm-3-root").encrypted = True
        plan = await arena.planned()
        assert about(plan, "special-port") == {"vm-1"}
        assert about(plan, "stays-away") == {"vm-2"}
        assert about(plan, "encrypted-volume") == {"vm-3"}


async def test_encrypted_volumes_are_found_wherever_they_are_managed() -> None:
    async with openstack_arena() as arena:
        volume = next(v for v in arena.world.volumes.values() if v.name == "vm-2-root")
        assert "encrypted-volume" not in codes(await arena.planned())
        volume.encrypted = True
        assert about(await arena.planned(), "encrypted-volume") == {"vm-2"}


async def test_one_vm_takes_no_more_than_a_host_has_though_it_is_overcommitted() -> None:
    async with openstack_arena(vms=1) as arena:
        vm, host = arena.world.vm("vm-1"), arena.world.host("compute-2")
        assert vm.flavor is not None
        assert host.gives.vcpus > host.capacity.vcpus
        vm.flavor = replace(vm.flavor, vcpus=host.capacity.vcpus + 1)
        arena.world.allocations[vm.id] = {}
        assert about(await arena.planned(), "fits-nowhere") == {"vm-1"}
        vm.flavor = replace(vm.flavor, vcpus=host.capacity.vcpus)
        assert "room" in codes(await arena.planned())


async def test_vms_take_their_turn_by_the_metadata_that_the_settings_name() -> None:
    async with openstack_arena() as arena, adapter(arena.address, arena.clock, priority_metadata="turn") as cloud:
        arena.world.vm("vm-3").metadata["turn"] = "9"
        arena.world.vm("vm-2").metadata["turn"] = "ninth"
        plan = await replace(arena, cloud=cloud).planned()
        moves = [s for s in plan.steps if s.verb == "evacuate"]
        assert max(moves, key=lambda s: s.priority).arguments["name"] == "vm-3"
        found = finding(plan, "priority-unreadable")
        assert found is not None
        assert "vm-2" in found.sentence

"""VMs that were stopped are stopped wherever they come up, also where the first try put them into ERROR."""

from adapters.simulated.faults import Break, MoveFault
from adapters.simulated.records import Power
from tests.contract.arena_openstack import OpenStackArena, openstack_arena
from tests.contract.clouds import carry_out


def stops(arena: OpenStackArena) -> int:
    return sum("os-stop" in (c.body or {}) for c in arena.mutations())


async def test_a_stopped_vm_whose_first_evacuation_failed_is_stopped_again_after_the_second() -> None:
    async with openstack_arena(vms=2) as arena:
        vm = arena.world.vm("vm-1")
        arena.world.set_power(vm, Power.STOPPED)
        arena.world.faults.order_move(MoveFault(how=Break.SPAWN, vm="vm-1", times=2))
        made = await arena.planned()
        first = await carry_out(arena, made)
        assert vm.state == "error"
        assert first.states[f"stop:{vm.id}"] == "skipped"
        arena.world.faults.clear()
        again = await carry_out(arena, made)
        assert not again.bad()
        assert (vm.power, vm.state) == (Power.STOPPED, "stopped")
        assert vm.host is not arena.host
        assert arena.world.vm("vm-2").power is Power.RUNNING
        assert stops(arena) == 1


async def test_a_stopped_vm_that_comes_up_stopped_costs_no_further_call() -> None:
    async with openstack_arena(vms=1) as arena:
        vm = arena.world.vm("vm-1")
        arena.world.set_power(vm, Power.STOPPED)
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert (vm.power, stops(arena)) == (Power.STOPPED, 0)

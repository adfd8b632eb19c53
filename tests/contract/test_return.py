"""What every cloud promises of a host that returns: in service again, and exactly the chosen VMs back and verified."""

import pytest

from adapters.simulated.faults import Effect
from adapters.simulated.things import Maintenance
from bot.domain.cloud import Refused, Seen
from bot.domain.drift import between
from bot.domain.plan import By, Disposition, digest_of
from tests.contract.clouds import Arena, ReturnArena, ReturnOf, carry_out


def is_in_service(arena: Arena) -> bool:
    """Whether the cloud would put VMs on the host."""
    host = arena.host
    return host.enabled and not host.forced_down and host.maintenance is Maintenance.IN_USE and arena.world.is_up(host)


def told(arena: ReturnArena, *names: str) -> tuple[str, ...]:
    """What the port knows these VMs by."""
    return tuple(arena.id_of(arena.world.vm(name)) for name in names)


async def test_the_host_is_in_service_again_and_its_vms_are_back_and_as_they_were(return_of: ReturnOf) -> None:
    async with return_of(vms=3) as arena:
        vms = arena.subjects()
        powers = [vm.power for vm in vms]
        assert len(vms) == 3
        assert not is_in_service(arena)
        assert not any(map(arena.is_where_it_should_be, vms))
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert is_in_service(arena)
        assert all(map(arena.is_where_it_should_be, vms))
        assert [vm.power for vm in vms] == powers


async def test_exactly_the_chosen_come_back_and_the_others_are_not_touched(return_of: ReturnOf) -> None:
    async with return_of(vms=3) as arena:
        places = {vm.name: vm.host for vm in arena.subjects()}
        plan = await arena.planned(vms=told(arena, "vm-2"))
        assert {vm.name: vm.chosen for vm in plan.vms} == {"vm-1": False, "vm-2": True, "vm-3": False}
        assert [vm.disposition is Disposition.LEAVE for vm in plan.vms] == [True, False, True]
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert is_in_service(arena)
        assert arena.world.vm("vm-2").host is arena.host
        assert {n: arena.world.vm(n).host for n in ("vm-1", "vm-3")} == {n: places[n] for n in ("vm-1", "vm-3")}


async def test_none_may_come_back_and_the_host_returns_alone(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        plan = await arena.planned(vms=())
        assert plan.may_choose_none
        assert [vm.chosen for vm in plan.vms] == [False, False]
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert is_in_service(arena)
        assert arena.world.vms_on(arena.host) == []


async def test_each_vm_says_where_it_is_and_one_that_somebody_moved_on_is_flagged(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        vm = arena.world.vm("vm-1")
        other = next(h for h in arena.world.hosts.values() if h not in {vm.host, arena.host})
        arena.world.relocate(vm, other)
        plan = await arena.planned()
        assert {vm.name: vm.place for vm in plan.vms}["vm-1"] == other.name
        assert {vm.name: vm.is_flagged for vm in plan.vms} == {"vm-1": True, "vm-2": False}
        assert [vm.name for vm in plan.unflagged] == ["vm-2"]


async def test_no_default_brings_a_flagged_vm_back(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        vm = arena.world.vm("vm-1")
        arena.world.relocate(vm, next(h for h in arena.world.hosts.values() if h not in {vm.host, arena.host}))
        plan = await arena.planned(vms=(), is_choice=False)
        assert not next(vm.chosen for vm in plan.vms if vm.name == "vm-1")


async def test_a_chosen_vm_that_is_deleted_since_only_shrinks_what_was_approved(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        chosen = told(arena, "vm-1", "vm-2")
        approved = await arena.planned(vms=chosen)
        arena.world.delete_vm(arena.world.vm("vm-1").id)
        present = await arena.planned(vms=chosen)
        assert not present.is_blocked, present.sorted_findings
        assert between(approved, present).only_shrinks


async def test_a_vm_that_is_moved_on_after_the_approval_is_a_difference(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        approved = await arena.planned()
        vm = arena.world.vm("vm-1")
        arena.world.relocate(vm, next(h for h in arena.world.hosts.values() if h not in {vm.host, arena.host}))
        present = await arena.planned()
        assert digest_of(approved, terms={}) != digest_of(present, terms={})
        assert not between(approved, present).only_shrinks


async def test_a_vm_that_is_elsewhere_in_the_end_is_not_called_back(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        plan = await arena.planned()
        assert not (await carry_out(arena, plan)).bad()
        astray = arena.world.vm("vm-1")
        other = next(h for h in arena.world.hosts.values() if h is not arena.host and h.cluster is arena.host.cluster)
        arena.world.relocate(astray, other)
        moves = [s for s in plan.steps if s.vm and s.relieves is None]
        seen = await arena.cloud.look(moves)
        assert {s.vm for s in moves} == {arena.id_of(vm) for vm in arena.subjects()}
        assert {s.vm for s in moves if seen[s.key].seen is not Seen.DONE} == {arena.id_of(astray)}
        assert {seen[s.key].place for s in moves if s.vm == arena.id_of(astray)} == {other.name}


async def test_a_host_that_does_not_live_does_not_return(return_of: ReturnOf) -> None:
    async with return_of(vms=1) as arena:
        arena.world.kill_host(arena.host.name)
        await arena.pass_time(120)
        plan = await arena.planned()
        assert plan.is_blocked
        assert arena.mutations() == []


async def test_a_refused_return_brings_nothing_back_and_says_why(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        plan = await arena.planned()
        first = next(s for s in plan.steps if s.by is By.MUSTER)
        arena.fault(Effect.ANSWER, status=409, method="", path="", times=None)
        with pytest.raises(Refused) as refused:
            await arena.cloud.start(first)
        assert "ordered by a fault" in refused.value.raw
        assert arena.world.vms_on(arena.host) == []

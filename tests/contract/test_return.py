"""What every cloud promises of a host that returns: in service again, and exactly the chosen VMs back and verified.

Here each face is asked; `tests/openstack/test_contract_return.py` asks a real OpenStack.
"""

from dataclasses import replace

import pytest

from adapters.simulated.faults import Effect
from bot.domain.cloud import Refused, Seen
from bot.domain.plans.drift import between
from bot.domain.plans.plan import By, Disposition, digest_of
from tests.contract.clouds import ReturnOf, carry_out
from tests.steps import steps_of


async def test_the_host_is_in_service_again_and_its_vms_are_back_and_as_they_were(return_of: ReturnOf) -> None:
    async with return_of(vms=3) as arena:
        away = await arena.guests()
        assert len(away) == 3
        assert await arena.misplaced() == away
        assert not await arena.is_in_service()
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert await arena.is_in_service()
        assert await arena.guests() == [replace(guest, host=arena.host.name) for guest in away]


async def test_exactly_the_chosen_come_back_and_the_others_are_not_touched(return_of: ReturnOf) -> None:
    async with return_of(vms=3) as arena:
        first, second, third = await arena.guests()
        plan = await arena.planned(vms=(second.id,))
        assert {vm.id: vm.chosen for vm in plan.vms} == {first.id: False, second.id: True, third.id: False}
        assert {vm.id for vm in plan.vms if vm.disposition is Disposition.LEAVE} == {first.id, third.id}
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert await arena.is_in_service()
        assert await arena.guests() == [first, replace(second, host=arena.host.name), third]


async def test_none_may_come_back_and_the_host_returns_alone(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        away = await arena.guests()
        plan = await arena.planned(vms=())
        assert plan.may_choose_none
        assert [vm.chosen for vm in plan.vms] == [False, False]
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert await arena.is_in_service()
        assert await arena.guests() == away


async def test_each_vm_says_where_it_is_and_one_that_somebody_moved_on_is_flagged(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        astray, left = await arena.guests()
        there = await arena.move_on(astray)
        plan = await arena.planned()
        assert {vm.id: vm.place for vm in plan.vms} == {astray.id: there, left.id: left.host}
        assert {vm.id: vm.is_flagged for vm in plan.vms} == {astray.id: True, left.id: False}
        assert [vm.id for vm in plan.unflagged] == [left.id]


async def test_no_default_brings_a_flagged_vm_back(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        astray, left = await arena.guests()
        await arena.move_on(astray)
        plan = await arena.planned(vms=(), is_choice=False)
        assert {vm.id: vm.chosen for vm in plan.vms} == {astray.id: False, left.id: True}


async def test_a_chosen_vm_that_is_deleted_since_only_shrinks_what_was_approved(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        first, second = await arena.guests()
        chosen = (first.id, second.id)
        approved = await arena.planned(vms=chosen)
        await arena.delete(first)
        present = await arena.planned(vms=chosen)
        assert not present.is_blocked, present.sorted_findings
        assert between(approved, present).only_shrinks


async def test_a_vm_that_is_moved_on_after_the_approval_is_a_difference(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        approved = await arena.planned()
        astray, _ = await arena.guests()
        await arena.move_on(astray)
        present = await arena.planned()
        assert digest_of(approved, terms={}) != digest_of(present, terms={})
        assert not between(approved, present).only_shrinks


async def test_a_vm_that_is_elsewhere_in_the_end_is_not_called_back(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        plan = await arena.planned()
        assert not (await carry_out(arena, plan)).bad()
        astray, back = await arena.guests()
        there = await arena.move_on(astray)
        moves = [s for s in steps_of(plan) if s.vm and s.relieves is None]
        seen = await arena.cloud.look(moves)
        assert {s.vm for s in moves} == {astray.id, back.id}
        assert {s.vm for s in moves if seen[s.key].seen is not Seen.DONE} == {astray.id}
        assert {seen[s.key].place for s in moves if s.vm == astray.id} == {there}


async def test_a_host_that_does_not_live_does_not_return(return_of: ReturnOf) -> None:
    async with return_of(vms=1) as arena:
        assert not (await arena.planned()).is_blocked
        await arena.kill_host()
        assert (await arena.planned()).is_blocked
        assert arena.mutations() == []


async def test_a_refused_return_brings_nothing_back_and_says_why(return_of: ReturnOf) -> None:
    async with return_of(vms=2) as arena:
        away = await arena.guests()
        plan = await arena.planned()
        first = next(s for s in steps_of(plan) if s.by is By.MUSTER)
        arena.fault(Effect.ANSWER, status=409, method="", path="", times=None)
        with pytest.raises(Refused) as refused:
            await arena.cloud.start(first)
        assert "ordered by a fault" in refused.value.raw
        assert await arena.guests() == away

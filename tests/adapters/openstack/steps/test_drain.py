"""A living host emptied over a socket: the calls, what they leave, and what goes wrong on the way."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from adapters.simulated.faults import Break, MoveFault
from adapters.simulated.records import LoggedCall, Power, SimVm
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import Step
from bot.domain.progress.steps import StepState
from tests.contract.arena_openstack import OpenStackArena, openstack_enter_arena
from tests.contract.clouds import Carried, carry_out, up_to_the_move
from tests.steps import steps_of

EMPTY = "verify-empty"


def asked_of(arena: OpenStackArena, vm: SimVm) -> list[str]:
    """The actions that Nova was asked for about a VM, in order."""
    calls: list[LoggedCall] = [c for c in arena.mutations() if f"/servers/{vm.id}/action" in c.path]
    return [next(iter(c.body or {})) for c in calls]


def last(done: Carried) -> Any:
    return next(r for r in done.records.values() if r.step.verb == EMPTY)


async def settle(arena: OpenStackArena, step: Step, *, seconds: int = 200) -> Sighting:
    """Look every second until the step has ended, or so long."""
    for _ in range(seconds):
        seen = (await arena.cloud.look([step]))[step.key]
        if seen.seen in {Seen.DONE, Seen.FAILED, Seen.UNCLEAR}:
            return seen
        await arena.pass_time(1)
    return seen


async def moved(arena: OpenStackArena) -> Sighting:
    """What becomes of the only VM's move."""
    step = await up_to_the_move(arena, await arena.planned())
    return await settle(arena, replace(step, receipt=await arena.cloud.start(step)))


async def test_every_vm_is_elsewhere_as_it_was_and_the_host_is_safe_to_power_off() -> None:
    async with openstack_enter_arena(vms=3) as arena:
        running = arena.world.vms_on(arena.host)
        paused, stopped = arena.add_vm("paused"), arena.add_vm("stopped")
        arena.world.set_power(paused, Power.PAUSED)
        arena.world.set_power(stopped, Power.STOPPED)
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert arena.world.vms_on(arena.host) == []
        assert {vm.power for vm in running} == {Power.RUNNING}
        assert (paused.power, stopped.power, stopped.state) == (Power.PAUSED, Power.STOPPED, "stopped")
        assert all(asked_of(arena, vm) == ["os-migrateLive"] for vm in (*running, paused))
        assert asked_of(arena, stopped) == ["migrate", "confirmResize"]
        assert last(done).sentence.endswith("It is safe to power off.")
        assert not arena.host.enabled
        assert (arena.host.disabled_reason or "").startswith("muster run=")
        assert arena.world.is_up(arena.host)


async def test_all_vms_go_to_the_target_that_was_asked_for() -> None:
    async with openstack_enter_arena(vms=2) as arena:
        arena.world.set_power(arena.add_vm("stopped"), Power.STOPPED)
        vms = arena.world.vms_on(arena.host)
        done = await carry_out(arena, await arena.planned(to="compute-3"))
        assert not done.bad()
        assert {vm.host.name for vm in vms if vm.host} == {"compute-3"}


async def test_a_reason_that_somebody_else_gave_is_kept() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        arena.host.enabled, arena.host.disabled_reason = False, "disk alarm"
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert arena.host.disabled_reason == "disk alarm"


async def test_a_vm_that_stays_keeps_the_host_from_being_called_empty_until_it_is_gone() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        broken = arena.add_vm("broken")
        arena.world.set_vm_state("broken", "error", power=Power.STOPPED)
        done = await carry_out(arena, await arena.planned())
        end = last(done)
        assert end.state is StepState.FAILED
        assert "broken (ERROR)" in end.sentence
        assert "safe" not in end.sentence
        assert asked_of(arena, broken) == []
        arena.world.delete_vm(broken.id)
        seen = (await arena.cloud.look([end.step]))[end.key]
        assert seen.seen is Seen.DONE
        assert "safe to power off" in seen.sentence


async def test_a_vm_that_lands_there_meanwhile_is_found() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        plan = await arena.planned()
        arena.add_vm("newcomer")
        done = await carry_out(arena, plan)
        assert "newcomer (ACTIVE)" in last(done).sentence
        assert last(done).state is StepState.FAILED


async def test_a_host_that_somebody_enabled_meanwhile_is_not_called_safe() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        plan = await arena.planned()
        done = await carry_out(arena, plan)
        arena.host.enabled, arena.host.disabled_reason = True, None
        seen = (await arena.cloud.look([last(done).step]))[last(done).key]
        assert seen.seen is Seen.FAILED
        assert "enabled" in seen.sentence


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (Break.NO_HOST, "scheduler found no host"),
        (Break.PRECHECK, "CPU incompatible"),
        (Break.SPAWN, "without a reason"),
    ],
)
async def test_a_live_migration_that_fails_after_it_was_accepted_says_why_and_leaves_the_vm_running(
    how: Break, words: str
) -> None:
    async with openstack_enter_arena(vms=1) as arena:
        (vm,) = arena.world.vms_on(arena.host)
        arena.world.faults.order_move(MoveFault(how=how, reason="CPU incompatible"))
        seen = await moved(arena)
        assert seen.seen is Seen.FAILED
        assert words in seen.sentence
        assert seen.remedy
        assert vm.host is arena.host
        assert vm.power is Power.RUNNING


async def test_a_cold_migration_that_finds_no_host_says_why_and_is_not_confirmed() -> None:
    async with openstack_enter_arena(vms=0) as arena:
        vm = arena.add_vm("stopped")
        arena.world.set_power(vm, Power.STOPPED)
        arena.world.faults.order_move(MoveFault(how=Break.NO_HOST))
        done = await carry_out(arena, await arena.planned())
        states = {r.step.verb: r.state for r in done.records.values()}
        assert (states["cold-migrate"], states["confirm"]) == (StepState.FAILED, StepState.NOT_NEEDED)
        failed = next(r for r in done.records.values() if r.step.verb == "cold-migrate")
        assert "scheduler found no host" in failed.sentence
        assert asked_of(arena, vm) == ["migrate"]
        assert "stopped (SHUTOFF)" in last(done).sentence


async def test_a_cold_migration_that_breaks_on_its_target_is_not_called_done() -> None:
    async with openstack_enter_arena(vms=0) as arena:
        vm = arena.add_vm("stopped")
        arena.world.set_power(vm, Power.STOPPED)
        arena.world.faults.order_move(MoveFault(how=Break.SPAWN, reason="disk full"))
        seen = await moved(arena)
        assert seen.seen is Seen.FAILED
        assert "ERROR" in seen.sentence


async def test_a_vm_whose_target_died_in_the_copy_is_left_to_a_person() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        (vm,) = arena.world.vms_on(arena.host)
        step = await up_to_the_move(arena, await arena.planned(to="compute-3"))
        step = replace(step, receipt=await arena.cloud.start(step))
        await arena.pass_time(1)
        arena.world.kill_host("compute-3")
        seen = await settle(arena, step)
        assert vm.host is arena.world.host("compute-3")
        assert seen.seen is Seen.UNCLEAR
        assert "compute-3" in seen.sentence


async def test_a_copy_that_hangs_stays_underway() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        arena.world.faults.order_move(MoveFault(how=Break.HANG))
        seen = await moved(arena)
        assert seen.seen is Seen.UNDERWAY


async def test_the_moment_on_the_new_host_with_an_open_record_is_not_called_done() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        (vm,) = arena.world.vms_on(arena.host)
        step = await up_to_the_move(arena, await arena.planned())
        step = replace(step, receipt=await arena.cloud.start(step))
        for _ in range(400):
            await arena.pass_time(0.05)
            if vm.host is not arena.host and vm.task is None and arena.world.moves[-1].status == "running":
                break
        assert arena.world.moves[-1].status == "running"
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.UNDERWAY


async def test_somebody_who_migrates_the_vm_first_does_the_work() -> None:
    async with openstack_enter_arena(vms=2) as arena:
        vms = arena.world.vms_on(arena.host)
        plan = await arena.planned()
        arena.world.relocate(vms[0], arena.world.host("compute-4"))
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert asked_of(arena, vms[0]) == []


async def test_a_move_that_is_confirmed_is_not_confirmed_again() -> None:
    async with openstack_enter_arena(vms=0) as arena:
        vm = arena.add_vm("stopped")
        arena.world.set_power(vm, Power.STOPPED)
        plan = await arena.planned()
        done = await carry_out(arena, plan)
        assert not done.bad()
        confirm = next(s for s in steps_of(plan) if s.verb == "confirm")
        assert (await arena.cloud.look([confirm]))[confirm.key].seen is Seen.DONE


async def test_a_look_lists_what_moved_just_now_and_not_what_other_operations_moved_before() -> None:
    async with openstack_enter_arena(vms=8) as arena:
        arena.host.knobs.live_slots = 8
        began = arena.world.now.replace(microsecond=0)
        assert not (await carry_out(arena, await arena.planned())).bad()
        queries = [parse_qs(c.query) for c in arena.calls()]
        since = [datetime.fromisoformat(query["changes-since"][0]) for query in queries if "changes-since" in query]
        assert since
        assert min(since) >= began - timedelta(seconds=30)


async def test_moves_of_long_ago_do_not_make_a_look_read_all_that_has_changed_since() -> None:
    async with openstack_enter_arena(vms=8) as arena:
        arena.host.knobs.live_slots = 8
        vms = arena.world.vms_on(arena.host)
        assert not (await carry_out(arena, await arena.planned())).bad()
        for vm in vms:
            arena.world.relocate(vm, arena.host)
        arena.host.enabled = True
        await arena.pass_time(30 * 86400)
        began = len(arena.calls())
        assert not (await carry_out(arena, await arena.planned())).bad()
        asked = [c.query for c in arena.calls()[began:] if "changes-since" in c.query]
        assert asked
        assert all("2026-12-21" in query for query in asked)

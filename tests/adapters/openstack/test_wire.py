"""The adapter over a socket, against the simulated OpenStack: what goes wrong there, and what it makes of it."""

import re
from dataclasses import replace
from typing import Any

import pytest

from adapters.simulated import datacentre, openstack_api
from adapters.simulated.faults import Break, Effect, MoveFault
from adapters.simulated.records import Power
from adapters.simulated.world import World
from bot.domain.cloud import Refused, Seen, Unreachable
from bot.domain.plans.plan import Disposition
from bot.domain.progress.steps import StepState
from bot.domain.values import Action
from tests.adapters.openstack.build import codes, finding
from tests.clocks import ManualClock
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena
from tests.contract.clouds import START, carry_out, up_to_the_move
from tests.steps import steps_of


async def started(arena: OpenStackArena, **changes: Any) -> Any:
    """The first evacuation, started and marked."""
    step = replace(await up_to_the_move(arena, await arena.planned()), **changes)
    return replace(step, receipt=await arena.cloud.start(step))


async def settle(arena: OpenStackArena, step: Any, *, seconds: int = 60) -> Any:
    """Look every second until the step has ended, or so long."""
    for _ in range(seconds):
        seen = (await arena.cloud.look([step]))[step.key]
        if seen.seen in {Seen.DONE, Seen.FAILED, Seen.TURNED_AWAY}:
            return seen
        await arena.pass_time(1)
    return seen


# ---------------------------------------------------------------------- the whole of it


async def test_the_demo_s_dead_host_is_evacuated_and_every_vm_is_as_it_was() -> None:
    clock = ManualClock(START)
    world = datacentre.build(clock.now)
    dead = world.host(datacentre.DEAD)
    before = {vm.name: vm.power for vm in world.vms_on(dead)}
    async with openstack_api.serve(world) as url, adapter(url, clock) as cloud:
        arena = OpenStackArena(
            face="openstack",
            action=Action.EVACUATE,
            clock=clock,
            world=world,
            host=dead,
            cloud=cloud,
            moves="/action$",
            address=url,
        )
        plan = await arena.planned()
        assert not plan.is_blocked, plan.sorted_findings
        assert len(plan.vms) == 12
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert world.vms_on(dead) == []
        assert {name: world.vm(name).power for name in before} == before
        assert len({world.vm(f"kafka-{n}").host for n in (1, 2, 3)}) == 3
        assert dead.disabled_reason is not None
        assert dead.disabled_reason.startswith("muster run=")


async def test_vms_are_left_stopped_when_the_settings_say_so() -> None:
    async with openstack_arena(vms=2) as arena, adapter(arena.address, arena.clock, evacuated_vms="stopped") as cloud:
        stopping = replace(arena, cloud=cloud)
        vms = arena.world.vms_on(arena.host)
        done = await carry_out(stopping, await stopping.planned())
        assert not done.bad()
        assert {vm.power for vm in vms} == {Power.STOPPED}


async def test_all_vms_go_to_the_target_that_was_asked_for() -> None:
    async with openstack_arena(vms=3) as arena:
        vms = arena.world.vms_on(arena.host)
        done = await carry_out(arena, await arena.planned(to="compute-3"))
        assert not done.bad()
        assert {vm.host.name for vm in vms if vm.host} == {"compute-3"}


async def test_a_host_whose_name_begins_alike_is_left_alone() -> None:
    clock = ManualClock(START)
    world = World(clock.now)
    hosts = datacentre.bare_openstack(world, hosts=11)
    for host in hosts:
        datacentre.add_server(world, f"vm-on-{host.name}", host)
    world.kill_host("compute-1")
    hosts[9].disabled_reason, hosts[9].enabled = "new fan", False
    hosts[10].disabled_reason, hosts[10].enabled = "muster run=K7M2PQRS: new fan", False
    async with openstack_api.serve(world) as url, adapter(url, clock) as cloud:
        await clock.pass_time(60)
        found = await cloud.hosts("compute-1", limit=5)
        assert [h.name for h in found] == ["compute-1", "compute-10", "compute-11"]
        assert re.fullmatch(r"\d+ vCPU on \d+ cores, \d+ of \d+ GiB taken", found[0].note)
        assert [h.note.partition(",")[0] for h in found[1:]] == [
            "disabled by somebody else: new fan",
            "disabled by Muster for operation K7M2PQRS: new fan",
        ]
        arena = OpenStackArena(
            face="openstack",
            action=Action.EVACUATE,
            clock=clock,
            world=world,
            host=hosts[0],
            cloud=cloud,
            moves="/action$",
            address=url,
        )
        assert [vm.name for vm in (await arena.planned()).vms] == ["vm-on-compute-1"]


async def test_more_vms_than_a_page_holds_are_all_seen() -> None:
    async with openstack_arena(vms=1) as arena:
        await arena.planned()
        for number in range(1050):
            arena.world.add_vm(f"many-{number}", arena.host, vcpus=0, memory_mb=0)
        began = len(arena.calls())
        taken = await arena.cloud.survey(arena.request())
        assert len(taken.servers.here) == 1051
        lists = [c for c in arena.calls()[began:] if c.path.endswith("/servers/detail")]
        assert len(lists) == 2


# ---------------------------------------------------------------------- when Nova cannot


@pytest.mark.parametrize(
    ("how", "words"), [(Break.NO_HOST, "scheduler found no host"), (Break.SPAWN, "disk image missing")]
)
async def test_an_evacuation_that_fails_after_it_was_accepted_says_why(how: Break, words: str) -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order_move(MoveFault(how=how))
        seen = await settle(arena, await started(arena, wish=""))
        assert seen.seen is Seen.FAILED
        assert words in seen.sentence
        assert seen.remedy


async def test_a_vm_that_its_wished_for_target_refuses_goes_where_the_scheduler_says() -> None:
    async with openstack_arena(vms=3) as arena:
        vms = arena.world.vms_on(arena.host)
        arena.world.faults.order_move(MoveFault(how=Break.SPAWN))
        plan = await arena.planned()
        wishes = {s.wish for s in plan.steps if s.verb == "evacuate"}
        assert len(wishes) == 3
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert not arena.world.vms_on(arena.host)
        assert {vm.power for vm in vms} == {Power.RUNNING}
        asked = [call.body["evacuate"].get("host") for call in arena.move_calls() if call.body]
        assert sorted(asked, key=str) == sorted([*wishes, None], key=str)


async def test_a_vm_that_nobody_takes_fails_after_the_scheduler_was_asked_too() -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order_move(MoveFault(how=Break.NO_HOST, times=2))
        done = await carry_out(arena, await arena.planned())
        assert [r.state for r in done.records.values() if r.step.verb == "evacuate"] == [StepState.FAILED]
        assert len(arena.move_calls()) == 2


async def test_an_evacuation_that_failed_can_be_started_again() -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order_move(MoveFault(how=Break.SPAWN))
        step = await started(arena)
        await settle(arena, step)
        afresh = replace(step, before=None, receipt=None)
        seen = (await arena.cloud.look([afresh]))[step.key]
        assert seen.seen is Seen.NEVER_STARTED
        again = replace(afresh, before=seen.mark)
        assert (await arena.cloud.look([again]))[step.key].seen is Seen.NEVER_STARTED
        await arena.cloud.start(again)
        assert (await settle(arena, again)).seen is Seen.DONE


async def test_one_that_hangs_is_handed_to_a_person_and_never_started_again() -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order_move(MoveFault(how=Break.HANG))
        plan = await arena.planned()
        done = await carry_out(arena, plan, rounds=20)
        assert StepState.ACCEPTED in done.states.values()
        hanging = next(s for s in steps_of(plan) if s.verb == "evacuate")
        await arena.pass_time(3600)
        assert (await arena.cloud.look([hanging]))[hanging.key].seen is Seen.UNDERWAY
        assert len(arena.move_calls()) == 1


async def test_vms_that_are_underway_by_their_records_cost_a_look_one_call() -> None:
    async with openstack_arena(vms=7) as arena:
        first = await up_to_the_move(arena, await arena.planned())
        steps = [s for s in steps_of(await arena.planned()) if s.verb == "evacuate"]
        marks = await arena.cloud.look(steps)
        begun = [replace(s, before=marks[s.key].mark) for s in steps]
        begun = [replace(s, receipt=await arena.cloud.start(s)) for s in begun]
        before = len(arena.calls())
        sightings = await arena.cloud.look(begun)
        assert {s.seen for s in sightings.values()} == {Seen.UNDERWAY}
        assert all(s.movement and s.place == arena.host.name for s in sightings.values())
        assert [c.path.rpartition("/")[2] for c in arena.calls()[before:]] == ["os-migrations"]
        assert (await settle(arena, first)).seen is Seen.DONE


async def test_a_vm_that_is_deleted_while_its_move_hangs_is_found_out_after_a_minute() -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order_move(MoveFault(how=Break.HANG))
        step = await started(arena)
        arena.world.delete_vm("vm-1")
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.UNDERWAY
        await arena.pass_time(61)
        seen = (await arena.cloud.look([step]))[step.key]
        assert seen.seen is Seen.DONE
        assert "deleted" in seen.sentence


async def test_an_evacuation_that_somebody_else_began_is_waited_for_and_not_doubled() -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        await arena.cloud.start(step)
        before = len(arena.move_calls())
        plan = await arena.planned()
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert len(arena.move_calls()) == before


async def test_nova_s_refusal_of_a_living_host_is_explained() -> None:
    async with openstack_arena(vms=1) as arena:
        step = next(s for s in steps_of(await arena.planned()) if s.verb == "evacuate")
        arena.world.revive_host(arena.host.name)
        with pytest.raises(Refused) as refused:
            await arena.cloud.start(step)
        assert "compute-1's compute service is still in use" in refused.value.sentence
        assert "/maintenance enter" in refused.value.remedy
        assert arena.world.moves == []


async def test_a_call_that_takes_effect_a_minute_late_is_found_before_a_second_start_would_be_allowed() -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        arena.fault(Effect.LATE, seconds=40)
        with pytest.raises(Unreachable):
            await arena.cloud.start(step)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.NEVER_STARTED
        await arena.pass_time(41)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.UNDERWAY
        assert step.quiet.total_seconds() > 41
        assert (await settle(arena, step)).seen is Seen.DONE
        assert len(arena.move_calls()) == 1


# ---------------------------------------------------------------------- VMs that people touch meanwhile


async def test_a_vm_that_somebody_deletes_meanwhile_ends_its_step() -> None:
    async with openstack_arena(vms=2) as arena:
        plan = await arena.planned()
        arena.world.delete_vm("vm-1")
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert any("deleted" in r.sentence for r in done.records.values())
        assert len(arena.move_calls()) == 1


@pytest.mark.parametrize("count", [3, 12])
async def test_vms_that_somebody_else_moved_are_found_with_few_calls(count: int) -> None:
    async with openstack_arena(vms=count) as arena:
        steps = [s for s in steps_of(await arena.planned()) if s.verb == "evacuate"]
        for vm in arena.world.vms_on(arena.host):
            arena.world.relocate(vm, arena.world.host("compute-4"))
        before = len(arena.calls())
        sightings = await arena.cloud.look(steps)
        assert {s.seen for s in sightings.values()} == {Seen.DONE}
        assert {s.place for s in sightings.values()} == {"compute-4"}
        assert len(arena.calls()) - before <= 7


async def test_vms_that_cannot_be_evacuated_are_left_and_named() -> None:
    async with openstack_arena(vms=2) as arena:
        arena.world.set_vm_state("vm-1", "paused")
        plan = await arena.planned()
        assert {vm.name: vm.disposition for vm in plan.vms} == {
            "vm-1": Disposition.CANNOT,
            "vm-2": Disposition.EVACUATE,
        }
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert [vm.name for vm in arena.world.vms_on(arena.host)] == ["vm-1"]


# ---------------------------------------------------------------------- what is read


async def test_volumes_that_the_dead_host_manages_are_found() -> None:
    clock = ManualClock(START)
    world = datacentre.build(clock.now, cinder_on=datacentre.DEAD)
    async with openstack_api.serve(world) as url, adapter(url, clock) as cloud:
        arena = OpenStackArena(
            face="openstack",
            action=Action.EVACUATE,
            clock=clock,
            world=world,
            host=world.host(datacentre.DEAD),
            cloud=cloud,
            moves="/action$",
            address=url,
        )
        plan = await arena.planned()
        found = finding(plan, "volumes-managed-here")
        managed = [v for v in world.volumes.values() if v.host.startswith(f"{datacentre.DEAD}@")]
        assert found is not None
        assert f"{len(managed)} Cinder volumes" in found.sentence
        assert "backups-managed-here" in codes(plan)


async def test_hosts_tell_their_state_their_zone_and_how_many_vms_they_have() -> None:
    async with openstack_arena(vms=3) as arena:
        dead, alive = (await arena.cloud.hosts("", limit=2))[:2]
        assert (dead.name, dead.state, dead.in_service, dead.vms) == ("compute-1", "down", False, 3)
        assert (alive.name, alive.state, alive.in_service, alive.vms) == ("compute-2", "up", True, 0)

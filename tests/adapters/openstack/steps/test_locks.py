"""Around the move of a VM: locked with our reason, stopped again where Nova will not, unlocked whatever happened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.model.resources import Server, ServerGroup
from adapters.openstack.steps import locks
from adapters.openstack.wire.versions import Microversion
from adapters.simulated.faults import Break, MoveFault
from adapters.simulated.records import Power
from bot.domain.cloud import Seen
from bot.domain.plans.plan import Plan, Step
from bot.domain.progress.steps import StepState
from tests.adapters.openstack.build import configured, enter, living, plan, server, survey
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena, openstack_enter_arena
from tests.contract.clouds import carry_out
from tests.steps import steps_of

LOCKS = configured(lock_vms=True)
OURS = "muster run=01RUN: moved off compute-1"


def of_vm(made: Plan, name: str) -> list[str]:
    return [s.verb for s in made.steps if s.arguments.get("name") == name]


# ---------------------------------------------------------------------- which steps


def test_a_vm_is_locked_before_its_move_and_unlocked_after_where_settings_ask_for_it() -> None:
    made = plan(survey(server("a")), settings=LOCKS)
    lock, move, unlock = made.steps[-3:]
    assert [s.verb for s in (lock, move, unlock)] == ["lock", "evacuate", "unlock"]
    assert (move.follows, unlock.follows, unlock.tidies) == (lock.key, move.key, lock.key)
    assert lock.arguments["reason"] == unlock.arguments["reason"] == OURS
    assert of_vm(plan(survey(server("a"))), "a") == ["evacuate"]


def test_a_cold_migration_is_confirmed_before_its_vm_is_unlocked() -> None:
    made = enter(living(server("a", vm_state="stopped", status="SHUTOFF")), settings=LOCKS)
    assert of_vm(made, "a") == ["lock", "cold-migrate", "confirm", "unlock"]
    unlock = next(s for s in made.steps if s.verb == "unlock")
    assert unlock.follows == next(s.key for s in made.steps if s.verb == "confirm")


def test_the_lock_of_somebody_else_is_left_alone_and_shown_with_its_reason() -> None:
    made = plan(survey(server("a", is_locked=True, locked_reason="billing")), settings=LOCKS)
    assert of_vm(made, "a") == ["evacuate"]
    assert made.vms[0].note == "locked: billing"


def test_before_a_lock_could_keep_a_reason_nothing_is_locked() -> None:
    made = plan(survey(server("a"), highest=Microversion((2, 72))), settings=LOCKS)
    assert of_vm(made, "a") == ["evacuate"]


def test_locking_keeps_two_of_one_server_group_apart_all_the_same() -> None:
    group = ServerGroup(id="g", name="db", policy="anti-affinity", members=frozenset({"id-a", "id-b"}))
    made = plan(survey(server("a"), server("b"), groups=(group,)), settings=LOCKS)
    assert {s.verb: s.apart for s in made.steps if s.vm} == {"lock": "", "evacuate": "g", "unlock": ""}


@pytest.mark.parametrize(
    ("vm", "stopped", "highest", "stops"),
    [
        (server("a", vm_state="error", is_off=True), False, (2, 104), True),
        (server("a", vm_state="error"), False, (2, 104), False),
        (server("a", vm_state="error"), True, (2, 104), True),
        (server("a"), True, (2, 104), False),  # Nova leaves it stopped
        (server("a"), True, (2, 94), True),
        (server("a", vm_state="stopped"), False, (2, 94), True),  # Nova starts it where a first try has failed
        (server("a"), False, (2, 94), False),
    ],
)
def test_a_vm_is_stopped_after_its_move_only_where_nova_will_not_do_it(
    vm: Server, stopped: bool, highest: tuple[int, int], stops: bool
) -> None:
    made = plan(
        survey(vm, highest=Microversion(highest)),
        settings=configured(evacuated_vms="stopped" if stopped else "running"),
    )
    assert of_vm(made, "a") == (["evacuate", "stop"] if stops else ["evacuate"])


def test_what_becomes_of_a_vm_in_error_is_said() -> None:
    assert plan(survey(server("a", vm_state="error"))).vms[0].note == "comes up running"
    off = plan(survey(server("a", vm_state="error", is_off=True)))
    assert off.vms[0].note == "comes up and is stopped again"


# ---------------------------------------------------------------------- what is seen


def step(verb: str) -> Step:
    made = plan(survey(server("a", vm_state="error", is_off=True)), settings=LOCKS)
    return next(s for s in steps_of(made) if s.verb == verb)


@pytest.mark.parametrize(
    ("verb", "shown", "seen"),
    [
        ("lock", {}, Seen.NEVER_STARTED),
        ("lock", {"is_locked": True, "locked_reason": OURS}, Seen.DONE),
        ("lock", {"is_locked": True, "locked_reason": "billing"}, Seen.DONE),
        ("unlock", {"is_locked": True, "locked_reason": OURS}, Seen.NEVER_STARTED),
        ("unlock", {"is_locked": True, "locked_reason": "billing"}, Seen.DONE),
        ("unlock", {"is_locked": True, "locked_reason": "muster run=01ANOTHER"}, Seen.DONE),
        ("unlock", {"is_locked": True}, Seen.DONE),
        ("unlock", {}, Seen.DONE),
        ("stop", {"status": "ACTIVE"}, Seen.NEVER_STARTED),
        ("stop", {"status": "ACTIVE", "task": "powering-off"}, Seen.UNDERWAY),
        ("stop", {"status": "SHUTOFF"}, Seen.DONE),
        ("stop", {"status": "ERROR"}, Seen.FAILED),
        ("stop", {"status": "DELETED"}, Seen.DONE),
    ],
)
def test_each_state_of_a_vm_says_what_is_left_to_do(verb: str, shown: dict[str, object], seen: Seen) -> None:
    found = locks.sighting(step(verb), server("a", **shown))
    assert found.seen is seen
    assert "a" in found.sentence
    assert found.remedy or seen is not Seen.FAILED


@pytest.mark.parametrize("verb", ["lock", "unlock", "stop"])
def test_nothing_is_left_to_do_about_a_vm_that_was_deleted(verb: str) -> None:
    assert locks.sighting(step(verb), None).seen is Seen.DONE


# ---------------------------------------------------------------------- over the wire


@asynccontextmanager
async def locking(arena: OpenStackArena, **settings: Any) -> AsyncIterator[OpenStackArena]:
    async with adapter(arena.address, arena.clock, lock_vms=True, **settings) as cloud:
        yield replace(arena, cloud=cloud)


def asked_of(arena: OpenStackArena, name: str) -> list[str]:
    """The actions that were asked of a VM, in order."""
    vm = arena.world.vm(name)
    return [next(iter(c.body)) for c in arena.mutations() if c.path.endswith(f"/servers/{vm.id}/action")]


async def test_vms_that_are_left_locked_are_told_with_the_host_they_were_moved_off() -> None:
    async with openstack_arena(vms=2) as dead, locking(dead) as arena:
        plan = await arena.planned()
        await carry_out(arena, replace(plan, steps=tuple(s for s in plan.steps if s.verb != "unlock")))
        theirs = arena.add_vm("theirs")
        theirs.locked_by, theirs.locked_reason = "owner", "billing"
        hosts = {host.name: host.left for host in await arena.cloud.hosts("", limit=9)}
        assert hosts.pop("compute-1") == "2 VMs still locked by Muster (vm-1, vm-2)"
        assert set(hosts.values()) == {""}
        asked = len(arena.calls())
        assert {host.left for host in await dead.cloud.hosts("", limit=9)} == {""}
        assert not [c for c in arena.calls()[asked:] if "locked" in c.query]


@pytest.mark.parametrize("vms", [3, 12])
async def test_every_vm_is_locked_evacuated_and_unlocked_in_this_order(vms: int) -> None:
    async with openstack_arena(vms=vms) as dead, locking(dead) as arena:
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        for vm in arena.world.vms.values():
            assert asked_of(arena, vm.name) == ["lock", "evacuate", "unlock"]
            assert (vm.locked_by, vm.locked_reason) == (None, None)


async def test_the_lock_bears_the_operation_while_the_vm_is_moved() -> None:
    async with openstack_arena(vms=1) as dead, locking(dead) as arena:
        plan = await arena.planned()
        steps = tuple(s for s in plan.steps if s.verb != "unlock")
        await carry_out(arena, replace(plan, steps=steps))
        vm = arena.world.vm("vm-1")
        assert (vm.locked_by, vm.locked_reason) == ("admin", f"muster run={arena.request().run}: moved off compute-1")


async def test_somebody_elses_lock_is_neither_broken_nor_in_the_way() -> None:
    async with openstack_arena(vms=2) as dead, locking(dead) as arena:
        theirs = arena.world.vm("vm-1")
        theirs.locked_by, theirs.locked_reason = "owner", "billing"
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert asked_of(arena, "vm-1") == ["evacuate"]
        assert (theirs.locked_by, theirs.locked_reason) == ("owner", "billing")


async def test_a_lock_that_somebody_took_over_meanwhile_is_left_to_them() -> None:
    async with openstack_arena(vms=1) as dead, locking(dead) as arena:
        plan = await arena.planned()
        await carry_out(arena, replace(plan, steps=tuple(s for s in plan.steps if s.verb != "unlock")))
        arena.world.vm("vm-1").locked_reason = "do not touch"
        unlock = replace(next(s for s in steps_of(plan) if s.verb == "unlock"), follows=None)
        assert (await arena.cloud.look([unlock]))[unlock.key].seen is Seen.DONE
        assert "unlock" not in asked_of(arena, "vm-1")


async def test_a_vm_whose_move_failed_is_unlocked_too() -> None:
    async with openstack_arena(vms=2) as dead, locking(dead) as arena:
        plan = await arena.planned(to="compute-2")
        arena.world.faults.order_move(MoveFault(how=Break.SPAWN, vm="vm-1"))
        done = await carry_out(arena, plan)
        vm = arena.world.vm("vm-1")
        assert done.states[f"evacuate:{vm.id}"] is StepState.FAILED
        assert asked_of(arena, "vm-1") == ["lock", "evacuate", "unlock"]
        assert vm.locked_by is None


async def test_vms_that_are_migrated_are_locked_as_well() -> None:
    async with openstack_enter_arena(vms=2) as living_arena, locking(living_arena) as arena:
        arena.world.set_power(arena.world.vm("vm-2"), Power.STOPPED)
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert asked_of(arena, "vm-1") == ["lock", "os-migrateLive", "unlock"]
        assert asked_of(arena, "vm-2") == ["lock", "migrate", "confirmResize", "unlock"]


async def test_a_vm_that_was_in_error_and_off_is_off_again_in_the_end() -> None:
    async with openstack_arena(vms=2) as arena:
        arena.world.set_vm_state("vm-1", "error", power=Power.STOPPED)
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert asked_of(arena, "vm-1") == ["evacuate", "os-stop"]
        assert arena.world.vm("vm-1").power is Power.STOPPED
        assert arena.world.vm("vm-2").power is Power.RUNNING

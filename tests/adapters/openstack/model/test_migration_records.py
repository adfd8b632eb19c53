"""Records of earlier moves, judged by what has happened since."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.openstack.model.resources import LIVE_MIGRATION, Migration, Server
from adapters.openstack.steps.moves import outcome
from adapters.simulated import datacentre
from adapters.simulated.records import Move, MoveKind, SimVm
from bot.domain.cloud import Seen
from bot.domain.plans.plan import Disposition, Plan
from bot.domain.values import Action
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    back,
    codes,
    enter,
    evacuate_step,
    finding,
    living,
    migration,
    plan,
    server,
    survey,
)
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena
from tests.contract.clouds import carry_out, up_to_the_move
from tests.steps import steps_of

LONG_AGO = timedelta(days=260)
BADLY = ("failed", "error", "cancelled")


def record(arena: OpenStackArena, vm: SimVm, status: str, to: str | None, **fields: Any) -> Move:
    """A record of a move off compute-1, a minute old unless told otherwise."""
    kind = fields.pop("kind", MoveKind.LIVE)
    return datacentre.add_record(
        arena.world, vm, kind, status, source=DEAD, to=to, **{"age": timedelta(minutes=1)} | fields
    )


def live(status: str, *, target: str | None = "compute-2", **changes: Any) -> Migration:
    said: dict[str, Any] = {"type": LIVE_MIGRATION, "updated_at": (NOW - timedelta(hours=2)).isoformat()}
    return migration(7, "web-1", status, target, **said | changes)


def stuck(**changes: Any) -> Server:
    return server("web-1", **{"task": "migrating", "status": "MIGRATING"} | changes)


def ago(age: timedelta) -> str:
    return (NOW - age).isoformat()


# ---------------------------------------------------------------------- moves that ended, and the row did not follow


@pytest.mark.parametrize("task", ["migrating", None])
async def test_a_vm_whose_guest_probably_runs_on_the_target_of_a_move_is_not_evacuated(task: str | None) -> None:
    async with openstack_enter_arena(vms=2) as arena:
        gone, _ = arena.world.vms_on(arena.host)
        await arena.pass_time(3600)
        move = record(arena, gone, "completed", "compute-2")
        gone.task, gone.updated_at = task, arena.world.now
        arena.world.kill_host(DEAD)
        await arena.pass_time(120)
        made = await arena.planned(action=Action.EVACUATE)
        row = next(vm for vm in made.vms if vm.id == gone.id)
        assert row.disposition is Disposition.CANNOT
        assert f"#{move.id}" in row.note
        assert "its guest probably runs on compute-2" in row.note
        assert [s.vm for s in made.steps if s.verb == "evacuate"] == [vm.id for vm in made.vms if vm.id != gone.id]


@pytest.mark.parametrize("status", ["completed", "done", "finished", "confirmed", "post-migrating"])
def test_every_end_that_left_the_guest_elsewhere_counts(status: str) -> None:
    made = plan(survey(server("web-1"), migrations=(live(status),)))
    assert "#7" in made.vms[0].note
    assert not [s for s in made.steps if s.verb == "evacuate"]


@pytest.mark.parametrize("status", BADLY)
def test_an_end_that_left_the_guest_at_home_does_not(status: str) -> None:
    for vm in (server("web-1"), stuck()):
        assert [s.vm for s in plan(survey(vm, migrations=(live(status),))).steps if s.verb == "evacuate"] == [vm.id]


def test_a_vm_that_came_home_since_is_at_home() -> None:
    home = migration(8, "web-1", "completed", DEAD, source="compute-2", type=LIVE_MIGRATION)
    assert [s.vm for s in plan(survey(migrations=(live("completed"), home))).steps if s.verb == "evacuate"]


def test_a_guest_that_was_started_anew_since_is_at_home() -> None:
    born, ended, started = (ago(timedelta(hours=hours)) for hours in (9, 5, 4))
    vm = server("web-1", created_at=born, launched_at=started)
    assert [s for s in plan(survey(vm, migrations=(live("completed", updated_at=ended),))).steps if s.vm == vm.id]


@pytest.mark.parametrize(
    ("lived_on", "found", "at_home"),
    [(timedelta(hours=1), True, True), (timedelta(minutes=59), True, False), (timedelta(hours=1), False, False)],
)
def test_a_guest_that_its_host_has_found_since_is_at_home(lived_on: timedelta, found: bool, at_home: bool) -> None:
    heard = NOW - timedelta(minutes=3)  # of the dead host
    vm = server("web-1", created_at=ago(timedelta(days=9)), updated_at=(heard - lived_on).isoformat(), is_found=found)
    made = plan(survey(vm, migrations=(live("completed", updated_at=ago(timedelta(hours=5))),)))
    assert bool([s for s in made.steps if s.verb == "evacuate"]) is at_home


def test_who_enters_maintenance_is_told_of_what_has_ended_and_never_to_wait_for_it() -> None:
    (moved,) = enter(living(stuck(), migrations=(live("completed"),))).vms
    assert "its guest probably runs on compute-2" in moved.note
    assert "#7" in moved.note
    (failed,) = enter(living(stuck(), migrations=(live("error"),))).vms
    assert "has ended (#7, error)" in failed.note
    assert "reset" in failed.note
    for row in (moved, failed):
        assert row.disposition is Disposition.CANNOT
        assert "Wait" not in row.note


def test_a_task_without_headway_for_hours_is_not_waited_for() -> None:
    idle = stuck(task="rebooting", updated_at=ago(timedelta(hours=3)))
    assert "without any headway" in enter(living(idle)).vms[0].note
    busy = stuck(task="rebooting", updated_at=ago(timedelta(minutes=1)))
    assert "Wait until that has ended" in enter(living(busy)).vms[0].note


def test_a_host_that_died_in_the_middle_of_a_live_migration_says_how_to_go_on() -> None:
    (row,) = plan(survey(stuck(), migrations=(live("running"),))).vms
    assert "compute-2 (#7, running)" in row.note
    assert "server set --state active" in row.note
    reset = plan(survey(server("web-1"), migrations=(live("running"),)))
    assert [s for s in reset.steps if s.verb == "evacuate"]
    assert "#7, running" in (finding(reset, "move-open") or pytest.fail("nothing is said")).sentence


# ---------------------------------------------------------------------- open records of earlier incidents


async def test_an_order_that_was_lost_before_two_moves_of_its_vm_stops_nothing() -> None:
    async with openstack_arena(vms=1) as arena:
        (vm,) = arena.world.vms_on(arena.host)
        for status, to in (("accepted", None), ("completed", "compute-3")):
            record(arena, vm, status, to, kind=MoveKind.EVACUATION, age=LONG_AGO)
        datacentre.add_record(arena.world, vm, MoveKind.LIVE, "completed", source="compute-3", to=DEAD, age=LONG_AGO)
        made = await arena.planned()
        assert "evacuation-open" not in codes(made)
        done = await carry_out(arena, made)
        assert not done.bad()
        assert vm.host is not arena.host


async def test_an_order_that_was_lost_before_a_live_migration_stops_nothing() -> None:
    async with openstack_arena(vms=1) as arena:
        (vm,) = arena.world.vms_on(arena.host)
        record(arena, vm, "accepted", "compute-4", kind=MoveKind.EVACUATION, age=timedelta(minutes=50))
        record(arena, vm, "completed", "compute-3", age=timedelta(minutes=40))
        datacentre.add_record(
            arena.world, vm, MoveKind.LIVE, "completed", source="compute-3", to=DEAD, age=timedelta(minutes=30)
        )
        step = await up_to_the_move(arena, await arena.planned())
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.NEVER_STARTED


@pytest.mark.parametrize(
    ("target", "age", "seen"),
    [
        (None, timedelta(minutes=59), Seen.UNDERWAY),
        (None, timedelta(hours=1), Seen.NEVER_STARTED),
        ("compute-2", timedelta(hours=23), Seen.UNDERWAY),
        ("compute-2", timedelta(days=1), Seen.NEVER_STARTED),
    ],
)
def test_an_order_that_nobody_took_up_is_lost_after_a_while(target: str | None, age: timedelta, seen: Seen) -> None:
    vm = server("web-1", updated_at=ago(age))
    old = migration(5, "web-1", "accepted", target, created_at=ago(age))
    assert outcome.sighting(evacuate_step(), vm, [old], now=NOW).seen is seen
    busy = server("web-1", updated_at=ago(age), task="rebuilding", status="REBUILD")
    assert outcome.sighting(evacuate_step(), busy, [old], now=NOW).seen is Seen.UNDERWAY


@pytest.mark.parametrize("deleted", [True, False])
async def test_vms_that_came_to_nothing_long_ago_do_not_keep_a_host_from_being_empty(deleted: bool) -> None:
    async with openstack_enter_arena(vms=0) as arena:
        other = arena.add_vm("elsewhere")
        arena.world.relocate(other, arena.world.host("compute-3"))
        datacentre.add_record(
            arena.world, other, MoveKind.EVACUATION, "pre-migrating", source="compute-2", to=DEAD, age=LONG_AGO
        )
        if deleted:
            arena.world.delete_vm(other.name)
        made = await arena.planned()
        assert "incoming" not in codes(made)
        assert not (await carry_out(arena, made)).bad()


async def test_a_vm_that_is_on_its_way_does() -> None:
    async with openstack_enter_arena(vms=0) as arena:
        other = arena.add_vm("elsewhere")
        arena.world.relocate(other, arena.world.host("compute-2"))
        other.task = "migrating"
        datacentre.add_record(
            arena.world, other, MoveKind.LIVE, "running", source="compute-2", to=DEAD, age=timedelta(0)
        )
        made = await arena.planned()
        assert "incoming" in codes(made)
        (verify,) = [s for s in steps_of(made) if s.verb == "verify-empty"]
        arena.host.enabled = False
        assert (await arena.cloud.look([verify]))[verify.key].seen is Seen.UNDERWAY


# ---------------------------------------------------------------------- the return of a host


@pytest.mark.parametrize("status", ["accepted", "pre-migrating"])
async def test_evacuations_of_vms_that_are_deleted_or_settled_elsewhere_do_not_forbid_a_return(status: str) -> None:
    async with openstack_enter_arena(vms=0) as arena:
        gone, settled = arena.add_vm("gone"), arena.add_vm("settled")
        arena.world.relocate(settled, arena.world.host("compute-2"))
        for vm in (gone, settled):
            record(arena, vm, status, "compute-2", kind=MoveKind.EVACUATION, age=LONG_AGO)
        arena.world.delete_vm("gone")
        await arena.pass_time(301)
        arena.host.enabled, arena.host.disabled_reason = False, "muster run=01RUN"
        assert not (await arena.planned(action=Action.EXIT)).is_blocked


def test_whoever_restarts_a_host_is_told_of_guests_that_would_be_deleted() -> None:
    old = migration(5, "web-1", "accepted", None, created_at=ago(LONG_AGO))
    home = migration(6, "web-1", "completed", DEAD, source="compute-2", type=LIVE_MIGRATION)
    for made in (back(living(migrations=(old, home))), enter(living(migrations=(old, home)))):
        told = finding(made, "evacuation-left-over")
        assert told is not None
        assert "web-1 (#5, accepted)" in told.sentence
    assert not said_to_restart(back(living(migrations=(migration(5, "web-1", "done"), home))))


def said_to_restart(made: Plan) -> list[str]:
    return [f.code for f in made.findings if f.remedy.startswith("Restart nova-compute")]

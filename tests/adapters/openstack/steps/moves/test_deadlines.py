"""Live migrations past their deadline over a socket: aborted, forced or left to people, and how far they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from adapters.openstack.settings import MigrationSettings
from adapters.simulated.faults import Break, CallFault, Effect, MoveFault
from adapters.simulated.records import Power, SimVm
from bot.domain.cloud import Refused, Seen, Unreachable
from bot.domain.plans.plan import By, Step
from bot.domain.progress.steps import StepState
from bot.domain.values import StepKey
from tests.adapters.openstack.build import configured, enter, living, server
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_enter_arena
from tests.contract.clouds import Carried, carry_out, up_to_the_move
from tests.steps import steps_of

DEADLINE = 30.0


@asynccontextmanager
async def arena_with(
    late: Literal["requeue", "abort", "force-complete", "hold"], *, vms: int = 2
) -> AsyncIterator[OpenStackArena]:
    """A living host whose cloud has that policy."""
    async with (
        openstack_enter_arena(vms=vms) as arena,
        adapter(
            arena.address, arena.clock, migration=MigrationSettings(late=late, deadline=timedelta(seconds=DEADLINE))
        ) as cloud,
    ):
        yield replace(arena, cloud=cloud)


def hangs(arena: OpenStackArena, name: str) -> SimVm:
    arena.world.faults.order_move(MoveFault(how=Break.HANG, vm=name))
    return arena.world.vm(name)


def orders(arena: OpenStackArena) -> list[str]:
    return [f"{c.method} {c.body}" for c in arena.mutations() if "/migrations/" in c.path]


def moved(done: Carried, vm: SimVm) -> tuple[StepState, str]:
    record = done.records[StepKey(f"live-migrate:{vm.id}")]
    return record.state, record.sentence


async def relief_of(arena: OpenStackArena) -> tuple[Step, Step]:
    """The step of a live migration that hangs, under way, and the step that relieves it, its turn come."""
    plan = await arena.planned()
    move = await up_to_the_move(arena, plan)
    move = replace(move, receipt=await arena.cloud.start(move))
    await arena.pass_time(5)
    relief = next(s for s in steps_of(plan) if s.relieves == move.key)
    seen = (await arena.cloud.look([move, relief]))[relief.key]
    assert seen.seen is Seen.NEVER_STARTED
    return move, replace(relief, before=seen.mark)


# ---------------------------------------------------------------------- the plan


@pytest.mark.parametrize(
    ("late", "title", "by"),
    [
        ("abort", "abort the live migration of web-1", By.MUSTER),
        ("force-complete", "force the live migration of web-1 to complete", By.MUSTER),
        ("hold", "decide about the live migration of web-1", By.PERSON),
        ("requeue", "let others go before web-1", By.MUSTER),
    ],
)
def test_what_happens_at_the_deadline_is_part_of_the_plan(
    late: Literal["requeue", "abort", "force-complete", "hold"], title: str, by: By
) -> None:
    made = enter(
        living(server("web-1")),
        settings=configured(migration=MigrationSettings(late=late, deadline=timedelta(minutes=45))),
    )
    relief, *last = [s for s in made.steps if s.relieves]
    assert (relief.title, relief.by, relief.deadline) == (title, by, timedelta(minutes=45))
    assert relief.relieves == "live-migrate:id-web-1"
    assert "after 45 min " in made.facts["a live migration"]
    assert [s.verb for s in last] == (["abort", "hold"] if late == "requeue" else []), "for one that gave way"


def test_nova_does_not_force_a_paused_vm_so_a_person_decides_about_it() -> None:
    paused = server("cache-1", status="PAUSED", vm_state="paused")
    made = enter(living(paused), settings=configured(migration=MigrationSettings(late="force-complete")))
    (relief,) = [s for s in made.steps if s.relieves]
    assert (relief.verb, relief.by) == ("hold", By.PERSON)


# ---------------------------------------------------------------------- the deadline


async def test_a_migration_is_aborted_at_its_deadline_and_its_vm_stays_while_others_go() -> None:
    async with arena_with("abort") as arena:
        busy = hangs(arena, "vm-1")
        other = arena.world.vm("vm-2")
        done = await carry_out(arena, await arena.planned())
        state, sentence = moved(done, busy)
        assert state is StepState.FAILED
        assert sentence == (
            "vm-1 was not live-migrated: it was aborted at its deadline of 30 s. It is still on compute-1, ACTIVE."
        )
        assert (busy.host, busy.power, busy.task) == (arena.host, Power.RUNNING, None)
        assert other.host is not arena.host
        assert orders(arena) == ["DELETE None"]
        assert done.states[f"abort:{busy.id}"] is StepState.DONE
        assert done.states[f"abort:{other.id}"] is StepState.NOT_NEEDED


async def test_a_migration_is_forced_at_its_deadline_and_verified_as_any_other() -> None:
    async with arena_with("force-complete") as arena:
        busy = hangs(arena, "vm-1")
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert busy.host is not arena.host
        assert orders(arena) == ["POST {'force_complete': None}"]


async def test_where_people_decide_they_are_told_how_and_whatever_they_do_is_seen() -> None:
    async with arena_with("hold", vms=1) as arena:
        busy = hangs(arena, "vm-1")
        plan = await arena.planned()
        move = await up_to_the_move(arena, plan)
        move = replace(move, receipt=await arena.cloud.start(move))
        await arena.pass_time(60)
        held = next(s for s in steps_of(plan) if s.relieves)
        seen = (await arena.cloud.look([move, held]))[held.key]
        assert seen.seen is Seen.UNDERWAY
        assert "for longer than 30 s" in seen.sentence
        assert f"openstack server migration abort {busy.id} 1" in seen.sentence
        assert f"openstack server migration force complete {busy.id} 1" in seen.sentence
        arena.world.settle()
        assert orders(arena) == []


async def test_what_somebody_else_aborted_is_not_called_ours() -> None:
    async with arena_with("abort", vms=1) as arena:
        hangs(arena, "vm-1")
        move, order = await relief_of(arena)
        await arena.cloud.start(order)
        await arena.pass_time(1)
        assert "somebody aborted it" in (await arena.cloud.look([move]))[move.key].sentence


async def test_one_that_makes_no_headway_lets_the_others_go_first_and_is_tried_again_after_them() -> None:
    async with arena_with("requeue", vms=3) as arena:
        busy = hangs(arena, "vm-1")
        done = await carry_out(arena, await arena.planned())
        assert not done.bad()
        assert orders(arena) == ["DELETE None"]
        order = done.records[StepKey(f"requeue:{busy.id}")]
        assert order.state is StepState.DONE
        assert order.sentence == (
            "its live migration made no headway and was aborted; vm-1 still runs on compute-1 and is tried again after"
            " the others."
        )
        moves = [m for m in arena.world.moves if m.vm is busy]
        assert [m.status for m in moves] == ["cancelled", "completed"]
        assert moves[1].created_at > max(m.created_at for m in arena.world.moves if m.vm is not busy)


async def test_a_person_is_asked_about_one_that_is_alone_or_has_given_way_already() -> None:
    async with arena_with("requeue", vms=1) as arena:
        busy = hangs(arena, "vm-1")
        done = await carry_out(arena, await arena.planned(), rounds=60)
        assert orders(arena) == []
        assert done.states[f"requeue:{busy.id}"] is StepState.PLANNED
        held = done.records[StepKey(f"hold:{busy.id}")]
        assert held.state is StepState.ACCEPTED
        assert "vm-1 has been migrating for longer than 30 s" in held.sentence


async def test_of_several_that_never_converge_none_waits_for_another_and_a_person_is_asked_about_each() -> None:
    async with arena_with("requeue", vms=5) as arena:
        arena.world.host(arena.host.name).knobs.live_slots = 1
        busy = [arena.world.vm(name) for name in ("vm-1", "vm-3", "vm-4")]
        for vm in busy:
            arena.world.faults.order_move(MoveFault(how=Break.HANG, vm=vm.name, times=None))
        done = await carry_out(arena, await arena.planned(), rounds=400)
        aborted = {vm.name: [m.status for m in arena.world.moves if m.vm is vm] for vm in busy}
        last = next(vm for vm in busy if aborted[vm.name] == ["cancelled", "running"])
        assert sorted(map(len, aborted.values())) == [2, 2, 2], "each is tried twice"
        for vm in busy:
            state, sentence = moved(done, vm)
            if vm is last:
                assert done.states[f"hold:{vm.id}"] is StepState.ACCEPTED, "a person is asked"
                continue
            assert state is StepState.FAILED
            assert sentence == (
                f"{vm.name} was not live-migrated: it had let others go first once, kept them waiting again, and was"
                f" aborted. It is still on compute-1, ACTIVE."
            )
        others = [m for m in arena.world.moves if m.vm not in busy]
        assert [m.status for m in others] == ["completed", "completed"]
        began = min(m.created_at for m in arena.world.moves)
        assert max((m.updated_at or m.created_at) for m in others) - began <= timedelta(seconds=len(busy) * 60)


async def test_one_that_somebody_else_aborted_is_not_tried_again_by_itself() -> None:
    async with arena_with("requeue", vms=2) as arena:
        hangs(arena, "vm-1")
        move, order = await relief_of(arena)
        arena.world.moves[0].status, arena.world.moves[0].vm.task = "cancelled", None
        seen = await arena.cloud.look([move, order])
        assert seen[move.key].seen is Seen.FAILED
        assert "somebody aborted it" in seen[move.key].sentence


# ---------------------------------------------------------------------- lost answers, refusals


@pytest.mark.parametrize("late", ["requeue", "abort", "force-complete"])
async def test_an_order_whose_answer_was_lost_is_found_in_the_vm_s_log_and_not_given_again(
    late: Literal["requeue", "abort", "force-complete", "hold"],
) -> None:
    async with arena_with(late, vms=1) as arena:
        hangs(arena, "vm-1")
        arena.world.host("compute-1").knobs.live_seconds = 0.1
        _, order = await relief_of(arena)
        assert (await arena.cloud.look([order]))[order.key].seen is Seen.NEVER_STARTED
        arena.world.faults.order(CallFault(effect=Effect.LOSE_REPLY, path="/migrations/"))
        with pytest.raises(Unreachable):
            await arena.cloud.start(order)
        seen = (await arena.cloud.look([order]))[order.key]
        assert seen.seen in {Seen.UNDERWAY, Seen.DONE}
        await arena.pass_time(5)
        assert (await arena.cloud.look([order]))[order.key].seen is Seen.DONE


async def test_an_order_that_never_reached_nova_may_be_given_again() -> None:
    async with arena_with("abort", vms=1) as arena:
        hangs(arena, "vm-1")
        _, order = await relief_of(arena)
        arena.world.faults.order(CallFault(effect=Effect.CUT, path="/migrations/"))
        with pytest.raises(Unreachable):
            await arena.cloud.start(order)
        assert (await arena.cloud.look([order]))[order.key].seen is Seen.NEVER_STARTED


@pytest.mark.parametrize("late", ["requeue", "abort", "force-complete"])
async def test_an_order_that_comes_too_late_is_refused_and_the_vm_has_arrived(
    late: Literal["requeue", "abort", "force-complete", "hold"],
) -> None:
    async with arena_with(late, vms=1) as arena:
        hangs(arena, "vm-1")
        _, order = await relief_of(arena)
        arena.world.faults.clear()
        move = arena.world.moves[-1]
        move.status, move.vm.task, move.vm.host = "completed", None, arena.world.host("compute-2")
        with pytest.raises(Refused) as refused:
            await arena.cloud.start(order)
        assert refused.value.sentence == f"Nova refused to {order.title}: The VM is not being migrated any more."
        assert "Nothing needs to be done" in refused.value.remedy
        seen = (await arena.cloud.look([order]))[order.key]
        assert (seen.seen, seen.place) == (Seen.DONE, "compute-2")


@pytest.mark.parametrize("late", ["requeue", "abort", "force-complete"])
async def test_an_order_about_one_that_is_about_to_arrive_is_refused_in_words(
    late: Literal["requeue", "abort", "force-complete", "hold"],
) -> None:
    async with arena_with(late, vms=1) as arena:
        hangs(arena, "vm-1")
        _, order = await relief_of(arena)
        arena.world.moves[-1].status = "post-migrating"
        with pytest.raises(Refused) as refused:
            await arena.cloud.start(order)
        assert "only while the migration is running, and it is post-migrating" in refused.value.sentence
        assert "Nothing needs to be done" in refused.value.remedy


async def test_what_is_about_to_arrive_is_not_aborted_any_more() -> None:
    async with arena_with("abort", vms=1) as arena:
        hangs(arena, "vm-1")
        _, order = await relief_of(arena)
        arena.world.moves[-1].status = "post-migrating"
        fresh = replace(order, before=None)
        seen = (await arena.cloud.look([fresh]))[fresh.key]
        assert (seen.seen, seen.sentence) == (Seen.DONE, "vm-1 is about to arrive on compute-2 (post-migrating).")


# ---------------------------------------------------------------------- progress


async def test_a_look_tells_how_far_a_migration_is() -> None:
    async with arena_with("hold", vms=1) as arena:
        hangs(arena, "vm-1")
        for host in arena.world.hosts.values():
            host.knobs.live_seconds = 10
        move, _ = await waiting(arena)
        seen = (await arena.cloud.look([move]))[move.key]
        assert seen.progress == pytest.approx(0.8)
        assert seen.sentence == "vm-1 goes to compute-2: its live migration runs, 0.4 of 2.0 GiB left."
        assert not seen.waits


async def waiting(arena: OpenStackArena) -> tuple[Step, Step]:
    """The step of a migration under way, and the one about its deadline."""
    plan = await arena.planned()
    move = await up_to_the_move(arena, plan)
    move = replace(move, receipt=await arena.cloud.start(move))
    await arena.pass_time(5)
    return move, next(s for s in steps_of(plan) if s.relieves == move.key)


async def test_a_migration_that_waits_for_its_turn_says_so() -> None:
    async with arena_with("abort", vms=1) as arena:
        hangs(arena, "vm-1")
        move, _ = await waiting(arena)
        arena.world.moves[-1].status = "queued"
        assert (await arena.cloud.look([move]))[move.key].waits


@pytest.mark.parametrize("vms", [8, 24])
async def test_a_look_asks_about_those_under_way_alone_however_many_vms_there_are(vms: int) -> None:
    async with arena_with("abort", vms=vms) as arena:
        hangs(arena, "vm-1")
        plan = await arena.planned()
        move = await up_to_the_move(arena, plan)
        move = replace(move, receipt=await arena.cloud.start(move))
        await arena.pass_time(5)
        others = [s for s in steps_of(plan) if s.verb == "live-migrate" and s.key != move.key]
        began = len(arena.calls())
        await arena.cloud.look([move, *others])
        asked = [c.path for c in arena.calls()[began:]]
        assert sum(path.endswith("/migrations") for path in asked) == 1
        assert len(asked) <= 4

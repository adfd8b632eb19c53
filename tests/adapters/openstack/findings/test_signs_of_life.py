"""Signs of life: a host that reports is alive, whatever Nova calls it, and is neither forced down nor evacuated."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.openstack.model.resources import Life
from adapters.openstack.survey.heartbeats import ServiceHeartbeats
from adapters.redfish.power import PowerReading
from adapters.simulated import redfish_api
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import Step, Verdict
from bot.domain.values import Action
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    altered,
    back,
    codes,
    finding,
    living,
    plan,
    service,
    survey,
    with_service,
)
from tests.adapters.openstack.fenced import fenced
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena, openstack_enter_arena
from tests.contract.clouds import carry_out, up_to_the_move
from tests.steps import steps_of

FORCED = {"is_up": False, "is_forced_down": True}


def force_down(arena: OpenStackArena) -> None:
    """Somebody forces compute-1 down."""
    arena.host.forced_down, arena.host.changed_at = True, arena.world.now


def ahead(arena: OpenStackArena) -> None:
    """The clock by which the heartbeats of compute-1 are stamped goes two minutes ahead."""
    arena.host.skew = 120


def behind(arena: OpenStackArena) -> None:
    arena.host.skew = -120


def verb(steps: Sequence[Step], wanted: str) -> Step:
    return next(s for s in steps if s.verb == wanted)


async def sight(arena: OpenStackArena, step: Step) -> Sighting:
    return (await arena.cloud.look([step]))[step.key]


# ---------------------------------------------------------------------- the check


@pytest.mark.parametrize("called_down", [force_down, ahead, behind])
async def test_a_host_whose_heartbeat_goes_on_is_not_evacuated(called_down: Callable[[OpenStackArena], None]) -> None:
    async with openstack_enter_arena() as arena:
        called_down(arena)
        await arena.pass_time(600)
        await arena.planned(action=Action.EVACUATE)
        await arena.pass_time(30)
        made = await arena.planned(action=Action.EVACUATE)
        found = finding(made, "still-reports")
        assert found is not None
        assert found.verdict is Verdict.BLOCKER
        assert "compute-1 is alive: nova-compute reports there" in found.sentence
        assert "service-down" not in codes(made), "no green mark"
        assert "have it powered off first" in found.remedy
        arena.world.kill_host(DEAD)
        await arena.pass_time(600)
        assert not (await arena.planned(action=Action.EVACUATE)).is_blocked


async def test_of_a_row_that_was_written_just_now_only_another_look_tells() -> None:
    for is_alive in (True, False):
        async with openstack_enter_arena() as arena:
            force_down(arena)
            if not is_alive:
                arena.world.kill_host(DEAD)
            first = await arena.planned(action=Action.EVACUATE)
            told = finding(first, "life-untold")
            assert told is not None
            assert told.verdict is Verdict.UNKNOWN
            assert "Check again" in told.remedy
            await arena.pass_time(30)
            second = await arena.planned(action=Action.EVACUATE)
            assert second.is_blocked is is_alive
            assert ("still-reports" in codes(second)) is is_alive


async def test_what_changes_the_row_of_a_dead_host_is_no_sign_of_life() -> None:
    async with openstack_arena() as arena:
        made = await arena.planned()
        for change in ("force-down", "force-down", "disable-service"):
            await arena.pass_time(5)
            await arena.cloud.start(verb(steps_of(made), change))  # as somebody else would
            again = await arena.planned()
            assert not again.is_blocked, again.sorted_findings
        assert not (await carry_out(arena, made)).bad()


async def test_who_reports_is_told_apart_when_the_host_returns_or_enters_maintenance() -> None:
    async with openstack_enter_arena() as arena:
        force_down(arena)
        await arena.planned()
        await arena.pass_time(30)
        entering = finding(await arena.planned(), "service-down")
        assert entering is not None
        assert "nova-compute reports there" in entering.sentence
        assert "service set --up" in entering.remedy
        (shown,) = await arena.cloud.hosts(DEAD, limit=1)
        assert "its nova-compute reports" in shown.note
    called_down = altered(with_service(living(), DEAD, is_up=False), life=Life.REPORTS)
    assert "compute-called-down" in codes(back(called_down))


def test_power_that_is_said_to_be_off_does_not_outweigh_a_heartbeat() -> None:
    off = PowerReading(state="Off", host_name="", times=2)
    found = finding(plan(with_service(survey(power=off, life=Life.REPORTS), DEAD, **FORCED)), "still-reports")
    assert found is not None
    assert found.verdict is Verdict.BLOCKER
    assert "the BMC of another machine" in found.sentence


async def test_a_host_that_was_forced_down_and_reports_may_be_fenced_and_then_evacuated() -> None:
    async with fenced() as arena:
        arena.world.revive_host(DEAD)
        force_down(arena)
        await arena.planned()
        await arena.pass_time(30)
        made = await arena.planned()
        found = finding(made, "still-reports")
        assert found is not None
        assert found.verdict is Verdict.WARNING
        assert not made.is_blocked
        assert not (await carry_out(arena, made)).bad()
        assert arena.world.mutations()[0].face == redfish_api.FACE


# ---------------------------------------------------------------------- the steps


async def test_a_host_that_came_to_life_after_the_check_is_not_forced_down() -> None:
    async with openstack_arena() as arena:
        step = verb(steps_of(await arena.planned()), "force-down")
        seen = await sight(arena, step)
        assert seen.seen is Seen.NEVER_STARTED
        arena.world.revive_host(DEAD)
        arena.host.skew = -120  # so that Nova does not call it up
        await arena.pass_time(30)
        async with adapter(arena.address, arena.clock) as other:  # a process that has seen nothing yet
            again = (await other.look([replace(step, before=seen.mark)]))[step.key]
        assert again.seen is Seen.FAILED
        assert "is alive" in again.sentence
        assert "not forced down" in again.sentence


async def test_a_host_that_nova_calls_up_is_not_forced_down() -> None:
    async with openstack_arena() as arena:
        made = await arena.planned()
        arena.world.revive_host(DEAD)
        done = await carry_out(arena, made)
        assert "is alive" in " ".join(done.bad())
        assert not arena.host.forced_down
        assert arena.move_calls() == []


async def test_a_host_that_comes_to_life_in_the_middle_loses_no_further_vm() -> None:
    async with openstack_arena() as arena:
        step = await up_to_the_move(arena, await arena.planned())
        arena.world.revive_host(DEAD, restarted=False)
        await arena.pass_time(30)
        async with adapter(arena.address, arena.clock) as other:
            again = (await other.look([step]))[step.key]
        assert again.seen is Seen.FAILED
        assert f"{step.arguments['name']} is not evacuated" in again.sentence
        assert again.place == DEAD
        assert arena.move_calls() == []


async def test_a_host_that_stays_dead_is_not_taken_for_a_living_one() -> None:
    async with openstack_arena() as arena:
        step = await up_to_the_move(arena, await arena.planned())
        await arena.pass_time(600)
        assert (await sight(arena, step)).seen is Seen.NEVER_STARTED


# ---------------------------------------------------------------------- what looks make of it


def test_a_heartbeat_that_came_while_nova_called_the_host_up_is_none_of_a_host_that_is_down() -> None:
    hearts = ServiceHeartbeats()
    others = service("compute-2", updated_at=NOW + timedelta(minutes=1))
    hearts.note([service(DEAD, updated_at=NOW), others])
    down = service(DEAD, is_up=False, updated_at=NOW + timedelta(seconds=5))
    hearts.note([down, replace(others, updated_at=NOW + timedelta(minutes=2))])
    assert hearts.life(down) is Life.SILENT


def test_a_heartbeat_is_forgotten_once_the_cloud_has_gone_on_without_another() -> None:
    hearts, down = ServiceHeartbeats(), service(DEAD, **FORCED)
    for seconds in (0, 10):
        down = replace(down, updated_at=NOW + timedelta(seconds=seconds))
        hearts.note([down, service("compute-2", updated_at=NOW + timedelta(seconds=seconds))])
    assert hearts.life(down) is Life.REPORTS
    hearts.note([down, service("compute-2", updated_at=NOW + timedelta(seconds=99))])
    assert hearts.life(down) is Life.REPORTS
    hearts.note([down, service("compute-2", updated_at=NOW + timedelta(seconds=101))])
    assert hearts.life(down) is Life.SILENT


def test_controllers_whose_clocks_differ_stamp_heartbeats_in_any_order() -> None:
    hearts, down = ServiceHeartbeats(), service(DEAD, **FORCED)
    for seconds in (0, -3600):
        down = replace(down, updated_at=NOW + timedelta(seconds=seconds))
        hearts.note([down, service("compute-2", updated_at=NOW)])
    assert hearts.life(down) is Life.REPORTS

"""Rows of Nova's list of services: one host listed twice, and hosts retired long ago."""

from datetime import timedelta

import pytest

from adapters.openstack.model.survey import OpenStackSurvey
from adapters.simulated import datacentre
from bot.domain.cloud import Seen
from bot.domain.plans.plan import Plan, Verdict
from bot.domain.values import Action
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    altered,
    back,
    codes,
    enter,
    finding,
    living,
    plan,
    service,
    survey,
)
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena
from tests.contract.clouds import START
from tests.steps import steps_of

LONG_AGO = START - timedelta(days=400)


def with_rows(taken: OpenStackSurvey, **changes: object) -> OpenStackSurvey:
    """The survey with one more row of compute-1, listed first."""
    old = {"id": "old", "is_up": False, "updated_at": NOW - timedelta(days=689)} | changes
    return altered(taken, services=(service(DEAD, **old), *taken.computes.services))


async def test_a_host_with_a_living_row_and_a_dead_one_is_alive() -> None:
    async with openstack_enter_arena() as arena:
        old = datacentre.add_stray(arena.world, DEAD, silent_since=LONG_AGO)
        evacuation = await arena.planned(action=Action.EVACUATE)
        assert "service-up" in codes(evacuation)
        assert evacuation.is_blocked
        entering = await arena.planned()
        assert not entering.is_blocked
        assert old.service_id not in {step.target for step in entering.steps}
        told = finding(entering, "listed-twice")
        assert told is not None
        assert old.service_id in told.sentence
        assert arena.host.service_id in told.sentence


async def test_of_two_silent_rows_the_steps_act_on_the_one_heard_of_last() -> None:
    async with openstack_arena() as arena:
        datacentre.add_stray(arena.world, DEAD, silent_since=LONG_AGO)
        made = await arena.planned()
        assert not made.is_blocked
        assert {s.target for s in made.steps if s.verb in {"disable-service", "force-down"}} == {arena.host.service_id}


async def test_a_list_of_hosts_shows_a_host_once_and_tells_of_its_other_row() -> None:
    async with openstack_arena() as arena:
        datacentre.add_stray(arena.world, DEAD, silent_since=None)
        shown = await arena.cloud.hosts(DEAD, limit=2)
        assert [host.name for host in shown] == [DEAD]
        assert not shown[0].is_down
        assert "listed twice" in shown[0].note


async def test_a_host_is_verified_empty_by_the_row_that_stands_for_it() -> None:
    async with openstack_enter_arena(vms=0) as arena:
        datacentre.add_stray(arena.world, DEAD, silent_since=LONG_AGO)  # enabled for ever
        (verify,) = [s for s in steps_of(await arena.planned()) if s.verb == "verify-empty"]
        arena.host.enabled = False
        assert (await arena.cloud.look([verify]))[verify.key].seen is Seen.DONE


@pytest.mark.parametrize(
    "made",
    [
        plan(with_rows(survey(), updated_at=NOW - timedelta(minutes=4))),
        plan(with_rows(living(), is_up=True, updated_at=NOW)),
        enter(with_rows(living(), is_up=True, updated_at=NOW)),
        back(with_rows(living(), is_up=True, updated_at=NOW)),
    ],
)
def test_rows_that_cannot_be_told_apart_forbid_everything_and_say_what_helps(made: Plan) -> None:
    found = finding(made, "listed-twice-alike")
    assert found is not None
    assert found.verdict is Verdict.BLOCKER
    assert "old" in found.sentence
    assert "database of its cell" in found.remedy


async def test_hosts_that_were_retired_long_ago_do_not_make_the_observer_suspect() -> None:
    async with openstack_arena() as arena:
        for number in range(3):
            datacentre.add_stray(arena.world, f"retired-{number}", silent_since=LONG_AGO, enabled=False)
        made = await arena.planned()
        assert not made.is_blocked
        told = finding(made, "retired-hosts")
        assert told is not None
        assert "retired-0, retired-1, retired-2" in told.sentence


@pytest.mark.parametrize(
    ("silent_for", "enabled", "counts"),
    [
        (timedelta(minutes=5), False, True),
        (timedelta(days=2), False, False),
        (timedelta(days=2), True, True),
        (timedelta(days=31), True, False),
    ],
)
async def test_a_silence_that_may_be_of_tonight_counts(silent_for: timedelta, enabled: bool, counts: bool) -> None:
    async with openstack_arena() as arena:
        for number in range(4):
            datacentre.add_stray(
                arena.world, f"other-{number}", silent_since=arena.world.now - silent_for, enabled=enabled
            )
        assert ("observer-blind" in codes(await arena.planned())) is counts


async def test_a_target_with_a_left_over_row_is_still_a_target() -> None:
    async with openstack_arena() as arena:
        assert isinstance(arena, OpenStackArena)
        datacentre.add_stray(arena.world, "compute-2", silent_since=LONG_AGO)
        assert not (await arena.planned(to="compute-2")).is_blocked

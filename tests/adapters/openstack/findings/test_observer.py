"""When many hosts look dead at once: each with a proof of its own counts no more, and without one the observer is suspected."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from adapters.redfish.bmcs import Bmc, Bmcs
from adapters.redfish.power import PowerReading
from adapters.simulated import redfish_api
from adapters.simulated.faults import CallFault, Effect
from bot.domain.plans.plan import Plan, Verdict
from bot.domain.values import Action
from tests.adapters.openstack.build import DEAD, altered, codes, enter, finding, living, plan, survey, with_service
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena

RACK = ("compute-2", "compute-3")


def off(host: str) -> PowerReading:
    return PowerReading(state="Off", host_name=host)


def lost(others: Mapping[str, PowerReading], *, forced: tuple[str, ...] = ()) -> Plan:
    """The plan for compute-1 when compute-2 and compute-3 of the four look dead too."""
    taken = survey(others=others)
    for host in RACK:
        taken = with_service(taken, host, is_up=False, is_forced_down=host in forced)
    return plan(taken)


@pytest.mark.parametrize(
    ("others", "forced", "blind"),
    [
        ({}, (), True),
        ({h: off(h) for h in RACK}, (), False),
        ({"compute-2": off("compute-2")}, (), True),
        ({"compute-2": off("compute-2")}, ("compute-3",), False),
        ({}, RACK, False),
        ({h: PowerReading(state="On") for h in RACK}, (), True),
        ({h: PowerReading(silence="no answer") for h in RACK}, (), True),
        ({h: off("another") for h in RACK}, (), True),
    ],
)
def test_only_hosts_without_a_proof_of_their_own_make_the_observer_suspect(
    others: Mapping[str, PowerReading], forced: tuple[str, ...], blind: bool
) -> None:
    made = lost(others, forced=forced)
    assert ("observer-blind" in codes(made)) is blind
    assert made.is_blocked is blind


def test_the_blocker_says_what_is_known_of_each_host_and_which_proof_would_let_it_through() -> None:
    found = finding(
        lost({"compute-2": PowerReading(state="On"), "compute-3": PowerReading(silence="no answer")}), "observer-blind"
    )
    assert found is not None
    assert found.verdict is Verdict.BLOCKER
    assert "compute-2 (power On), compute-3 (its BMC does not answer)" in found.sentence
    assert "its power is off" in found.remedy
    assert "openstack compute service set --down compute-2 nova-compute" in found.remedy


def test_hosts_that_are_proven_off_are_still_said_to_be_down() -> None:
    found = finding(lost({h: off(h) for h in RACK}), "others-down")
    assert found is not None
    assert "compute-2 (power Off), compute-3 (power Off)" in found.sentence


def test_of_entering_maintenance_the_same_proofs_count() -> None:
    taken = living(others={h: off(h) for h in RACK})
    for host in RACK:
        taken = with_service(taken, host, is_up=False)
    assert "observer-blind" not in codes(enter(taken))
    assert "observer-blind" in codes(enter(altered(taken, others={})))


# ---------------------------------------------------------------------- over the wire


@asynccontextmanager
async def rack(*, without: tuple[str, ...] = ()) -> AsyncIterator[OpenStackArena]:
    """The dead compute-1 and two more that lost their power with it; all of them have BMCs but those named."""
    async with openstack_arena(vms=2) as arena, redfish_api.serve(arena.world) as url:
        for host in RACK:
            arena.world.kill_host(host)
        await arena.pass_time(120)
        known = {
            host: Bmc(url=url + redfish_api.system_path(host), username="root", password="muster-bmc")
            for host in (DEAD, *RACK)
            if host not in without
        }
        bmcs = Bmcs(known, now=arena.clock.now, timeout=30)
        async with adapter(arena.address, arena.clock, bmcs=bmcs) as cloud:
            yield replace(arena, cloud=cloud)


def asked(arena: OpenStackArena) -> set[str]:
    """The hosts whose BMC was asked for its power."""
    paths = {c.path for c in arena.world.calls if c.face == "redfish"}
    return {path.rpartition("/")[2] for path in paths if "/Systems/" in path}


async def test_a_rack_without_power_is_evacuated_host_by_host_by_the_proofs_of_its_bmcs() -> None:
    async with rack() as arena:
        made = await arena.planned()
        assert {"power-off", "others-down"} <= codes(made)
        assert not made.is_blocked


async def test_one_host_of_the_rack_whose_bmc_is_silent_at_the_second_look_has_no_proof() -> None:
    async with rack() as arena:
        silent = CallFault(effect=Effect.ANSWER, face="redfish", path="compute-2$", first=2, times=None)
        second = arena.world.faults.order(silent)
        assert "observer-blind" in codes(await arena.planned())
        assert second.hits > 0


async def test_a_host_of_the_rack_that_is_switched_on_between_the_two_looks_is_no_proof() -> None:
    async with rack() as arena:
        second = arena.world.faults.order(CallFault(effect=Effect.HOLD, face="redfish", path="compute-2$", first=2))
        planning = asyncio.ensure_future(arena.planned())
        await second.arrived.wait()
        arena.world.host("compute-2").powered = True
        second.release()
        assert "observer-blind" in codes(await planning)


async def test_a_host_of_the_rack_that_has_no_bmc_is_named_with_the_way_through() -> None:
    async with rack(without=("compute-3",)) as arena:
        found = finding(await arena.planned(), "observer-blind")
        assert found is not None
        assert "openstack compute service set --down compute-3 nova-compute" in found.remedy
        arena.world.host("compute-3").forced_down = True
        assert not (await arena.planned()).is_blocked


async def test_where_few_hosts_look_dead_nobody_asks_the_bmcs_of_others() -> None:
    async with rack() as arena:
        for host in RACK:
            arena.world.revive_host(host)
        await arena.pass_time(30)
        assert not (await arena.planned()).is_blocked
        assert asked(arena) == {DEAD}
        await arena.planned(action=Action.ENTER)
        assert asked(arena) == {DEAD}

"""What the power of a dead host proves, and how Muster takes it: each finding where it belongs, and absent elsewhere."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import power
from adapters.redfish.power import PowerReading
from adapters.simulated.faults import CallFault, Effect
from bot.domain.cloud import Seen, Unreachable
from bot.domain.plans.plan import Plan, Receipt, Step, Topic, Verdict, digest_of
from bot.domain.progress.steps import StepState
from bot.domain.values import Action
from tests.adapters.openstack.build import (
    DEAD,
    WITH_FENCE,
    codes,
    configured,
    enter,
    finding,
    living,
    plan,
    service,
    survey,
    with_service,
)
from tests.adapters.openstack.fenced import fenced
from tests.contract.arena_openstack import OpenStackArena
from tests.contract.clouds import carry_out
from tests.steps import steps_of

EVIDENCE = {"power-off", "power-on", "to-be-fenced", "bmc-silent", "bmc-of-another", "unproven-death"}
FENCED = configured(fencing=WITH_FENCE)
OFF, ON = PowerReading(state="Off", host_name=DEAD, times=2), PowerReading(state="On", host_name=DEAD)
SILENT = PowerReading(silence=f"The BMC of {DEAD} did not answer when asked to read its power.")


def told(reading: PowerReading | None, settings: OpenStackSettings | None = None) -> Plan:
    return plan(survey(power=reading), settings=settings)


# ---------------------------------------------------------------------- findings


@pytest.mark.parametrize(
    ("reading", "settings", "found", "blocked"),
    [
        (None, configured(), {"unproven-death"}, False),
        (None, FENCED, {"unproven-death"}, False),
        (SILENT, configured(), {"bmc-silent", "unproven-death"}, False),
        (SILENT, FENCED, {"bmc-silent", "unproven-death"}, False),
        (PowerReading(), configured(), {"bmc-silent", "unproven-death"}, False),
        (OFF, configured(), {"power-off"}, False),
        (OFF, FENCED, {"power-off"}, False),
        (ON, configured(), {"power-on"}, True),
        (ON, FENCED, {"to-be-fenced"}, False),
        (PowerReading(state="PoweringOff"), configured(), {"power-on"}, True),
        (PowerReading(state="PoweringOff"), FENCED, {"to-be-fenced"}, False),
        (replace(OFF, host_name="compute-7"), configured(), {"bmc-of-another"}, True),
        (replace(ON, host_name="compute-7"), FENCED, {"bmc-of-another"}, True),
    ],
)
def test_power_proves_death_forbids_or_leaves_it_open(
    reading: PowerReading | None, settings: OpenStackSettings, found: set[str], blocked: bool
) -> None:
    made = told(reading, settings)
    assert codes(made) & EVIDENCE == found
    assert {f.topic for f in made.findings if f.code in EVIDENCE} == {Topic.EVIDENCE}
    assert made.is_blocked is blocked


def test_power_off_is_said_to_be_read_twice_and_is_no_warning() -> None:
    found = finding(told(OFF), "power-off")
    assert found is not None
    assert (found.verdict, found.sentence) == (Verdict.OK, "The power of compute-1 is off, read twice by Redfish.")


def test_two_people_vouch_for_a_death_that_nothing_proves_and_for_no_other() -> None:
    vouched = ("compute-1 is dead: powered off, or cut off from its storage and network",)
    assert told(None).vouches == told(SILENT).vouches == told(PowerReading(), FENCED).vouches == vouched
    assert told(OFF).vouches == told(ON, FENCED).vouches == told(OFF, FENCED).vouches == ()


def test_power_on_is_a_contradiction_that_names_both_ways_out() -> None:
    found = finding(told(ON), "power-on")
    assert found is not None
    assert found.sentence.startswith("The power of compute-1 is ON although Nova reports it as down.")
    assert "fence = true" in found.remedy


def test_a_bmc_that_did_not_answer_says_why_and_proves_nothing() -> None:
    made = told(SILENT)
    silent = finding(made, "bmc-silent")
    assert silent is not None
    assert (silent.verdict, silent.sentence) == (Verdict.WARNING, SILENT.silence)


def test_of_a_living_host_nobody_asks_whether_it_is_dead() -> None:
    made = plan(with_service(survey(power=ON), DEAD, is_up=True))
    assert codes(made) & EVIDENCE == set()
    assert codes(enter(living(power=OFF))) & EVIDENCE == set()


def test_an_approver_of_a_proven_death_has_not_approved_an_unproven_one() -> None:
    digests = {
        digest_of(told(r, t), terms={})
        for r, t in ((None, configured()), (SILENT, configured()), (OFF, configured()), (OFF, FENCED), (ON, FENCED))
    }
    assert len(digests) == 5


# ---------------------------------------------------------------------- steps


def test_fencing_is_a_phase_of_its_own_before_all_others_and_its_failure_stops_them() -> None:
    made = told(ON, FENCED)
    assert made.phases_used == ("Fence", "Take the host out of service", "Evacuate")
    (fence,) = [s for s in made.steps if s.phase == "Fence"]
    assert (fence.verb, fence.target, fence.essential) == ("power-off", DEAD, True)
    assert fence.title == "power compute-1 off by its BMC"


@pytest.mark.parametrize(
    ("reading", "settings"), [(ON, configured()), (OFF, configured()), (None, FENCED), (SILENT, FENCED)]
)
def test_nobody_is_fenced_unless_the_settings_say_so_and_a_bmc_can(
    reading: PowerReading | None, settings: OpenStackSettings
) -> None:
    assert "Fence" not in told(reading, settings).phases_used


def test_a_host_that_is_off_already_is_fenced_all_the_same_so_that_it_stays_off() -> None:
    assert "Fence" in told(OFF, FENCED).phases_used


def forcing(made: Plan) -> Step:
    return next(s for s in steps_of(made) if s.verb == "force-down")


def test_forcing_down_relies_on_the_power_only_where_it_was_told() -> None:
    assert [forcing(told(r)).arguments.get("power") for r in (OFF, None, SILENT)] == ["off", None, None]
    assert forcing(told(ON, FENCED)).arguments["power"] == "off"


# ---------------------------------------------------------------------- what shows it

DOWN, UP = service(DEAD, is_up=False), service(DEAD)


@pytest.mark.parametrize(
    ("reading", "its_service", "seen"),
    [
        (ON, DOWN, Seen.NEVER_STARTED),
        (PowerReading(state="PoweringOn"), DOWN, Seen.NEVER_STARTED),
        (PowerReading(), DOWN, Seen.NEVER_STARTED),
        (replace(OFF, times=1), DOWN, Seen.UNDERWAY),
        (OFF, DOWN, Seen.DONE),
        (ON, UP, Seen.FAILED),
        (ON, None, Seen.FAILED),
        (ON, replace(UP, is_forced_down=True), Seen.NEVER_STARTED),
        (replace(ON, host_name="compute-7"), DOWN, Seen.FAILED),
        (replace(OFF, host_name="compute-7"), DOWN, Seen.FAILED),
    ],
)
def test_before_it_is_told_to_a_machine_must_be_the_right_one_and_dead(
    reading: PowerReading, its_service: Any, seen: Seen
) -> None:
    assert power.sighting(_fence(), reading, its_service).seen is seen


@pytest.mark.parametrize("state", ["On", "PoweringOff", ""])
def test_after_it_was_told_to_a_machine_may_take_its_time(state: str) -> None:
    step = replace(_fence(), receipt=Receipt())
    assert power.sighting(step, PowerReading(state=state), DOWN).seen is Seen.UNDERWAY


def _fence() -> Step:
    return Step.of(power.fencing(survey(power=ON).computes, quiet=configured().quiet))


# ---------------------------------------------------------------------- the whole of it, over the wire


def hang(arena: OpenStackArena) -> None:
    """Give the dead host its power back: it hangs."""
    arena.host.powered = True


def resets(arena: OpenStackArena) -> int:
    return len([c for c in arena.world.mutations() if c.face == "redfish"])


def changes(arena: OpenStackArena) -> list[str]:
    """What was asked of power and of Nova's service, in order."""
    return [str(c.body) for c in arena.world.mutations() if not c.path.endswith("/action")]


async def test_a_host_that_hangs_is_powered_off_and_only_then_forced_down_and_evacuated() -> None:
    async with fenced() as arena:
        hang(arena)
        made = await arena.planned()
        assert "to-be-fenced" in codes(made)
        done = await carry_out(arena, made)
        assert not done.bad()
        assert changes(arena)[0] == "{'ResetType': 'ForceOff'}"
        assert "forced_down" in changes(arena)[2]
        assert resets(arena) == 1
        assert not arena.host.powered
        assert arena.world.vms_on(arena.host) == []


async def test_a_host_that_is_off_is_proven_dead_and_its_power_is_left_alone() -> None:
    async with fenced() as arena:
        made = await arena.planned()
        assert "power-off" in codes(made)
        done = await carry_out(arena, made)
        assert not done.bad()
        assert resets(arena) == 0


async def test_the_survey_reads_the_power_twice_and_believes_neither_reading_alone() -> None:
    async with fenced(fence=False) as arena:
        assert "power-off" in codes(await arena.planned())
        second = arena.world.faults.order(CallFault(effect=Effect.HOLD, face="redfish", path="Systems", first=2))
        again = asyncio.ensure_future(arena.planned())
        await second.arrived.wait()
        hang(arena)
        second.release()
        assert "power-on" in codes(await again)


@pytest.mark.parametrize("effect", [Effect.LOSE_REPLY, Effect.LATE])
async def test_a_lost_answer_to_the_power_off_is_found_in_the_power_and_nothing_is_repeated(effect: Effect) -> None:
    async with fenced() as arena:
        hang(arena)
        arena.world.faults.order(CallFault(effect=effect, face="redfish", method="POST", seconds=20))
        step = steps_of(await arena.planned())[0]
        with pytest.raises(Unreachable):
            await arena.cloud.start(step)
        step = replace(step, before={"power": "On"})
        await arena.pass_time(0.5)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.NEVER_STARTED
        assert step.quiet.total_seconds() > 30
        await arena.pass_time(25)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.UNDERWAY
        await arena.pass_time(3)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.DONE
        assert resets(arena) == 1


async def test_a_host_that_came_back_to_life_is_not_powered_off() -> None:
    async with fenced() as arena:
        hang(arena)
        made = await arena.planned()
        arena.world.revive_host(arena.host.name)
        done = await carry_out(arena, made)
        assert done.states[made.steps[0].key] is StepState.FAILED
        assert "is alive" in done.bad()[0]
        assert arena.world.mutations() == []


async def test_a_machine_that_turns_out_to_be_another_is_not_powered_off() -> None:
    async with fenced() as arena:
        hang(arena)
        made = await arena.planned()
        arena.host.bmc_says = "compute-3"
        done = await carry_out(arena, made)
        assert done.states[made.steps[0].key] is StepState.FAILED
        assert arena.world.mutations() == []


async def test_a_host_that_was_proven_off_and_has_power_again_is_not_forced_down() -> None:
    async with fenced(fence=False) as arena:
        made = await arena.planned()
        hang(arena)
        done = await carry_out(arena, made)
        assert done.states[forcing(made).key] is StepState.FAILED
        assert "has power again" in " ".join(done.bad())
        assert not arena.host.forced_down
        assert len(arena.world.vms_on(arena.host)) == 2


async def test_a_host_whose_proof_was_that_of_another_machine_is_not_forced_down() -> None:
    async with fenced(fence=False) as arena:
        made = await arena.planned()
        arena.host.bmc_says = "compute-3"
        done = await carry_out(arena, made)
        assert "belongs to compute-3" in " ".join(done.bad())
        assert not arena.host.forced_down


async def test_while_the_bmc_is_silent_a_host_that_was_proven_off_is_not_forced_down() -> None:
    async with fenced(fence=False) as arena:
        made = await arena.planned()
        arena.world.faults.order(CallFault(effect=Effect.CUT, face="redfish", times=None))
        with pytest.raises(Unreachable, match="BMC of compute-1 did not answer"):
            await arena.cloud.look([forcing(made)])
        arena.world.faults.clear()
        assert (await arena.cloud.look([forcing(made)]))[forcing(made).key].seen is Seen.NEVER_STARTED


async def test_bmcs_that_would_not_help_are_complained_of_by_the_check() -> None:
    async with fenced() as arena:
        assert await arena.cloud.check() == []
    async with fenced(password="wrong") as arena:
        (complaint,) = await arena.cloud.check()
        assert "does not accept Muster's credentials" in complaint
        assert {"bmc-silent", "unproven-death"} <= codes(await arena.planned())


async def test_only_an_evacuation_asks_for_the_power() -> None:
    async with fenced() as arena:
        await arena.planned(action=Action.ENTER)
        assert [c for c in arena.world.calls if c.face == "redfish"] == []

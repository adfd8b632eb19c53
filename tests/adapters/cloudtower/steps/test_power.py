"""The host's power after maintenance: only when asked for, only after everything is verified, and proven."""

from datetime import timedelta
from itertools import pairwise

import pytest

from adapters.simulated.cloudtower.state import Tower
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Maintenance
from bot.domain.cloud import Seen, Unreachable
from bot.domain.plans import drift
from bot.domain.plans.plan import Verdict, digest_of
from bot.domain.progress.steps import StepState
from bot.domain.values import Then
from tests.adapters.cloudtower.bench import Bench, Walk, bench
from tests.steps import steps_of

POWER = "/v2/api/operate-host-power"


def power_calls(tower: Bench) -> list[object]:
    return [c.body for c in tower.world.calls if c.path == POWER]


async def test_nobodys_power_is_touched_unless_it_was_asked_for(tower: Bench) -> None:
    plan = await tower.plan()
    assert "Host power" not in plan.phases_used
    await Walk(bench=tower, plan=plan).to_end()
    assert power_calls(tower) == []


async def test_a_host_is_powered_off_after_the_last_verification_and_proven_gone(tower: Bench) -> None:
    plan = await tower.plan(then=Then.POWER_OFF, reason="new DIMM")
    assert plan.phases_used == ("Enter maintenance", "Verify", "Host power")
    assert [f.code for f in plan.findings if f.verdict is Verdict.WARNING] == ["power-on-by-hand"]
    walk = Walk(bench=tower, plan=plan)
    while walk.records[-2].state is not StepState.DONE:
        assert power_calls(tower) == []
        await walk.round()
    await walk.to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert not tower.host("node-1").alive
    assert walk.record("power off node-1").sentence == "The task succeeded and node-1 does not answer any more."
    assert power_calls(tower) == [
        {
            "where": {"host_id": tower.host("node-1").cuid},
            "data": {"action": "poweroff", "force": False, "reason": "new DIMM"},
        }
    ]


async def test_a_reboot_is_done_only_when_the_host_is_back_for_sure(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan(then=Then.REBOOT))
    said = set()
    while not walk.records[-1].has_ended:
        await walk.round()
        said.add(walk.records[-1].sentence)
    assert "node-1 is restarting." in said
    assert walk.records[-1].state is StepState.DONE
    assert tower.host("node-1").alive
    assert tower.host("node-1").maintenance is Maintenance.IN_MAINTENANCE
    assert len(power_calls(tower)) == 1


@pytest.mark.parametrize("ahead", [timedelta(hours=-2), timedelta(hours=2)], ids=["behind", "ahead"])
@pytest.mark.parametrize("then", [Then.POWER_OFF, Then.REBOOT])
async def test_no_step_is_judged_by_the_towers_clock(then: Then, ahead: timedelta) -> None:
    async with bench(clock_ahead=ahead) as tower:
        walk = Walk(bench=tower, plan=await tower.plan(then=then))
        said = set()
        while not walk.records[-1].has_ended:
            await walk.round()
            said.add(walk.records[-1].sentence)
        assert set(walk.states().values()) == {StepState.DONE}
        assert tower.host("node-1").alive is (then is Then.REBOOT)
        assert then is Then.POWER_OFF or "node-1 is restarting." in said
        assert len(power_calls(tower)) == 1


async def test_a_vm_that_could_not_be_verified_keeps_the_power_on(tower: Bench) -> None:
    tower.tower.stubborn = {"gpu-1"}
    walk = await Walk(bench=tower, plan=await tower.plan(then=Then.POWER_OFF)).to_end()
    assert walk.record("power off").state is StepState.NOT_NEEDED
    assert power_calls(tower) == []
    assert tower.host("node-1").alive


async def test_what_becomes_of_the_power_is_part_of_what_is_approved(tower: Bench) -> None:
    without, off, reboot = [await tower.plan(then=then) for then in Then]
    assert len({digest_of(plan, terms={}) for plan in (without, off, reboot)}) == 3
    assert not drift.between(without, reboot).only_shrinks


async def test_a_host_through_which_cloudtower_is_attached_is_not_switched() -> None:
    async with bench(attached_to="node-1") as tower:
        assert not (await tower.plan()).is_blocked
        plan = await tower.plan(then=Then.REBOOT)
        assert [f.code for f in plan.findings if f.verdict is Verdict.BLOCKER] == ["power-attached"]


async def test_a_host_with_cloudtowers_own_vm_is_not_switched(tower: Bench) -> None:
    tower.world.vm("web-1").usage = "CLOUDTOWER"
    plan = await tower.plan(then=Then.POWER_OFF)
    assert "cloudtower-here" in [f.code for f in plan.findings if f.verdict is Verdict.BLOCKER]


@pytest.mark.parametrize(
    ("effect", "then", "end"),
    [
        (Effect.LOSE_REPLY, Then.POWER_OFF, StepState.DONE),
        # connected before and after: nothing tells whether it restarted in between
        pytest.param(Effect.LOSE_REPLY, Then.REBOOT, StepState.UNKNOWN, marks=pytest.mark.long),
        (Effect.CUT, Then.POWER_OFF, StepState.DONE),
    ],
)
async def test_a_lost_reply_is_never_called_again_while_there_is_a_trace(
    tower: Bench, effect: Effect, then: Then, end: StepState
) -> None:
    plan = await tower.plan(then=then)
    tower.world.faults.order(CallFault(effect=effect, path=f"{POWER}$"))
    walk = await Walk(bench=tower, plan=plan).to_end(rounds=2000)
    assert isinstance(walk.errors[0], Unreachable)
    assert walk.records[-1].state is end
    calls = [c for c in tower.world.calls if c.path == POWER]
    assert len(calls) == (2 if effect is Effect.CUT else 1)
    assert all(b.at - a.at >= plan.steps[-1].quiet for a, b in pairwise(calls))


async def test_a_host_that_left_maintenance_meanwhile_is_never_switched(tower: Bench) -> None:
    plan = await tower.plan(then=Then.REBOOT)
    step = steps_of(plan)[-1]
    sighting = (await tower.cloud.look([step]))[step.key]
    assert (sighting.seen, sighting.sentence) == (
        Seen.UNCLEAR,
        "node-1 is not in maintenance (in use): its power is not touched.",
    )


async def test_a_host_that_is_silent_already_is_a_question_for_a_person(tower: Bench) -> None:
    plan = await tower.plan(then=Then.POWER_OFF)
    tower.host("node-1").maintenance = Maintenance.IN_MAINTENANCE
    tower.world.kill_host("node-1")
    sighting = (await tower.cloud.look(steps_of(plan)[-1:]))[plan.steps[-1].key]
    assert sighting.seen is Seen.UNCLEAR
    assert "cannot be told" in sighting.sentence


async def test_a_refused_switch_fails_with_the_reason_and_leaves_maintenance_alone(tower: Bench) -> None:
    plan = await tower.plan(then=Then.REBOOT)
    walk = Walk(bench=tower, plan=plan)
    while walk.records[-2].state is not StepState.DONE:
        await walk.round()
    made: Tower = tower.tower
    made.attached_to = "node-1"
    await walk.to_end()
    assert walk.records[-1].state is StepState.FAILED
    assert "attached through host node-1" in walk.records[-1].sentence
    assert tower.host("node-1").maintenance is Maintenance.IN_MAINTENANCE

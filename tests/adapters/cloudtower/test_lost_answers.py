"""Entering maintenance when the answer to the call is lost, or the call comes late: nothing is called twice."""

from adapters.simulated.faults import CallFault, Effect
from bot.domain.cloud import Unreachable
from bot.domain.progress.steps import StepState
from tests.adapters.cloudtower.bench import ENTER, Bench, Walk
from tests.steps import steps_of


async def test_a_lost_reply_is_found_again_in_the_host_and_its_tasks_and_never_called_twice(tower: Bench) -> None:
    plan = await tower.plan()
    tower.world.faults.order(CallFault(effect=Effect.LOSE_REPLY, path=f"{ENTER}$"))
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert isinstance(walk.errors[0], Unreachable)
    assert set(walk.states().values()) == {StepState.DONE}
    assert len(tower.enter_calls()) == 1


async def test_a_call_that_takes_effect_a_minute_after_its_connection_broke_is_not_repeated(tower: Bench) -> None:
    plan = await tower.plan()
    tower.world.faults.order(CallFault(effect=Effect.LATE, seconds=60, path=f"{ENTER}$"))
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert len(tower.enter_calls()) == 1


async def test_a_lost_reply_of_a_task_that_fails_tells_why_it_failed(tower: Bench) -> None:
    plan = await tower.plan()
    tower.tower.stubborn = {"gpu-1"}
    tower.world.faults.order(CallFault(effect=Effect.LOSE_REPLY, path=f"{ENTER}$"))
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert walk.records[0].state is StepState.FAILED
    assert "JOB_VM_SHUTDOWN_TIMEOUT" in walk.records[0].sentence
    assert len(tower.enter_calls()) == 1


async def test_a_call_that_never_arrived_is_made_again_only_after_the_quiet_period(tower: Bench) -> None:
    plan = await tower.plan()
    tower.world.faults.order(CallFault(effect=Effect.CUT, path=f"{ENTER}$"))
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    first, second = [c for c in tower.world.calls if c.path == ENTER]
    assert second.at - first.at >= plan.steps[0].quiet


async def test_somebody_elses_precheck_after_a_lost_reply_starts_nothing_and_adopts_nothing(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan())
    tower.world.faults.order(CallFault(effect=Effect.CUT, path=f"{ENTER}$"))
    await walk.round()
    other = tower.made()
    await other.survey(tower.request())
    await other.aclose()
    for _ in range(100):
        await walk.round()
    assert walk.records[0].state is StepState.INTENT
    assert "may be it" in walk.records[0].sentence
    assert len(tower.enter_calls()) == 1


async def test_our_own_precheck_after_a_lost_reply_is_not_taken_for_the_call(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan())
    tower.world.faults.order(CallFault(effect=Effect.CUT, path=f"{ENTER}$"))
    await walk.round()
    await tower.cloud.survey(tower.request())
    await walk.to_end()
    assert set(walk.states().values()) == {StepState.DONE}


async def test_a_host_that_somebody_else_sends_into_maintenance_first_is_followed_not_called(tower: Bench) -> None:
    plan = await tower.plan()
    tower.host("node-1").knobs.live_seconds = 90
    other = tower.made()
    await other.start(steps_of(plan)[0])
    await other.aclose()
    await tower.clock.pass_time(21)  # until the tower shows it
    walk = Walk(bench=tower, plan=plan)
    await walk.round()
    assert walk.records[0].state is StepState.ACCEPTED
    assert walk.records[0].sentence == "node-1 is entering maintenance."
    await walk.to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert len(tower.enter_calls()) == 1

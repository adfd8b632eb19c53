"""What becomes of a VM that is under way past its deadline, where the plan has relief for it."""

from datetime import datetime, timedelta

import pytest

from bot.desk.control import Steer
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.plans.plan import Receipt, Step
from bot.domain.progress.steps import StepState
from bot.domain.values import StepKey
from tests.news import facts_of
from tests.toy_cloud import DEADLINE
from tests.workshop import Workshop


async def test_a_move_past_its_deadline_is_aborted_and_a_person_is_asked(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs = "abort", {"vm-1"}
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    states = await shop.states(id)
    assert (states["move:vm-1"], states["abort:vm-1"]) == (StepState.FAILED, StepState.DONE)
    assert [key for key in shop.cloud.starts if key.startswith("abort")] == ["abort:vm-1"]
    assert shop.cloud.vms["vm-1"] == "host-1"
    told = {n.kind: facts_of(n) for n in await shop.news()}
    assert (told[Kind.NEEDS_ATTENTION]["failed"], told[Kind.NEEDS_ATTENTION]["not done"]) == (1, 0)


async def test_relief_comes_at_the_deadline_and_not_before(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs = "hurry", {"vm-1"}
    id = await shop.approved()
    await shop.work()
    rows = await shop.rows(id)
    began, came = rows["move:vm-1"].begun_at, rows["hurry:vm-1"].intent_at
    assert isinstance(began, datetime)
    assert came is not None
    assert timedelta(0) <= came - began - DEADLINE < timedelta(seconds=3 * shop.cloud.poll)


async def test_a_move_that_was_hurried_is_verified_as_any_other_and_all_ends_well(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs = "hurry", {"vm-1", "vm-4"}
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.SUCCEEDED, "6 VMs verified")
    assert set(shop.cloud.vms.values()) == {"host-2"}
    assert sorted(k for k in shop.cloud.starts if k.startswith("hurry")) == ["hurry:vm-1", "hurry:vm-4"]
    assert (await shop.kinds()).count(Kind.VM_DONE) == 6


async def test_relief_that_nobody_needed_is_told_nowhere(shop: Workshop) -> None:
    shop.cloud.relief = "abort"
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    reliefs = [r for r in await shop.steps(id) if r.step.relieves]
    assert {r.state for r in reliefs} == {StepState.NOT_NEEDED}
    assert not any("abort" in str(facts_of(n)) for n in await shop.news())
    async with shop.archive.unit() as unit:
        _, lines = await unit.audit.entries(id, limit=1000)
    assert not any("abort" in str(line.entry.facts) for line in lines)


async def test_what_waits_for_its_turn_in_the_cloud_is_left_waiting(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs, shop.cloud.waits = "abort", {"vm-1"}, {"vm-1"}
    shop.cloud.poll = 20.0
    id = await shop.approved()
    await shop.work()
    assert "abort:vm-1" not in shop.cloud.starts
    states = await shop.states(id)
    assert states["move:vm-1"] is StepState.UNKNOWN, "its patience, not its deadline, has run out"


@pytest.mark.parametrize("fate", ["before", "after"])
async def test_an_abort_whose_answer_is_lost_is_looked_for_and_ends_alike(shop: Workshop, fate: str) -> None:
    shop.cloud.relief, shop.cloud.hangs = "abort", {"vm-1"}
    id = await shop.approved()
    shop.cloud.lose = {StepKey("abort:vm-1"): fate}
    await shop.work()
    states = await shop.states(id)
    assert (states["move:vm-1"], states["abort:vm-1"]) == (StepState.FAILED, StepState.DONE)
    assert shop.cloud.starts.count(StepKey("abort:vm-1")) == 1


async def test_a_retry_after_an_abort_keeps_the_deadline_again(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs = "abort", {"vm-1"}
    id = await shop.approved()
    await shop.work()
    shop.cloud.hangs = {"vm-1"}
    await shop.steer(id, Steer.RETRY)
    assert facts_of((await shop.news())[-1])["what"] == "1 step of the host and 1 VM", "the move, and that it is empty"
    await shop.work()
    assert shop.cloud.starts.count(StepKey("abort:vm-1")) == 2
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_nothing_is_aborted_any_more_once_somebody_has_cancelled(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs, shop.cloud.poll = "abort", {"vm-1"}, 20.0
    id = await shop.approved()
    original = shop.cloud.start

    async def start_and_stop(step: Step) -> Receipt:
        receipt = await original(step)
        if step.key == "move:vm-1":
            await shop.steer(id, Steer.CANCEL)
        return receipt

    shop.cloud.start = start_and_stop  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(id)).state is State.ENDED_INCOMPLETE
    assert not [key for key in shop.cloud.starts if key.startswith("abort")]


async def test_a_person_who_is_to_decide_is_asked_once_and_not_waited_for_when_it_has_ended(shop: Workshop) -> None:
    shop.cloud.relief, shop.cloud.hangs, shop.cloud.poll = "ask", {"vm-1"}, 20.0
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    (asked,) = [n for n in await shop.news() if n.kind is Kind.BY_HAND and n.audience is Audience.THREAD]
    assert facts_of(asked)["title"] == "ask move name-vm-1"
    states = await shop.states(id)
    assert (states["move:vm-1"], states["ask:vm-1"]) == (StepState.UNKNOWN, StepState.NOT_NEEDED)

"""What the workshop does with an approved plan."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from bot.desk.control import Steer
from bot.domain.cloud import PartlySeen, Sighting, Unreachable
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.plans.plan import Finding, Receipt, Step, Topic, Verdict
from bot.domain.progress.steps import StepState
from bot.domain.values import StepKey
from tests.news import facts_of
from tests.workshop import ALICE, Workshop


async def test_an_approved_evacuation_moves_every_vm_once_and_ends_verified(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.SUCCEEDED
    assert set(shop.cloud.vms.values()) == {"host-2"}
    assert sorted(shop.cloud.starts) == ["disable", *(f"move:vm-{n}" for n in range(6))]
    assert shop.cloud.most_at_once == 3
    kinds = await shop.kinds()
    assert kinds.count(Kind.VM_DONE) == 6
    assert kinds[-3:] == [Kind.FINISHED, Kind.FINISHED, Kind.TIMELINE]


async def test_nothing_is_started_without_an_approval(shop: Workshop) -> None:
    await shop.ask()
    while await shop.work():
        pass
    assert shop.cloud.starts == []


async def test_members_of_one_server_group_are_never_moved_at_once(shop: Workshop) -> None:
    shop.cloud.groups = {f"vm-{n}": "db" for n in range(4)}
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_a_vm_that_came_since_the_approval_brings_the_plan_back_with_the_difference(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.vms["vm-9"] = "host-1"
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.AWAITING_APPROVAL
    assert operation.drift == ("+ name-vm-9 (ACTIVE): evacuate",)
    assert operation.approvals == ()
    assert shop.cloud.starts == []
    assert Kind.PLAN_CHANGED in await shop.kinds()
    await shop.vote(id)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_a_vm_that_left_since_the_approval_is_noted_and_let_through(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.vms["vm-5"] = "host-2"
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert "move:vm-5" not in shop.cloud.starts
    assert Kind.SHRUNK in await shop.kinds()


async def test_a_blocker_that_appears_after_the_approval_stops_it(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.blockers.append(
        Finding(code="up", verdict=Verdict.BLOCKER, topic=Topic.HOST, sentence="host-1 is up again")
    )
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.BLOCKED, "host-1 is up again")
    assert shop.cloud.starts == []


async def test_a_lost_answer_whose_call_took_effect_is_not_repeated(shop: Workshop) -> None:
    shop.cloud.lose["move:vm-1"] = "after"
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert shop.cloud.starts.count("move:vm-1") == 1


async def test_a_call_that_never_arrived_is_made_again_only_after_the_quiet_period(shop: Workshop) -> None:
    shop.cloud.lose["move:vm-1"] = "before"
    id = await shop.approved()
    began = shop.clock.now()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert shop.cloud.starts.count("move:vm-1") == 1
    moved = next(m.at for m in shop.cloud.moves if m.vm == "vm-1")
    assert moved - began >= timedelta(seconds=90)


@pytest.mark.parametrize(("answers", "took_effect"), [(3, False), (1, False), (1, True)])
async def test_that_the_answer_to_a_change_of_the_host_was_lost_is_told_when_it_was_lost(
    shop: Workshop, answers: int, took_effect: bool
) -> None:
    shop.cloud.lose["disable"] = " ".join(["after" if took_effect else "before"] * answers)
    id = await shop.approved()
    await shop.work()
    lost = [n for n in await shop.news() if n.kind is Kind.ANSWER_LOST]
    assert [facts_of(n)["title"] for n in lost] == ["disable host-1"] * answers
    assert all(facts_of(n)["sentence"].endswith(("connection refused", "connection reset")) for n in lost)
    assert [facts_of(n)["is_made_again"] for n in lost] == [True, True, False][:answers]
    kinds = [n.kind for n in await shop.news() if n.audience is Audience.THREAD]
    assert kinds.index(Kind.ANSWER_LOST) < kinds.index(Kind.STEP_UNKNOWN if answers == 3 else Kind.STEP_DONE)
    assert (await shop.operation(id)).state is (State.NEEDS_ATTENTION if answers == 3 else State.SUCCEEDED)


async def test_one_vm_that_fails_does_not_stop_the_others_and_is_named(shop: Workshop) -> None:
    shop.cloud.fails = {"vm-2"}
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.NEEDS_ATTENTION
    states = await shop.states(id)
    assert states["move:vm-2"] is StepState.FAILED
    assert sum(s is StepState.DONE for k, s in states.items() if k.startswith("move")) == 5
    failed = next(n for n in await shop.news() if n.kind is Kind.STEP_FAILED)
    assert facts_of(failed)["sentence"] == "No valid host was found."
    assert facts_of(failed)["remedy"] == "Make room."
    needed = facts_of(next(n for n in await shop.news() if n.kind is Kind.NEEDS_ATTENTION))
    counted = {name: needed[name] for name in ("of", "done", "failed", "unknown", "not done")}
    assert counted == {"of": "6 VMs", "done": 5, "failed": 1, "unknown": 0, "not done": 0}, "VMs, and no steps"


async def test_who_asked_and_the_approvers_are_called_wherever_they_are(shop: Workshop) -> None:
    shop.cloud.fails = {"vm-2"}
    await shop.approved()
    await shop.work()
    called = [(n.audience, facts_of(n)["ask"]) for n in await shop.news() if n.kind is Kind.NEEDS_ATTENTION]
    everybody = ["U0ALICE", "S0LEADS"]
    assert called == [(where, everybody) for where in (Audience.THREAD, Audience.INCIDENT, Audience.ABSENT)]


async def test_retry_plans_only_the_failed_ones_anew(shop: Workshop) -> None:
    shop.cloud.fails = {"vm-2"}
    id = await shop.approved()
    await shop.work()
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert shop.cloud.starts.count("move:vm-2") == 2
    assert shop.cloud.starts.count("move:vm-1") == 1


async def test_a_refusal_becomes_a_failed_step_with_the_clouds_reason(shop: Workshop) -> None:
    shop.cloud.refuse["move:vm-3"] = "quota exceeded"
    id = await shop.approved()
    await shop.work()
    record = next(r for r in await shop.steps(id) if r.key == "move:vm-3")
    assert (record.state, record.sentence, record.raw) == (StepState.FAILED, "quota exceeded", "409")


async def test_an_essential_step_that_fails_keeps_the_later_phases_from_starting(shop: Workshop) -> None:
    shop.cloud.refuse["disable"] = "not allowed"
    id = await shop.approved()
    await shop.work()
    states = await shop.states(id)
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    assert shop.cloud.starts == []
    assert set(states.values()) == {StepState.FAILED, StepState.NOT_NEEDED}


async def test_a_silent_cloud_is_told_once_and_the_operation_goes_on_when_it_answers(shop: Workshop) -> None:
    id = await shop.approved()
    original = shop.cloud.start

    async def start_then_fall_silent(step: Step) -> Receipt:
        receipt = await original(step)
        if step.key == "move:vm-0":
            shop.cloud.silent = 10
        return receipt

    shop.cloud.start = start_then_fall_silent  # type: ignore[method-assign]
    await shop.work()
    kinds = await shop.kinds()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert kinds.count(Kind.CLOUD_SILENT) == 1
    assert kinds.count(Kind.CLOUD_BACK) == 1


async def test_a_cloud_that_cannot_be_surveyed_blocks_the_request_and_says_why(shop: Workshop) -> None:
    shop.cloud.silent = 99
    id = await shop.ask()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.BLOCKED
    assert operation.outcome == "host-1 could not be surveyed: the cloud does not answer"


async def test_an_approval_is_not_good_for_ever_when_the_cloud_does_not_answer(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.silent = 10**6
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.CANCELLED
    assert shop.cloud.starts == []


async def test_a_stop_while_running_starts_nothing_new_and_watches_what_moves(shop: Workshop) -> None:
    id = await shop.approved()
    original = shop.cloud.start

    async def start_and_stop(step: Step) -> Receipt:
        receipt = await original(step)
        if step.key == "move:vm-0":
            await shop.steer(id, Steer.CANCEL, by=ALICE)
        return receipt

    shop.cloud.start = start_and_stop  # type: ignore[method-assign]
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.ENDED_INCOMPLETE
    moved = [r for r in await shop.steps(id) if r.state is StepState.DONE and r.step.vm]
    assert len(moved) == len(shop.cloud.moves) < 6
    assert "left undone" in operation.outcome


async def test_pause_starts_nothing_new_and_resume_goes_on(shop: Workshop) -> None:
    id = await shop.approved()
    original_look, looks = shop.cloud.look, 0

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        nonlocal looks
        looks += 1
        if looks == 4:
            await shop.steer(id, Steer.PAUSE)
        if looks == 30:
            started_while_paused.append(len(shop.cloud.moves))
            await shop.steer(id, Steer.RESUME)
        return await original_look(steps)

    started_while_paused: list[int] = []
    shop.cloud.look = look  # type: ignore[method-assign]
    original_sleep = shop.clock.sleep

    async def sleep(seconds: float) -> None:
        nonlocal looks
        if (await shop.operation(id)).state is State.PAUSED:
            looks += 1
            if looks == 30:
                started_while_paused.append(len(shop.cloud.moves))
                await shop.steer(id, Steer.RESUME)
        await original_sleep(seconds)

    shop.clock.sleep = sleep  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert started_while_paused[0] < 6


async def test_a_vm_that_somebody_moves_between_look_and_start_is_not_moved_again(shop: Workshop) -> None:
    shop.cloud.meddler = "vm-3"
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert "move:vm-3" not in shop.cloud.starts


async def test_what_was_locked_for_a_move_is_unlocked_whatever_became_of_the_move(shop: Workshop) -> None:
    shop.cloud.locks, shop.cloud.fails = True, {"vm-2"}
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    assert {r.key for r in await shop.steps(id) if r.state is StepState.FAILED} == {"move:vm-2"}
    assert shop.cloud.locked == set()
    assert shop.cloud.starts.index("lock:vm-0") < shop.cloud.starts.index("move:vm-0")
    told = [n for n in await shop.news() if n.kind is Kind.VM_DONE]
    assert {facts_of(n)["title"] for n in told} >= {"move name-vm-0", "move name-vm-5"}
    assert {facts_of(n)["place"] for n in told if facts_of(n)["vm"] != "name-vm-2"} == {"host-2"}


@pytest.mark.parametrize(("during", "moved", "locked"), [("lock:vm-1", 0, 3), ("move:vm-0", 3, 6), ("move:vm-2", 3, 6)])
async def test_a_stop_unlocks_what_was_locked_and_moves_nothing_more(
    shop: Workshop, during: str, moved: int, locked: int
) -> None:
    shop.cloud.locks = True
    id = await shop.approved()
    original = shop.cloud.start

    async def start_and_stop(step: Step) -> Receipt:
        receipt = await original(step)
        if step.key == during:
            await shop.steer(id, Steer.CANCEL, by=ALICE)
        return receipt

    shop.cloud.start = start_and_stop  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(id)).state is State.ENDED_INCOMPLETE
    assert len(shop.cloud.moves) == moved
    assert sum(key.startswith("lock:") for key in shop.cloud.starts) == locked
    assert sum(key.startswith("unlock:") for key in shop.cloud.starts) == locked
    assert shop.cloud.locked == set()


async def test_what_a_look_could_read_counts_though_the_rest_could_not_be_read(shop: Workshop) -> None:
    id = await shop.approved()
    look, blind = shop.cloud.look, 0

    async def partly(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        nonlocal blind
        seen = await look(steps)
        hidden = {key: seen[key] for key in seen if key == "move:vm-0"}
        if hidden and blind < 20 and "move:vm-0" in shop.cloud.starts:
            blind += 1
            raise PartlySeen(Unreachable("One VM does not show."), {k: s for k, s in seen.items() if k not in hidden})
        return seen

    shop.cloud.look = partly  # type: ignore[method-assign]
    await shop.work()
    assert blind == 20
    assert (await shop.operation(id)).state is State.SUCCEEDED
    kinds = await shop.kinds()
    assert kinds.index(Kind.VM_DONE) < kinds.index(Kind.CLOUD_SILENT)  # the others went on
    assert len(shop.cloud.starts) == 7

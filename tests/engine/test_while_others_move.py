"""What failed is told and can be dealt with at once; what was cancelled can be ended; nothing begins twice by either."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from bot.desk.control import Steer
from bot.domain.cloud import Sighting
from bot.domain.errors import AlreadySettled, BadChoice
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.plans.plan import Step
from bot.domain.progress.steps import StepState
from bot.domain.values import OperationId, StepKey
from tests.news import facts_of
from tests.toy_cloud import ToyCloud
from tests.workshop import BOB, LeapingClock, Workshop


@dataclass
class WatchedCloud(ToyCloud):
    """Lets something happen between two looks, once its moment has come."""

    then: list[Callable[[], Awaitable[bool]]] = field(default_factory=list)  #: in order; each answers whether it did it

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        if self.then and await self.then[0]():
            self.then.pop(0)
        return await super().look(steps)


@pytest.fixture
def cloud(clock: LeapingClock) -> WatchedCloud:
    vms = {f"vm-{n}": "host-1" for n in range(4)}
    return WatchedCloud(clock=clock, vms=vms, poll=4.0, concurrency=10)


def when_failed(shop: Workshop, id: OperationId, vm: str, do: Callable[[], Awaitable[object]]) -> None:
    """Do something as soon as that VM has failed."""
    assert isinstance(shop.cloud, WatchedCloud)

    async def then() -> bool:
        if (await shop.states(id))[f"move:{vm}"] is not StepState.FAILED:
            return False
        await do()
        return True

    shop.cloud.then.append(then)


async def test_who_asked_and_the_incident_channel_hear_of_a_failed_vm_while_others_move(shop: Workshop) -> None:
    shop.cloud.fails, shop.cloud.hangs = {"vm-2"}, {"vm-1"}
    id = await shop.approved()
    heard: list[tuple[Audience, object]] = []

    async def listen() -> None:
        heard.extend((n.audience, list(n.ask)) for n in await shop.news() if n.kind is Kind.STEP_FAILED)
        assert (await shop.states(id))["move:vm-1"] is StepState.ACCEPTED  # still moves

    when_failed(shop, id, "vm-2", listen)
    await shop.work()
    assert heard == [(where, ["U0ALICE"]) for where in (Audience.THREAD, Audience.INCIDENT, Audience.ABSENT)]


async def test_a_failed_vm_is_retried_while_others_move_and_nothing_else_begins_again(shop: Workshop) -> None:
    shop.cloud.fails, shop.cloud.hangs = {"vm-2"}, {"vm-1"}
    id = await shop.approved()

    async def retry() -> None:
        await shop.steer(id, Steer.RETRY)
        assert (await shop.operation(id)).state is State.RUNNING
        shop.cloud.moves[[m.vm for m in shop.cloud.moves].index("vm-1")].hangs = False

    when_failed(shop, id, "vm-2", retry)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert Counter(shop.cloud.starts) == Counter(
        ["disable", *(f"move:vm-{n}" for n in range(4)), "move:vm-2"]  # once more, and nothing else
    )


async def test_a_failed_vm_is_set_aside_while_others_move_and_the_operation_goes_on(shop: Workshop) -> None:
    shop.cloud.fails, shop.cloud.hangs = {"vm-2"}, {"vm-1"}
    id = await shop.approved()

    async def skip() -> None:
        await shop.skip(id, "vm-2", reason="its owner knows")
        assert (await shop.operation(id)).state is State.RUNNING
        shop.cloud.moves[[m.vm for m in shop.cloud.moves].index("vm-1")].hangs = False

    when_failed(shop, id, "vm-2", skip)
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.ENDED_INCOMPLETE, "3 of 4 VMs verified, 1 set aside")
    assert Kind.NEEDS_ATTENTION not in await shop.kinds()
    assert shop.cloud.starts.count("move:vm-2") == 1


async def test_what_still_moves_can_neither_be_retried_nor_set_aside(shop: Workshop) -> None:
    shop.cloud.hangs = {"vm-1"}
    id = await shop.approved()
    refused: list[str] = []

    async def try_both() -> bool:
        if (await shop.states(id))["move:vm-1"] is not StepState.ACCEPTED:
            return False
        with pytest.raises(AlreadySettled) as retry:
            await shop.steer(id, Steer.RETRY)
        with pytest.raises(BadChoice) as skip:
            await shop.skip(id, "vm-1")
        refused.extend([retry.value.sentence, skip.value.sentence])
        return True

    assert isinstance(shop.cloud, WatchedCloud)
    shop.cloud.then.append(try_both)
    await shop.work()
    assert refused == [
        "Nothing has failed that can be tried again while the others move.",
        "name-vm-1 is not among the failed VMs that can be set aside now, so none was.",
    ]
    assert shop.cloud.starts.count("move:vm-1") == 1


async def test_what_failed_in_a_phase_that_is_over_waits_for_the_end(shop: Workshop) -> None:
    shop.cloud.fails = {"vm-2"}
    id = await shop.approved()
    refused: list[str] = []

    async def in_the_next_phase() -> bool:
        rows = await shop.rows(id)
        if any(not r.has_ended for r in rows.values() if r.step.phase == "Move"):
            return False
        with pytest.raises(AlreadySettled) as late:
            await shop.steer(id, Steer.RETRY)
        refused.append(late.value.remedy)
        return True

    assert isinstance(shop.cloud, WatchedCloud)
    shop.cloud.then.append(in_the_next_phase)
    await shop.work()
    assert refused == ["Wait until the others have ended."]


async def test_what_was_cancelled_can_be_ended_without_waiting_for_what_hangs(shop: Workshop) -> None:
    shop.cloud.hangs = {"vm-1"}
    id = await shop.approved()

    async def cancel_and_end() -> bool:
        if (await shop.states(id))["move:vm-1"] is not StepState.ACCEPTED:
            return False
        await shop.steer(id, Steer.CANCEL)
        with pytest.raises(AlreadySettled):
            await shop.steer(id, Steer.CANCEL)  # a second click ends nothing
        assert (await shop.operation(id)).state is State.STOPPING
        await shop.steer(id, Steer.END)
        return True

    assert isinstance(shop.cloud, WatchedCloud)
    shop.cloud.then.append(cancel_and_end)
    await shop.work()
    operation, rows = await shop.operation(id), await shop.rows(id)
    assert operation.state is State.ENDED_INCOMPLETE
    assert rows["move:vm-1"].state is StepState.UNKNOWN
    assert "it is not known what became of it" in rows["move:vm-1"].sentence
    assert not await shop.work()
    ends = [n for n in await shop.news() if n.kind is Kind.ENDED_INCOMPLETE]
    assert {n.audience for n in ends} == {Audience.THREAD, Audience.INCIDENT}
    assert "under way" in str(facts_of(ends[0])["sentence"])
    shop.cloud.disabled = False
    assert await shop.ask() != id  # the host is free


@pytest.mark.parametrize("state", ["running", "needs attention"])
async def test_only_what_was_cancelled_can_be_ended_so(shop: Workshop, state: str) -> None:
    shop.cloud.fails = {"vm-2"}
    id = await shop.approved()
    if state == "needs attention":
        await shop.work()
    with pytest.raises(AlreadySettled):
        await shop.steer(id, Steer.END, by=BOB)

"""Calls that change a cloud: nobody waits for the answer to another one, whether that comes, is lost or puts it off."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from bot.domain.cloud import Sighting
from bot.domain.operation import State
from bot.domain.plans.plan import Receipt, Step
from bot.domain.progress.pace import FIRST, PATIENCE
from bot.domain.progress.steps import StepState
from bot.domain.values import StepKey
from bot.engine import pending_calls
from tests.workshop import Workshop


async def test_calls_whose_answers_were_lost_take_places_until_their_fate_is_known(shop: Workshop) -> None:
    lost = [f"move:vm-{n}" for n in range(shop.cloud.concurrency)]
    shop.cloud.lose = dict.fromkeys(lost, "before")
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    (quiet,) = {r.step.quiet for r in await shop.steps(id) if r.key in lost}
    began = (await shop.operation(id)).started_at
    assert began is not None
    assert min(move.at for move in shop.cloud.moves) - began >= quiet


async def test_a_call_that_the_cloud_puts_off_is_made_again_when_it_asks_for_that_and_counts_as_never_made(
    shop: Workshop,
) -> None:
    id = await shop.approved()
    shop.cloud.puts_off = {"disable": [3.0], **{f"move:vm-{n}": [7.0] for n in range(3)}}
    began = shop.clock.monotonic()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    rows = await shop.steps(id)
    assert {r.key: r.starts for r in rows if r.key != "empty"} == {r.key: 1 for r in rows if r.key != "empty"}
    assert sorted(shop.cloud.starts) == sorted(r.key for r in rows if r.key != "empty")
    (disable, at), *moves = shop.cloud.put_off
    assert (disable, at) == ("disable", began)
    first = min(m.at for m in shop.cloud.moves) - (shop.cloud.time.now() - timedelta(seconds=shop.clock.monotonic()))
    assert moves[0][1] >= began + 3
    assert moves[0][1] + 7 <= first.total_seconds() <= moves[0][1] + 7 + shop.cloud.poll
    assert await shop.took(id) < 40, "nobody waits out the quiet period of a call that was not taken"


async def test_a_cloud_that_puts_everything_off_is_a_matter_for_people_after_five_minutes(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.puts_off = {"disable": [0.0] * 100}
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.NEEDS_ATTENTION
    (disable, *_) = await shop.steps(id)
    assert (disable.state, disable.sentence) == (StepState.FAILED, "asked too often")
    at = [at for _, at in shop.cloud.put_off]
    assert PATIENCE < at[-1] - at[0] < PATIENCE + 15
    assert len(at) < 50, "after 1, 2, 4 … seconds, eight at the most, at the next look"
    assert shop.cloud.starts == []


async def test_while_the_cloud_ends_all_calls_with_errors_few_are_made_and_many_soon_after(shop: Workshop) -> None:
    shop.cloud.vms |= {f"vm-{n}": "host-1" for n in range(100)}
    shop.cloud.concurrency, shop.cloud.poll = 100, 1.0
    id = await shop.approved()
    shop.cloud.breaks_until = 40.0
    began = shop.cloud.time.now() - timedelta(seconds=shop.clock.monotonic())
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert Counter(shop.cloud.starts) == Counter(r.key for r in await shop.steps(id) if r.key != "empty")
    healthy = [(move.at - began).total_seconds() for move in shop.cloud.moves]
    assert min(healthy) < 50, "back within ten seconds"
    a_second = sum(1 for at in healthy if at < min(healthy) + 10) / 10
    assert sum(1 for at in shop.cloud.broke if at >= 10) / 30 < a_second / 4


async def test_a_call_that_is_not_answered_holds_up_nobody_else(shop: Workshop) -> None:
    shop.cloud.poll = 0.05
    answered, original, look = asyncio.Event(), shop.cloud.start, shop.cloud.look

    async def start(step: Step) -> Receipt:
        if step.key == "move:vm-0":
            await answered.wait()
        return await original(step)

    async def watch(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        records = await shop.states(asked)
        if sum(state is StepState.DONE for key, state in records.items() if key.startswith("move")) >= 3:
            assert records["move:vm-0"] is StepState.INTENT or answered.is_set()
            answered.set()
        return await look(steps)

    shop.cloud.start, shop.cloud.look = start, watch  # type: ignore[method-assign]
    asked = await shop.approved()
    async with asyncio.timeout(60):
        await shop.work()
    assert (await shop.operation(asked)).state is State.SUCCEEDED
    assert shop.cloud.starts.count("move:vm-0") == 1


async def test_a_call_on_the_wire_is_not_looked_at_until_its_answer_is_stored(shop: Workshop) -> None:
    """A look beside it would read its row without the receipt, and write it back so."""
    shop.cloud.poll = 0.05
    answered, original_start, original_look = asyncio.Event(), shop.cloud.start, shop.cloud.look
    looked_at: list[str] = []

    async def start(step: Step) -> Receipt:
        receipt = await original_start(step)
        if step.key == "move:vm-0":
            looked_at.clear()
            await answered.wait()
        return receipt

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        looked_at.extend(s.key for s in steps)
        if not answered.is_set() and looked_at.count("move:vm-1") > 3:
            assert "move:vm-0" not in looked_at
            answered.set()
        return await original_look(steps)

    shop.cloud.start, shop.cloud.look = start, look  # type: ignore[method-assign]
    id = await shop.approved()
    await shop.work()
    record = next(r for r in await shop.steps(id) if r.key == "move:vm-0")
    assert record.state is StepState.DONE
    assert record.step.receipt is not None


async def test_a_call_that_was_let_go_with_its_lease_does_not_slow_the_cloud_down_for_ever(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_calls, "GRACE_SECONDS", 0.05)
    shop.cloud.vms = {f"vm-{n}": "host-1" for n in range(100)}
    shop.cloud.concurrency = 100
    original, sent = shop.cloud.start, asyncio.Event()

    async def start(step: Step) -> Receipt:
        receipt = await original(step)
        if step.key == "move:vm-0" and not sent.is_set():
            sent.set()
            await asyncio.Event().wait()
        return receipt

    shop.cloud.start = start  # type: ignore[method-assign]
    id = await shop.approved()
    holder = asyncio.create_task(shop.work())
    await sent.wait()
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)
    async with asyncio.timeout(60):
        await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert shop.pacing.pace.window > FIRST

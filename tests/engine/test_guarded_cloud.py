"""An adapter or the engine fails in a way that nobody named: people are told, nothing is done on the strength of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.domain.cloud import Request
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import Plan, Verdict
from bot.domain.ports import LEFT_TO_OTHERS, LeaseLost, StoreFailed
from bot.engine.missing_cloud import MissingCloud
from bot.engine.worker import Worker
from bot.runtime.clock import SystemClock, WakeUp
from tests.news import facts_of
from tests.workshop import Workshop


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged; kept, so that no traceback is drawn."""
    with capture_logs() as kept:
        yield kept


def broken(shop: Workshop, verb: str, *, times: int = 10**6, error: Exception | None = None) -> None:
    """Let a verb of the cloud fail so many times."""
    left, working = times, getattr(shop.cloud, verb)

    def fails() -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error or TypeError("secret-token-in-an-error")

    async def slow(*given: Any) -> Any:
        fails()
        return await working(*given)

    def quick(*given: Any) -> Any:
        fails()
        return working(*given)

    setattr(shop.cloud, verb, quick if verb == "plan" else slow)


@pytest.mark.parametrize("verb", ["survey", "plan"])
async def test_a_request_that_cannot_be_judged_is_blocked_with_a_reference_into_the_log(
    shop: Workshop, verb: str, logs: list[Any]
) -> None:
    broken(shop, verb)
    id = await shop.ask()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.BLOCKED
    assert operation.plan is not None
    (finding,) = operation.plan.findings
    assert finding.verdict is Verdict.UNKNOWN
    assert "Muster stumbled" in finding.sentence
    (line,) = [entry for entry in logs if entry["event"] == "muster stumbled"]  # once, not at every try
    assert line["reference"] in finding.remedy
    assert "secret" not in finding.sentence + finding.remedy + finding.raw
    assert Kind.BLOCKED in await shop.kinds()


@pytest.mark.parametrize("verb", ["survey", "plan"])
async def test_an_approved_one_waits_says_so_once_and_starts_when_it_works_again(shop: Workshop, verb: str) -> None:
    id = await shop.approved()
    broken(shop, verb, times=9)
    await shop.work()
    kinds = await shop.kinds()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert kinds.count(Kind.CLOUD_SILENT) == kinds.count(Kind.CLOUD_BACK) == 1


async def test_an_approved_one_does_not_wait_for_ever(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.poll = 120.0
    broken(shop, "survey")
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (
        State.CANCELLED,
        "It could not be started within 30 min of its approval.",
    )
    assert shop.cloud.starts == []


async def test_a_running_one_tells_it_once_starts_nothing_and_goes_on_when_it_works_again(shop: Workshop) -> None:
    id = await shop.approved()
    broken(shop, "look", times=9)
    await shop.work()
    kinds = await shop.kinds()
    told = next(n for n in await shop.news() if n.kind is Kind.CLOUD_SILENT)
    assert "Muster stumbled over a look at toy (TypeError)" in str(facts_of(told)["sentence"])
    assert kinds.count(Kind.CLOUD_SILENT) == kinds.count(Kind.CLOUD_BACK) == 1
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert sorted(shop.cloud.starts) == sorted(set(shop.cloud.starts))


async def test_a_start_that_fails_in_an_unnamed_way_is_looked_for_and_never_blindly_repeated(shop: Workshop) -> None:
    started = shop.cloud.start

    async def start(step: Any) -> Any:
        receipt = await started(step)
        if step.key == "move:vm-1":
            raise KeyError("the answer had no request id")
        return receipt

    shop.cloud.start = start  # type: ignore[method-assign]
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert shop.cloud.starts.count("move:vm-1") == 1


def with_doubled_steps(shop: Workshop) -> None:
    """From now on each plan has two steps of one key."""
    plan = shop.cloud.plan

    def doubled(request: Request, survey: dict[str, str]) -> Plan:
        made = plan(request, survey)
        return replace(made, steps=(*made.steps, made.steps[-1]))

    shop.cloud.plan = doubled  # type: ignore[method-assign]


async def test_a_plan_with_two_steps_of_one_key_is_refused_where_it_is_made_and_nothing_of_it_is_stored(
    shop: Workshop,
) -> None:
    with_doubled_steps(shop)
    id, began = await shop.ask(), shop.clock.now()
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.phases) == (State.BLOCKED, ())
    assert operation.plan is not None
    assert operation.plan.steps == ()
    (finding,) = operation.plan.findings
    assert "The plan for host-1 has several steps of one key (empty), so it is not to be used." in finding.sentence
    assert finding.remedy == "That is a fault in Muster's part for toy: report it with this sentence."
    assert (shop.clock.now() - began).total_seconds() < 10, "another try would make the same plan"


async def test_an_approved_one_of_which_no_plan_can_be_made_starts_nothing_and_says_why(shop: Workshop) -> None:
    id = await shop.approved()
    with_doubled_steps(shop)
    shop.cloud.poll = 120.0
    await shop.work()
    assert (await shop.operation(id)).state is State.CANCELLED
    assert shop.cloud.starts == []
    assert await shop.states(id) == {}
    told = [facts_of(n) for n in await shop.news() if n.kind is Kind.CLOUD_SILENT]
    assert [one["seconds"] for one in told] == [120.0, 360.0, 960.0, 960.0]  # at 15 min in the incident channel, too
    assert all("several steps of one key" in one["sentence"] for one in told)


@pytest.mark.parametrize("error", [StoreFailed("disk full"), LeaseLost("taken")])
async def test_what_ends_a_workers_right_to_write_is_never_taken_for_a_stumble(
    shop: Workshop, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await shop.approved()

    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("bot.engine.survey.begin", fails)
    with pytest.raises(type(error)):
        await shop.work()
    assert (await shop.operation(id)).state is State.QUEUED


# a cloud that is taken out of the settings ------------------------------------------------------------------------


async def test_a_new_request_of_a_cloud_taken_out_of_the_settings_is_blocked_and_says_so(shop: Workshop) -> None:
    """By the worker itself, which has neither that cloud nor a rule for it, once nobody else has taken it."""
    id = await shop.ask()
    await shop.clock.sleep(LEFT_TO_OTHERS.total_seconds())
    clock = SystemClock()
    worker = Worker(owner="w", archive=shop.archive, clock=clock, bell=WakeUp(clock), clouds={}, rules={})
    running = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(60):
            while (await shop.operation(id)).state is not State.BLOCKED:
                await clock.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert "not in the settings of Muster any more" in (await shop.operation(id)).outcome


async def test_an_approved_one_of_it_waits_and_is_cancelled_when_its_approval_is_too_old(shop: Workshop) -> None:
    id = await shop.approved()
    gone = MissingCloud("toy")
    gone.poll = 120.0
    await replace(shop, cloud=gone).work()  # type: ignore[arg-type]
    told = next(n for n in await shop.news() if n.kind is Kind.CLOUD_SILENT)
    assert "muster.toml" in str(facts_of(told)["remedy"])
    assert (await shop.operation(id)).state is State.CANCELLED


async def test_a_running_one_of_it_starts_nothing_and_goes_on_when_the_cloud_is_back(shop: Workshop) -> None:
    id = await shop.approved()
    present, looks = shop.cloud.look, 0

    async def look(steps: Any) -> Any:
        nonlocal looks
        looks += 1
        return await (MissingCloud("toy").look if 3 < looks < 12 else present)(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert (await shop.kinds()).count(Kind.CLOUD_SILENT) == 1
    assert len(shop.cloud.starts) == 7

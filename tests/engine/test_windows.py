"""Starts of their own, windows and freezes: waited for without a worker, kept to the second, never begun too late."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.desk import periodic
from bot.desk.control import Steer
from bot.domain.errors import AlreadySettled, BadCommand
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.progress.steps import StepState
from bot.domain.rules import calendar
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from bot.engine.leased import LeasedOperation
from bot.engine.runner import Runner
from tests.news import facts_of
from tests.toy_cloud import MOVE_SECONDS
from tests.workshop import ALICE, Workshop

HOUR = 3600.0
BERLINER: Actor = replace(ALICE, zone="Europe/Berlin")


async def pass_time(shop: Workshop, seconds: float) -> None:
    await shop.clock.sleep(seconds)


def freeze(shop: Workshop, starts: str, ends: str) -> None:
    begin, end = calendar.mark(starts), calendar.mark(ends)
    assert begin is not None
    assert end is not None
    period = calendar.Freeze(name="Change freeze", starts=begin, ends=end, zone=ZoneInfo("Europe/Berlin"))
    shop.rule = replace(shop.rule, freezes=(period,))


async def moved(shop: Workshop) -> int:
    """How many VMs' moves were started."""
    return sum(1 for start in shop.cloud.starts if start.startswith("move"))


# waiting -------------------------------------------------------------------------------------------------------------


async def test_an_approved_operation_waits_for_its_time_without_a_worker_and_then_starts(shop: Workshop) -> None:
    id = await shop.approved(at="+2h")
    for _ in range(3):
        assert not await shop.work()
        await pass_time(shop, HOUR / 2)
    assert (await shop.operation(id)).state is State.QUEUED
    assert shop.cloud.starts == []
    await pass_time(shop, HOUR / 2)
    assert await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_a_worker_that_holds_it_too_early_starts_nothing(shop: Workshop) -> None:
    id = await shop.approved(at="+2h")
    await pass_time(shop, 3 * HOUR)
    async with shop.archive.unit() as unit:
        lease = await unit.leases.claim("worker", span=timedelta(hours=9))
        await unit.commit()
    assert lease is not None
    await pass_time(shop, -3 * HOUR)  # a clock is set right
    rule, cloud = shop.rule, shop.cloud
    await Runner(LeasedOperation(lease=lease, archive=shop.archive, clock=shop.clock, cloud=cloud, rule=rule)).run()
    assert (await shop.operation(id)).state is State.QUEUED
    assert shop.cloud.starts == []


async def test_at_its_time_the_cloud_is_surveyed_again(shop: Workshop) -> None:
    id = await shop.approved(at="+2h")
    shop.cloud.vms["vm-9"] = "host-1"
    await pass_time(shop, 2 * HOUR)
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.AWAITING_APPROVAL
    assert operation.drift == ("+ name-vm-9 (ACTIVE): evacuate",)


async def test_approved_after_its_start_it_begins_at_once(shop: Workshop) -> None:
    id = await shop.ask(at="+1h", window="2h")
    await shop.work()
    await pass_time(shop, 1.25 * HOUR)
    await shop.vote(id)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_a_request_for_later_expires_only_after_its_start_and_with_its_window_at_the_latest(
    shop: Workshop,
) -> None:
    id = await shop.ask(at="+5h", window="10m")
    await shop.work()
    await pass_time(shop, 5 * HOUR)
    assert await periodic.expire(shop.desk.archive, shop.desk.clock) == 0
    await pass_time(shop, 600)
    with pytest.raises(AlreadySettled, match="expired before your click"):
        await shop.vote(id)
    assert await periodic.expire(shop.desk.archive, shop.desk.clock) == 1
    assert (await shop.operation(id)).state is State.EXPIRED


async def test_the_time_is_part_of_what_is_approved(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    at_once = (await shop.operation(id)).digest
    await shop.steer(id, Steer.CANCEL)
    for at, window in (("+2h", ""), ("", "2h"), ("+2h", "2h")):
        other = await shop.ask(at=at, window=window)
        await shop.work()
        assert (await shop.operation(other)).digest != at_once
        await shop.steer(other, Steer.CANCEL)


# what was typed ------------------------------------------------------------------------------------------------------


async def test_a_time_is_read_on_the_clock_of_whoever_typed_it(shop: Workshop) -> None:
    id = await shop.ask(by=BERLINER, at="02:00")  # it is four in the morning there
    operation = await shop.operation(id)
    assert operation.starts_at == datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    assert operation.zone == "Europe/Berlin"


async def test_a_time_that_was_typed_before_a_restart_is_still_the_one_that_was_meant(shop: Workshop) -> None:
    from bot.domain.rules.order import Order
    from bot.domain.values import Action

    order = Order(action=Action.EVACUATE, cloud="toy", host="host-1", at=calendar.when("04:05"))
    typed_at = shop.clock.now()
    await pass_time(shop, 600)
    id = await shop.desk.ask(order, by=BERLINER, channel="C0OPS", key=await shop.key(), typed_at=typed_at)
    assert (await shop.operation(id)).starts_at == typed_at + timedelta(minutes=5)


async def test_without_a_known_time_zone_a_time_is_refused_and_nothing_is_stored(shop: Workshop) -> None:
    with pytest.raises(BadCommand, match="does not say what your time zone is"):
        await shop.ask(by=replace(ALICE, zone="Mars/Olympus"), at="02:00")
    assert await shop.desk.live() == []


# the bot is stopped over it ------------------------------------------------------------------------------------------


async def test_stopped_over_its_start_it_begins_after_the_restart_inside_of_its_window(shop: Workshop) -> None:
    id = await shop.approved(at="+2h", window="3h")
    await pass_time(shop, 4.9 * HOUR)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_stopped_over_its_whole_window_it_is_cancelled_and_says_so(shop: Workshop) -> None:
    id = await shop.approved(at="+2h", window="3h")
    await pass_time(shop, 5 * HOUR)
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.CANCELLED
    assert operation.outcome == "The window closed Sat 2026-11-21 08:00 (UTC). It had not been started by then."
    assert shop.cloud.starts == []
    said = [n for n in await shop.news() if n.kind is Kind.CANCELLED]
    assert {n.audience for n in said} == {Audience.THREAD, Audience.INCIDENT}


async def test_stopped_over_a_start_without_a_window_it_begins_no_later_than_an_approval_is_good_for(
    shop: Workshop,
) -> None:
    id = await shop.approved(at="+2h")
    await pass_time(shop, 2.5 * HOUR)
    await shop.work()
    assert (await shop.operation(id)).state is State.CANCELLED
    other = await shop.approved(at="+2h")
    await pass_time(shop, 2.4 * HOUR)
    await shop.work()
    assert (await shop.operation(other)).state is State.SUCCEEDED


# a window closes while it runs ---------------------------------------------------------------------------------------


async def closing(shop: Workshop, *, after: float = 60.0) -> OperationId:
    """An operation whose window closes while its first VMs move."""
    shop.cloud.move_seconds = 4 * after
    id = await shop.approved(window=f"{after:.0f}s")
    await shop.work()
    return id


async def test_when_the_window_closes_what_runs_is_finished_and_nothing_new_is_started(shop: Workshop) -> None:
    id = await closing(shop)
    operation = await shop.operation(id)
    assert operation.state is State.NEEDS_ATTENTION
    assert (
        operation.outcome == "The window closed Sat 2026-11-21 03:01 (UTC). 1 step of the host and 3 of 6 VMs not done"
    )
    assert await moved(shop) == 3
    states = {r.step.vm: r.state for r in await shop.steps(id) if r.step.vm}
    assert sorted(states.values()) == sorted([StepState.DONE] * 3 + [StepState.PLANNED] * 3)


async def test_it_is_said_once_that_the_window_closed_and_what_is_left(shop: Workshop) -> None:
    await closing(shop)
    news = await shop.news()
    closed = [n for n in news if n.kind is Kind.CLOSED]
    assert [(n.audience, facts_of(n)["moving"]) for n in closed] == [
        (Audience.THREAD, "3 VMs"),
        (Audience.INCIDENT, "3 VMs"),
    ]
    needs = next(n for n in news if n.kind is Kind.NEEDS_ATTENTION)
    assert (facts_of(needs)["of"], facts_of(needs)["done"], facts_of(needs)["not done"]) == ("6 VMs", 3, 3)
    assert str(facts_of(needs)["sentence"]).startswith("The window closed")


async def test_a_chain_that_has_begun_is_finished_after_the_window(shop: Workshop) -> None:
    shop.cloud.locks = True
    id = await closing(shop)
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    assert shop.cloud.locked == set()
    assert await moved(shop) > 0
    assert {r.state for r in await shop.steps(id) if r.step.verb == "unlock"} <= {StepState.DONE, StepState.PLANNED}


async def test_outside_of_the_window_nothing_is_retried(shop: Workshop) -> None:
    id = await closing(shop)
    starts = list(shop.cloud.starts)
    with pytest.raises(AlreadySettled, match=r"The window closed .* ask again with another"):
        await shop.steer(id, Steer.RETRY)
    assert shop.cloud.starts == starts
    await shop.steer(id, Steer.CANCEL)
    assert (await shop.operation(id)).state is State.ENDED_INCOMPLETE
    shop.cloud.move_seconds = MOVE_SECONDS
    rest = await shop.approved(at="+1h", window="1h")
    await pass_time(shop, HOUR)
    await shop.work()
    assert (await shop.operation(rest)).state is State.SUCCEEDED


async def test_a_paused_operation_ends_with_its_window(shop: Workshop) -> None:
    id = await shop.approved(window="10m")
    shop.cloud.on_move = lambda: shop.steer(id, Steer.PAUSE)
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.NEEDS_ATTENTION
    assert operation.outcome.startswith("The window closed")


async def test_a_window_that_closes_between_the_intent_and_the_act_stops_the_act(shop: Workshop) -> None:
    shop.cloud.look_seconds = 40.0  # the second look ends after the window
    id = await shop.approved(window="60s")
    await shop.work()
    assert shop.cloud.starts == []
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    assert all(r.starts == 0 for r in await shop.steps(id))


async def test_work_that_is_done_before_its_window_closes_is_simply_done(shop: Workshop) -> None:
    id = await shop.approved(window="1h")
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert Kind.CLOSED not in await shop.kinds()


# freezes -------------------------------------------------------------------------------------------------------------


async def test_what_would_start_in_a_freeze_is_forbidden_with_its_name_and_its_end(shop: Workshop) -> None:
    freeze(shop, "fri 18:00", "mon 08:00")
    id = await shop.ask()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.BLOCKED
    assert "Change freeze, from Fri 2026-11-20 18:00 (Europe/Berlin)" in operation.outcome
    assert "until Mon 2026-11-23 08:00 (Europe/Berlin)" in operation.outcome
    later = await shop.ask(by=BERLINER, at="2026-11-23T08:00")
    await shop.work()
    assert (await shop.operation(later)).state is State.AWAITING_APPROVAL


async def test_what_was_approved_before_a_freeze_is_not_started_in_it(shop: Workshop) -> None:
    id = await shop.approved()
    freeze(shop, "sat 04:00", "sat 12:00")
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.BLOCKED
    assert shop.cloud.starts == []


async def test_a_freeze_near_the_start_is_a_warning_that_approvers_rely_on(shop: Workshop) -> None:
    id = await shop.approved()
    freeze(shop, "sat 05:00", "sat 12:00")
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.AWAITING_APPROVAL
    assert operation.drift[0].startswith("new warning: A freeze is near: Change freeze, from Sat 2026-11-21 05:00")
    await shop.vote(id)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_work_that_runs_into_a_freeze_finishes_what_runs_and_may_be_retried_after_it(shop: Workshop) -> None:
    freeze(shop, "sat 04:01", "sat 12:00")
    shop.cloud.move_seconds = 300.0
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.NEEDS_ATTENTION
    assert operation.outcome.startswith("Planned work is frozen: Change freeze")
    with pytest.raises(
        AlreadySettled, match=r"Planned work is frozen: .* Retry what is left after Sat 2026-11-21 12:00"
    ):
        await shop.steer(id, Steer.RETRY)
    await pass_time(shop, 8 * HOUR)
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert await moved(shop) == 6

"""Reminders and escalation: told once whoever ticks, late after a stop where they are still of use, never after the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.desk import periodic
from bot.desk.control import Steer
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.rules import calendar
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, OperationId
from bot.store.archive import SqlArchive
from tests.news import facts_of
from tests.store.databases import Postgresql
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, LeapingClock, NoBell, Workshop

MINUTE = 60.0
REMINDERS = frozenset({Kind.START_NEAR, Kind.EXPIRY_NEAR, Kind.ESCALATED, Kind.STILL_WAITS})


def rules(shop: Workshop) -> dict[tuple[str, Action], Rule]:
    return {("toy", Action.EVACUATE): shop.rule}


async def tick(shop: Workshop, minutes: float) -> int:
    await shop.clock.sleep(minutes * MINUTE)
    return await periodic.remind(shop.archive, shop.clock, rules(shop))


async def told(shop: Workshop) -> list[Kind]:
    return [n.kind for n in await shop.news() if n.kind in REMINDERS and n.audience is Audience.THREAD]


async def asked(shop: Workshop, *, at: str = "", window: str = "") -> OperationId:
    shop.rule = replace(shop.rule, escalate_to=("S0CHIEFS",))
    id = await shop.ask(at=at, window=window)
    await shop.work()
    return id


async def test_a_request_that_nobody_decides_is_escalated_and_then_reminded_of_once_each(shop: Workshop) -> None:
    await asked(shop)
    for _ in range(29):
        await tick(shop, 1)
    assert await told(shop) == [Kind.ESCALATED, Kind.EXPIRY_NEAR]
    reminders = [(n.kind, n.audience) for n in shop.told if n.kind in REMINDERS]
    everywhere = (Audience.THREAD, Audience.INCIDENT, Audience.ABSENT)
    assert sorted(reminders) == sorted((kind, where) for kind in await told(shop) for where in everywhere)
    asked_of = {n.kind: facts_of(n)["ask"] for n in shop.told if n.kind in REMINDERS}
    assert asked_of == {Kind.ESCALATED: ["S0CHIEFS"], Kind.EXPIRY_NEAR: ["S0LEADS"]}


async def test_after_the_decision_nobody_is_reminded(shop: Workshop) -> None:
    id = await asked(shop)
    await shop.vote(id)
    assert await tick(shop, 29) == 0
    await shop.steer(id, Steer.CANCEL)
    other = await asked(shop, at="+1h")
    await shop.steer(other, Steer.CANCEL)
    assert await tick(shop, 55) == 0
    assert await told(shop) == []


async def test_a_start_is_reminded_of_whether_it_is_approved_or_not(shop: Workshop) -> None:
    id = await asked(shop, at="+2h")
    await shop.vote(id)
    assert [await tick(shop, 109), await tick(shop, 1), await tick(shop, 1)] == [0, 1, 0]
    (near,) = [n for n in await shop.news() if n.kind in REMINDERS and n.audience is Audience.THREAD]
    assert (near.kind, facts_of(near)["ask"], facts_of(near)["is_approved"]) == (Kind.START_NEAR, ["U0ALICE"], True)


async def test_an_operation_that_has_needed_a_person_for_hours_is_told_of_again_each_time_that_it_does(
    shop: Workshop,
) -> None:
    shop.cloud.fails = {"vm-0"}
    id = await shop.approved()
    await shop.work()
    for _ in range(2):
        shop.cloud.fails = {"vm-0"}
        assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
        assert [await tick(shop, minutes) for minutes in (239, 2, 24 * 60)] == [0, 1, 0]
        await shop.steer(id, Steer.RETRY)
        await shop.work()
    found = [n for n in await shop.news() if n.kind is Kind.STILL_WAITS]
    assert [n.audience for n in found] == [Audience.THREAD, Audience.INCIDENT, Audience.ABSENT] * 2
    assert facts_of(found[0])["ask"] == ["U0ALICE", "S0LEADS"]
    assert facts_of(found[0])["is_paused"] is False


# the bot is stopped over it ------------------------------------------------------------------------------------------


async def test_stopped_over_a_reminder_it_is_told_once_after_the_restart_where_it_is_still_of_use(
    shop: Workshop,
) -> None:
    await asked(shop)
    assert await tick(shop, 29) == 2
    assert await tick(shop, 0.5) == 0


async def test_stopped_over_the_expiry_too_the_request_expires_and_nobody_is_reminded(shop: Workshop) -> None:
    id = await asked(shop)
    assert await tick(shop, 31) == 0
    assert await periodic.expire(shop.desk.archive, shop.desk.clock) == 1
    assert (await shop.operation(id)).state is State.EXPIRED
    assert await tick(shop, 1) == 0


async def test_stopped_over_reminder_and_start_it_starts_and_nobody_is_reminded(shop: Workshop) -> None:
    id = await asked(shop, at="+2h", window="2h")
    await shop.vote(id)
    assert await tick(shop, 121) == 0
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert await told(shop) == []


async def test_what_was_told_is_told_again_only_of_a_new_asking(shop: Workshop) -> None:
    id = await asked(shop)
    assert await tick(shop, 15) == 1
    await shop.steer(id, Steer.RECHECK)
    await shop.work()
    assert [await tick(shop, 14), await tick(shop, 1)] == [0, 1]
    assert await told(shop) == [Kind.ESCALATED, Kind.ESCALATED]


async def test_an_operation_whose_cloud_left_the_settings_is_not_reminded_of(shop: Workshop) -> None:
    await asked(shop)
    await shop.clock.sleep(20 * MINUTE)
    assert await periodic.remind(shop.archive, shop.clock, {}) == 0


# clocks change -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evening", "at", "starts"),
    [
        # Berlin's clocks go back at 03:00 on 2026-10-25 and forward at 02:00 on 2027-03-28
        (datetime(2026, 10, 24, 20, tzinfo=UTC), "03:30", datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
        (datetime(2027, 3, 27, 20, tzinfo=UTC), "03:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
    ],
)
async def test_when_clocks_change_each_thing_happens_once_and_at_its_moment(
    shop: Workshop, evening: datetime, at: str, starts: datetime
) -> None:
    await shop.clock.sleep((evening - shop.clock.now()).total_seconds())
    order = Order(action=Action.EVACUATE, cloud="toy", host="host-1", at=calendar.when(at))
    id = await shop.desk.ask(order, by=replace(ALICE, zone="Europe/Berlin"), channel="C0OPS", key=await shop.key())
    await shop.work()
    await shop.vote(id)
    reminded, began = [], []
    while shop.clock.now() < evening + timedelta(hours=10):
        if await tick(shop, 1):
            reminded.append(shop.clock.now())
        at_minute = shop.clock.now()
        if await shop.work():
            began.append(at_minute)
    assert reminded == [starts - timedelta(minutes=10)]
    assert began[0] == starts
    assert (await shop.operation(id)).started_at is not None
    assert (await told(shop), len(began)) == ([Kind.START_NEAR], 1)


# several replicas over one PostgreSQL --------------------------------------------------------------------------------


@pytest.fixture
async def replicas(server: Postgresql) -> AsyncIterator[list[Workshop]]:  # pytest hands it in
    clock = LeapingClock()
    cloud = ToyCloud(clock=clock, vms={f"vm-{n}": "host-1" for n in range(3)})
    async with server.database() as url, AsyncExitStack() as stack:
        archives = [SqlArchive(url, clock=clock, bell=NoBell()) for _ in range(3)]
        for archive in archives:
            await archive.open()
            stack.push_async_callback(archive.close)
        yield [Workshop(archive=archive, clock=clock, cloud=cloud) for archive in archives]


async def test_replicas_that_tick_at_once_tell_each_reminder_once(replicas: list[Workshop]) -> None:
    first = replicas[0]
    await asked(first)
    await first.clock.sleep(29 * MINUTE)
    for _ in range(3):
        ticks = [periodic.remind(shop.archive, shop.clock, rules(first)) for shop in replicas]
        await asyncio.gather(*ticks)
    assert sorted(await told(first)) == sorted([Kind.ESCALATED, Kind.EXPIRY_NEAR])


async def test_replicas_take_a_waiting_operation_at_its_time_and_only_one_of_them(replicas: list[Workshop]) -> None:
    first = replicas[0]
    id = await first.approved(at="+2h")
    assert [await shop.work() for shop in replicas] == [False] * 3
    await first.clock.sleep(2 * 60 * MINUTE)
    assert sorted(await asyncio.gather(*(shop.work() for shop in replicas))) == [False, False, True]
    assert (await first.operation(id)).state is State.SUCCEEDED
    assert len(first.cloud.starts) == len(set(first.cloud.starts)) == 4

"""A cloud's judgement may take long: meanwhile Muster answers people and keeps its leases."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bot.domain.cloud import NO_BOOKS, Books, Request
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import Plan, Verdict
from tests.domain.build import finding
from tests.news import facts_of
from tests.toy_cloud import ToyCloud
from tests.workshop import Workshop


@dataclass
class Ponderer(ToyCloud):
    """Judges until somebody else has had a turn."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    turn: threading.Event = field(default_factory=threading.Event)
    had_a_turn: bool = False

    def plan(self, request: Request, survey: dict[str, str]) -> Plan:
        self.loop.call_soon_threadsafe(self.begun.set)
        self.had_a_turn = self.turn.wait(timeout=60)
        return ToyCloud.plan(self, request, survey)

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> dict[str, str]:
        self.loop = asyncio.get_running_loop()
        return await ToyCloud.survey(self, request, books)


async def test_while_a_plan_is_judged_everybody_else_has_their_turn(shop: Workshop) -> None:
    cloud = Ponderer(clock=shop.clock, vms=dict(shop.cloud.vms))
    shop.cloud = cloud

    async def answer() -> None:
        await cloud.begun.wait()
        cloud.turn.set()

    operation = await shop.ask()
    await asyncio.gather(shop.work(), answer())
    assert cloud.had_a_turn
    assert (await shop.operation(operation)).state is State.AWAITING_APPROVAL


@pytest.mark.parametrize(("number", "is_filed"), [(15, False), (16, True), (300, True)])
async def test_the_plan_of_many_vms_hangs_in_the_thread_as_a_file_each_time_it_is_asked_about(
    shop: Workshop, number: int, *, is_filed: bool
) -> None:
    shop.cloud.vms = {f"vm-{n}": "host-1" for n in range(number)}
    id = await shop.ask()
    await shop.work()
    told = [facts_of(n)["digest"] for n in await shop.news() if n.kind is Kind.PLAN]
    assert told == ([(await shop.operation(id)).digest] if is_filed else [])


@pytest.mark.parametrize(("silent", "state"), [(5, State.AWAITING_APPROVAL), (99, State.BLOCKED)])
async def test_a_cloud_that_does_not_answer_is_asked_again_for_a_minute(
    shop: Workshop, silent: int, state: State
) -> None:
    shop.cloud.silent = silent
    id, began = await shop.ask(), shop.clock.monotonic()
    await shop.work()
    took = shop.clock.monotonic() - began
    assert (await shop.operation(id)).state is state
    assert 30 < took < (60 if state is State.AWAITING_APPROVAL else 75)


@dataclass
class Unsure(ToyCloud):
    """Does not know something in the first so many surveys from now on."""

    times: int = 0

    def plan(self, request: Request, survey: dict[str, str]) -> Plan:
        self.times -= 1
        unknown = [finding("row-written", Verdict.UNKNOWN)] if self.times >= 0 else []
        self.blockers = [*unknown, *([finding("no-room", Verdict.BLOCKER)] if self.times > 1_000_000 else [])]
        return ToyCloud.plan(self, request, survey)


@pytest.mark.parametrize(
    ("times", "ends"), [(3, State.SUCCEEDED), (1_000, State.CANCELLED), (2_000_000, State.BLOCKED)]
)
async def test_what_cannot_be_found_out_delays_an_approved_start_while_it_may_be_begun_and_does_not_end_it(
    shop: Workshop, times: int, ends: State
) -> None:
    cloud = Unsure(clock=shop.clock, vms=dict(shop.cloud.vms))
    shop.cloud = cloud
    id = await shop.approved()
    cloud.times = times
    began = shop.clock.monotonic()
    await shop.work()
    assert (await shop.operation(id)).state is ends
    told = [facts_of(n) for n in await shop.news() if n.kind is Kind.CLOUD_SILENT]
    assert {one["sentence"] for one in told} == (set() if ends is State.BLOCKED else {"row-written it is"})
    assert all(one["answers"] for one in told), "it is not silent"
    if ends is State.CANCELLED:
        assert timedelta(minutes=30) <= timedelta(seconds=shop.clock.monotonic() - began) < timedelta(minutes=31)
        assert times - cloud.times < 200, "a cloud that is not well is not surveyed all the time"

"""A cloud's judgement may take long: meanwhile Muster answers people and keeps its leases."""

import asyncio
import threading
from dataclasses import dataclass, field

from bot.domain.cloud import Request
from bot.domain.operation import State
from bot.domain.plan import Plan
from tests.engine.conftest import Workshop
from tests.engine.toy_cloud import ToyCloud


@dataclass
class Ponderer(ToyCloud):
    """Judges until somebody else has had a turn."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    turn: threading.Event = field(default_factory=threading.Event)
    had_a_turn: bool = False

    def plan(self, request: Request, survey: dict[str, str]) -> Plan:
        self.loop.call_soon_threadsafe(self.begun.set)
        self.had_a_turn = self.turn.wait(timeout=5)
        return ToyCloud.plan(self, request, survey)

    async def survey(self, request: Request) -> dict[str, str]:
        self.loop = asyncio.get_running_loop()
        return await ToyCloud.survey(self, request)


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

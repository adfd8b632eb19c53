"""Two replicas over one PostgreSQL and one Slack that answers slowly: each card and line once, whoever dies."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from bot.demo.server import Served, serve
from bot.demo.workspace.workspace import standard_workspace
from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.ports import LeaseLost
from bot.engine.leader import SPAN, Leader
from bot.runtime.clock import SystemClock, WakeUp
from bot.slack.outbound.board import Board
from bot.slack.wire import connect
from bot.store import SqlArchive
from tests.news import news_of
from tests.slack.conftest import BOT, RULES, operation
from tests.store.databases import Postgresql

OPERATIONS = 4
SECONDS = 100.0


async def eventually(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            if happened():
                return
            await asyncio.sleep(0.05)


@dataclass
class Replica:
    """The part of one process that speaks."""

    archive: SqlArchive
    leader: Leader
    board: Board
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        self.tasks = [asyncio.create_task(self.leader.run()), asyncio.create_task(self.board.run())]

    async def end(self, *, kill: bool = False) -> None:
        if kill:
            self.leader._lead = None  # it gives nothing back
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def stop_renewing(self) -> None:
        """As if it were frozen for as long as its lease lasts, and thawed then."""
        lead, self.leader._lead = self.leader._lead, None
        self.tasks[0].cancel()
        self.leader._lead = lead


@dataclass
class Pair:
    served: Served
    replicas: list[Replica]

    async def leading(self) -> Replica:
        await eventually(lambda: any(r.leader.term is not None for r in self.replicas))
        return next(r for r in self.replicas if r.leader.term is not None)

    async def until(self, replica: Replica) -> float:
        """How many seconds it takes until that one leads."""
        began = asyncio.get_running_loop().time()
        await eventually(lambda: replica.leader.term is not None)
        return asyncio.get_running_loop().time() - began

    async def ask(self, *numbers: int) -> None:
        for number in numbers:
            async with self.replicas[number % 2].archive.unit() as unit:
                made = operation(f"OP{number}")
                await unit.operations.add(made, Entry(event=AuditEvent.REQUESTED))
                for audience in (Audience.THREAD, Audience.INCIDENT):
                    await unit.outbox.tell(
                        news_of(Kind.PHASE, {"phase": "begin"}, audience=audience, operation=made.id)
                    )
                await unit.commit()

    def posted(self) -> tuple[int, list[int], int]:
        """How many cards, lines below each, and lines of the incident channel stand."""
        workspace = self.served.workspace
        cards, incident = (
            [m for m in workspace.channel_messages(channel) if m.author == BOT] for channel in ("C0OPS", "C0INCIDENT")
        )
        return len(cards), [len(workspace.thread(card.channel, card.ts)) for card in cards], len(incident)

    async def settled(self, count: int) -> None:
        """Wait until all is told, then a while longer for what is told too often."""
        await eventually(lambda: self.posted() == (count, [1] * count, count))
        await asyncio.sleep(3)
        assert self.posted() == (count, [1] * count, count)


@asynccontextmanager
async def running(server: Postgresql) -> AsyncIterator[Pair]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(server.database())
        served = await stack.enter_async_context(serve(standard_workspace(clock=clock)))
        served.faults.delay(0.3, method="chat.postMessage", times=1_000)
        replicas = []
        for name in "ab":
            bell = WakeUp(clock)
            archive = SqlArchive(url, clock=clock, bell=bell)
            await archive.open()
            stack.push_async_callback(archive.close)
            leader = Leader(archive, clock, owner=name)
            client = connect(served.bot_token, api_url=served.api_url)
            board = Board(leader, clock, bell, client, RULES, "C0INCIDENT", term=lambda leader=leader: leader.term)  # type: ignore[misc]
            replicas.append(Replica(archive=archive, leader=leader, board=board))
        for replica in replicas:
            replica.start()
            stack.push_async_callback(replica.end)
        yield Pair(served=served, replicas=replicas)


async def test_two_replicas_post_each_card_and_each_line_once(server: Postgresql) -> None:
    async with running(server) as pair:
        await pair.ask(*range(OPERATIONS))
        await pair.settled(OPERATIONS)


@pytest.mark.parametrize(
    "kill", [pytest.param(True, id="killed"), pytest.param(False, id="stopped", marks=pytest.mark.long)]
)
async def test_a_leader_that_ends_while_it_speaks_is_replaced_and_nothing_is_told_twice(
    server: Postgresql, kill: bool
) -> None:
    async with running(server) as pair:
        first = await pair.leading()
        (other,) = [replica for replica in pair.replicas if replica is not first]
        await pair.ask(*range(OPERATIONS))
        await asyncio.sleep(1)
        await first.end(kill=kill)
        assert await pair.until(other) < (10 if kill else 5)
        await pair.settled(OPERATIONS)


async def test_a_leader_that_was_frozen_says_and_stores_nothing_once_it_thaws(server: Postgresql) -> None:
    async with running(server) as pair:
        first = await pair.leading()
        (other,) = [replica for replica in pair.replicas if replica is not first]
        await pair.ask(*range(OPERATIONS))
        first.stop_renewing()
        assert await pair.until(other) < 10
        assert first.leader.term is None
        with pytest.raises(LeaseLost):
            async with first.leader.unit():
                raise AssertionError("it leads no more")
        await pair.settled(OPERATIONS)


async def test_the_fence_counts_and_not_what_a_leader_believes(server: Postgresql) -> None:
    async with running(server) as pair:
        first = await pair.leading()
        async with first.archive.unit() as unit:
            await unit.transaction.run(text("UPDATE leader SET fence = fence + 1, owner = 'c'"))
            await unit.commit()
        assert first.leader.term is not None
        with pytest.raises(LeaseLost):
            async with first.leader.unit():
                raise AssertionError("another took the lease")


async def test_where_nobody_else_can_be_there_is_nothing_to_agree_on() -> None:
    clock = SystemClock()
    archive = SqlArchive("sqlite://", clock=clock, bell=WakeUp(clock))
    await archive.open()
    leader = Leader(archive, clock, owner="a", alone=True)
    assert leader.term == 0
    async with leader.unit() as unit:
        assert await unit.operations.newest() == []
    await archive.close()


def test_a_leader_is_replaced_within_ten_seconds() -> None:
    from bot.store import database

    assert max(SPAN.total_seconds(), database.IDLE_MS / 1000) + 3 < 10

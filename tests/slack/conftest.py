"""A board between a real archive and an emulated Slack, on a clock that stands still until it is told to go on."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served, serve
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.workspace import Workspace, standard_workspace
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Host, Request
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, News
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Plan
from bot.domain.ports import Archive
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Digest, HostId, OperationId, UserId
from bot.runtime.clock import WakeUp
from bot.slack.outbound.board import Board
from bot.slack.wire import connect
from bot.store.archive import SqlArchive
from tests.clocks import ManualClock
from tests.news import news_of
from tests.store.migrated import open_migrated

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULES = {("prod", action): Rule(requesters=("S0SRE",), approvers=("S0LEADS",)) for action in Action}
BOT = "U0MUSTER"
DIGEST = Digest("ab" * 32)


def operation(name: str = "OP1", *, channel: str = "C0OPS", plan: Plan | None = None, **changes: Any) -> Operation:
    """An operation on a host of its own."""
    request = Request(
        action=Action.EVACUATE, cloud="prod", host=HostId(f"h-{name}"), host_name=f"h-{name}", run=OperationId(name)
    )
    made = Operation(
        id=OperationId(name),
        request=request,
        host=Host(id=request.host, name=request.host_name),
        requested_by=UserId("U0ALICE"),
        channel=channel,
        created_at=NOON,
        changed_at=NOON,
        **changes,
    )
    return made.with_plan(plan, made.digest or DIGEST) if plan else made


@dataclass
class Office:
    """The board, what it reads and what people see of it."""

    archive: Archive
    clock: ManualClock
    bell: WakeUp
    served: Served
    client: AsyncWebClient
    too_many: list[str] = field(default_factory=list)  #: methods that were answered 429
    calls: list[str] = field(default_factory=list)  #: methods, in the order in which they were called
    incident_channel: str = "C0INCIDENT"

    @property
    def workspace(self) -> Workspace:
        return self.served.workspace

    def board(self, archive: Archive | None = None, *, external: bool = False) -> Board:
        """A board as it is after a start."""
        kept = archive or self.archive
        return Board(kept, self.clock, self.bell, self.client, RULES, self.incident_channel, external=external)

    # what the other rooms write ------------------------------------------------------------------------------
    async def add(self, new: Operation, records: Sequence[StepRecord] = ()) -> Operation:
        async with self.archive.unit() as unit:
            await unit.operations.add(new, Entry(event=AuditEvent.REQUESTED))
            if records:
                await unit.steps.lay_out(new.id, records)
            await unit.commit()
        return new

    async def move(self, of: Operation, state: State, *, plan: Plan | None = None) -> Operation:
        async with self.archive.unit() as unit:
            stored = await unit.operations.get(of.id)
            planned = stored.with_plan(plan, stored.digest or DIGEST) if plan else stored
            moved = replace(planned, state=state, changed_at=self.clock.now())
            saved = await unit.operations.save(moved, Entry(event=AuditEvent.OTHER))
            await unit.commit()
        return saved

    async def all(self) -> Sequence[Operation]:
        async with self.archive.unit() as unit:
            return await unit.operations.newest()

    async def tell(self, *news: News) -> None:
        async with self.archive.unit() as unit:
            await unit.outbox.tell(*news)
            await unit.commit()

    async def line(self, of: Operation, words: str, *, audience: Audience = Audience.THREAD) -> None:
        """A line that can be told from others by its words."""
        await self.tell(news_of(Kind.PHASE, {"phase": words}, audience=audience, operation=of.id))

    async def whisper(self, person: str, words: str, *, channel: str = "C0OPS") -> None:
        facts = {"sentence": words}
        await self.tell(news_of(Kind.REFUSED, facts, audience=Audience.PERSON, person=UserId(person), channel=channel))

    # what people see -----------------------------------------------------------------------------------------
    def cards(self, channel: str = "C0OPS") -> list[PostedMessage]:
        return [m for m in self.workspace.channel_messages(channel) if m.author == BOT]

    def replies(self) -> list[PostedMessage]:
        """All that stands in the threads of cards, with the cards."""
        return [m for card in self.cards() for m in self.workspace.thread(card.channel, card.ts)]

    def files(self) -> list[str]:
        """The texts of all files there."""
        found = [str(file["id"]) for reply in self.replies() for file in reply.body.get("files", [])]
        return [(self.workspace.files[id].content or b"").decode() for id in found]

    def thread(self, card: PostedMessage) -> list[str]:
        return [m.plain for m in self.workspace.thread(card.channel, card.ts)]

    def notes(self, person: str) -> list[str]:
        return [m.plain for m in self.workspace.ephemerals(person)]

    def dms(self, person: str) -> list[str]:
        return [m.plain for m in self.cards(self.workspace.direct_channel(person).id)]

    async def until(self, happened: Callable[[], object], board: Board, *, seconds: float = 600) -> None:
        """Let the board work, second by second, until people see something."""
        for _ in range(int(seconds)):
            while await board.round():
                pass
            if happened():
                return
            await self.clock.pass_time(1)
        raise AssertionError(f"not seen; the workspace shows:\n{self.workspace.transcript()}")

    async def quiet(self, board: Board, *, seconds: float = 15, step: float = 1) -> None:
        """Let the board work for so long, whatever it does."""
        for _ in range(int(seconds / step)):
            while await board.round():
                pass
            await self.clock.pass_time(step)


@asynccontextmanager
async def opened(*, rate_limits: bool = True) -> AsyncIterator[Office]:
    clock = ManualClock(NOON)
    bell = WakeUp(clock)
    archive = SqlArchive("sqlite://", clock=clock, bell=bell)
    await open_migrated(archive)
    calls: list[str] = []
    too_many: list[str] = []
    tracing = aiohttp.TraceConfig()

    async def on_end(_session: object, _context: object, told: aiohttp.TraceRequestEndParams) -> None:
        calls.append(told.url.name)
        if told.response.status == 429:
            too_many.append(told.url.name)

    tracing.on_request_end.append(on_end)
    async with (
        serve(standard_workspace(clock=clock), rate_limits=rate_limits) as served,
        aiohttp.ClientSession(trace_configs=[tracing]) as session,
    ):
        client = connect(served.bot_token, api_url=served.api_url)
        client.session = session
        yield Office(
            archive=archive, clock=clock, bell=bell, served=served, client=client, too_many=too_many, calls=calls
        )
    await archive.close()


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with opened() as made:
        yield made

"""A workshop without walls: desk, toy cloud, archive in memory and a clock that leaps."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bot.desk.control import Input, Steer
from bot.desk.desk import Desk
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import News
from bot.domain.operation import Choice, Operation, State
from bot.domain.ports import Archive, People
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.rules import calendar
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor, Rule, Standing
from bot.domain.values import Action, OperationId, UserId, VmId
from bot.engine.leased import LeasedOperation
from bot.engine.pacing import Pacing
from bot.engine.runner import Runner
from bot.runtime.clock import WakeUp
from bot.store.archive import SqlArchive
from tests.deliveries import recorded
from tests.store.databases import Postgresql
from tests.store.migrated import open_migrated
from tests.store.outbox import waiting
from tests.toy_cloud import ToyCloud

ALICE = Actor(id=UserId("U0ALICE"), standing=Standing.FULL_MEMBER, groups=frozenset({"S0SRE"}))
BOB = Actor(id=UserId("U0BOB"), standing=Standing.FULL_MEMBER, groups=frozenset({"S0LEADS", "S0SRE"}))
CAROL = Actor(id=UserId("U0CAROL"), standing=Standing.FULL_MEMBER, groups=frozenset({"S0LEADS"}))
DAVE = Actor(id=UserId("U0DAVE"), standing=Standing.FULL_MEMBER)

REPLICAS = 4
RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS",))


class LeapingClock:
    """Whoever sleeps takes the time along: hours pass in milliseconds."""

    def __init__(self) -> None:
        self._date = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._date

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self._date += timedelta(seconds=seconds)
        self._monotonic += seconds
        await asyncio.sleep(0)

    def set_by(self, seconds: float) -> None:
        """Set the date, forwards or back; no time passes."""
        self._date += timedelta(seconds=seconds)


class NoBell:
    def ring(self) -> None: ...

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class Workshop:
    archive: Archive
    clock: LeapingClock
    cloud: ToyCloud
    rule: Rule = RULE
    people: People | None = None
    pacing: Pacing = field(default_factory=Pacing)  #: as one process has it for all operations of a cloud
    keys: int = 0
    told: list[News] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        return Desk(
            archive=self.archive,
            clock=self.clock,
            clouds={"toy": self.cloud},
            rules={("toy", Action.EVACUATE): self.rule},
            people=self.people,
        )

    async def key(self) -> str:
        self.keys += 1
        return await recorded(self.desk, self.keys)

    async def ask(
        self, host: str = "host-1", *, by: Actor = ALICE, check: bool = False, at: str = "", window: str = ""
    ) -> OperationId:
        order = Order(
            action=Action.EVACUATE,
            cloud="toy",
            host=host,
            check=check,
            at=calendar.when(at) if at else None,
            window=calendar.span(window) if window else None,
        )
        return await self.desk.ask(order, by=by, channel="C0OPS", key=await self.key())

    async def vote(self, id: OperationId, *, by: Actor = BOB, choice: Choice = Choice.APPROVE) -> None:
        operation = await self.operation(id)
        assert operation.digest is not None
        await self.desk.vote(id, choice, digest=operation.digest, by=by, key=await self.key())

    async def steer(self, id: OperationId, verb: Steer, *, by: Actor = BOB) -> None:
        await self.desk.steer(id, verb, by=by, key=await self.key())

    async def skip(self, id: OperationId, *vms: str, by: Actor = BOB, reason: str = "") -> None:
        given = Input(vms=[VmId(vm) for vm in vms], reason=reason)
        await self.desk.steer(id, Steer.SET_ASIDE, by=by, key=await self.key(), given=given)

    async def took(self, id: OperationId) -> float:
        """Seconds from the start of an operation that succeeded to its end."""
        operation = await self.operation(id)
        assert operation.state is State.SUCCEEDED
        assert operation.started_at is not None
        return (self.clock.now() - operation.started_at).total_seconds()

    async def operation(self, id: OperationId) -> Operation:
        return (await self.desk.show(id))[0]

    async def steps(self, id: OperationId) -> list[StepRecord]:
        return list((await self.desk.show(id))[1])

    async def rows(self, id: OperationId) -> dict[str, StepRecord]:
        return {record.key: record for record in await self.steps(id)}

    async def states(self, id: OperationId) -> dict[str, StepState]:
        return {record.key: record.state for record in await self.steps(id)}

    async def work(self, archive: Archive | None = None) -> bool:
        """Take one operation that waits for work as far as it goes; False when there was none."""
        archive = archive or self.archive
        async with archive.unit() as unit:
            lease = await unit.leases.claim("worker", span=timedelta(hours=9))
            await unit.commit()
        if lease is None:
            return False
        self.pacing.poll = self.cloud.poll
        try:
            held = LeasedOperation(
                lease=lease,
                archive=archive,
                clock=self.clock,
                cloud=self.cloud,
                rule=self.rule,
                pacing=self.pacing,
                people=self.people,
            )
            await Runner(held).run()
        finally:
            with contextlib.suppress(Exception):
                async with archive.unit() as unit:
                    await unit.leases.release(lease)
                    await unit.commit()
        return True

    async def news(self) -> list[News]:
        """Everything told so far, marked as posted so that each is read once."""
        await self._post_cards()
        while True:
            async with self.archive.unit() as unit:
                lines = await waiting(unit)
                await unit.outbox.told([o.id for o in lines], ts="1.0")
                await unit.commit()
            if not lines:
                return self.told
            self.told.extend(o.news for o in lines)

    async def kinds(self) -> list[Kind]:
        return [n.kind for n in await self.news()]

    async def _post_cards(self) -> None:
        from bot.domain.ports import Card

        async with self.archive.unit() as unit:
            for operation, revision, _ in await unit.cards.outdated(limit=100):
                await unit.cards.keep(Card(operation=operation.id, channel="C0OPS", ts="1.0", revision=revision))
            await unit.commit()

    async def approved(self, *, at: str = "", window: str = "") -> OperationId:
        id = await self.ask(at=at, window=window)
        await self.work()
        await self.vote(id)
        return id


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def cloud(clock: LeapingClock) -> ToyCloud:
    return ToyCloud(clock=clock, vms={f"vm-{n}": "host-1" for n in range(6)} | {"other": "host-2"}, poll=4.0)


@pytest.fixture
async def archive(clock: LeapingClock) -> AsyncIterator[SqlArchive]:
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    yield archive
    await archive.close()


@pytest.fixture
def shop(archive: SqlArchive, clock: LeapingClock, cloud: ToyCloud) -> Workshop:
    return Workshop(archive=archive, clock=clock, cloud=cloud)


@pytest.fixture
async def shops(server: Postgresql, clock: LeapingClock, cloud: ToyCloud) -> AsyncIterator[list[Workshop]]:
    """Replicas that share nothing but the database."""
    async with server.database() as url, AsyncExitStack() as stack:
        archives = [SqlArchive(url, clock=clock, bell=WakeUp(clock)) for _ in range(REPLICAS)]
        for archive in archives:
            await archive.open()
            stack.push_async_callback(archive.close)
        yield [Workshop(archive=archive, clock=clock, cloud=cloud) for archive in archives]

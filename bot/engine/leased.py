"""An operation in a worker's hands: every write asserts the lease in its own transaction."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bot.domain.cloud import AnyCloud
from bot.domain.messages.news import News
from bot.domain.operation import EXECUTING, Operation
from bot.domain.ports import Archive, Clock, Entry, Lease, People, Rank, Stale, Unit
from bot.domain.progress.steps import StepRecord, latest
from bot.domain.rules.policy import Rule
from bot.domain.steady_clock import SteadyClock
from bot.domain.values import StepKey
from bot.engine.pacing import Pacing


@dataclass
class Known:
    """What stands in the database of an operation.

    Nobody but who holds it changes its steps, unless its version grows: so it is read once.
    """

    operation: Operation | None = None  #: None: it is to be read
    records: dict[StepKey, StepRecord] = field(default_factory=dict)  #: in plan order

    def read(self, operation: Operation, records: Sequence[StepRecord]) -> None:
        """Take over what was read."""
        self.operation, self.records = operation, {r.key: r for r in records}

    def written(self, records: Iterable[StepRecord]) -> None:
        """Take over what was committed."""
        self.records |= {r.key: r for r in records}

    def forget(self) -> None:
        """Nobody knows what became of a commit: read it all again."""
        self.operation = None


@dataclass(frozen=True, kw_only=True)
class LeasedOperation:
    """One operation under a lease, with the cloud and the policy it belongs to."""

    lease: Lease
    archive: Archive
    clock: Clock
    cloud: AnyCloud
    rule: Rule
    pacing: Pacing = field(default_factory=Pacing)  #: of the cloud, shared by its operations
    known: Known = field(default_factory=Known, compare=False)
    people: People | None = None  #: asked whether enough of them could say yes; None: nobody is asked

    @cached_property
    def _steps_clock(self) -> SteadyClock:
        return SteadyClock(self.clock)

    @property
    def moment(self) -> datetime:
        """Now, for what is held against the moments of steps: deadlines, patience, pace.

        What people agreed on (windows, freezes, expiry) goes by `clock.now()`.
        """
        return self._steps_clock.now()

    @property
    def between(self) -> float:
        """Seconds between two looks while something is to be begun."""
        return self.pacing.between(now=self.clock.monotonic())

    async def take_up(self) -> None:
        """Go on from the last moment of the stored steps, when they were written by a process whose clock was ahead."""
        _, records = await self.load()
        self._steps_clock.not_before(latest(records, otherwise=self.moment))

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.BULK) -> AsyncIterator[Unit]:
        """A transaction that is only ours while the lease is.

        Raises:
            LeaseLost: its time is over, and another worker may hold it; nothing is written.
        """
        async with self._asserted(rank) as (unit, _):
            yield unit

    @asynccontextmanager
    async def _asserted(self, rank: Rank = Rank.BULK) -> AsyncIterator[tuple[Unit, int]]:
        """The unit, and the version of the operation in it."""
        try:
            async with self.archive.unit(rank) as unit:
                yield unit, (await unit.leases.hold(self.lease)).version
        except BaseException:
            self.known.forget()
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Unit]:
        """A transaction that only reads, while the lease is ours.

        Raises:
            LeaseLost: as above.
        """
        async with self.archive.reading() as unit:
            await unit.leases.hold(self.lease)
            yield unit

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Unit]:
        """The same, for steps: only while the operation is under execution.

        Raises:
            LeaseLost
            Stale: a person has ended it meanwhile; what its steps were left as stands.
        """
        async with self._asserted() as (unit, version):
            operation = self.known.operation
            if operation is None or operation.version != version:
                operation = await unit.operations.get(self.lease.operation)
            if operation.state not in EXECUTING:
                raise Stale(f"Operation {self.lease.operation} is no longer being executed.")
            yield unit

    async def load(self) -> tuple[Operation, Sequence[StepRecord]]:
        """The operation and its steps as stored now; the lease is asserted, and only what changed is read.

        Raises:
            LeaseLost: as above.
        """
        known, id = self.known, self.lease.operation
        async with self.archive.reading() as unit:
            version = (await unit.leases.hold(self.lease)).version
            operation = known.operation
            while operation is None or operation.version != version:
                operation = await unit.operations.get(id)
                known.read(operation, await unit.steps.of(id))
                version = (await unit.leases.hold(self.lease)).version  # a server tells each question what is new
        return operation, tuple(known.records.values())

    async def operation(self) -> Operation:
        """The operation as stored now."""
        operation, _ = await self.load()
        return operation

    async def save(self, operation: Operation, entry: Entry, *news: News) -> Operation:
        """Store a changed operation with its audit entry and its news.

        Raises:
            Stale: a person changed it since it was read.
        """
        async with self.unit() as unit:
            saved = await unit.operations.save(operation, entry)
            await unit.outbox.tell(*news)
            await unit.commit()
        return saved

    async def save_steps(self, records: Sequence[tuple[StepRecord, Entry | None]], *news: News) -> None:
        """Store changed steps with their audit entries and their news."""
        if not records and not news:
            return
        async with self.at_work() as unit:
            await self.commit_steps(unit, records, *news)

    async def commit_steps(self, unit: Unit, records: Sequence[tuple[StepRecord, Entry | None]], *news: News) -> None:
        """The same as the last thing that is done in a unit of ours. Nothing else stores steps while we hold them."""
        await unit.steps.save(self.lease.operation, records)
        await unit.outbox.tell(*news)
        await unit.commit()
        self.known.written(r for r, _ in records)

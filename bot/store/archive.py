"""The archive: the database as the other rooms know it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress

import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.domain.ports import Bell, Clock, Rank, StoreFailed
from bot.domain.steady_clock import SteadyClock
from bot.store import database, schema
from bot.store.process_lock import ProcessLock
from bot.store.rows.mapping import PlanShelf
from bot.store.rows.tables import ProbeRow, table_of
from bot.store.transaction import Transaction, patiently
from bot.store.transaction_queue import TransactionQueue
from bot.store.unit import SqlUnit

_PROBE = table_of(ProbeRow)

log = structlog.get_logger(__name__)

SETTLED_SECONDS = 1.0
"""How long nothing may have failed before the database counts as well again."""


class SqlArchive:
    """`bot.domain.ports.Archive` over SQLite or PostgreSQL.

    Args:
        url: `sqlite:///file.db` (one process), `sqlite://` (in memory) or `postgresql://…` (many processes).
        clock: for dates that are stored, and for leases on SQLite.
        bell: rung by every commit.

    Raises:
        ValueError: the url is none of these.
    """

    def __init__(self, url: str, *, clock: Clock, bell: Bell) -> None:
        self._address = database.parse(url)
        self._clock = clock
        self._steady = SteadyClock(clock)
        self._bell = bell
        self._plans = PlanShelf()
        self._engine: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None  #: of its own where writers take turns and readers need not
        self._failed_at: float | None = None  #: by the clock for spans, the last time, while it fails
        self._turns = (
            TransactionQueue(1, bulk=1)
            if self.is_embedded
            else TransactionQueue(database.WRITERS, bulk=database.BULK_WRITERS)
        )
        self._process_lock = ProcessLock(database.file_of(self._address))

    @property
    def is_embedded(self) -> bool:
        """Whether the database lives in this process, so that there is no neighbour to wait for."""
        return database.is_embedded(self._address)

    def claim(self) -> None:
        """Take the right to use an embedded database, before anything is opened.

        Raises:
            StoreInUse: another process uses it.
            StoreFailed: the lock beside it cannot be made.
        """
        self._process_lock.take()

    async def open(self) -> None:
        """Take the database and bring it to the schema of this release.

        Raises:
            StoreInUse: another process uses this embedded database.
            ForeignSchema: a newer release has been here.
            StoreFailed: it cannot be reached.
        """
        self._process_lock.take()
        engine = database.connect(self._address)
        try:
            await patiently(schema.upgrade_engine(engine))
            self._process_lock.keep_private()
        except BaseException:
            await engine.dispose()
            self._process_lock.let_go()
            raise
        self._engine = engine
        if database.file_of(self._address) is not None:
            self._reader = database.connect_reader(self._address)
        elif not self.is_embedded:
            self._reader = database.reader_of(engine)
        if self.is_embedded:
            await self._void_leases()

    async def _void_leases(self) -> None:
        """On an embedded database nobody else can hold a lease: those left over are of a process that is gone."""
        async with self._begin(_nobody_waits_for_this) as unit:
            await unit.leases.void()
            await unit.commit()

    @property
    def is_missing(self) -> bool:
        """Whether there is no such database yet; only an embedded one can be missing."""
        return database.is_missing(self._address)

    async def open_for_reading(self) -> None:
        """Open for reading only, beside the process that uses the database (to verify or export the audit).

        Raises:
            ForeignSchema: its schema is not the one of this release.
            StoreFailed: it cannot be reached.
        """
        if self.is_missing:
            raise StoreFailed(f"There is no database {self._address.database}.")
        engine = database.connect(self._address, begin="BEGIN", writes=False)
        try:
            await patiently(_check_schema(engine))
        except BaseException:
            await engine.dispose()
            raise
        self._engine = engine

    async def close(self) -> None:
        """Let go of the database. Open again with `open`."""
        for engine in (self._engine, self._reader):
            if engine is not None:
                await engine.dispose()
        self._engine = self._reader = None
        self._process_lock.let_go()

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[SqlUnit]:
        """Begin a transaction. They take turns, by rank; one unit inside another is an error.

        Raises:
            StoreFailed: the database does not answer.
        """
        began = self._clock.monotonic()
        async with self._logging_failures(), self._begin(self._bell.ring, rank) as unit:
            yield unit
        self._took(unit, began)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqlUnit]:
        """Begin a transaction that only reads. It takes no turn, but in memory, where there is one connection.

        Raises:
            StoreFailed: the database does not answer.
        """
        turn = nullcontext() if self._reader or not self.is_embedded else self._turns.take(Rank.PEOPLE)
        async with self._logging_failures(), turn, self._session(self._reader or self._opened(), None) as unit:
            yield unit

    @asynccontextmanager
    async def _logging_failures(self) -> AsyncIterator[None]:
        """Log when the database begins to fail; whoever meets it from then on need not."""
        try:
            yield
        except StoreFailed as failed:
            if self._engine is None:
                raise  # whoever opens it tells
            if self._failed_at is None:
                log.warning("the database fails; it is tried again and again", why=str(failed))
            self._failed_at = self._clock.monotonic()
            raise

    def _took(self, unit: SqlUnit, began: float) -> None:
        """Log that it is over: something was stored, and that began a while after the last that failed.

        A server that goes down, or comes back, serves some and not others; a full disk answers questions as ever.
        """
        if self._failed_at is not None and unit.transaction.has_stored and began - self._failed_at >= SETTLED_SECONDS:
            log.info("the database is well again")
            self._failed_at = None

    async def ping(self) -> None:
        """Write something: a database that only answers is a full disk, or a primary that is one no more.

        Raises:
            StoreFailed: it cannot be written.
        """
        began = self._clock.monotonic()
        async with self._logging_failures(), self._begin(_nobody_waits_for_this) as unit:
            await unit.transaction.run(update(_PROBE).values(written_at=self._clock.now()))
            await unit.commit()
        self._took(unit, began)

    @asynccontextmanager
    async def _begin(self, ring: Callable[[], None], rank: Rank = Rank.PEOPLE) -> AsyncIterator[SqlUnit]:
        async with self._turns.take(rank), self._session(self._opened(), ring) as unit:
            yield unit

    @asynccontextmanager
    async def _session(self, engine: AsyncEngine, ring: Callable[[], None] | None) -> AsyncIterator[SqlUnit]:
        session = AsyncSession(engine, autoflush=False, expire_on_commit=False)
        try:
            transaction = Transaction(
                session, clock=self._clock, steady=self._steady, plans=self._plans, writes=ring is not None
            )
            yield SqlUnit(transaction, ring=ring)
        finally:
            try:
                await patiently(session.close())  # what was not committed is gone either way
            except StoreFailed:
                with suppress(StoreFailed):  # it would never be given back, and an embedded database has one
                    await patiently(session.invalidate())

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise StoreFailed("The archive is not open.")
        return self._engine


async def _check_schema(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        found = await connection.run_sync(schema.current)
    if found != schema.newest():
        raise schema.ForeignSchema(
            f"The database has the schema {found}, this release has {schema.newest()}. Run `muster migrate` first."
        )


def _nobody_waits_for_this() -> None:
    """A heartbeat wakes no worker."""

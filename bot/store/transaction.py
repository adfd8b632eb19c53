"""One transaction: the session, its moment, and what waits for the commit."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, Select, Table, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from bot.domain.messages.news import News
from bot.domain.ports import Clock, Entry, Stale, StoreFailed
from bot.domain.steady_clock import SteadyClock
from bot.domain.values import OperationId
from bot.store.rows.columns import Exact, Moment
from bot.store.rows.mapping import PlanShelf

T = TypeVar("T")

_LOST_A_RACE = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure, deadlock."""

_FRESH = {"populate_existing": True}

_NOW_THERE = func.clock_timestamp(type_=Moment())
_CLOCK = select(_NOW_THERE)


class Transaction:
    """What the parts of a unit of work share.

    Audit entries and news are written by the commit, all at once and behind the lock on the audit's end: that lock is
    always the last one taken (no deadlocks), is held shortly, and makes ids grow in the order of commits.

    Args:
        session: a session on which nothing has begun.
        clock: for dates.
        steady: for moments of leases, where the database has no clock of its own.
        plans: plans known already.
        writes: whether it may.
    """

    def __init__(
        self, session: AsyncSession, *, clock: Clock, steady: SteadyClock, plans: PlanShelf, writes: bool
    ) -> None:
        self._session = session
        self.writes = writes
        self.clock = clock
        self._steady = steady
        self.plans = plans
        self._on_postgresql = session.get_bind().dialect.name == "postgresql"
        self.entries: list[tuple[OperationId | None, Entry]] = []
        self.news: list[News] = []
        self._over = False
        self._changed = False
        self.has_stored = False  #: whether a commit of it changed anything

    async def now(self) -> datetime:
        """The moment that leases are judged by: the database's on PostgreSQL, so that replicas agree.

        An embedded database has one process, whose leases end with it: there nothing but time moves it on.
        """
        if not self._on_postgresql:
            return self._steady.now()
        moment: datetime = await self.first(_CLOCK)
        return moment

    async def with_now(self, query: Select[Any], **bound: object) -> tuple[list[Any], datetime]:
        """The rows of a query, and the moment, without a question of its own where there are any."""
        if not self._on_postgresql:
            return await self.all(query, **bound), await self.now()
        rows = await self.all(_with_clock(query), **bound)
        return rows, rows[0].now_there if rows else await self.now()

    async def run(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> int:
        """Execute a statement, once or for each of `rows`; how many stored rows an update met."""
        self.check_not_over()
        if not self.writes:
            raise RuntimeError("This unit of work only reads.")
        result = await patiently(self._session.execute(statement, rows))
        self._changed |= not isinstance(result, CursorResult) or result.rowcount != 0
        return result.rowcount if isinstance(result, CursorResult) else 0

    async def all(self, query: Executable, **bound: object) -> list[Any]:
        """The rows of a query, each as a tuple; `bound` are the values of its named parameters."""
        self.check_not_over()
        result = await patiently(self._session.execute(query, bound, execution_options=_FRESH))
        return list(result.all())

    async def scalars(self, query: Executable, **bound: object) -> list[Any]:
        """The first column of each row of a query."""
        return [row[0] for row in await self.all(query, **bound)]

    async def first(self, query: Executable, **bound: object) -> Any:
        """The first column of the first row of a query, or None."""
        found = await self.all(query, **bound)
        return found[0][0] if found else None

    async def inserted(self, statement: ReturningInsert[Any], rows: Sequence[dict[str, Any]]) -> list[Any]:
        """Insert rows; the first column of what the statement returns of each that was stored."""
        self.check_not_over()
        found = [row[0] for row in await patiently(self._session.execute(statement, rows))] if rows else []
        self._changed |= bool(found)
        return found

    async def changed(self, statement: ReturningUpdate[Any]) -> list[Any]:
        """Update rows; the first column of what the statement returns of each that it met."""
        found = await self.scalars(statement)
        self._changed |= bool(found)
        return found

    async def try_run(self, statement: Executable) -> int | None:
        """Execute a statement; None, and the transaction goes on, when a constraint forbids it."""
        savepoint = await patiently(self._session.begin_nested().start())
        try:
            met = await self.run(statement)
        except IntegrityError:
            await patiently(savepoint.rollback())
            return None
        await patiently(savepoint.commit())
        return met

    async def lock(self, name: str) -> None:
        """Wait until no other transaction holds this lock, and hold it until this one is over.

        On an embedded database one transaction writes at a time anyway.
        """
        if self._on_postgresql:
            await self.first(select(func.pg_advisory_xact_lock(func.hashtextextended(literal(name, Exact), 0))))

    def insert(self, table: Table) -> "postgresql.Insert | sqlite.Insert":
        """An insert that may say what to do on conflict."""
        return postgresql.insert(table) if self._on_postgresql else sqlite.insert(table)

    async def put(self, table: Table, row: Mapping[str, object], *, by: Sequence[str]) -> None:
        """Insert a row, or give the one that has these `by` columns the values of the others."""
        changed = {name: value for name, value in row.items() if name not in by}
        insert = self.insert(table).values(**row)
        await self.run(insert.on_conflict_do_update(index_elements=[table.c[name] for name in by], set_=changed))

    def note(self, operation: OperationId | None, entry: Entry) -> None:
        """Have the commit append an audit entry."""
        self.check_not_over()
        self.entries.append((operation, entry))

    async def commit(self) -> None:
        """Make everything since it began true at once. It is over then."""
        self._over = True
        await patiently(self._session.commit())
        self.has_stored = self._changed

    def check_not_over(self) -> None:
        """Raise where it was committed already: a bug."""
        if self._over:
            raise RuntimeError("This unit of work was committed; begin another.")


@cache
def _with_clock(query: Select[Any]) -> Select[Any]:
    return query.add_columns(_NOW_THERE.label("now_there"))


async def patiently(work: Coroutine[Any, Any, T]) -> T:
    """Let a statement end even when its caller is cancelled, so that no connection is cut in the middle of one.

    Raises:
        IntegrityError: a constraint forbids it.
        Stale: PostgreSQL chose this transaction as the loser of a race.
        StoreFailed: the database did not take it.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
    except IntegrityError:
        raise
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _LOST_A_RACE:
            raise Stale("Another transaction went first.") from error
        raise StoreFailed(f"The database did not take a statement: {error.orig}") from error
    except PoolTimeout as error:
        raise StoreFailed("No connection to the database became free.") from error

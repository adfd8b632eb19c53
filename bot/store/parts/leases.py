"""Leases: which worker may work on an operation, until when.

A fence grows with every taking, so a worker that was frozen while another took over is recognised by its old one.
Moments are the database's on PostgreSQL (`Transaction.now`), but for the times that people set: those are judged by the
clock that the desk and the engine judge them by. Locks there leave the row's key alone (`key_share`), or
news about the operation, whose foreign key locks that, would wait for the worker that waits for the audit's end.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select, update
from sqlmodel import col

from bot.domain.operation import WORKING
from bot.domain.ports import LEFT_TO_OTHERS, Lease, LeaseLost
from bot.store.rows.tables import OperationRow, table_of
from bot.store.transaction import Transaction

_OPERATION = table_of(OperationRow)

# Asked for in every round, and built once: to build one takes longer than to ask it.
_HELD = select(_OPERATION.c.lease_until, _OPERATION.c.version).where(
    col(OperationRow.id) == bindparam("operation"),
    col(OperationRow.lease_owner) == bindparam("owner"),
    col(OperationRow.fence) == bindparam("fence"),
)
_HELD_ALONE = _HELD.with_for_update(key_share=True)
_FREE = (
    select(_OPERATION.c.id, _OPERATION.c.fence)
    .where(
        _OPERATION.c.state.in_(sorted(WORKING)),
        or_(
            _OPERATION.c.lease_until.is_(None),
            _OPERATION.c.lease_until <= bindparam("now"),
            _OPERATION.c.lease_until > bindparam("too_late"),  # given before the database's clock was set back
        ),
        or_(_OPERATION.c.not_before.is_(None), _OPERATION.c.not_before <= bindparam("time")),
    )
    .order_by(_OPERATION.c.waiting_since, _OPERATION.c.id)
    .limit(1)
)
_FREE_ALONE = _FREE.with_for_update(skip_locked=True, key_share=True)
_KNOWN_OR_LEFT = or_(
    _OPERATION.c.cloud.in_(bindparam("clouds", expanding=True)),
    and_(
        _OPERATION.c.waiting_since <= bindparam("left_since"),
        or_(_OPERATION.c.lease_until.is_(None), _OPERATION.c.lease_until <= bindparam("left_since")),
    ),
)
_FREE_OF_SOME, _FREE_OF_SOME_ALONE = _FREE.where(_KNOWN_OR_LEFT), _FREE_ALONE.where(_KNOWN_OR_LEFT)


class SqlLeases:
    """`bot.domain.ports.leases.Leases` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def has_work(self, *, span: timedelta, clouds: Collection[str] | None = None) -> bool:
        """See `bot.domain.ports.leases.Leases`. It locks nothing: who then claims may find that another did."""
        query = _FREE if clouds is None else _FREE_OF_SOME
        return bool(await self._transaction.all(query, **await self._asked(span, clouds)))

    async def _asked(self, span: timedelta, clouds: Collection[str] | None) -> dict[str, Any]:
        now = await self._transaction.now()
        asked = {"now": now, "too_late": now + 2 * span, "time": self._transaction.clock.now()}
        if clouds is None:
            return asked
        return asked | {"clouds": sorted(clouds), "left_since": now - LEFT_TO_OTHERS}

    async def claim(self, owner: str, *, span: timedelta, clouds: Collection[str] | None = None) -> Lease | None:
        asked = await self._asked(span, clouds)
        found = await self._transaction.all(_FREE_ALONE if clouds is None else _FREE_OF_SOME_ALONE, **asked)
        if not found:
            return None
        (row,) = found
        now: datetime = asked["now"]
        until = now + span
        taken = {"lease_owner": owner, "lease_until": until, "fence": row.fence + 1, "waiting_since": now}
        await self._set(row.id, row.fence, taken)
        return Lease(operation=row.id, owner=owner, fence=row.fence + 1, until=until)

    async def hold(self, lease: Lease, *, span: timedelta | None = None) -> Lease:
        row, now = await self._locked(lease)
        if row is None or row.lease_until is None or row.lease_until <= now:
            raise LeaseLost(f"The lease of {lease.owner} on operation {lease.operation} is over.")
        if span is None:
            return replace(lease, until=row.lease_until, version=row.version)
        await self._set(lease.operation, lease.fence, {"lease_until": now + span})
        return replace(lease, until=now + span, version=row.version)

    async def release(self, lease: Lease) -> None:
        row, now = await self._locked(lease)
        if row is not None:
            given_back = {"lease_owner": None, "lease_until": None, "waiting_since": now}
            await self._set(lease.operation, lease.fence, given_back)

    async def void(self) -> None:
        """Take every lease from whoever held it; only for a database that no other process can use."""
        held = _OPERATION.c.lease_until.is_not(None)
        await self._transaction.run(update(_OPERATION).where(held).values(lease_owner=None, lease_until=None))

    async def _locked(self, lease: Lease) -> tuple[Any, datetime]:
        """The operation's row, if the lease's taking was the last one; who writes has it locked from then on.

        The moment may be that before the lock was there: whoever had taken the lease meanwhile had changed the fence.
        """
        rows, now = await self._transaction.with_now(
            _HELD_ALONE if self._transaction.writes else _HELD,
            operation=lease.operation,
            owner=lease.owner,
            fence=lease.fence,
        )
        return (rows[0] if rows else None), now

    async def _set(self, operation: str, fence: int, columns: dict[str, Any]) -> None:
        statement = update(_OPERATION).where(_OPERATION.c.id == operation, _OPERATION.c.fence == fence)
        if await self._transaction.run(statement.values(**columns)) == 0:
            raise LeaseLost(f"Operation {operation} was taken by another worker.")

"""The lease by which one of the replicas speaks and ticks; its fence grows with every taking."""

from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlmodel import col

from bot.domain.ports import Lead, LeaseLost
from bot.store.rows.tables import LeaderRow, table_of
from bot.store.transaction import Transaction

_LEADER = table_of(LeaderRow)


class SqlLeadership:
    """`bot.domain.ports.leases.Leadership` over a row."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def claim(self, owner: str, *, span: timedelta) -> Lead | None:
        now = await self._transaction.now()
        mine = (_LEADER.c.owner == owner) & (_LEADER.c.lease_until > now)
        renewed = update(_LEADER).where(mine).values(lease_until=now + span).returning(_LEADER.c.fence)
        if (fence := await self._transaction.first(renewed)) is not None:
            return Lead(owner=owner, fence=fence)
        is_free = or_(
            col(LeaderRow.lease_until).is_(None),
            col(LeaderRow.lease_until) <= now,
            col(LeaderRow.lease_until) > now + 2 * span,  # given before the database's clock was set back
        )
        row: LeaderRow | None = await self._transaction.first(
            select(LeaderRow).where(is_free).with_for_update(skip_locked=True)
        )
        if row is None:
            return None
        await self._transaction.run(update(_LEADER).values(owner=owner, fence=row.fence + 1, lease_until=now + span))
        return Lead(owner=owner, fence=row.fence + 1)

    async def hold(self, lead: Lead) -> None:
        taking = (_LEADER.c.owner == lead.owner) & (_LEADER.c.fence == lead.fence)
        until = await self._transaction.first(select(_LEADER.c.lease_until).where(taking).with_for_update(read=True))
        if until is None or until <= await self._transaction.now():
            raise LeaseLost(f"{lead.owner} no longer leads.")

    async def release(self, lead: Lead) -> None:
        taking = (_LEADER.c.owner == lead.owner) & (_LEADER.c.fence == lead.fence)
        await self._transaction.run(update(_LEADER).where(taking).values(owner=None, lease_until=None))

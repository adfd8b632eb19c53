"""What is old enough to go: settled deliveries, told news, plans and steps of what has ended, and lines of the audit.

An operation itself stays, with its card and what it did in words; so does an alarm about what an operation left over,
and the plan and the steps of an operation as long as something of it is left over.
"""

from datetime import datetime

from sqlalchemy import delete, exists, select, update
from sqlmodel import col

from bot.domain.messages.alarm import AlarmKind
from bot.domain.ports import Entry
from bot.store.parts.audit import CUT, cut_facts
from bot.store.rows.tables import (
    AlarmRow,
    AuditHeadRow,
    AuditRow,
    DeliveryRow,
    NewsRow,
    OperationRow,
    PlanRow,
    StepRow,
    table_of,
)
from bot.store.transaction import Transaction

_INBOX, _OUTBOX, _ALARM = table_of(DeliveryRow), table_of(NewsRow), table_of(AlarmRow)
_OPERATION, _PLAN, _STEP = table_of(OperationRow), table_of(PlanRow), table_of(StepRow)
_AUDIT, _HEAD = table_of(AuditRow), table_of(AuditHeadRow)

_IS_LEFT_OVER = exists().where(
    col(AlarmRow.id) == col(OperationRow.id), col(AlarmRow.kind) == AlarmKind.LEFT_OVER.value, col(AlarmRow.open)
)


class Retention(Transaction):
    """The part of a unit of work that lets go of what is old."""

    async def let_go(self, before: datetime, *, most: int) -> int:
        """See `bot.domain.ports.Unit`."""
        settled = select(_INBOX.c.key).where(_INBOX.c.settled_at < before).limit(most)
        told = select(_OUTBOX.c.id).where(_OUTBOX.c.ended_at < before).limit(most)
        over = (
            select(_ALARM.c.id)
            .where(~_ALARM.c.open, _ALARM.c.kind != AlarmKind.LEFT_OVER.value, _ALARM.c.kept_at < before)
            .limit(most)
        )
        gone = await self.run(delete(_INBOX).where(_INBOX.c.key.in_(settled)))
        gone += await self.run(delete(_OUTBOX).where(_OUTBOX.c.id.in_(told)))
        gone += await self.run(delete(_ALARM).where(_ALARM.c.id.in_(over)))
        ended = await self.scalars(
            select(col(OperationRow.id))
            .where(
                col(OperationRow.plan_sha).is_not(None),
                col(OperationRow.ended_at) < before,
                col(OperationRow.shown) >= col(OperationRow.revision),
                ~_IS_LEFT_OVER,
            )
            .order_by(col(OperationRow.ended_at))
            .limit(most)
        )
        if ended:
            for table in (_PLAN, _STEP):
                await self.run(delete(table).where(table.c.operation_id.in_(ended)))
            without = update(_OPERATION).where(_OPERATION.c.id.in_(ended)).values(plan_sha=None, approved_plan_sha=None)
            gone += await self.run(without)
        return gone

    async def cut_audit(self, before: datetime, *, most: int) -> int:
        """See `bot.domain.ports.Unit`. What is kept says up to which line it was cut, and the hash of that one."""
        head: AuditHeadRow = await self.first(select(AuditHeadRow).with_for_update())
        first_kept = await self.first(
            select(col(AuditRow.seq)).where(col(AuditRow.at) >= before).order_by(col(AuditRow.seq)).limit(1)
        )
        up_to = min((first_kept or head.seq + 1) - 1, head.cut_seq + most)
        if up_to <= head.cut_seq:
            return 0
        hash_ = await self.first(select(col(AuditRow.hash)).where(col(AuditRow.seq) == up_to))
        await self.run(update(_HEAD).values(cut_seq=up_to, cut_hash=hash_))
        await self.run(delete(_AUDIT).where(_AUDIT.c.seq <= up_to))
        self.note(None, Entry(event=CUT, facts=cut_facts(up_to, hash_)))
        return up_to - head.cut_seq

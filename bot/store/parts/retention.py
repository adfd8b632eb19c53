"""What is old enough to go: deliveries, told news, over alarms, plans and steps of what has ended.

An operation itself stays, with its card and what it did in words; so does an alarm about what an operation left over,
and the plan and the steps of an operation as long as something of it is left over.
"""

from datetime import datetime

from sqlalchemy import delete, exists, select, update
from sqlmodel import col

from bot.domain.messages.alarm import AlarmKind
from bot.store.rows.tables import (
    AlarmRow,
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

_STEPS = 50
"""An operation goes with its steps, hundreds of them: it counts as so many rows, as people wait for whoever deletes."""

_IS_LEFT_OVER = exists().where(
    col(AlarmRow.id) == col(OperationRow.id), col(AlarmRow.kind) == AlarmKind.LEFT_OVER.value, col(AlarmRow.open)
)


async def let_go(transaction: Transaction, before: datetime, *, most: int) -> int:
    """See `bot.domain.ports.Unit.let_go`."""
    settled = select(_INBOX.c.key).where(_INBOX.c.settled_at < before).limit(most)
    told = select(_OUTBOX.c.id).where(_OUTBOX.c.ended_at < before).limit(most)
    over = (
        select(_ALARM.c.id)
        .where(~_ALARM.c.open, _ALARM.c.kind != AlarmKind.LEFT_OVER.value, _ALARM.c.kept_at < before)
        .limit(most)
    )
    missed = select(_INBOX.c.key).where(_INBOX.c.settled_at.is_(None), _INBOX.c.received_at < before).limit(most)
    gone = await transaction.run(delete(_INBOX).where(_INBOX.c.key.in_(settled)))
    gone += await transaction.run(delete(_INBOX).where(_INBOX.c.key.in_(missed)))
    gone += await transaction.run(delete(_OUTBOX).where(_OUTBOX.c.id.in_(told)))
    gone += await transaction.run(delete(_ALARM).where(_ALARM.c.id.in_(over)))
    ended = await transaction.scalars(
        select(col(OperationRow.id))
        .where(
            col(OperationRow.plan_sha).is_not(None),
            col(OperationRow.ended_at) < before,
            col(OperationRow.shown) >= col(OperationRow.revision),
            ~_IS_LEFT_OVER,
        )
        .order_by(col(OperationRow.ended_at))
        .limit(max(1, most // _STEPS))
    )
    if ended:
        for table in (_PLAN, _STEP):
            await transaction.run(delete(table).where(table.c.operation_id.in_(ended)))
        without = update(_OPERATION).where(_OPERATION.c.id.in_(ended)).values(plan_sha=None, approved_plan_sha=None)
        gone += await transaction.run(without)
    return gone

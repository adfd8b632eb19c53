"""Further cards of operations, where somebody asked to see them."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select, update
from sqlmodel import col

from bot.domain.operation import Operation
from bot.domain.ports import Copy
from bot.domain.values import OperationId
from bot.store.parts.operations import SqlOperations
from bot.store.rows.mapping import copy_columns, copy_of
from bot.store.rows.tables import CopyRow, OperationRow, table_of
from bot.store.transaction import Transaction

_COPY, _OPERATION = table_of(CopyRow), table_of(OperationRow)
_BEHIND = select(_OPERATION.c.id).where(_OPERATION.c.revision > _OPERATION.c.copies_shown)
_OUTDATED = (
    select(OperationRow, CopyRow)
    .join(CopyRow, col(CopyRow.operation_id) == col(OperationRow.id))
    .where(col(CopyRow.operation_id).in_(_BEHIND), col(CopyRow.revision) < col(OperationRow.revision))
    .order_by(col(CopyRow.revision), col(CopyRow.operation_id), col(CopyRow.channel))
    .limit(bindparam("most"))
)
_OLDEST = select(func.min(_COPY.c.revision)).where(_COPY.c.operation_id == _OPERATION.c.id).scalar_subquery()


class SqlCopies:
    """`bot.domain.ports.messages.StandingCopies` over rows."""

    def __init__(self, transaction: Transaction, operations: SqlOperations) -> None:
        self._transaction = transaction
        self._operations = operations

    async def of(self, operation: OperationId) -> Sequence[Copy]:
        query = select(CopyRow).where(col(CopyRow.operation_id) == operation).order_by(col(CopyRow.channel))
        return [copy_of(row) for row in await self._transaction.scalars(query)]

    async def outdated(self, *, limit: int) -> Sequence[tuple[Operation, int, Copy]]:
        found: Sequence[tuple[OperationRow, CopyRow]] = await self._transaction.all(_OUTDATED, most=limit)
        operations = await self._operations.values_of([row for row, _ in found])
        return [(o, row.revision, copy_of(copy)) for o, (row, copy) in zip(operations, found, strict=True)]

    async def keep(self, copy: Copy) -> None:
        await self._transaction.put(_COPY, copy_columns(copy), by=("operation_id", "channel"))
        await self._mark(copy.operation)

    async def drop(self, copy: Copy) -> None:
        await self._transaction.run(
            delete(_COPY).where(_COPY.c.operation_id == copy.operation, _COPY.c.channel == copy.channel)
        )
        await self._mark(copy.operation)

    async def _mark(self, operation: OperationId) -> None:
        await self._transaction.run(update(_OPERATION).where(_OPERATION.c.id == operation).values(copies_shown=_OLDEST))

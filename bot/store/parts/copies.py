"""Further cards of operations, where somebody asked to see them."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select
from sqlmodel import col

from bot.domain.operation import Operation
from bot.domain.ports import Copy
from bot.domain.values import OperationId
from bot.store.parts.operations import SqlOperations
from bot.store.rows.mapping import copy_columns, copy_of
from bot.store.rows.tables import CardRow, CopyRow, OperationRow, table_of
from bot.store.transaction import Transaction

_CARD, _COPY, _OPERATION = table_of(CardRow), table_of(CopyRow), table_of(OperationRow)
_OUTDATED = (
    select(OperationRow, CopyRow)
    .join(CopyRow, col(CopyRow.operation_id) == col(OperationRow.id))
    .where(col(CopyRow.revision) < col(OperationRow.revision))
    .order_by(col(CopyRow.revision), col(CopyRow.operation_id), col(CopyRow.channel))
    .limit(bindparam("most"))
)


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

    async def drop(self, copy: Copy) -> None:
        await self._transaction.run(
            delete(_COPY).where(_COPY.c.operation_id == copy.operation, _COPY.c.channel == copy.channel)
        )

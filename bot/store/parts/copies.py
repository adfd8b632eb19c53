"""Further cards of operations, where somebody asked to see them; and doubt whether a channel is still there."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import col

from bot.domain.messages.copies import Copy
from bot.domain.operation import FINAL, Operation
from bot.domain.values import OperationId
from bot.store.parts.operations import Operations
from bot.store.rows.mapping import copy_columns, copy_of
from bot.store.rows.tables import CardRow, CopyRow, OperationRow, table_of

_CARD, _COPY, _OPERATION = table_of(CardRow), table_of(CopyRow), table_of(OperationRow)
_BEHIND = (
    select(OperationRow, CopyRow)
    .join(CopyRow, col(CopyRow.operation_id) == col(OperationRow.id))
    .where(col(CopyRow.revision) < col(OperationRow.revision))
    .order_by(col(CopyRow.revision), col(CopyRow.operation_id), col(CopyRow.channel))
    .limit(bindparam("most"))
)
_LIVE = select(col(OperationRow.id)).where(col(OperationRow.state).not_in([state.value for state in FINAL]))


class Copies(Operations):
    """The part of a unit of work that keeps further cards."""

    async def copies(self, operation: OperationId) -> Sequence[Copy]:
        """See `bot.domain.ports.Unit`."""
        query = select(CopyRow).where(col(CopyRow.operation_id) == operation).order_by(col(CopyRow.channel))
        return [copy_of(row) for row in await self.scalars(query)]

    async def copies_behind(self, *, limit: int) -> Sequence[tuple[Operation, int, Copy]]:
        """See `bot.domain.ports.Unit`."""
        found: Sequence[tuple[OperationRow, CopyRow]] = await self.all(_BEHIND, most=limit)
        operations = await self.values_of([row for row, _ in found])
        return [(o, row.revision, copy_of(copy)) for o, (row, copy) in zip(operations, found, strict=True)]

    async def keep_copy(self, copy: Copy) -> None:
        """See `bot.domain.ports.Unit`."""
        columns = copy_columns(copy)
        keys = ("operation_id", "channel")
        changed = {name: value for name, value in columns.items() if name not in keys}
        await self.run(
            self.insert(_COPY)
            .values(**columns)
            .on_conflict_do_update(index_elements=[_COPY.c[key] for key in keys], set_=changed)
        )

    async def drop_copy(self, copy: Copy) -> None:
        """See `bot.domain.ports.Unit`."""
        await self.run(delete(_COPY).where(_COPY.c.operation_id == copy.operation, _COPY.c.channel == copy.channel))

    async def doubt(self, channel: str) -> int:
        """See `bot.domain.ports.Unit`."""
        met = 0
        there = select(_CARD.c.operation_id).where(_CARD.c.channel == channel, _CARD.c.operation_id.in_(_LIVE))
        await self.run(update(_OPERATION).where(_OPERATION.c.id.in_(there)).values(shown=-1))
        for table in (_CARD, _COPY):
            stale = update(table).where(table.c.channel == channel, table.c.operation_id.in_(_LIVE))
            met += await self.run(stale.values(revision=-1))
        return met

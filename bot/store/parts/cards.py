"""Cards of operations: where each stands, and which are outdated; and doubt whether a channel is still there."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update
from sqlmodel import col

from bot.domain.operation import FINAL, Operation
from bot.domain.ports import Card
from bot.domain.values import OperationId
from bot.store.parts.operations import SqlOperations
from bot.store.rows.mapping import card_columns, card_of
from bot.store.rows.tables import CardRow, CopyRow, OperationRow, table_of
from bot.store.transaction import Transaction

_CARD, _COPY, _OPERATION = table_of(CardRow), table_of(CopyRow), table_of(OperationRow)

# Asked for in every round, and built once: to build one takes longer than to ask it.
_OUTDATED = (
    select(OperationRow, CardRow)
    .join(CardRow, col(CardRow.operation_id) == col(OperationRow.id), isouter=True)
    .where(col(OperationRow.revision) > col(OperationRow.shown))
    .order_by(col(CardRow.kept_at).nulls_first(), col(OperationRow.created_at), col(OperationRow.id))
    .limit(bindparam("most"))
)
_THOSE = select(CardRow).where(col(CardRow.operation_id).in_(bindparam("ids", expanding=True)))
_LIVE = select(col(OperationRow.id)).where(col(OperationRow.state).not_in([state.value for state in FINAL]))


class SqlCards:
    """`bot.domain.ports.messages.StandingCards` over rows."""

    def __init__(self, transaction: Transaction, operations: SqlOperations) -> None:
        self._transaction = transaction
        self._operations = operations

    async def outdated(self, *, limit: int) -> Sequence[tuple[Operation, int, Card | None]]:
        """See `bot.domain.ports.messages.StandingCards`.

        Operations without a card come first, then the card kept longest ago.
        """
        found: Sequence[tuple[OperationRow, CardRow | None]] = await self._transaction.all(_OUTDATED, most=limit)
        operations = await self._operations.values_of([row for row, _ in found])
        return [
            (operation, row.revision, card_of(card) if card else None)
            for operation, (row, card) in zip(operations, found, strict=True)
        ]

    async def of(self, operation: OperationId) -> Card | None:
        row = await self._transaction.first(select(CardRow).where(col(CardRow.operation_id) == operation))
        return card_of(row) if row else None

    async def those(self, operations: Sequence[OperationId]) -> Sequence[Card]:
        return [card_of(row) for row in await self._transaction.scalars(_THOSE, ids=operations)]

    async def keep(self, card: Card) -> None:
        row = card_columns(card, now=self._transaction.clock.now())
        await self._transaction.put(_CARD, row, by=("operation_id",))
        shown = update(_OPERATION).where(_OPERATION.c.id == card.operation).values(shown=card.revision)
        await self._transaction.run(shown)

    async def doubt(self, channel: str) -> int:
        met = 0
        there = select(_CARD.c.operation_id).where(_CARD.c.channel == channel, _CARD.c.operation_id.in_(_LIVE))
        await self._transaction.run(update(_OPERATION).where(_OPERATION.c.id.in_(there)).values(shown=-1))
        copied = select(_COPY.c.operation_id).where(_COPY.c.channel == channel, _COPY.c.operation_id.in_(_LIVE))
        await self._transaction.run(update(_OPERATION).where(_OPERATION.c.id.in_(copied)).values(copies_shown=-1))
        for table in (_CARD, _COPY):
            stale = update(table).where(table.c.channel == channel, table.c.operation_id.in_(_LIVE))
            met += await self._transaction.run(stale.values(revision=-1))
        return met

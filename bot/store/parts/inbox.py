"""The inbox: deliveries recorded before they are acted on."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlmodel import col

from bot.domain.ports import ANSWER_AT, Delivery, Stale
from bot.store.rows import codec
from bot.store.rows.mapping import delivery_columns, delivery_of
from bot.store.rows.tables import DeliveryRow, table_of
from bot.store.transaction import Transaction

_INBOX = table_of(DeliveryRow)


class SqlInbox:
    """`bot.domain.ports.inbox.Inbox` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def receive(self, delivery: Delivery) -> bool:
        statement = self._transaction.insert(_INBOX).values(**delivery_columns(delivery)).on_conflict_do_nothing()
        return await self._transaction.first(statement.returning(_INBOX.c.key)) is not None

    async def take_in(self, deliveries: Sequence[Delivery], *, result: str) -> frozenset[str]:
        """See `bot.domain.ports.inbox.Inbox`. In the order of their keys, so that no two of us wait for each other."""
        settled = {"settled_at": self._transaction.clock.now(), "result": result}
        by_key = {one.key: delivery_columns(one) | settled for one in deliveries}
        insert = self._transaction.insert(_INBOX).on_conflict_do_nothing().returning(_INBOX.c.key)
        return frozenset(await self._transaction.inserted(insert, [by_key[key] for key in sorted(by_key)]))

    async def find(self, key: str) -> Delivery | None:
        row = await self._transaction.first(select(DeliveryRow).where(col(DeliveryRow.key) == key))
        return delivery_of(row) if row else None

    async def answered(self, key: str) -> None:
        known = await self.find(key)
        if known is not None and ANSWER_AT in known.payload:
            payload = {name: value for name, value in known.payload.items() if name != ANSWER_AT}
            await self._transaction.run(
                update(_INBOX).where(_INBOX.c.key == key).values(payload=codec.canonical(payload))
            )

    async def forget(self, key: str) -> None:
        await self._transaction.run(delete(_INBOX).where(_INBOX.c.key == key, _INBOX.c.settled_at.is_(None)))

    async def settle(self, key: str, *, result: str) -> None:
        if not any(news.answers == key for news in self._transaction.news):
            await self.answered(key)
        statement = update(_INBOX).where(_INBOX.c.key == key, _INBOX.c.settled_at.is_(None))
        if await self._transaction.run(statement.values(settled_at=self._transaction.clock.now(), result=result)):
            return
        if await self._transaction.first(select(_INBOX.c.result).where(_INBOX.c.key == key)) is not None:
            raise Stale(f"Delivery {key} was settled before.")

    async def unsettled(self, *, since: datetime) -> Sequence[Delivery]:
        query = (
            select(DeliveryRow)
            .where(col(DeliveryRow.settled_at).is_(None), col(DeliveryRow.received_at) > since)
            .order_by(col(DeliveryRow.received_at), col(DeliveryRow.key))
        )
        return [delivery_of(row) for row in await self._transaction.scalars(query)]

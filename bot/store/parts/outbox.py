"""The outbox: news that waits to be told, and what became of it."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.kind import ONE_LINE
from bot.domain.messages.news import News
from bot.domain.ports import Outgoing
from bot.store.rows import codec, news_body
from bot.store.rows.mapping import lane_of, outgoing_of
from bot.store.rows.tables import CardRow, NewsRow, table_of
from bot.store.transaction import Transaction

_OUTBOX = table_of(NewsRow)
_CARD = table_of(CardRow)

# Asked for in every round, and built once: to build one takes longer than to ask it.
_put_off: BindParameter[int] = bindparam("put_off", expanding=True)
_earlier = aliased(NewsRow)
_has_earlier = exists().where(
    col(_earlier.lane) == col(NewsRow.lane), col(_earlier.id) < col(NewsRow.id), col(_earlier.waiting)
)
_LINE = select(
    _OUTBOX.c.id,
    _OUTBOX.c.body,
    _OUTBOX.c.created_at,
    _OUTBOX.c.tries,
    _OUTBOX.c.attempted_at,
    func.coalesce(_CARD.c.channel, "").label("channel"),
    func.coalesce(_CARD.c.ts, "").label("thread"),
).select_from(_OUTBOX.join(_CARD, (_CARD.c.operation_id == _OUTBOX.c.operation_id) & (_CARD.c.ts != ""), isouter=True))
_HEADS = (
    _LINE.where(
        col(NewsRow.waiting),
        or_(~col(NewsRow.needs_card), _CARD.c.ts.is_not(None)),
        col(NewsRow.id).not_in(_put_off),
        ~_has_earlier,
    )
    .order_by(col(NewsRow.needs_card), col(NewsRow.id))
    .limit(bindparam("most"))
)
_FOLLOWERS = (
    _LINE.where(
        col(NewsRow.lane)
        == select(col(_earlier.lane)).where(col(_earlier.id) == bindparam("behind")).scalar_subquery(),
        col(NewsRow.waiting),
        col(NewsRow.id) > bindparam("behind"),
    )
    .order_by(col(NewsRow.id))
    .limit(bindparam("most"))
)


class SqlOutbox:
    """`bot.domain.ports.outbox.Outbox` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def tell(self, *news: News) -> None:
        """See `bot.domain.ports.outbox.Outbox`. They get their numbers by the commit."""
        self._transaction.check_not_over()
        self._transaction.news.extend(news)

    async def waiting(self, *, limit: int, put_off: Collection[int] = ()) -> Sequence[Outgoing]:
        """See `bot.domain.ports.outbox.Outbox`.

        What is told below a card or links to it waits until the card stands.
        """
        return [outgoing_of(row) for row in await self._transaction.all(_HEADS, put_off=sorted(put_off), most=limit)]

    async def followers(self, line: Outgoing, *, limit: int) -> Sequence[Outgoing]:
        return [outgoing_of(row) for row in await self._transaction.all(_FOLLOWERS, behind=line.id, most=limit)]

    async def line_of(self, news: News) -> str:
        of_kind = or_(*(col(NewsRow.body).contains(codec.canonical({"kind": kind})[1:-1]) for kind in sorted(ONE_LINE)))
        found = await self._transaction.first(
            select(col(NewsRow.ts))
            .where(
                col(NewsRow.operation_id) == news.operation,
                col(NewsRow.lane) == lane_of(news),
                col(NewsRow.ts) != "",
                of_kind,
            )
            .order_by(col(NewsRow.id).desc())
            .limit(1)
        )
        return found or ""

    async def attempt(self, ids: Sequence[int], *, now: datetime) -> None:
        await self._transaction.run(
            update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(attempted_at=now, tries=_OUTBOX.c.tries + 1)
        )

    async def told(self, ids: Sequence[int], *, ts: str) -> None:
        await self._transaction.run(
            update(_OUTBOX)
            .where(_OUTBOX.c.id.in_(ids))
            .values(waiting=False, ts=ts, ended_at=self._transaction.clock.now())
        )

    async def postpone(self, ids: Sequence[int], *, why: str) -> None:
        """See `bot.domain.ports.outbox.Outbox`. The attempt stays noted: a post without an answer may have arrived."""
        await self._transaction.run(update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(why=why))

    async def give_up(self, ids: Sequence[int], *, why: str) -> None:
        rows: Sequence[NewsRow] = await self._transaction.scalars(
            select(NewsRow).where(col(NewsRow.id).in_(ids), col(NewsRow.waiting)).order_by(col(NewsRow.id))
        )
        await self._transaction.run(
            update(_OUTBOX)
            .where(_OUTBOX.c.id.in_([row.id for row in rows]))
            .values(waiting=False, why=why, ended_at=self._transaction.clock.now())
        )
        for row in rows:
            news = news_body.read(row.body)
            facts = {"news": news.kind, "audience": news.audience, "person": news.person, "why": why}
            self._transaction.note(news.operation, Entry(event=AuditEvent.NEWS_GIVEN_UP, facts=facts))

"""The notice board's side: which cards are behind, and the outbox of news."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from bot.domain.messages.news import ONE_LINE, News
from bot.domain.operation import Operation
from bot.domain.ports import Card, Entry, Outgoing
from bot.domain.values import OperationId
from bot.store.parts.operations import Operations
from bot.store.rows import codec
from bot.store.rows.mapping import card_columns, card_of, lane_of, outgoing_of
from bot.store.rows.tables import CardRow, NewsRow, OperationRow, table_of

_OUTBOX = table_of(NewsRow)
_CARD = table_of(CardRow)
_OPERATION = table_of(OperationRow)

# Asked for in every round, and built once: to build one takes longer than to ask it.
_BEHIND = (
    select(OperationRow, CardRow)
    .join(CardRow, col(CardRow.operation_id) == col(OperationRow.id), isouter=True)
    .where(col(OperationRow.revision) > col(OperationRow.shown))
    .order_by(col(CardRow.kept_at).nulls_first(), col(OperationRow.created_at), col(OperationRow.id))
    .limit(bindparam("most"))
)
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


class Board(Operations):
    """The part of a unit of work that keeps cards and news."""

    async def tell(self, *news: News) -> None:
        """See `bot.domain.ports.Unit`. They get their numbers by the commit."""
        self._check_not_over()
        self._news.extend(news)

    async def unposted(self, *, limit: int) -> Sequence[tuple[Operation, int, Card | None]]:
        """See `bot.domain.ports.Unit`. Operations without a card come first, then the card kept longest ago."""
        found: Sequence[tuple[OperationRow, CardRow | None]] = await self.all(_BEHIND, most=limit)
        operations = await self.values_of([row for row, _ in found])
        return [
            (operation, row.revision, card_of(card) if card else None)
            for operation, (row, card) in zip(operations, found, strict=True)
        ]

    async def keep_card(self, card: Card) -> None:
        """See `bot.domain.ports.Unit`."""
        columns = card_columns(card, now=self._clock.now())
        changed = {name: value for name, value in columns.items() if name != "operation_id"}
        await self.run(
            self.insert(_CARD)
            .values(**columns)
            .on_conflict_do_update(index_elements=[_CARD.c.operation_id], set_=changed)
        )
        shown = update(_OPERATION).where(_OPERATION.c.id == card.operation).values(shown=card.revision)
        await self.run(shown)

    async def card(self, operation: OperationId) -> Card | None:
        """See `bot.domain.ports.Unit`."""
        row = await self.first(select(CardRow).where(col(CardRow.operation_id) == operation))
        return card_of(row) if row else None

    async def outgoing(self, *, limit: int, put_off: Collection[int] = ()) -> Sequence[Outgoing]:
        """See `bot.domain.ports.Unit`. What is told below a card or links to it waits until the card stands."""
        return [outgoing_of(row) for row in await self.all(_HEADS, put_off=sorted(put_off), most=limit)]

    async def followers(self, line: Outgoing, *, limit: int) -> Sequence[Outgoing]:
        """See `bot.domain.ports.Unit`."""
        return [outgoing_of(row) for row in await self.all(_FOLLOWERS, behind=line.id, most=limit)]

    async def line(self, news: News) -> str:
        """See `bot.domain.ports.Unit`."""
        of_kind = or_(*(col(NewsRow.body).contains(codec.canonical({"kind": kind})[1:-1]) for kind in sorted(ONE_LINE)))
        found = await self.first(
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
        """See `bot.domain.ports.Unit`."""
        await self.run(update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(attempted_at=now, tries=_OUTBOX.c.tries + 1))

    async def told(self, ids: Sequence[int], *, ts: str) -> None:
        """See `bot.domain.ports.Unit`."""
        await self.run(
            update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(waiting=False, ts=ts, ended_at=self._clock.now())
        )

    async def postpone(self, ids: Sequence[int], *, why: str) -> None:
        """See `bot.domain.ports.Unit`. The attempt stays noted: a post without an answer may have arrived."""
        await self.run(update(_OUTBOX).where(_OUTBOX.c.id.in_(ids)).values(why=why))

    async def give_up(self, ids: Sequence[int], *, why: str) -> None:
        """See `bot.domain.ports.Unit`."""
        rows: Sequence[NewsRow] = await self.scalars(
            select(NewsRow).where(col(NewsRow.id).in_(ids), col(NewsRow.waiting)).order_by(col(NewsRow.id))
        )
        await self.run(
            update(_OUTBOX)
            .where(_OUTBOX.c.id.in_([row.id for row in rows]))
            .values(waiting=False, why=why, ended_at=self._clock.now())
        )
        for row in rows:
            news = codec.decode(News, row.body)
            facts = {"news": news.kind, "audience": news.audience, "person": news.person, "why": why}
            self.note(news.operation, Entry(event="news given up", facts=facts))

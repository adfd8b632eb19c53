"""Messages of alarms: where each stands, and which are outdated."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlmodel import col

from bot.domain.messages.alarm import Alarm, AlarmKind, Notice
from bot.store.parts.alarms import alarm_of
from bot.store.rows.tables import AlarmRow, table_of
from bot.store.transaction import Transaction

_ALARM = table_of(AlarmRow)


class SqlNotices:
    """`bot.domain.ports.messages.StandingNotices` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def outdated(self, *, limit: int) -> Sequence[tuple[Alarm, Notice]]:
        query = (
            select(AlarmRow)
            .where(col(AlarmRow.shows), col(AlarmRow.shown) < col(AlarmRow.version))
            .order_by(col(AlarmRow.kind) != AlarmKind.STORM.value, col(AlarmRow.kept_at), col(AlarmRow.id))
            .limit(limit)
        )
        return [(alarm_of(row), _notice_of(row)) for row in await self._transaction.scalars(query)]

    async def of(self, alarm: str) -> Notice | None:
        row = await self._transaction.first(select(AlarmRow).where(col(AlarmRow.id) == alarm))
        return _notice_of(row) if row else None

    async def those(self, alarms: Sequence[str]) -> Sequence[Notice]:
        query = select(AlarmRow).where(col(AlarmRow.id).in_(alarms))
        return [_notice_of(row) for row in await self._transaction.scalars(query)]

    async def keep(self, notice: Notice) -> None:
        values = {
            "channel": notice.channel,
            "ts": notice.ts,
            "shown": notice.shown,
            "attempted_at": notice.attempted_at,
            "direct": notice.is_direct,
            "kept_at": self._transaction.clock.now(),
        }
        await self._transaction.run(update(_ALARM).where(_ALARM.c.id == notice.alarm).values(**values))


def _notice_of(row: AlarmRow) -> Notice:
    return Notice(
        alarm=row.id,
        channel=row.channel,
        ts=row.ts,
        shown=row.shown,
        attempted_at=row.attempted_at,
        is_direct=row.direct,
    )

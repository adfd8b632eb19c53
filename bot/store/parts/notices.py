"""Messages of alarms: where each stands, and which are outdated."""

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update
from sqlmodel import col

from bot.domain.messages.alarm import Alarm, AlarmKind, Notice
from bot.store.parts.alarms import alarm_of
from bot.store.rows.tables import AlarmRow, table_of
from bot.store.transaction import Transaction

_ALARM = table_of(AlarmRow)

_BEHIND = (
    select(AlarmRow)
    .where(col(AlarmRow.shows), col(AlarmRow.shown) < col(AlarmRow.version))
    .order_by(
        col(AlarmRow.kind) != AlarmKind.STORM.value, col(AlarmRow.direct), col(AlarmRow.kept_at), col(AlarmRow.id)
    )
    .limit(bindparam("most"))
)
_KINDS = (
    _BEHIND.where(col(AlarmRow.ts) == "", col(AlarmRow.within).is_(None)),
    _BEHIND.where(col(AlarmRow.ts) != ""),
    _BEHIND.where(col(AlarmRow.ts) == "", col(AlarmRow.within).is_not(None)),
)
_NOBODY_HEARD = (
    _ALARM.c.shows,
    _ALARM.c.shown < _ALARM.c.version,
    _ALARM.c.open,
    _ALARM.c.ts == "",
    _ALARM.c.direct.is_(False),
)
_UNHEARD = select(_ALARM.c.within).where(*_NOBODY_HEARD, _ALARM.c.within.is_not(None)).distinct()


class SqlNotices:
    """`bot.domain.ports.messages.StandingNotices` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def outdated(self, *, limit: int) -> Sequence[tuple[Alarm, Notice]]:
        """See `bot.domain.ports.messages.StandingNotices`. Storms first, what was told directly last."""
        rows = [row for kind in _KINDS for row in await self._transaction.scalars(kind, most=limit)]
        rows.sort(key=lambda row: row.kind != AlarmKind.STORM)
        return [(alarm_of(row), _notice_of(row)) for row in rows]

    async def of(self, alarm: str) -> Notice | None:
        row = await self._transaction.first(select(AlarmRow).where(col(AlarmRow.id) == alarm))
        return _notice_of(row) if row else None

    async def unheard(self) -> Sequence[str]:
        return await self._transaction.scalars(_UNHEARD)

    async def tell_directly(self, counting: str) -> Sequence[str]:
        told = update(_ALARM).where(*_NOBODY_HEARD, _ALARM.c.within == counting)
        values = {"direct": True, "kept_at": self._transaction.clock.now()}
        return sorted(await self._transaction.changed(told.values(**values).returning(_ALARM.c.id)))

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

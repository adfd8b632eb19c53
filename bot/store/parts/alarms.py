"""Alarms: opened, read, saved by compare-and-set."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, delete, select, text, update
from sqlmodel import col

from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.ports import Stale
from bot.domain.values import OperationId
from bot.store.rows import codec
from bot.store.rows.tables import UNWATCHED, AlarmRow, OperationRow, table_of
from bot.store.transaction import Transaction

_ALARM, _OPERATION = table_of(AlarmRow), table_of(OperationRow)
_APART = frozenset({"id", "cloud", "subject", "version"})

_ABOUT = select(AlarmRow).where(
    col(AlarmRow.kind) == bindparam("kind"), col(AlarmRow.subject) == bindparam("subject"), col(AlarmRow.open)
)
_UNWATCHED = (
    select(_OPERATION.c.id)
    .where(_OPERATION.c.cloud == bindparam("cloud"), text(UNWATCHED))
    .order_by(_OPERATION.c.created_at, _OPERATION.c.id)
    .limit(bindparam("most"))
)
_WATCH = update(_OPERATION).where(_OPERATION.c.id == bindparam("of")).values(unwatched=False)
_WAITING = (
    select(AlarmRow)
    .where(col(AlarmRow.waits))
    .order_by(col(AlarmRow.shows), col(AlarmRow.kept_at))
    .limit(bindparam("most"))
)


class SqlAlarms:
    """`bot.domain.ports.alarms.Alarms` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def of(self, kind: AlarmKind, *, cloud: str | None) -> Sequence[Alarm]:
        query = select(AlarmRow).where(col(AlarmRow.kind) == kind.value, col(AlarmRow.open)).order_by(col(AlarmRow.id))
        if cloud is not None:
            query = query.where(col(AlarmRow.cloud) == cloud)
        return [alarm_of(row) for row in await self._transaction.scalars(query)]

    async def about(self, kind: AlarmKind, subject: str) -> Alarm | None:
        row = await self._transaction.first(_ABOUT, kind=kind.value, subject=subject)
        return alarm_of(row) if row else None

    async def waiting(self, *, limit: int) -> Sequence[Alarm]:
        return [alarm_of(row) for row in await self._transaction.scalars(_WAITING, most=limit)]

    async def find(self, id: str) -> Alarm | None:
        row = await self._transaction.first(select(AlarmRow).where(col(AlarmRow.id) == id))
        return alarm_of(row) if row else None

    async def open(self, alarm: Alarm) -> bool:
        row = _columns(alarm) | {"channel": "", "ts": "", "shown": -1, "kept_at": self._transaction.clock.now()}
        statement = self._transaction.insert(_ALARM).values(**row).on_conflict_do_nothing()
        is_opened = await self._transaction.first(statement.returning(_ALARM.c.id)) is not None
        if alarm.kind is AlarmKind.LEFT_OVER:
            await self._transaction.run(_WATCH, [{"of": alarm.id}])
        return is_opened

    async def save(self, alarm: Alarm) -> Alarm:
        saved = replace(alarm, version=alarm.version + 1)
        if not await self._transaction.run(update(_ALARM).where(*_is(alarm)).values(**_columns(saved))):
            raise _stale(alarm)
        return saved

    async def drop(self, alarm: Alarm) -> None:
        if not await self._transaction.run(delete(_ALARM).where(*_is(alarm))):
            raise _stale(alarm)

    async def unwatched(self, cloud: str, *, limit: int) -> Sequence[OperationId]:
        """See `bot.domain.ports.alarms.Alarms`. The alarm about what an operation left over has that operation's id."""
        found = await self._transaction.scalars(_UNWATCHED, cloud=cloud, most=limit)
        return [OperationId(id) for id in found]


def _is(alarm: Alarm) -> tuple[Any, ...]:
    return (_ALARM.c.id == alarm.id, _ALARM.c.version == alarm.version)


def _columns(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "kind": alarm.kind.value,
        "cloud": alarm.cloud,
        "subject": alarm.subject,
        "open": alarm.is_open,
        "shows": alarm.has_message,
        "waits": alarm.waits,
        "body": codec.encode(alarm, without=_APART),
        "version": alarm.version,
    }


def alarm_of(row: AlarmRow) -> Alarm:
    """The alarm of a row."""
    return codec.decode(
        Alarm,
        row.body,
        id=row.id,
        cloud=row.cloud,
        subject=row.subject,
        version=row.version,
    )


def _stale(alarm: Alarm) -> Stale:
    return Stale(f"Alarm {alarm.id} was saved by somebody else since it was read.")

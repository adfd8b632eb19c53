"""Alarms: opened, read, saved by compare-and-set."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlmodel import col

from bot.domain.messages.alarm import Alarm, AlarmKind, Counted
from bot.domain.ports import Stale
from bot.domain.values import OperationId
from bot.store.rows import codec
from bot.store.rows.tables import UNWATCHED, AlarmRow, OperationRow, table_of
from bot.store.transaction import Transaction

_ALARM, _OPERATION = table_of(AlarmRow), table_of(OperationRow)
_APART = frozenset({"id", "cloud", "subject", "version"})

_ABOUT = select(AlarmRow).where(
    col(AlarmRow.kind) == bindparam("kind"),
    col(AlarmRow.subject).in_(bindparam("subjects", expanding=True)),
    col(AlarmRow.open),
)
_UNWATCHED = (
    select(_OPERATION.c.id)
    .where(_OPERATION.c.cloud == bindparam("cloud"), text(UNWATCHED))
    .order_by(_OPERATION.c.created_at, _OPERATION.c.id)
    .limit(bindparam("most"))
)
_CHANGING = (
    "kind", "cloud", "subject", "open", "shows", "waits", "sought_in", "within", "firing", "host_name", "first_seen_at",
    "body", "version",
)  # fmt: skip
_SAVE = (
    update(_ALARM)
    .where(_ALARM.c.id == bindparam("of"), _ALARM.c.version == bindparam("was"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_WATCH = update(_OPERATION).where(_OPERATION.c.id == bindparam("of")).values(unwatched=False)
_UNTOLD = select(AlarmRow).where(col(AlarmRow.waits)).order_by(col(AlarmRow.kept_at)).limit(bindparam("most"))
_SOUGHT_IN = select(_ALARM.c.sought_in).where(_ALARM.c.sought_in.is_not(None)).distinct()
_SOUGHT = (
    select(AlarmRow)
    .where(
        col(AlarmRow.sought_in).is_not(None),
        col(AlarmRow.sought_in) == bindparam("cloud"),
        col(AlarmRow.id) > bindparam("after"),
    )
    .order_by(col(AlarmRow.id))
    .limit(bindparam("most"))
)
_COUNTED = (_ALARM.c.within.is_not(None), _ALARM.c.within == bindparam("by"), _ALARM.c.open)
_ALERTS_COUNTED = select(func.count(), func.coalesce(func.sum(_ALARM.c.firing), 0)).where(*_COUNTED)
_HOSTS_COUNTED = select(func.count()).select_from(
    select(_ALARM.c.cloud, _ALARM.c.host_name).where(*_COUNTED, _ALARM.c.host_name != "").distinct().subquery()
)
_BEGUN = select(func.count()).where(
    _ALARM.c.kind == bindparam("kind"), _ALARM.c.open, _ALARM.c.first_seen_at >= bindparam("since")
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

    async def about(self, kind: AlarmKind, subjects: Collection[str]) -> Sequence[Alarm]:
        found = await self._transaction.scalars(_ABOUT, kind=kind.value, subjects=list(subjects))
        return [alarm_of(row) for row in found]

    async def untold(self, *, limit: int) -> Sequence[Alarm]:
        return [alarm_of(row) for row in await self._transaction.scalars(_UNTOLD, most=limit)]

    async def sought_in(self) -> Sequence[str]:
        return await self._transaction.scalars(_SOUGHT_IN)

    async def sought(self, cloud: str, *, after: str, limit: int) -> Sequence[Alarm]:
        found = await self._transaction.scalars(_SOUGHT, cloud=cloud, after=after, most=limit)
        return [alarm_of(row) for row in found]

    async def begun(self, kind: AlarmKind, *, since: datetime) -> int:
        return int(await self._transaction.first(_BEGUN, kind=kind.value, since=since))

    async def within(self, alarm: str, *, ids: Collection[str]) -> Sequence[Alarm]:
        query = select(AlarmRow).where(col(AlarmRow.id).in_(ids), col(AlarmRow.within) == alarm, col(AlarmRow.open))
        return [alarm_of(row) for row in await self._transaction.scalars(query.order_by(col(AlarmRow.id)))]

    async def counted(self, alarm: str) -> Counted:
        ((alarms, alerts),) = await self._transaction.all(_ALERTS_COUNTED, by=alarm)
        return Counted(alarms=alarms, alerts=alerts, hosts=await self._transaction.first(_HOSTS_COUNTED, by=alarm))

    async def find(self, id: str) -> Alarm | None:
        row = await self._transaction.first(select(AlarmRow).where(col(AlarmRow.id) == id))
        return alarm_of(row) if row else None

    async def open(self, alarm: Alarm) -> bool:
        return await self.open_each([alarm]) == 1

    async def open_each(self, alarms: Sequence[Alarm]) -> int:
        new = {"channel": "", "ts": "", "shown": -1, "kept_at": self._transaction.clock.now()}
        insert = self._transaction.insert(_ALARM).on_conflict_do_nothing().returning(_ALARM.c.id)
        stored = await self._transaction.inserted(insert, [_columns(alarm) | new for alarm in alarms])
        if left := [{"of": alarm.id} for alarm in alarms if alarm.kind is AlarmKind.LEFT_OVER]:
            await self._transaction.run(_WATCH, left)
        return len(stored)

    async def save(self, alarm: Alarm) -> Alarm:
        await self.save_each([alarm])
        return replace(alarm, version=alarm.version + 1)

    async def save_each(self, alarms: Sequence[Alarm]) -> None:
        if not alarms:
            return
        rows = [_to_update(alarm) for alarm in alarms]
        if await self._transaction.run(_SAVE, rows) != len(rows):
            raise _stale(*alarms)

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
        "waits": alarm.is_untold,
        "sought_in": alarm.sought_in,
        "within": alarm.within or None,
        "firing": alarm.firing,
        "host_name": alarm.host_name,
        "first_seen_at": alarm.first_seen_at,
        "body": codec.encode(alarm, without=_APART),
        "version": alarm.version,
    }


def _to_update(alarm: Alarm) -> dict[str, Any]:
    """The parameters of the update of one row."""
    columns = _columns(replace(alarm, version=alarm.version + 1))
    return {"of": columns.pop("id"), "was": alarm.version} | {f"new_{name}": columns[name] for name in columns}


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


def _stale(*alarms: Alarm) -> Stale:
    return Stale(f"Alarm {', '.join(one.id for one in alarms[:9])} was saved by somebody else since it was read.")

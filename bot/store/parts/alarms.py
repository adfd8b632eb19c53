"""Alarms and the messages that stand for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, update
from sqlmodel import col

from bot.domain.messages.alarm import Alarm, AlarmKind, Notice
from bot.domain.operation import State
from bot.domain.ports import Stale
from bot.domain.values import OperationId
from bot.store.rows import codec
from bot.store.rows.tables import AlarmRow, OperationRow, table_of
from bot.store.transaction import Transaction

_ALARM = table_of(AlarmRow)
_APART = frozenset({"id", "cloud", "subject", "version"})
_ACTED = (State.SUCCEEDED.value, State.ENDED_INCOMPLETE.value)


_ABOUT = select(AlarmRow).where(
    col(AlarmRow.kind) == bindparam("kind"), col(AlarmRow.subject) == bindparam("subject"), col(AlarmRow.open)
)
_WAITING = (
    select(AlarmRow)
    .where(col(AlarmRow.waits))
    .order_by(col(AlarmRow.shows), col(AlarmRow.kept_at))
    .limit(bindparam("most"))
)


class Alarms(Transaction):
    """The part of a unit of work that keeps alarms."""

    async def alarms(self, kind: AlarmKind, *, cloud: str | None) -> Sequence[Alarm]:
        """See `bot.domain.ports.Unit`."""
        query = select(AlarmRow).where(col(AlarmRow.kind) == kind.value, col(AlarmRow.open)).order_by(col(AlarmRow.id))
        if cloud is not None:
            query = query.where(col(AlarmRow.cloud) == cloud)
        return [_alarm_of(row) for row in await self.scalars(query)]

    async def alarm_about(self, kind: AlarmKind, subject: str) -> Alarm | None:
        """See `bot.domain.ports.Unit`."""
        row = await self.first(_ABOUT, kind=kind.value, subject=subject)
        return _alarm_of(row) if row else None

    async def waiting_alarms(self, *, limit: int) -> Sequence[Alarm]:
        """See `bot.domain.ports.Unit`."""
        return [_alarm_of(row) for row in await self.scalars(_WAITING, most=limit)]

    async def alarm(self, id: str) -> Alarm | None:
        """See `bot.domain.ports.Unit`."""
        row = await self.first(select(AlarmRow).where(col(AlarmRow.id) == id))
        return _alarm_of(row) if row else None

    async def open_alarm(self, alarm: Alarm) -> bool:
        """See `bot.domain.ports.Unit`."""
        row = _columns(alarm) | {"channel": "", "ts": "", "shown": -1, "kept_at": self._clock.now()}
        statement = self.insert(_ALARM).values(**row).on_conflict_do_nothing()
        return await self.first(statement.returning(_ALARM.c.id)) is not None

    async def save_alarm(self, alarm: Alarm) -> Alarm:
        """See `bot.domain.ports.Unit`."""
        saved = replace(alarm, version=alarm.version + 1)
        if not await self.run(update(_ALARM).where(*_is(alarm)).values(**_columns(saved))):
            raise _stale(alarm)
        return saved

    async def drop_alarm(self, alarm: Alarm) -> None:
        """See `bot.domain.ports.Unit`."""
        if not await self.run(delete(_ALARM).where(*_is(alarm))):
            raise _stale(alarm)

    async def unwatched(self, cloud: str, *, limit: int) -> Sequence[OperationId]:
        """See `bot.domain.ports.Unit`. The alarm about what an operation left over has that operation's id."""
        query = (
            select(col(OperationRow.id))
            .where(
                col(OperationRow.state).in_(_ACTED),
                col(OperationRow.cloud) == cloud,
                ~exists().where(col(AlarmRow.id) == col(OperationRow.id)),
            )
            .order_by(col(OperationRow.created_at), col(OperationRow.id))
            .limit(limit)
        )
        return [OperationId(found) for found in await self.scalars(query)]

    async def unshown(self, *, limit: int) -> Sequence[tuple[Alarm, Notice]]:
        """See `bot.domain.ports.Unit`."""
        query = (
            select(AlarmRow)
            .where(col(AlarmRow.shows), col(AlarmRow.shown) < col(AlarmRow.version))
            .order_by(col(AlarmRow.kind) != AlarmKind.STORM.value, col(AlarmRow.kept_at), col(AlarmRow.id))
            .limit(limit)
        )
        return [(_alarm_of(row), _notice_of(row)) for row in await self.scalars(query)]

    async def notice(self, alarm: str) -> Notice | None:
        """See `bot.domain.ports.Unit`."""
        row = await self.first(select(AlarmRow).where(col(AlarmRow.id) == alarm))
        return _notice_of(row) if row else None

    async def keep_notice(self, notice: Notice) -> None:
        """See `bot.domain.ports.Unit`."""
        values = {
            "channel": notice.channel,
            "ts": notice.ts,
            "shown": notice.shown,
            "attempted_at": notice.attempted_at,
            "kept_at": self._clock.now(),
        }
        await self.run(update(_ALARM).where(_ALARM.c.id == notice.alarm).values(**values))


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


def _alarm_of(row: AlarmRow) -> Alarm:
    return codec.decode(
        Alarm,
        row.body,
        id=row.id,
        cloud=row.cloud,
        subject=row.subject,
        version=row.version,
    )


def _notice_of(row: AlarmRow) -> Notice:
    return Notice(alarm=row.id, channel=row.channel, ts=row.ts, shown=row.shown, attempted_at=row.attempted_at)


def _stale(alarm: Alarm) -> Stale:
    return Stale(f"Alarm {alarm.id} was saved by somebody else since it was read.")

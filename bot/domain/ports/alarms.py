"""Alarms: what the watch found, open or over."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.messages.alarm import Alarm, AlarmKind, Counted
from bot.domain.values import OperationId


class Alarms(Protocol):
    """The alarms of a unit of work."""

    async def of(self, kind: AlarmKind, *, cloud: str | None) -> Sequence[Alarm]:
        """The open alarms of a kind, of one cloud or (None) of all."""
        ...

    async def about(self, kind: AlarmKind, subjects: Collection[str]) -> Sequence[Alarm]:
        """The open alarms of a kind about these, whichever cloud each is of."""
        ...

    async def untold(self, *, limit: int) -> Sequence[Alarm]:
        """Alarms of another monitoring that are still to be told, the oldest first."""
        ...

    async def sought_in(self) -> Sequence[str]:
        """The clouds in which hosts of alarms are still to be found; empty: in any of them."""
        ...

    async def sought(self, cloud: str, *, after: str, limit: int) -> Sequence[Alarm]:
        """Alarms whose host is still to be found in that cloud, by id, those behind `after`."""
        ...

    async def begun(self, kind: AlarmKind, *, since: datetime) -> int:
        """How many that are open were first seen since then."""
        ...

    async def within(self, alarm: str, *, ids: Collection[str]) -> Sequence[Alarm]:
        """Those of these that it counts and that are open."""
        ...

    async def counted(self, alarm: str) -> Counted:
        """How much it counts."""
        ...

    async def find(self, id: str) -> Alarm | None:
        """One alarm, open or over."""
        ...

    async def open(self, alarm: Alarm) -> bool:
        """Store a new alarm; False when its id is known, or one of its kind, cloud and subject is open."""
        ...

    async def open_each(self, alarms: Sequence[Alarm]) -> int:
        """Store new alarms; how many of them were, see `open`."""
        ...

    async def save_each(self, alarms: Sequence[Alarm]) -> None:
        """Write changed alarms.

        Raises:
            Stale: the version of one is not the stored one any more.
        """
        ...

    async def save(self, alarm: Alarm) -> Alarm:
        """Write a changed alarm; answers it with its new version.

        Raises:
            Stale: its version is not the stored one any more.
        """
        ...

    async def drop(self, alarm: Alarm) -> None:
        """Forget an alarm that was never raised.

        Raises:
            Stale: its version is not the stored one any more.
        """
        ...

    async def unwatched(self, cloud: str, *, limit: int) -> Sequence[OperationId]:
        """Operations that acted and ended, for which no alarm about left-overs was ever opened; oldest first."""
        ...

"""Alarms: what the watch found, open or over."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.values import OperationId


class Alarms(Protocol):
    """The alarms of a unit of work."""

    async def of(self, kind: AlarmKind, *, cloud: str | None) -> Sequence[Alarm]:
        """The open alarms of a kind, of one cloud or (None) of all."""
        ...

    async def about(self, kind: AlarmKind, subject: str) -> Alarm | None:
        """The open alarm of a kind and subject, whichever cloud it is of."""
        ...

    async def waiting(self, *, limit: int) -> Sequence[Alarm]:
        """Alarms that are still to be told, or whose host is still to be found; the former first, the oldest first."""
        ...

    async def find(self, id: str) -> Alarm | None:
        """One alarm, open or over."""
        ...

    async def open(self, alarm: Alarm) -> bool:
        """Store a new alarm; False when its id is known, or one of its kind, cloud and subject is open."""
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

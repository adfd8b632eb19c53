"""What the law needs of a unit of work about alarms."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.messages.alarm import Alarm, AlarmKind, Notice
from bot.domain.values import OperationId


class KeepsAlarms(Protocol):
    """The part of a unit of work that keeps alarms; what it raises is in `bot.domain.ports`."""

    async def alarms(self, kind: AlarmKind, *, cloud: str | None) -> Sequence[Alarm]:
        """The open alarms of a kind, of one cloud or (None) of all."""
        ...

    async def alarm_about(self, kind: AlarmKind, subject: str) -> Alarm | None:
        """The open alarm of a kind and subject, whichever cloud it is of."""
        ...

    async def waiting_alarms(self, *, limit: int) -> Sequence[Alarm]:
        """Alarms that are still to be told, or whose host is still to be found; the former first, the oldest first."""
        ...

    async def alarm(self, id: str) -> Alarm | None:
        """One alarm, open or over."""
        ...

    async def open_alarm(self, alarm: Alarm) -> bool:
        """Store a new alarm; False when its id is known, or one of its kind, cloud and subject is open."""
        ...

    async def save_alarm(self, alarm: Alarm) -> Alarm:
        """Write a changed alarm; answers it with its new version.

        Raises:
            Stale: its version is not the stored one any more.
        """
        ...

    async def drop_alarm(self, alarm: Alarm) -> None:
        """Forget an alarm that was never raised.

        Raises:
            Stale: its version is not the stored one any more.
        """
        ...

    async def unwatched(self, cloud: str, *, limit: int) -> Sequence[OperationId]:
        """Operations that acted and ended, for which no alarm about left-overs was ever opened; oldest first."""
        ...

    async def unshown(self, *, limit: int) -> Sequence[tuple[Alarm, Notice]]:
        """Alarms with a message that is behind them, and that message as it stands."""
        ...

    async def notice(self, alarm: str) -> Notice | None:
        """The message of an alarm; None: no such alarm."""
        ...

    async def keep_notice(self, notice: Notice) -> None:
        """Store where an alarm's message stands and what it shows."""
        ...

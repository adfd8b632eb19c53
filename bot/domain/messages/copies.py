"""Further cards of an operation, where people asked to see it, and what a unit of work does with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.operation import Operation
from bot.domain.values import OperationId, UserId


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A second card of an operation, where somebody asked to see it; the thread hangs at the first one."""

    operation: OperationId
    channel: str
    person: UserId  #: who asked
    ts: str = ""
    revision: int = -1  #: what it shows
    attempted_at: datetime | None = None  #: a first post whose answer we have not stored


class KeepsCopies(Protocol):
    """The part of a transaction that is about further cards, and about channels that may be gone."""

    async def copies(self, operation: OperationId) -> Sequence[Copy]:
        """The further cards of an operation."""

    async def copies_behind(self, *, limit: int) -> Sequence[tuple[Operation, int, Copy]]:
        """Further cards that show less than their operation's revision."""

    async def keep_copy(self, copy: Copy) -> None:
        """Store where a further card stands and what it shows."""

    async def drop_copy(self, copy: Copy) -> None:
        """Forget a further card."""

    async def doubt(self, channel: str) -> int:
        """Have the cards of live operations in a channel shown anew: it may be gone. How many there are."""
        ...

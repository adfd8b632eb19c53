"""Messages that stand in Slack and are kept true: where each stands, what it shows, and which are outdated."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.messages.alarm import Alarm, Notice
from bot.domain.operation import Operation
from bot.domain.ports.records import Card, Copy
from bot.domain.values import OperationId


class StandingCards(Protocol):
    """The messages on which operations are shown."""

    async def outdated(self, *, limit: int) -> Sequence[tuple[Operation, int, Card | None]]:
        """Operations whose revision (grows with every change of the operation or its steps) is ahead of their card."""
        ...

    async def of(self, operation: OperationId) -> Card | None:
        """Where an operation's card stands."""
        ...

    async def those(self, operations: Sequence[OperationId]) -> Sequence[Card]:
        """Where the cards of several stand, in any order."""
        ...

    async def keep(self, card: Card) -> None:
        """Store where a card stands and what it shows."""
        ...

    async def doubt(self, channel: str) -> int:
        """Have the cards of live operations in a channel, and their copies, shown anew: it may be gone.

        Returns:
            How many there are.
        """
        ...


class StandingCopies(Protocol):
    """Further cards of operations, where people asked to see them."""

    async def outdated(self, *, limit: int) -> Sequence[tuple[Operation, int, Copy]]:
        """Further cards that show less than their operation's revision."""
        ...

    async def of(self, operation: OperationId) -> Sequence[Copy]:
        """The further cards of an operation."""
        ...

    async def keep(self, copy: Copy) -> None:
        """Store where a further card stands and what it shows."""
        ...

    async def drop(self, copy: Copy) -> None:
        """Forget a further card."""
        ...


class StandingNotices(Protocol):
    """The messages on which alarms are shown."""

    async def outdated(self, *, limit: int) -> Sequence[tuple[Alarm, Notice]]:
        """Alarms with a message that is older than they are, and that message as it stands.

        At most so many of each: to be posted by itself, to be posted below another message, to be edited; so that
        none of them, however many they are, holds up the others.
        """
        ...

    async def of(self, alarm: str) -> Notice | None:
        """The message of an alarm; None: no such alarm."""
        ...

    async def unheard(self) -> Sequence[str]:
        """The ids of what counts alarms that are open, stand nowhere and were not told by direct message."""
        ...

    async def tell_directly(self, counting: str) -> Sequence[str]:
        """Store that what it counts and nobody heard of is told by direct message; answers the ids of these alarms."""
        ...

    async def keep(self, notice: Notice) -> None:
        """Store where an alarm's message stands and what it shows."""
        ...

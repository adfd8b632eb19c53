"""Deliveries: what came in, and whether it was acted on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.ports.records import Delivery


class Inbox(Protocol):
    """The deliveries of a unit of work."""

    async def receive(self, delivery: Delivery) -> bool:
        """Record a delivery; False when its key is known already."""
        ...

    async def take_in(self, deliveries: Sequence[Delivery], *, result: str) -> frozenset[str]:
        """Record deliveries that are acted on in this very unit; answers the keys that were not known yet."""
        ...

    async def find(self, key: str) -> Delivery | None:
        """A delivery that was recorded; None where there is none."""
        ...

    async def answered(self, key: str) -> None:
        """Drop the address of a delivery whose answer was told."""
        ...

    async def forget(self, key: str) -> None:
        """Remove a delivery that was not acted on, as if it had never come in; it may come in again."""
        ...

    async def settle(self, key: str, *, result: str) -> None:
        """Mark a delivery as acted on; a key that was never received is fine (tests, ticks).

        Raises:
            Stale: it was settled before, by us or another replica: leave without commit.
        """
        ...

    async def unsettled(self, *, since: datetime) -> Sequence[Delivery]:
        """Deliveries recorded after `since` and not acted on, oldest first."""
        ...

"""What came in: each delivery is recorded once before it is answered, and settled with what it caused."""

from collections.abc import Sequence
from datetime import timedelta

from bot.desk.desk import Desk
from bot.domain.ports import Delivery, Rank

RECALL = timedelta(minutes=30)
"""How old an unsettled delivery may be to be served after a restart; an older one would surprise its sender."""
ANSWERED = timedelta(days=1)
"""How old it may be for its sender to be told that nothing was done about it."""


async def receive(desk: Desk, delivery: Delivery) -> bool:
    """Record what came in; False when it had come in before."""
    async with desk.archive.unit(Rank.ACKNOWLEDGED) as unit:
        fresh = await unit.inbox.receive(delivery)
        await unit.commit()
    return fresh


async def forget(desk: Desk, key: str) -> None:
    """Remove a delivery whose sender was told that it was not noted; they may send it again."""
    async with desk.archive.unit(Rank.ACKNOWLEDGED) as unit:
        await unit.inbox.forget(key)
        await unit.commit()


async def unsettled(desk: Desk) -> Sequence[Delivery]:
    """Deliveries that a process recorded and died before acting on."""
    async with desk.archive.reading() as unit:
        return await unit.inbox.unsettled(since=desk.clock.now() - RECALL)


async def missed(desk: Desk) -> Sequence[Delivery]:
    """Those that are too old to be served, and not too old for their senders to hear that."""
    now = desk.clock.now()
    async with desk.archive.reading() as unit:
        return [one for one in await unit.inbox.unsettled(since=now - ANSWERED) if one.received_at <= now - RECALL]


async def settle(desk: Desk, key: str, *, result: str) -> None:
    """Mark a delivery as acted on that changes nothing here, such as a click that opened a window.

    Raises:
        Stale: it was acted on before.
    """
    async with desk.archive.unit() as unit:
        await unit.inbox.settle(key, result=result)
        await unit.commit()

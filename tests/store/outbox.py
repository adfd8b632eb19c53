"""What waits in the outbox, read as the board reads it, but whole."""

from collections.abc import Collection

from bot.domain.ports import Outgoing, Unit

_MOST = 10_000


async def waiting(unit: Unit, *, put_off: Collection[int] = ()) -> list[Outgoing]:
    """All news that may be told now, lane after lane in its order, sorted by when it happened."""
    heads = await unit.outbox.waiting(limit=_MOST, put_off=put_off)
    lanes = [[head, *await unit.outbox.followers(head, limit=_MOST)] for head in heads]
    return sorted((line for lane in lanes for line in lane), key=lambda line: line.id)

"""Deliveries as a door records them before it asks the desk."""

from bot.desk import deliveries
from bot.desk.desk import Desk
from bot.domain.ports import Delivery


async def recorded(desk: Desk, number: int) -> str:
    """The key of one that is recorded now."""
    key = f"key-{number}"
    await deliveries.receive(desk, Delivery(key=key, kind="test", payload={}, received_at=desk.clock.now()))
    return key

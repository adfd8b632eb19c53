"""What earlier operations on a host left: read for a host that returns, to offer its VMs the way back."""

from bot.domain import ledger
from bot.domain.cloud import Left, Request
from bot.domain.values import Action
from bot.engine.held import Held


async def left(held: Held, request: Request) -> tuple[Left, ...]:
    """The VMs that were moved away from a host that shall return; none of any other request."""
    if request.action is not Action.EXIT:
        return ()
    async with held.unit() as unit:
        newest = await unit.operations(
            cloud=request.cloud, host=request.host, states=ledger.CLOSED_STATES, limit=ledger.MOST
        )
        return ledger.of([(operation, await unit.steps(operation.id)) for operation in reversed(newest)])

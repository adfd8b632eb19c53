"""What earlier operations on a host left: read for a request that brings it back or takes it back."""

from dataclasses import replace

from bot.domain import ledger
from bot.domain.cloud import Request
from bot.domain.values import Action
from bot.engine.held import Held


async def with_what_was(held: Held, request: Request) -> Request:
    """A return with the VMs that were moved away; a move back with the steps that it takes back."""
    if request.action not in {Action.EXIT, Action.REHOME}:
        return request
    async with held.reading() as unit:
        newest = await unit.operations(
            cloud=request.cloud, host=request.host, states=ledger.CLOSED_STATES, limit=ledger.MOST
        )
        past = [(operation, await unit.steps(operation.id)) for operation in reversed(newest)]
    if request.action is Action.EXIT:
        return replace(request, ledger=ledger.of(past))
    return replace(request, undoes=ledger.undone(past, request.action))

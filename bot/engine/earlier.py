"""What earlier operations left on a host that is brought back or taken back, and what their kind took in a cloud."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain import ledger
from bot.domain.cloud import Request
from bot.domain.operation import State
from bot.domain.steps import StepRecord
from bot.domain.values import Action
from bot.engine.held import Held

_LATELY = 5
"""So many of a cloud's last operations are searched for those of a kind."""
_MEASURED = 3
"""By so many of a kind the next one is measured: their steps are read for each survey."""


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


async def of_its_kind(held: Held, request: Request) -> Sequence[Sequence[StepRecord]]:
    """The steps of each of the last operations of this cloud that did the same to a host and got done."""
    async with held.reading() as unit:
        newest = await unit.operations(cloud=request.cloud, states=frozenset({State.SUCCEEDED}), limit=_LATELY)
        alike = [o for o in newest if o.request.action is request.action]
        return [await unit.steps(o.id) for o in alike[:_MEASURED]]

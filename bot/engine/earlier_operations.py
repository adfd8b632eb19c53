"""What earlier operations left on a host that is brought back or taken back, and what a cloud's last moves were."""

from collections.abc import Sequence

from bot.domain import estimate, ledger
from bot.domain.cloud import NO_BOOKS, Books, Request
from bot.domain.estimate import EarlierOperation
from bot.domain.plans.plan import Plan
from bot.domain.values import Action
from bot.engine.leased import LeasedOperation

_LATELY = 10
"""So many of a cloud's last operations are searched for moves of VMs like those of a plan."""
_MEASURED = 5
"""By so many of these it is measured: their steps are read for each survey."""


async def books(leased: LeasedOperation, request: Request) -> Books:
    """To a return the VMs that were moved away, to a move back the steps that it takes back."""
    if request.action not in {Action.EXIT, Action.REHOME}:
        return NO_BOOKS
    async with leased.reading() as unit:
        newest = await unit.operations.newest(
            cloud=request.cloud, host=request.host, states=ledger.CLOSED_STATES, limit=ledger.MOST
        )
        past = [(operation, await unit.steps.of(operation.id)) for operation in reversed(newest)]
    if request.action is Action.EXIT:
        return Books(ledger=ledger.of(past))
    return Books(undoes=ledger.undone(past, request.action))


async def moves(leased: LeasedOperation, cloud: str, plan: Plan) -> Sequence[EarlierOperation]:
    """The last operations of this cloud that moved VMs of the kinds and sizes of those in a plan."""
    wanted = set(estimate.alike(plan))
    async with leased.reading() as unit:
        newest = await unit.operations.newest(cloud=cloud, states=ledger.CLOSED_STATES, limit=_LATELY)
        plans = [(o.id, o.plan) for o in newest if o.plan is not None and not wanted.isdisjoint(estimate.alike(o.plan))]
        return [(old, await unit.steps.of(id)) for id, old in plans[:_MEASURED]]

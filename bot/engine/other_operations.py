"""What other operations of the same cloud hold, and what they have still to start: no two plans count on one room."""

from collections.abc import Sequence

from bot.domain.cloud import Request
from bot.domain.operation import EXECUTING, Operation, State
from bot.domain.plans.plan import Step
from bot.domain.progress.steps import StepState
from bot.engine.leased import LeasedOperation

_APPROVED = EXECUTING | {State.QUEUED}
_UNTAKEN = frozenset({StepState.PLANNED, StepState.INTENT})
_MOST = 1_000


async def requests(leased: LeasedOperation, operation: Operation) -> Sequence[Request]:
    """What the live operations of the cloud were asked for; nothing where no target was named, for none is meant."""
    if not operation.request.to:
        return ()
    async with leased.reading() as unit:
        return await unit.operations.requests(operation.request.cloud)


async def steps(leased: LeasedOperation, operation: Operation) -> tuple[Step, ...]:
    """Steps of other operations that the cloud has not taken yet; what it has taken, it counts itself."""
    found: list[Step] = []
    async with leased.reading() as unit:
        others = await unit.operations.newest(cloud=operation.request.cloud, states=_APPROVED, limit=_MOST)
        for other in others:
            if other.id == operation.id or other.plan is None:
                continue
            if other.state is State.QUEUED:
                found += [Step.of(planned) for planned in other.plan.steps]
            else:
                found += [r.step for r in await unit.steps.of(other.id) if r.state in _UNTAKEN]
    return tuple(found)

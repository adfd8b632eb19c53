"""What other approved operations of the same cloud still have to start, so that two plans do not count on one room."""

from bot.domain.operation import EXECUTING, Operation, State
from bot.domain.plan import Step
from bot.domain.steps import StepState
from bot.engine.held import Held

_APPROVED = EXECUTING | {State.QUEUED}
_UNTAKEN = frozenset({StepState.PLANNED, StepState.INTENT})
_MOST = 1_000


async def steps(held: Held, operation: Operation) -> tuple[Step, ...]:
    """Steps of other operations that the cloud has not taken yet; what it has taken, it counts itself."""
    found: list[Step] = []
    async with held.reading() as unit:
        others = await unit.operations(cloud=operation.request.cloud, states=_APPROVED, limit=_MOST)
        for other in others:
            if other.id == operation.id or other.plan is None:
                continue
            if other.state is State.QUEUED:
                found += other.plan.steps
            else:
                found += [r.step for r in await unit.steps(other.id) if r.state in _UNTAKEN]
    return tuple(found)

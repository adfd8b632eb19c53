"""How much there is of what: the numbers behind `/metrics`."""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from bot.domain.operation import FINAL, State
from bot.domain.ports import Clock
from bot.store.archive import SqlArchive
from bot.store.rows.tables import NewsRow, OperationRow, StepRow, table_of
from bot.store.transaction import Transaction

_OPERATION, _STEP, _NEWS = table_of(OperationRow), table_of(StepRow), table_of(NewsRow)


async def counts(archive: SqlArchive, clock: Clock) -> Mapping[str, int]:
    """By "operations.<state>", "steps.<state>" (of operations that are not over), "outbox" and its oldest in seconds.

    Raises:
        StoreFailed: the database does not answer.
    """
    async with archive.reading() as unit:
        states = await unit.transaction.all(select(_OPERATION.c.state, func.count()).group_by(_OPERATION.c.state))
        steps = await of_steps(unit.transaction)
        waiting = await unit.transaction.first(select(func.count()).where(_NEWS.c.waiting))
        oldest = await unit.transaction.first(select(func.min(_NEWS.c.created_at)).where(_NEWS.c.waiting))
        age = max(0, int((clock.now() - oldest).total_seconds())) if oldest else 0
    return {
        **{f"operations.{state}": count for state, count in states},
        **{f"steps.{state}": count for state, count in steps},
        "outbox": waiting,
        "outbox_oldest_seconds": age,
    }


async def of_steps(transaction: Transaction) -> Sequence[tuple[str, int]]:
    """How many steps of operations that are not over are in which state; those that have ended are not read."""
    going_on = select(_OPERATION.c.id).where(_OPERATION.c.state.in_(sorted(set(State) - FINAL)))
    of_those = select(_STEP.c.state, func.count()).where(_STEP.c.operation_id.in_(going_on)).group_by(_STEP.c.state)
    return [(state, count) for state, count in await transaction.all(of_those)]

"""How much there is of what: the numbers behind `/metrics`."""

from collections.abc import Mapping

from sqlalchemy import func, select

from bot.domain.operation import FINAL
from bot.domain.ports import Clock
from bot.store.archive import SqlArchive
from bot.store.rows.tables import NewsRow, OperationRow, StepRow, table_of

_OPERATION, _STEP, _NEWS = table_of(OperationRow), table_of(StepRow), table_of(NewsRow)


async def counts(archive: SqlArchive, clock: Clock) -> Mapping[str, int]:
    """By "operations.<state>", "steps.<state>" (of operations that are not over), "outbox" and its oldest in seconds.

    Raises:
        StoreFailed: the database does not answer.
    """
    async with archive.reading() as unit:
        states = await unit.transaction.all(select(_OPERATION.c.state, func.count()).group_by(_OPERATION.c.state))
        going_on = select(_OPERATION.c.id).where(_OPERATION.c.state.not_in(sorted(FINAL)))
        of_those = _STEP.c.operation_id.in_(going_on)
        steps = await unit.transaction.all(select(_STEP.c.state, func.count()).where(of_those).group_by(_STEP.c.state))
        waiting = await unit.transaction.first(select(func.count()).where(_NEWS.c.waiting))
        oldest = await unit.transaction.first(select(func.min(_NEWS.c.created_at)).where(_NEWS.c.waiting))
        age = max(0, int((clock.now() - oldest).total_seconds())) if oldest else 0
    return {
        **{f"operations.{state}": count for state, count in states},
        **{f"steps.{state}": count for state, count in steps},
        "outbox": waiting,
        "outbox_oldest_seconds": age,
    }

"""Steps: the rows that say what was intended, accepted and done."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from bot.domain.counting import counted
from bot.domain.operation import Operation
from bot.domain.ports import Entry
from bot.domain.progress.steps import IN_FLIGHT, StepRecord
from bot.domain.values import OperationId
from bot.store.parts.operations import SqlOperations
from bot.store.rows.mapping import step_columns, step_of
from bot.store.rows.tables import OperationRow, StepRow, table_of
from bot.store.transaction import Transaction

_OPERATION = table_of(OperationRow)
_STEP = table_of(StepRow)

# Asked for in every round, and built once: to build one takes longer than to ask it.
_OF_ONE = (
    select(_STEP.c.step, _STEP.c.body, _STEP.c.seq, _STEP.c.state)
    .where(_STEP.c.operation_id == bindparam("of"))
    .order_by(_STEP.c.seq)
)
_ELSEWHERE = (
    select(_STEP.c.operation_id, _STEP.c.step, _STEP.c.body, _STEP.c.seq, _STEP.c.state)
    .join(_OPERATION, _OPERATION.c.id == _STEP.c.operation_id)
    .where(
        _OPERATION.c.cloud == bindparam("cloud"),
        _OPERATION.c.live,
        _STEP.c.operation_id != bindparam("of"),
        _STEP.c.state.in_(sorted(IN_FLIGHT)),
    )
)
_CHANGE = (
    update(_STEP)
    .where(_STEP.c.operation_id == bindparam("of"), _STEP.c.key == bindparam("named"))
    .values({name: bindparam(f"new_{name}") for name in ("seq", "state", "step", "body")})
)


class SqlSteps:
    """`bot.domain.ports.steps.Steps` over rows; every change of one counts as a change of its operation."""

    def __init__(self, transaction: Transaction, operations: SqlOperations) -> None:
        self._transaction = transaction
        self._operations = operations

    async def lay_out(self, operation: OperationId, records: Sequence[StepRecord]) -> None:
        await self._operations.revise(operation)
        await self._transaction.run(delete(_STEP).where(_STEP.c.operation_id == operation))
        if records:
            await self._transaction.run(insert(_STEP), [step_columns(operation, r) for r in records])

    async def of(self, operation: OperationId, *, alone: bool = False) -> Sequence[StepRecord]:
        if alone:
            await self._operations.revise(operation)
        rows = await self._transaction.all(_OF_ONE, of=operation)
        return [step_of(step=row.step, body=row.body, seq=row.seq, state=row.state) for row in rows]

    async def moving_elsewhere(self, operation: Operation) -> Sequence[tuple[OperationId, StepRecord]]:
        await self._operations.lock_hosts(operation.request.cloud)
        rows = await self._transaction.all(_ELSEWHERE, cloud=operation.request.cloud, of=operation.id)
        return [
            (OperationId(row.operation_id), step_of(step=row.step, body=row.body, seq=row.seq, state=row.state))
            for row in rows
        ]

    async def save(self, operation: OperationId, records: Sequence[tuple[StepRecord, Entry | None]]) -> None:
        """See `bot.domain.ports.steps.Steps`.

        Raises:
            LookupError: the operation has no such step: a bug.
        """
        if not records:
            return
        await self._operations.revise(operation)
        rows = [_to_update(step_columns(operation, r)) for r, _ in records]
        met = await self._transaction.run(_CHANGE, rows)
        if met != len(rows):
            raise LookupError(f"Operation {operation} has {met} of {counted(len(rows), 'step')} to save.")
        for _, entry in records:
            if entry is not None:
                self._transaction.note(operation, entry)


def _to_update(columns: dict[str, object]) -> dict[str, object]:
    """The parameters of the update of one step row."""
    key = {"of": columns.pop("operation_id"), "named": columns.pop("key")}
    return key | {f"new_{name}": value for name, value in columns.items()}

"""Steps: the rows that say what was intended, accepted and done."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.audit import Entry
from bot.domain.operation import Operation
from bot.domain.progress.steps import StepRecord
from bot.domain.values import OperationId


class Steps(Protocol):
    """The steps of a unit of work."""

    async def lay_out(self, operation: OperationId, records: Sequence[StepRecord]) -> None:
        """Store the step rows of an approved plan, replacing any of an earlier plan."""
        ...

    async def of(self, operation: OperationId, *, alone: bool = False) -> Sequence[StepRecord]:
        """All step rows, in plan order; with `alone`, nobody else changes any of them until this unit is over."""
        ...

    async def moving_elsewhere(self, operation: Operation) -> Sequence[tuple[OperationId, StepRecord]]:
        """Steps in flight of all other operations of its cloud; nobody else counts them until this unit is over.

        So a limit over operations holds over processes too: whoever counts waits for the intents of who counted before.
        """
        ...

    async def save(self, operation: OperationId, records: Sequence[tuple[StepRecord, Entry | None]]) -> None:
        """Write changed step rows with their audit entries; progress alone (entry None) is not audited."""
        ...

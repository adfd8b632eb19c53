"""The audit: lines that are appended and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.audit import Entry, Recorded
from bot.domain.values import OperationId


class Audit(Protocol):
    """The audit of a unit of work."""

    async def record(self, operation: OperationId | None, entry: Entry) -> None:
        """Append an audit entry that changes no row (a refusal, an outside call)."""
        ...

    async def entries(self, operation: OperationId, *, limit: int) -> tuple[int, Sequence[Recorded]]:
        """How many lines the audit has about an operation, and the newest of them, oldest first."""
        ...

    async def cut(self, before: datetime, *, most: int) -> int:
        """Delete the lines of the audit from before a moment, at most so many; answers how many they were."""
        ...

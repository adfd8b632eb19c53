"""Operations: stored, read and saved."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.audit import Entry
from bot.domain.cloud import Request
from bot.domain.operation import Operation, State
from bot.domain.values import HostId, OperationId


class Operations(Protocol):
    """The operations of a unit of work."""

    async def add(self, operation: Operation, entry: Entry) -> None:
        """Store a new operation.

        Raises:
            bot.domain.errors.AlreadyUnderWay: a live operation holds this (cloud, host) or the target, or sends VMs to
                the host; names it.
        """
        ...

    async def get(self, id: OperationId) -> Operation:
        """Read one.

        Raises:
            bot.domain.errors.UnknownOperation
        """
        ...

    async def those(self, ids: Sequence[OperationId]) -> Sequence[Operation]:
        """Read several, in this order; without those that there are not."""
        ...

    async def save(self, operation: Operation, entry: Entry) -> Operation:
        """Write a changed operation with its audit entry; answers it with its new version.

        Raises:
            Stale: its version is not the stored one any more.
        """
        ...

    async def newest(
        self,
        *,
        live: bool | None = None,
        states: frozenset[State] | None = None,
        cloud: str = "",
        host: HostId | None = None,
        limit: int = 50,
    ) -> Sequence[Operation]:
        """Operations, newest first."""
        ...

    async def requests(self, cloud: str) -> Sequence[Request]:
        """What the live operations of a cloud were asked for."""
        ...

    async def overdue(self, now: datetime) -> Sequence[OperationId]:
        """Operations awaiting approval whose `expires_at` has come."""
        ...

    async def dry_runs(self, before: datetime, *, limit: int) -> Sequence[OperationId]:
        """Dry runs begun before a moment that nobody has turned into a request, oldest first."""
        ...

    async def revise(self, id: OperationId) -> None:
        """Have its card drawn anew though nothing of it changed: it speaks of the time."""
        ...

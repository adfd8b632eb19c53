"""Leases: who works on an operation, and who speaks for all replicas, until when."""

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from bot.domain.ports.records import Lead, Lease

LEFT_TO_OTHERS = timedelta(seconds=20)
"""How long an operation is left to whoever knows its cloud, before one who does not says that it is missing."""


class Leases(Protocol):
    """The leases of workers on operations."""

    async def has_work(self, *, span: timedelta, clouds: Collection[str] | None = None) -> bool:
        """Whether there is an operation that `claim` would take now."""
        ...

    async def claim(self, owner: str, *, span: timedelta, clouds: Collection[str] | None = None) -> Lease | None:
        """Take an operation in a WORKING state whose time has come and that nobody holds, the longest waiting first.

        Args:
            owner: whose it is then.
            span: for how long.
            clouds: that the owner knows; an operation of another one is left to replicas that know it, and only taken
                when none of them has for `LEFT_TO_OTHERS`. None: it knows them all.
        """
        ...

    async def hold(self, lease: Lease, *, span: timedelta | None = None) -> Lease:
        """Assert the lease inside this transaction, and renew it when `span` is given.

        Raises:
            LeaseLost: it is over; somebody else may have taken it since.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Give the operation back; does nothing when the lease is lost."""
        ...


class Leadership(Protocol):
    """The one lease of the leader."""

    async def claim(self, owner: str, *, span: timedelta) -> Lead | None:
        """Renew the leader's lease, or take it when nobody holds it; None: somebody else does."""
        ...

    async def hold(self, lead: Lead) -> None:
        """Assert the leader's lease inside this transaction.

        Raises:
            LeaseLost: it is over; somebody else may have taken it since.
        """
        ...

    async def release(self, lead: Lead) -> None:
        """Give the leader's lease back; does nothing when it is lost."""
        ...

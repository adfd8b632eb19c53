"""The unit of work: one transaction, and the parts that share it."""

from collections.abc import Callable
from datetime import datetime

from bot.store.parts import retention
from bot.store.parts.alarms import SqlAlarms
from bot.store.parts.audit import SqlAudit
from bot.store.parts.cards import SqlCards
from bot.store.parts.copies import SqlCopies
from bot.store.parts.inbox import SqlInbox
from bot.store.parts.leadership import SqlLeadership
from bot.store.parts.leases import SqlLeases
from bot.store.parts.notices import SqlNotices
from bot.store.parts.operations import SqlOperations
from bot.store.parts.outbox import SqlOutbox
from bot.store.parts.steps import SqlSteps
from bot.store.transaction import Transaction


class SqlUnit:
    """`bot.domain.ports.Unit` over a SQL database.

    Args:
        transaction: in which nothing has begun.
        ring: called once the commit is true; None: this one only reads.
    """

    def __init__(self, transaction: Transaction, *, ring: Callable[[], None] | None) -> None:
        self.transaction = transaction
        self.inbox = SqlInbox(transaction)
        self.operations = SqlOperations(transaction)
        self.steps = SqlSteps(transaction, self.operations)
        self.audit = SqlAudit(transaction)
        self.outbox = SqlOutbox(transaction)
        self.leases = SqlLeases(transaction)
        self.leadership = SqlLeadership(transaction)
        self.cards = SqlCards(transaction, self.operations)
        self.copies = SqlCopies(transaction, self.operations)
        self.alarms = SqlAlarms(transaction)
        self.notices = SqlNotices(transaction)
        self._ring = ring

    async def let_go(self, before: datetime, *, most: int) -> int:
        """See `bot.domain.ports.Unit`."""
        return await retention.let_go(self.transaction, before, most=most)

    async def commit(self) -> None:
        """Make everything since the unit began true at once, and ring the bell. The unit is over then."""
        self.transaction.check_not_over()
        if self._ring is None:
            raise RuntimeError("This unit of work only reads.")
        await self.audit.append()
        await self.transaction.commit()
        self._ring()

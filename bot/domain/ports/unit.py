"""The archive, and the unit of work: one transaction over all that it keeps.

Leaving a unit of work without `commit` rolls it back. A state change, its audit entry and the news it causes are
one unit.
"""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import IntEnum
from typing import Protocol

from bot.domain.ports.alarms import Alarms
from bot.domain.ports.audit import Audit
from bot.domain.ports.inbox import Inbox
from bot.domain.ports.leases import Leadership, Leases
from bot.domain.ports.messages import StandingCards, StandingCopies, StandingNotices
from bot.domain.ports.operations import Operations
from bot.domain.ports.outbox import Outbox
from bot.domain.ports.steps import Steps


class Rank(IntEnum):
    """Whose transaction goes first, where they take turns."""

    ACKNOWLEDGED = 0  #: Slack waits for it, for three seconds
    PEOPLE = 1  #: what people decide and what is shown to them; and leases, on which the others hang
    BULK = 2  #: what moves VMs, what monitoring tells, and what goes because it is old


class Unit(Protocol):
    """One transaction, and its parts."""

    @property
    def inbox(self) -> Inbox:
        """What came in."""
        ...

    @property
    def operations(self) -> Operations:
        """What was asked for, and how far it is."""
        ...

    @property
    def steps(self) -> Steps:
        """What is done for it."""
        ...

    @property
    def audit(self) -> Audit:
        """Who did what, and when."""
        ...

    @property
    def outbox(self) -> Outbox:
        """What is still to be told."""
        ...

    @property
    def leases(self) -> Leases:
        """Which worker has which operation."""
        ...

    @property
    def leadership(self) -> Leadership:
        """Which replica speaks and ticks."""
        ...

    @property
    def cards(self) -> StandingCards:
        """Where operations are shown."""
        ...

    @property
    def copies(self) -> StandingCopies:
        """Where else they are shown."""
        ...

    @property
    def alarms(self) -> Alarms:
        """What the watch found."""
        ...

    @property
    def notices(self) -> StandingNotices:
        """Where alarms are shown."""
        ...

    async def let_go(self, before: datetime, *, most: int) -> int:
        """Delete what was over before a moment, at most so much of each kind; answers how much it was."""
        ...

    async def commit(self) -> None:
        """Make everything since the unit began true at once, and ring the bell."""
        ...


class Archive(Protocol):
    """The database."""

    def unit(self, rank: Rank = Rank.PEOPLE) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction that reads what is committed and writes nothing. It waits for no other one."""
        ...

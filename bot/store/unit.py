"""The unit of work: one transaction over the whole archive."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.ports import Clock
from bot.domain.steady import SteadyClock
from bot.store.alarms import Alarms
from bot.store.audit import Audit
from bot.store.board import Board
from bot.store.copies import Copies
from bot.store.inbox import Inbox
from bot.store.leadership import Leadership
from bot.store.leases import Leases
from bot.store.mapping import PlanShelf
from bot.store.retention import Retention
from bot.store.steps import Steps
from bot.store.transaction import patiently


class SqlUnit(Inbox, Steps, Leases, Leadership, Board, Copies, Alarms, Retention, Audit):
    """`bot.domain.ports.Unit` over a SQL database.

    Args:
        session: a session on which nothing has begun.
        clock: for dates.
        steady: for moments of leases, where the database has no clock of its own.
        plans: plans known already.
        ring: called once the commit is true; None: this one only reads.
    """

    def __init__(
        self,
        session: AsyncSession,
        *,
        clock: Clock,
        steady: SteadyClock,
        plans: PlanShelf,
        ring: Callable[[], None] | None,
    ) -> None:
        super().__init__(session, clock=clock, steady=steady, plans=plans, writes=ring is not None)
        self._ring = ring

    async def commit(self) -> None:
        """Make everything since the unit began true at once, and ring the bell. The unit is over then."""
        self._check_not_over()
        if self._ring is None:
            raise RuntimeError("This unit of work only reads.")
        await self.append()
        self._over = True
        await patiently(self._session.commit())
        self._ring()

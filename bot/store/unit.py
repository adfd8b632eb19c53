"""The unit of work: one transaction over the whole archive."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from bot.domain.ports import Clock
from bot.domain.steady import SteadyClock
from bot.store.parts.alarms import Alarms
from bot.store.parts.audit import Audit
from bot.store.parts.board import Board
from bot.store.parts.copies import Copies
from bot.store.parts.inbox import Inbox
from bot.store.parts.leadership import Leadership
from bot.store.parts.leases import Leases
from bot.store.parts.retention import Retention
from bot.store.parts.steps import Steps
from bot.store.rows.mapping import PlanShelf
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

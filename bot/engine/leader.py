"""Which of the replicas speaks and ticks: the one that holds a lease, for as long as it renews that."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from bot.domain.ports import Archive, Clock, Lead, LeaseLost, Rank, Stale, StoreFailed, Unit
from bot.runtime.log import logger

log = logger(__name__)

SPAN = timedelta(seconds=6)
"""Short, so that another replica speaks within ten seconds when the leader dies or freezes."""
RENEW_SECONDS = 1.5


class Leader:
    """A process that leads or waits to. As an archive, its units are only had while it leads.

    What was posted is stored in such a unit, so a leader that was frozen while another took over stores nothing; and it
    posts nothing, for `term` ends by its own clock no later than its lease.

    Args:
        archive: the database.
        clock: by it a term ends.
        owner: a name that no other process has.
        alone: nobody else can use the database, so there is nothing to agree on.
    """

    def __init__(self, archive: Archive, clock: Clock, *, owner: str, alone: bool = False) -> None:
        self._archive = archive
        self._clock = clock
        self._owner = owner
        self._alone = alone
        self._lead: Lead | None = None
        self._until = -math.inf

    @property
    def term(self) -> int | None:
        """The number of the present term; None: somebody else leads, or nobody."""
        if self._alone:
            return 0
        if self._lead is None or self._clock.monotonic() >= self._until:
            return None
        return self._lead.fence

    @property
    def led_last(self) -> bool:
        """Whether nobody is known to have led after us: it stays so while the database cannot be asked."""
        return self._alone or self._lead is not None

    async def run(self) -> None:
        """Take the lease when it is free and renew it, until cancelled; then give it back."""
        try:
            while not self._alone:
                await self._take_or_renew()
                await self._clock.sleep(RENEW_SECONDS)
        finally:
            if self._lead is not None:
                with suppress(StoreFailed):
                    await self._step_down(self._lead)

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Unit]:
        """A transaction that is only ours while we lead.

        Raises:
            LeaseLost: somebody else may lead by now; nothing is written.
        """
        async with self._archive.unit(rank) as unit:
            if not self._alone:
                if self._lead is None or self.term is None:
                    raise LeaseLost(f"{self._owner} does not lead.")
                await unit.leadership.hold(self._lead)
            yield unit

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Unit]:
        """A transaction that only reads, while we lead by our own clock.

        Raises:
            LeaseLost: somebody else may lead by now.
        """
        if self.term is None:
            raise LeaseLost(f"{self._owner} does not lead.")
        async with self._archive.reading() as unit:
            yield unit

    def only_here(self, tick: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        """A tick that does nothing while somebody else leads."""

        async def led() -> None:
            if self.term is not None:
                with suppress(LeaseLost):
                    await tick()

        return led

    async def _take_or_renew(self) -> None:
        asked = self._clock.monotonic()  # before: the lease lasts no shorter than we believe
        try:
            async with self._archive.unit() as unit:
                lead = await unit.leadership.claim(self._owner, span=SPAN)
                if lead is not None:
                    await unit.commit()
        except (StoreFailed, Stale):
            return  # the term ends by itself if that goes on
        if lead != self._lead:
            log.info("speaks for all replicas" if lead else "another replica speaks", owner=self._owner)
        self._lead = lead
        self._until = asked + SPAN.total_seconds() if lead else -math.inf

    async def _step_down(self, lead: Lead) -> None:
        self._lead = None
        async with self._archive.unit() as unit:
            await unit.leadership.release(lead)
            await unit.commit()

"""Lets go of what is old, a little at a time: a tick over rows, harmless to repeat."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.domain.ports import Archive, Clock, Rank

log = structlog.get_logger(__name__)

MOST = 500
"""Rows of a kind that go in one transaction."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long what is over is kept."""

    archive: Archive
    clock: Clock
    keep: timedelta
    keep_audit: timedelta | None = None  #: None: for ever

    async def go(self) -> None:
        """Delete what is older; lines of the audit only where a setting says so."""
        gone = cut = 0
        while more := await self._once():
            gone += more
        while self.keep_audit is not None and (more := await self._cut(self.keep_audit)):
            cut += more
        if gone or cut:
            log.info("let go of what is old", rows=gone, audit_lines=cut)

    async def _once(self) -> int:
        async with self.archive.unit(Rank.BULK) as unit:
            gone = await unit.let_go(self.clock.now() - self.keep, most=MOST)
            await unit.commit()
        return gone

    async def _cut(self, keep: timedelta) -> int:
        async with self.archive.unit(Rank.BULK) as unit:
            gone = await unit.cut_audit(self.clock.now() - keep, most=20 * MOST)
            await unit.commit()
        return gone

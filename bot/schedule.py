"""APScheduler as a clock: idempotent ticks over stored rows. Nothing is remembered here.

Its own job store is not used: it loses a one-shot job that is killed while running, and several schedulers on one
store run jobs twice (docs/adr). Every deadline is also checked at the moment it matters.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger(__name__)

EXPIRY_SECONDS = 5
REMINDER_SECONDS = 5
LEFT_OVER_SECONDS = 5

Ticks: TypeAlias = Mapping[str, tuple[float, Callable[[], Awaitable[object]]]]
"""By name, the seconds between two calls and what to call; it must be harmless to call twice."""


@asynccontextmanager
async def ticking(ticks: Ticks) -> AsyncIterator[None]:
    """Call each tick again and again while the context lasts.

    Args:
        ticks: what to call.
    """
    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for name, (seconds, tick) in ticks.items():
        scheduler.add_job(_guarded(name, tick), "interval", seconds=seconds, id=name)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _guarded(name: str, tick: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    async def guarded() -> None:
        try:
            await tick()
        except Exception:
            log.exception("a tick failed; the next one tries again", tick=name)

    return guarded

"""APScheduler as a clock: idempotent ticks over stored rows. Nothing is remembered here.

Its own job store is not used: it loses a one-shot job that is killed while running, and several schedulers on one
store run jobs twice (docs/adr). Every deadline is also checked at the moment it matters.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeAlias

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain.heartbeats import Heartbeats
from bot.domain.ports import Clock
from bot.runtime.log import logger, stumbled

log = logger(__name__)

EXPIRY_SECONDS = 5
REMINDER_SECONDS = 5
LEFT_OVER_SECONDS = 5
ALERT_SECONDS = 1
ALERTED_HOSTS_SECONDS = 2
RETENTION_SECONDS = 3600
KEEP_SECONDS = 1
LONGEST_TICK = 60.0
"""Seconds that a tick may take at most before it counts as hanging."""

Ticks: TypeAlias = Mapping[str, tuple[float, Callable[[], Awaitable[object]]]]
"""By name, the seconds between two calls and what to call; it must be harmless to call twice."""


@asynccontextmanager
async def ticking(ticks: Ticks, clock: Clock, heartbeats: Heartbeats | None = None) -> AsyncIterator[None]:
    """Call each tick again and again while the context lasts, at its distance, whatever becomes of the machine's date.

    Args:
        ticks: what to call.
        clock: the time.
        heartbeats: where each tick says that it has come to its end; one that hangs or fails for long is missed there.
    """
    heartbeats = heartbeats or Heartbeats(clock)
    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for name, (seconds, tick) in ticks.items():
        beat = partial(heartbeats.beat, f"tick {name}", within=3 * seconds + LONGEST_TICK)
        beat()
        scheduler.add_job(_guarded(name, seconds, tick, clock, beat), "interval", seconds=seconds, id=name)
    scheduler.start()
    keeper = asyncio.create_task(_keep_due(scheduler, clock))
    try:
        yield
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        scheduler.shutdown(wait=False)


def _guarded(
    name: str, seconds: float, tick: Callable[[], Awaitable[object]], clock: Clock, beat: Callable[[], None]
) -> Callable[[], Awaitable[None]]:
    last = -math.inf

    async def guarded() -> None:
        nonlocal last
        if clock.monotonic() - last < seconds / 2:
            return  # the date was set forward, and the library takes the tick for overdue
        last = clock.monotonic()
        try:
            await tick()
            beat()
        except Exception as error:  # noqa: BLE001  # the next one tries again
            stumbled(log, "a tick failed; the next one tries again", error, tick=name)

    return guarded


async def _keep_due(scheduler: AsyncIOScheduler, clock: Clock) -> None:
    """The library plans by date: a tick that is further ahead than it can be since the date was set back is due now."""
    while True:
        await clock.sleep(KEEP_SECONDS)
        for job in scheduler.get_jobs():
            if job.next_run_time > clock.now() + job.trigger.interval:
                job.modify(next_run_time=clock.now())

"""Ticks keep their distance whatever becomes of the machine's date."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import apscheduler.schedulers.base
import apscheduler.triggers.interval
import pytest

from bot.domain.heartbeats import Heartbeats
from bot.runtime import schedule
from bot.runtime.clock import SystemClock
from tests.clocks import ManualClock

DAY = 86_400


class SetClock(SystemClock):
    """The machine's, whose date is set; the library reads the same."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta(0)
        clock = self

        class Dated(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.now(tz) + clock.ahead

        for module in (apscheduler.schedulers.base, apscheduler.triggers.interval):
            monkeypatch.setattr(module, "datetime", Dated)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def set_by(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    monkeypatch.setattr(schedule, "KEEP_SECONDS", 0.05)
    return SetClock(monkeypatch)


async def ticked(clock: SetClock, *, seconds: float, times: int, then: Callable[[], None]) -> list[float]:
    """The moments of so many ticks, between the first and the second of which something is done."""
    ticks: list[float] = []
    enough = asyncio.Event()

    async def tick() -> None:
        ticks.append(clock.monotonic())
        if len(ticks) == 1:
            then()
        if len(ticks) == times:
            enough.set()

    async with schedule.ticking({"tick": (seconds, tick)}, clock), asyncio.timeout(60):
        await enough.wait()
    return ticks


@pytest.mark.parametrize("by", [-DAY, -3_600])
async def test_ticks_go_on_when_the_date_is_set_back(clock: SetClock, by: float) -> None:
    assert len(await ticked(clock, seconds=0.3, times=3, then=lambda: clock.set_by(by))) == 3


async def test_no_tick_comes_early_when_the_date_is_set_forward(clock: SetClock) -> None:
    ticks = await ticked(clock, seconds=0.6, times=3, then=lambda: clock.set_by(DAY))
    assert ticks[1] - ticks[0] >= 0.3


async def test_a_tick_that_fails_each_time_is_missed_and_one_that_works_is_not(clock: SetClock) -> None:
    manual = ManualClock()
    beats, ticked = Heartbeats(manual), asyncio.Event()

    async def works() -> None:
        ticked.set()

    async def fails() -> None:
        raise OSError("each time")

    async with schedule.ticking({"works": (0.02, works), "fails": (0.02, fails)}, clock, beats), asyncio.timeout(60):
        await manual.pass_time(61)
        for _ in range(2):  # the second one begins when the first has beaten
            ticked.clear()
            await ticked.wait()
        assert beats.hanging() == {"tick fails": "last seen 61 s ago"}

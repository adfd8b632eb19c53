"""A line of moments that nothing but time moves on."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.steady_clock import SteadyClock
from tests.clocks import ManualClock


@pytest.mark.parametrize("by", [-86_400, -3_600, 3_600, 86_400])
async def test_its_spans_are_the_time_that_passed_however_the_clock_is_set(by: float) -> None:
    clock = ManualClock()
    steady = SteadyClock(clock)
    began = steady.now()
    assert began == clock.now()
    await clock.pass_time(5)
    clock.set_by(by)
    await clock.pass_time(5)
    assert steady.now() - began == timedelta(seconds=10)
    assert clock.now() - began == timedelta(seconds=10 + by)


def test_it_goes_on_from_a_later_moment_and_never_back() -> None:
    clock = ManualClock()
    steady = SteadyClock(clock)
    later = clock.now() + timedelta(hours=1)
    steady.not_before(later)
    steady.not_before(clock.now())
    assert steady.now() == later


async def test_setting_the_clock_wakes_nobody_and_keeps_nobody_asleep() -> None:
    clock = ManualClock()
    woken: list[float] = []

    async def sleeper() -> None:
        await clock.sleep(10)
        woken.append(clock.monotonic())

    task = asyncio.create_task(sleeper())
    await clock.pass_time(0)
    clock.set_by(3_600)
    await clock.pass_time(5)
    clock.set_by(-7_200)
    await clock.pass_time(5)
    await task
    assert woken == [10]

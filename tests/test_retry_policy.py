"""What is worth another try is tried again by the clock that is given; anything else is told at once."""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

import pytest
from tenacity import retry_if_exception_type, retry_if_result, wait_exponential

from bot.retry_policy import RetryPolicy
from tests.workshop import LeapingClock

ODD = retry_if_exception_type(LookupError)


def questions(*answers: Exception | int) -> Callable[[], Awaitable[int]]:
    """Answers one after the other, the last one for ever."""
    left = list(answers)

    async def ask() -> int:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


async def test_pauses_pass_by_the_clock_that_is_given() -> None:
    clock = LeapingClock()
    tries = RetryPolicy(clock=clock, on=ODD, wait=wait_exponential(2, max=5))
    assert await tries.of(questions(KeyError(), KeyError(), KeyError(), 7)) == 7
    assert clock.monotonic() == 2 + 4 + 5


@pytest.mark.parametrize(("most", "seconds"), [(3, inf), (inf, 6.5), (3, 6.5)])
async def test_the_last_error_is_told_when_no_other_try_may_begin(most: float, seconds: float) -> None:
    clock, third = LeapingClock(), KeyError("third")
    tries = RetryPolicy(clock=clock, on=ODD, wait=wait_exponential(2), most=most)
    with pytest.raises(KeyError, match="third"):
        await tries.of(questions(KeyError("first"), KeyError("second"), third, 7), seconds=seconds)
    assert clock.monotonic() == 2 + 4


async def test_an_answer_that_is_worth_another_try_stands_when_it_was_the_last() -> None:
    tries = RetryPolicy(clock=LeapingClock(), on=retry_if_result(lambda found: found < 3), most=2)
    assert await tries.of(questions(1, 2, 3)) == 2
    assert await tries.of(questions(1, 3)) == 3


async def test_what_is_worth_no_other_try_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="no"):
        await RetryPolicy(clock=LeapingClock(), on=ODD).of(questions(ValueError("no"), 7))


async def test_who_is_cancelled_asks_no_more() -> None:
    asked = asyncio.Event()

    async def ask() -> None:
        asked.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(RetryPolicy(clock=LeapingClock(), on=retry_if_exception_type()).of(ask))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_questions_that_are_tried_side_by_side_are_counted_each_for_itself() -> None:
    tries = RetryPolicy(clock=LeapingClock(), on=ODD, most=3)
    found = await asyncio.gather(*(tries.of(questions(KeyError(), KeyError(), n)) for n in range(20)))
    assert found == list(range(20))

"""Whoever may act no more begins no call, wherever that waited."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.threads import Wanted, on_thread
from bot.domain.cloud import Unreachable
from bot.domain.progress import right_to_act


def test_without_a_lease_nobody_is_asked() -> None:
    right_to_act.ensure()


def test_it_is_asked_each_time_and_no_longer_than_meanwhile() -> None:
    answers = [True, False]
    with right_to_act.held_while(lambda: answers.pop(0)):
        right_to_act.ensure()
        with pytest.raises(Unreachable, match="nothing was sent") as lost:
            right_to_act.ensure()
    assert lost.value.is_over
    right_to_act.ensure()


async def test_a_task_and_a_thread_of_its_own_are_asked_too() -> None:
    def call(wanted: Wanted) -> None:
        wanted.ensure()

    with right_to_act.held_while(lambda: False), ThreadPoolExecutor() as pool, pytest.raises(Unreachable):
        await asyncio.create_task(on_thread(pool, call, seconds=10))

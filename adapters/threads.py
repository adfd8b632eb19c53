"""The way onto a thread for a library that blocks: with a deadline, after which nothing is begun late."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from bot.domain.progress import right_to_act

T = TypeVar("T")


class Wanted:
    """Whether somebody still waits for what a thread is at."""

    def __init__(self) -> None:
        self._given_up = threading.Event()

    def give_up(self) -> None:
        """Nobody waits any more."""
        self._given_up.set()

    def ensure(self) -> None:
        """For a thread, just before it changes something: what came before it may have taken too long.

        Raises:
            TimeoutError: nobody waits any more.
            Unreachable: somebody else may be at it by now.
        """
        right_to_act.ensure()
        if self._given_up.is_set():
            raise TimeoutError("given up before it was sent")


async def on_thread(pool: Executor, call: Callable[[Wanted], T], *, seconds: float) -> T:
    """What a call answers that blocks its thread.

    Args:
        pool: of the threads.
        call: is told whether it is still wanted; goes on by itself when it is not.
        seconds: that it may take, with the wait for a thread.

    Raises:
        TimeoutError: it took longer.
    """
    wanted = Wanted()
    within = contextvars.copy_context()  # what the library logs belongs to the operation that asks
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(pool, within.run, call, wanted)
    finally:
        wanted.give_up()

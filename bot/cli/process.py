"""The process around the bot: runs it until a signal, and never hangs on the way out."""

import asyncio
import ctypes
import os
import signal
import threading
from collections.abc import Awaitable
from contextlib import suppress

from bot.runtime.log import logger

STOP_SECONDS = 10.0
"""How long a graceful stop may take. What is cut off then is taken up again by the next start, as after a crash."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


_M_ARENA_MAX = -8
"""https://man7.org/linux/man-pages/man3/mallopt.3.html"""


def share_one_heap() -> None:
    """Let all threads use one heap of the C library: a heap each keeps what the largest answer that it read has taken.

    To be called before there are threads. A C library without the setting goes on as it is.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def run_until_signalled(work: Awaitable[None], *, stop_seconds: float = STOP_SECONDS) -> None:
    """Run a coroutine until it ends, or until SIGTERM or SIGINT cancels it. A second signal ends the process at once.

    Args:
        work: what to run; cancelling it is its graceful stop.
        stop_seconds: after how long a stop that hangs (in a thread, say) is cut off with exit code 1.
    """
    asyncio.run(_until_signalled(work, stop_seconds))


async def _until_signalled(work: Awaitable[None], stop_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    asked: list[signal.Signals] = []

    def stop(received: signal.Signals) -> None:
        asked.append(received)
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
        logger(__name__).info("stopping", signal=received.name)
        cut_off = threading.Timer(stop_seconds, _cut_off)
        cut_off.daemon = True
        cut_off.start()
        task.cancel()

    for one in _SIGNALS:
        loop.add_signal_handler(one, stop, one)
    try:
        await task
    except asyncio.CancelledError:
        if not asked:
            raise


def _cut_off() -> None:
    logger(__name__).warning("the stop took too long and was cut off; the next start takes up what was under way")
    os._exit(1)

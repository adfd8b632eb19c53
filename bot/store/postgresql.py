"""Sessions with PostgreSQL that wait for an answer no longer than it can take to come.

The server ends what takes too long, but one that is stuck, or that went away behind a proxy, ends nothing: what was
sent is taken and never answered. Whoever waits for that would wait for ever, and hold up all others.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.abc import PQGen

T = TypeVar("T")


class PunctualConnection(AsyncConnection[Any]):
    """A session that is cut where a statement has no answer in time: that fails then, as if the server had ended."""

    answer_seconds = 35.0
    """How long that may take: longer than the server lets a statement run."""

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the server no longer than that meanwhile, nor than it has anyway."""
        before = self.answer_seconds
        self.answer_seconds = min(before, seconds)
        try:
            yield
        finally:
            self.answer_seconds = before

    async def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """As the driver's own, but not for ever."""
        watch = asyncio.get_running_loop().call_later(self.answer_seconds, self._cut)
        try:
            return await super().wait(gen, *args, **kwargs)
        finally:
            watch.cancel()

    def _cut(self) -> None:
        with suppress(Exception), socket.socket(fileno=os.dup(self.fileno())) as way:
            way.shutdown(socket.SHUT_RDWR)

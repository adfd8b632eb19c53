"""A neighbour's address that can be dead: a relay on loopback that is opened when the test says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.ports import free_port


class Relay:
    """Passes bytes on to somewhere else, from the moment it is opened."""

    def __init__(self, *, to_port: int) -> None:
        self.port = free_port()
        self._to_port = to_port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Listen no more, and end what goes through."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            try:
                await asyncio.gather(_pass(reader, there_writer), _pass(there_reader, writer))
            finally:
                there_writer.close()
        finally:
            writer.close()
            self._tasks.discard(task)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def relayed(*, to_port: int) -> AsyncIterator[Relay]:
    """A relay that is closed yet, and closed again at the end."""
    relay = Relay(to_port=to_port)
    try:
        yield relay
    finally:
        await relay.close()

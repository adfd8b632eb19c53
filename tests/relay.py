"""A neighbour's address that can be dead, or fall silent: relays on loopback that do as the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url

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


class Silenceable:
    """Passes bytes on to a PostgreSQL; what it carries can fall silent, while new connections are served."""

    def __init__(self, url: str) -> None:
        self._there = make_url(url)
        self._port = free_port()
        self._silent: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Its address, in place of the server's."""
        here = self._there.set(host="127.0.0.1", port=self._port).difference_update_query(["host", "port"])
        return here.render_as_string(hide_password=False)

    def fall_silent(self) -> None:
        """Take what comes over the connections that there are, and pass nothing on any more, nor end one."""
        self._silent |= self._tasks

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        folder = str(self._there.query.get("host", ""))
        port = self._there.port or 5432
        there = (
            asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
            if folder
            else asyncio.open_connection(self._there.host, port)
        )
        try:
            there_reader, there_writer = await there
            try:
                ways = self._pass(task, reader, there_writer), self._pass(task, there_reader, writer)
                await asyncio.gather(*ways)
            finally:
                there_writer.close()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if task not in self._silent:
                    writer.write(data)
                    await writer.drain()
        if task not in self._silent:
            writer.close()


@asynccontextmanager
async def silenceable(url: str) -> AsyncIterator[Silenceable]:
    """A way to the PostgreSQL of that url that can fall silent."""
    way = Silenceable(url)
    await way.open()
    try:
        yield way
    finally:
        await way.close()

"""The HTTP door and its limits: who opens connections and says nothing, or little, keeps nobody else out.

aiohttp has no deadline for the head or the body of a request and no limit of connections; file descriptors that it
takes are missed by everything else in the process: the database, Slack, the clouds.
"""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

from aiohttp import web

HEAD_SECONDS = 10.0
"""How long the head of a connection's first request may take."""
BODY_SECONDS = 10.0
"""How long the body of a request may take."""
IDLE_SECONDS = 15.0
"""How long a connection may wait for its next request, and that for its head."""
ANSWER_SECONDS = 1.0
"""How long an answer has at least to get to whoever asked."""
MOST_CONNECTIONS = 120
SHARE = 4
"""Of the file descriptors of the process, one in so many at most is the door's."""

AT_ONCE = 16
"""Connections that are taken between two looks at everything else: each has a file descriptor until it is ended."""
WAITING = 128
"""How many may wait for that: a storm of calls comes at once, and whoever finds no place tries again after a second."""
RESERVED = 20
"""Of the connections, so many are kept from requests that may be put off."""
MAY_BE_PUT_OFF = web.AppKey("MAY_BE_PUT_OFF", Collection[str])
"""Paths of an application whose callers come again when they are told to: however many wait there, others get in."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application while the context lasts; gives the port, which matters when 0 was asked for.

    Raises:
        OSError: the address is taken or not ours.
    """
    doorkeeper = Doorkeeper()
    app.middlewares.append(doorkeeper.note)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5, keepalive_timeout=IDLE_SECONDS)
    await runner.setup()
    try:
        door = await asyncio.get_running_loop().create_server(
            lambda: Visitor(_inner(runner), doorkeeper), host, port, reuse_address=True, backlog=AT_ONCE
        )
        for listening in door.sockets:  # the loop takes as many at a time as may wait, unless more may since
            with listening.dup() as same:
                same.listen(WAITING)
        try:
            yield door.sockets[0].getsockname()[1]
        finally:
            door.close()
    finally:
        await runner.cleanup()


async def body(request: web.Request) -> bytes:
    """What came with a request, in time.

    Raises:
        HTTPRequestTimeout: not within BODY_SECONDS.
        HTTPRequestEntityTooLarge: more than the application takes.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(headers={"Connection": "close"}) from error


class Doorkeeper:
    """Knows every connection, which has not asked anything yet, and which was answered and has asked nothing since."""

    def __init__(self) -> None:
        self._inside: dict[asyncio.BaseProtocol, Visitor] = {}
        self._silent: dict[asyncio.BaseProtocol, Visitor] = {}
        self._answered: dict[asyncio.BaseProtocol, float] = {}  #: since when, by the loop's clock
        self._taken = 0  #: requests under way that could have been put off

    def admit(self, visitor: "Visitor") -> bool:
        """Whether there is room; the silent ones make some, oldest first, and then those who were answered."""
        if len(self._inside) >= _places():
            idle = next(iter(self._silent.values()), None) or self._first_answered()
            if idle is None:
                return False
            idle.leave()
        self._inside[visitor.inner] = self._silent[visitor.inner] = visitor
        return True

    def _first_answered(self) -> "Visitor | None":
        """Whoever was answered first, a while ago: it asks nothing, or sends on what nobody reads."""
        for inner, since in self._answered.items():
            is_over = asyncio.get_running_loop().time() - since >= ANSWER_SECONDS
            return self._inside[inner] if is_over else None
        return None

    def gone(self, visitor: "Visitor") -> None:
        """A connection has ended."""
        for known in (self._inside, self._silent, self._answered):
            known.pop(visitor.inner, None)

    def check(self, visitor: "Visitor") -> None:
        """Its time for asking something is over."""
        if visitor.inner in self._silent:
            visitor.leave()

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The head of a request has come."""
        self._silent.pop(request.protocol, None)
        self._answered.pop(request.protocol, None)
        try:
            return await self._served(request, handler)
        finally:
            if request.protocol in self._inside:
                self._answered[request.protocol] = asyncio.get_running_loop().time()

    async def _served(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in request.app.get(MAY_BE_PUT_OFF, ()):
            return await handler(request)
        if self._taken >= max(1, _places() - RESERVED):
            answer: web.StreamResponse = web.json_response({"error": "Too many at once; send it again."}, status=503)
        else:
            self._taken += 1
            try:
                answer = await handler(request)
            finally:
                self._taken -= 1
        return answer


class Visitor(asyncio.Protocol):
    """One connection, between its socket and aiohttp."""

    def __init__(self, inner: asyncio.Protocol, doorkeeper: Doorkeeper) -> None:
        self.inner = inner
        self._doorkeeper = doorkeeper
        self._transport: asyncio.BaseTransport | None = None
        self._is_inside = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection: let in, or ended at once."""
        self._transport = transport
        self._is_inside = self._doorkeeper.admit(self)
        if not self._is_inside:
            transport.abort()  # type: ignore[attr-defined]  # every transport of a socket has it
            return
        self.inner.connection_made(transport)
        asyncio.get_running_loop().call_later(HEAD_SECONDS, self._doorkeeper.check, self)

    def leave(self) -> None:
        """End it."""
        self._doorkeeper.gone(self)
        if self._transport is not None:
            self._transport.abort()  # type: ignore[attr-defined]  # as above

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._doorkeeper.gone(self)
        if self._is_inside:
            self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._is_inside:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The other side says no more."""
        return self.inner.eof_received() if self._is_inside else None

    def pause_writing(self) -> None:
        """The other side takes nothing now."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """It takes on."""
        self.inner.resume_writing()


def _places() -> int:
    """How many connections there may be now."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, files // SHARE)


def _inner(runner: web.AppRunner) -> asyncio.Protocol:
    assert runner.server is not None  # noqa: S101  # set up above
    return runner.server()

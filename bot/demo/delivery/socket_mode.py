"""Socket Mode: tickets, hello, envelopes, acknowledgements, disconnects.

Frames as in the sample payloads of Slack's own libraries; at most 10 connections an app, 3 s to acknowledge.
"""

import asyncio
import contextlib
import itertools
import json
import secrets
import uuid
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal, TypeVar

from aiohttp import WSMsgType, web

from bot.demo.delivery.faults import SlackFaults
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

MOST_CONNECTIONS = 10
TICKET_SECONDS = 30.0
WARNING_SECONDS = 10.0
HEARTBEAT_SECONDS = 15.0
DEBUG_INFO: Json = {"host": "applink-demo"}

Kind = Literal["slash_commands", "interactive", "events_api"]
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back for one delivery: a payload, nothing, or the name of what went wrong."""

    error: str = ""
    payload: Json | None = None
    no_retry: bool = False
    """The app has asked not to be sent this again (X-Slack-No-Retry)."""


async def within(clock: Clock, seconds: float, work: Awaitable[Answer]) -> Answer:
    """Await the work, but raise TimeoutError after that many seconds of the clock."""
    task = asyncio.ensure_future(work)
    nap = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, nap}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        for unfinished in (task, nap):
            unfinished.cancel()


@dataclass(eq=False, kw_only=True)
class SocketConnection:
    """One open connection of the app."""

    ws: web.WebSocketResponse
    transport: asyncio.Transport | None
    brings: bool = True
    """Whether anything that is sent over it arrives."""
    answers_pings: bool = True
    has_ponged: bool = True
    """Whether the app answered the last ping."""


class SocketMode:
    """All connections of the app."""

    def __init__(self, records: WorkspaceRecords, faults: SlackFaults, *, lifetime: float = 18_060.0) -> None:
        self._records = records
        self._faults = faults
        self._lifetime = lifetime
        self._tickets: dict[str, float] = {}
        self._connections: list[SocketConnection] = []
        self._pending: dict[str, asyncio.Future[Json | None]] = {}
        self._turn = itertools.count()
        self.frames: list[Json] = []
        """Every envelope sent, for tests that look at the wire."""
        self.greeted = 0
        """How many connections have been said hello to so far."""

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def ticket(self) -> str:
        """The secret of a one-use address."""
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = self._records.seconds() + TICKET_SECONDS
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket connection, from hello to the end."""
        good_until = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        now = self._records.seconds()
        if now > good_until or now < self._faults.outage_until:
            return web.Response(status=408 if good_until else 404, text="")
        if self._faults.take_refused_handshake():
            return web.Response(status=404, text="")
        ws = web.WebSocketResponse(autoping=False, timeout=1.0)
        await ws.prepare(request)
        one = SocketConnection(ws=ws, transport=request.transport)
        if len(self._connections) >= MOST_CONNECTIONS:
            await self._send(one, self._disconnect_frame("too_many_websockets"))
            await ws.close()
            return ws
        self._connections.append(one)
        life = [asyncio.ensure_future(self._grow_old(one)), asyncio.ensure_future(self._beat(one))]
        try:
            await self._greet(one)
            await self._listen(one)
        finally:
            for task in life:
                task.cancel()
            self._connections.remove(one)
            self._records.changed()
        return ws

    async def _greet(self, one: SocketConnection) -> None:
        one.brings = not self._faults.take_withheld_hello()
        hello = {"type": "hello", "num_connections": len(self._connections)}
        age = {"build_number": 10, "approximate_connection_time": int(self._lifetime)}
        await self._send(one, hello | {"debug_info": DEBUG_INFO | age, "connection_info": self._connection_info()})
        self.greeted += one.brings
        self._records.changed()

    def _connection_info(self) -> Json:
        return {"app_id": self._records.app.id}

    async def _listen(self, one: SocketConnection) -> None:
        async for frame in one.ws:
            one.has_ponged = True
            if frame.type is WSMsgType.PING and one.answers_pings:
                await one.ws.pong(frame.data)
            if frame.type is WSMsgType.TEXT and one.brings:
                with contextlib.suppress(ValueError):
                    self._take_ack(json.loads(frame.data))

    def _take_ack(self, frame: object) -> None:
        if not isinstance(frame, dict):
            return
        waiting = self._pending.get(str(frame.get("envelope_id")))
        if waiting is None or waiting.done():
            return
        if self._faults.take_dropped_ack():
            self._records.changed()
            return
        payload = frame.get("payload")
        waiting.set_result(payload if isinstance(payload, dict) else None)

    async def _beat(self, one: SocketConnection) -> None:
        """Slack's own pings, by the machine's time as the app's are; who answers none has lost the connection."""
        while True:
            await SystemClock().sleep(HEARTBEAT_SECONDS)
            if not one.answers_pings:
                return
            if not one.has_ponged:
                self._abort(one)
                return
            one.has_ponged = False
            with contextlib.suppress(ConnectionError):
                await one.ws.ping()

    async def _grow_old(self, one: SocketConnection) -> None:
        await self._records.clock.sleep(max(0.0, self._lifetime - WARNING_SECONDS))
        await self._say_goodbye(one)

    async def _say_goodbye(self, one: SocketConnection) -> None:
        """The warning, ten seconds, the refresh request, the end."""
        await self._send(one, self._disconnect_frame("warning"))
        await self._records.clock.sleep(WARNING_SECONDS)
        await self._send(one, self._disconnect_frame("refresh_requested"))
        await one.ws.close()

    def _disconnect_frame(self, reason: str) -> Json:
        frame: Json = {"type": "disconnect", "reason": reason, "debug_info": DEBUG_INFO}
        if reason == "too_many_websockets":
            frame |= {"num_connections": len(self._connections) + 1, "connection_info": self._connection_info()}
        return frame

    async def _send(self, one: SocketConnection, frame: Json) -> bool:
        if not one.brings:
            return True
        try:
            await one.ws.send_json(frame)
        except (ConnectionError, RuntimeError):
            return False
        return True

    def fall_silent(self) -> None:
        """Fault: every connection stays open, and nothing comes over it any more, no pong either."""
        for one in self._connections:
            one.brings = one.answers_pings = False

    def cut(self) -> None:
        """Fault: every connection ends without a word."""
        for one in self._connections:
            self._abort(one)

    def _abort(self, one: SocketConnection) -> None:
        if one.transport is not None:
            one.transport.abort()

    async def disconnect(self, reason: str = "") -> None:
        """Fault: close every connection, with a disconnect frame for the reason or, without one, with none."""
        for one in list(self._connections):
            if reason:
                await self._send(one, self._disconnect_frame(reason))
            if reason != "warning":
                await one.ws.close()

    async def deliver(self, kind: Kind, payload: Json, *, answerable: bool, retry: tuple[int, str] | None) -> Reply:
        """Send one envelope over one connection and wait for its acknowledgement."""
        envelope: Json = {"envelope_id": str(uuid.uuid4()), "payload": payload, "type": kind}
        envelope["accepts_response_payload"] = answerable
        if kind == "events_api":
            attempt, reason = retry or (0, "")
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        acknowledged: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._pending[envelope["envelope_id"]] = acknowledged
        try:
            if not await self._send_somewhere(envelope):
                return Reply(error="dispatch_failed")
            self._records.changed()
            answer = await within(self._records.clock, self._records.patience, acknowledged)
            return Reply(payload=answer if answerable else None)
        except TimeoutError:
            return Reply(error="operation_timeout")
        finally:
            del self._pending[envelope["envelope_id"]]

    async def _send_somewhere(self, envelope: Json) -> bool:
        """Send over one of the open connections, each in its turn."""
        for _ in range(len(self._connections)):
            if not self._connections:
                return False
            one = self._connections[next(self._turn) % len(self._connections)]
            self.frames.append(envelope)
            if not one.ws.closed and await self._send(one, envelope):
                return True
            self.frames.pop()
        return False

    async def close(self) -> None:
        """End every connection, for good."""
        for one in list(self._connections):
            await one.ws.close()

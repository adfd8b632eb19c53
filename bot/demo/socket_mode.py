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

from bot.demo.faults import Faults
from bot.demo.people import Json
from bot.demo.records import Records
from bot.domain.ports import Clock

MOST_CONNECTIONS = 10
TICKET_SECONDS = 30.0
WARNING_SECONDS = 10.0
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


class SocketMode:
    """All connections of the app."""

    def __init__(self, records: Records, faults: Faults, *, lifetime: float = 18_060.0) -> None:
        self._records = records
        self._faults = faults
        self._lifetime = lifetime
        self._tickets: dict[str, float] = {}
        self._connections: list[web.WebSocketResponse] = []
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
        ws = web.WebSocketResponse(heartbeat=15.0, timeout=1.0)
        await ws.prepare(request)
        if len(self._connections) >= MOST_CONNECTIONS:
            await ws.send_json(self._disconnect_frame("too_many_websockets"))
            await ws.close()
            return ws
        self._connections.append(ws)
        lifetime = asyncio.ensure_future(self._grow_old(ws))
        try:
            hello = {"type": "hello", "num_connections": len(self._connections)}
            age = {"build_number": 10, "approximate_connection_time": int(self._lifetime)}
            await ws.send_json(hello | {"debug_info": DEBUG_INFO | age, "connection_info": self._connection_info()})
            self.greeted += 1
            self._records.changed()
            await self._listen(ws)
        finally:
            lifetime.cancel()
            self._connections.remove(ws)
            self._records.changed()
        return ws

    def _connection_info(self) -> Json:
        return {"app_id": self._records.app.id}

    async def _listen(self, ws: web.WebSocketResponse) -> None:
        async for frame in ws:
            if frame.type is not WSMsgType.TEXT:
                continue
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

    async def _grow_old(self, ws: web.WebSocketResponse) -> None:
        await self._records.clock.sleep(max(0.0, self._lifetime - WARNING_SECONDS))
        await self._say_goodbye(ws)

    async def _say_goodbye(self, ws: web.WebSocketResponse) -> None:
        """The warning, ten seconds, the refresh request, the end."""
        await self._send(ws, self._disconnect_frame("warning"))
        await self._records.clock.sleep(WARNING_SECONDS)
        await self._send(ws, self._disconnect_frame("refresh_requested"))
        await ws.close()

    def _disconnect_frame(self, reason: str) -> Json:
        frame: Json = {"type": "disconnect", "reason": reason, "debug_info": DEBUG_INFO}
        if reason == "too_many_websockets":
            frame |= {"num_connections": len(self._connections) + 1, "connection_info": self._connection_info()}
        return frame

    async def _send(self, ws: web.WebSocketResponse, frame: Json) -> bool:
        try:
            await ws.send_json(frame)
        except (ConnectionError, RuntimeError):
            return False
        return True

    async def disconnect(self, reason: str = "") -> None:
        """Fault: end every connection, with a disconnect frame for the reason or, without one, abruptly."""
        for ws in list(self._connections):
            if reason:
                await self._send(ws, self._disconnect_frame(reason))
            if reason != "warning":
                await ws.close()

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
            ws = self._connections[next(self._turn) % len(self._connections)]
            self.frames.append(envelope)
            if not ws.closed and await self._send(ws, envelope):
                return True
            self.frames.pop()
        return False

    async def close(self) -> None:
        """End every connection, for good."""
        for ws in list(self._connections):
            await ws.close()

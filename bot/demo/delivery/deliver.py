"""Brings what people do to the app, as badly as a network can: twice, late, out of order, again after a timeout."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from bot.demo.delivery.faults import SlackFaults
from bot.demo.delivery.socket_mode import Kind, Reply
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords

RETRY_PAUSES = (0.0, 60.0, 300.0)
"""Seconds before each further delivery of an event that was not acknowledged: at once, after a minute, after five."""

RETRY_REASONS = {"operation_timeout": "timeout", "dispatch_failed": "connection_failed"}


class Transport(Protocol):
    """Socket Mode or signed HTTP."""

    async def deliver(self, kind: Kind, payload: Json, *, answerable: bool, retry: tuple[int, str] | None) -> Reply:
        """Bring one payload and wait for the acknowledgement."""
        ...

    async def disconnect(self, reason: str = "") -> None:
        """Fault: break what is connected."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class Postman:
    """Deliveries over one transport, with the faults that are set."""

    def __init__(self, records: WorkspaceRecords, faults: SlackFaults, transport: Transport) -> None:
        self._records = records
        self._faults = faults
        self._transport = transport
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting_to_be_overtaken: list[asyncio.Event] = []

    async def deliver(self, kind: Kind, payload: Json, *, answerable: bool = False) -> Reply:
        """Bring a command or an interaction; the answer is what the person gets to see."""
        if self._faults.take_held():
            overtaken = asyncio.Event()
            self._waiting_to_be_overtaken.append(overtaken)
            await overtaken.wait()
        copies = self._faults.copies if self._faults.take_duplicate() else 1
        for _ in range(copies - 1):
            self.spawn(self._carry(kind, payload, answerable=answerable))
        reply = await self._carry(kind, payload, answerable=answerable)
        while self._waiting_to_be_overtaken:
            self._waiting_to_be_overtaken.pop().set()
        return reply

    async def _carry(
        self, kind: Kind, payload: Json, *, answerable: bool = False, retry: tuple[int, str] | None = None
    ) -> Reply:
        if self._records.seconds() < self._faults.outage_until:
            return Reply(error="dispatch_failed")
        return await self._transport.deliver(kind, payload, answerable=answerable, retry=retry)

    def send_event(self, payload: Json) -> None:
        """Bring an event in the background, again and again until it is acknowledged or three retries are over."""
        if payload["event"]["type"] in self._wanted_events():
            self.spawn(self._insist(payload))

    def _wanted_events(self) -> set[str]:
        """The subscribed event types as they stand in payloads (`message.im` arrives as `message`)."""
        return {event.split(".")[0] for event in self._records.app.events}

    async def _insist(self, payload: Json) -> None:
        reply = await self.deliver("events_api", payload)
        for attempt, pause in enumerate(RETRY_PAUSES, start=1):
            if not reply.error or reply.no_retry:
                return
            await self._records.clock.sleep(pause)
            reason = RETRY_REASONS.get(reply.error, "http_error")
            reply = await self._carry("events_api", payload, retry=(attempt, reason))

    async def settled(self) -> None:
        """Return when nothing goes on in the background any more: every event acknowledged or given up."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def break_connections(self) -> None:
        """Fault: end every connection abruptly."""
        await self._transport.disconnect()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something go on by itself until the workspace closes."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop everything that goes on, then the transport."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.close()

"""What every HTTP face does with a call: let time happen, apply ordered faults, write it into the call log."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import LoggedCall
from adapters.simulated.world import World

Refusal: TypeAlias = Callable[[web.Request, int, str], web.Response]


def front(
    world: World,
    *,
    face: str,
    changes: Callable[[web.Request], bool],
    is_login: Callable[[web.Request], bool],
    refusal: Refusal,
) -> Middleware:
    """The outermost aiohttp middleware of a face.

    Args:
        world: where time, faults and the log live.
        face: its name in the log and in faults.
        changes: whether a request asks for a change (it is logged as such whatever comes of it).
        is_login: whether it is a login: its body is not logged, its success ends `until_login` faults.
        refusal: an error in the words of this face, for faults that answer a status.
    """

    def log(request: web.Request, raw: bytes, status: int | None) -> None:
        body = None if is_login(request) else _json(raw)
        world.log(
            LoggedCall(
                at=world.now,
                face=face,
                method=request.method,
                path=request.path,
                query=request.query_string,
                body=body,
                status=status,
                changes=changes(request),
            )
        )

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        raw = await request.read()
        world.settle()
        text = raw.decode(errors="replace")
        fault = world.faults.for_call(face=face, method=request.method, path=request.path, body=text)
        status: int | None = None
        try:
            response = await _answer(world, request, handler, fault, refusal)
        except web.HTTPException as answer:
            status = answer.status
            raise
        else:
            if fault is None or fault.effect not in _SILENT:
                status = response.status
            if is_login(request) and response.status < 300:
                world.faults.logged_in(face)
            return response
        finally:
            log(request, raw, status)

    return middleware


_SILENT = {Effect.CUT, Effect.LOSE_REPLY, Effect.LATE}


async def _answer(
    world: World, request: web.Request, handler: Handler, fault: CallFault | None, refusal: Refusal
) -> web.StreamResponse:
    """The handler's answer, or what the fault makes of it."""
    match fault.effect if fault else None:
        case None:
            return await handler(request)
        case Effect.ANSWER:
            return _refused(request, fault, refusal)
        case Effect.CUT:
            return _cut(request)
        case Effect.LOSE_REPLY:
            await handler(request)
            return _cut(request)
        case Effect.LATE:
            world.after(fault.seconds if fault else 0, lambda: _run(handler(request)))
            if fault and fault.gateway:
                return web.Response(status=fault.gateway, text="upstream trouble", content_type="text/plain")
            return _cut(request)
        case Effect.SLOW:
            response = await handler(request)
            if world.sleep is not None and fault:
                await world.sleep(fault.seconds)
            return response
        case Effect.HOLD:
            if fault:
                await fault.wait()
            world.settle()
            return await handler(request)
    raise AssertionError(fault)


def _refused(request: web.Request, fault: CallFault | None, refusal: Refusal) -> web.Response:
    status = fault.status if fault else 503
    response = refusal(request, status, (fault.message if fault else "") or "ordered by a fault")
    if fault and fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; the response returned is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _run(answer: Awaitable[web.StreamResponse]) -> None:
    """Run a handler to its end at once: with the body read already, a face's handlers never wait."""
    steps = answer.__await__()
    try:
        next(steps)
    except (StopIteration, web.HTTPException):
        return
    raise RuntimeError("a handler of a simulated face waited for something")


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")


@asynccontextmanager
async def served(app: web.Application, *, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on 127.0.0.1 and yield its address, e.g. `http://127.0.0.1:40123`."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

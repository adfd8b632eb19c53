"""A simulated region whose answers are bent on their way to the real adapter, as portals, proxies and bad days do it."""

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.openstack.cloud import OpenStackCloud
from adapters.simulated import openstack_api
from adapters.simulated.middleware import served
from adapters.simulated.openstack_api import Release
from adapters.simulated.world import World
from bot.domain.ports import Clock
from tests.contract.arena_openstack import adapter

Bend = Callable[[web.Request, Any], Any]
"""From a request and the parsed answer to what is answered instead: a response, or JSON; None: the answer as it was."""

LOGIN_PAGE = "<html><body>Please log in</body></html>"


class Bends:
    """What is done to which answers."""

    def __init__(self) -> None:
        self.rules: list[tuple[str, str, Bend]] = []
        self.seen: list[str] = []  #: what was asked so far

    def on(self, path: str, bend: Bend, method: str = "GET") -> None:
        """Bend the answers to a path; the later rule wins."""
        self.rules.insert(0, (method, path, bend))

    def clear(self) -> None:
        """Bend nothing any more."""
        self.rules.clear()

    @property
    def middleware(self) -> Any:
        """For the front of an application."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.seen.append(f"{request.method} {request.path_qs}")
            response = await handler(request)
            for method, path, bend in self.rules:
                if method == request.method and re.search(path, request.path):
                    return await _bent(request, response, bend)
            return response

        return middleware


async def _bent(request: web.Request, response: web.StreamResponse, bend: Bend) -> web.StreamResponse:
    assert isinstance(response, web.Response)
    try:
        body = json.loads(response.text or "null")
    except ValueError:
        body = None
    bent = bend(request, body)
    if inspect.isawaitable(bent):
        bent = await bent
    if bent is None:
        return response
    if isinstance(bent, web.StreamResponse):
        return bent
    kept = {k: v for k, v in response.headers.items() if k.lower() not in {"content-length", "content-type"}}
    return web.json_response(bent, status=response.status, headers=kept)


def says(text: str, *, status: int = 200, kind: str = "text/html", **headers: str) -> Bend:
    """Something else than the API answers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _body: web.Response(status=status, text=text, content_type=kind, headers=named)


class Bent(NamedTuple):
    """An adapter, and what stands between it and its cloud."""

    cloud: OpenStackCloud
    bends: Bends
    address: str


@asynccontextmanager
async def bent(world: World, clock: Clock, *, release: Release | None = None, **settings: Any) -> AsyncIterator[Bent]:
    """The adapter in front of a region whose answers can be bent."""
    bends, app = Bends(), openstack_api.app(world, release=release)
    app.middlewares.insert(0, bends.middleware)
    async with served(app) as url, adapter(url, clock, **settings) as cloud:
        try:
            yield Bent(cloud, bends, url)
        finally:  # readings that were given up still hold their threads, and want their server
            await asyncio.to_thread(cloud._session._pool.shutdown, wait=True)

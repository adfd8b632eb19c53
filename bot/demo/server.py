"""Puts a workspace on a loopback port: Web API, Socket Mode, response URLs, uploads and the page."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.demo.delivery.deliver import Postman, Transport
from bot.demo.delivery.faults import SlackFaults
from bot.demo.delivery.signed_http import SignedHttp
from bot.demo.delivery.socket_mode import SocketMode
from bot.demo.page import Page, Scenario
from bot.demo.web_api.endpoint import WebApi
from bot.demo.web_api.rates import Rates
from bot.demo.workspace.workspace import Workspace

UPLOAD_LIMIT = 50 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Served:
    """A workspace that answers on a port."""

    workspace: Workspace
    url: str
    """The page."""
    api_url: str
    """What an SDK takes as `base_url`; ends with a slash."""
    bot_token: str
    app_token: str
    signing_secret: str
    sockets: SocketMode
    api: WebApi
    transport: Transport

    @property
    def faults(self) -> SlackFaults:
        return self.workspace.faults

    async def disconnect(self, reason: str = "") -> None:
        """End every Socket Mode connection: with a reason (`warning`, `refresh_requested`, ...) or abruptly."""
        await self.sockets.disconnect(reason)

    async def settled(self) -> None:
        """Return when no event waits for its acknowledgement or its next delivery."""
        if self.workspace.postman is not None:
            await self.workspace.postman.settled()

    async def verify_request_url(self) -> bool:
        """Ask the request URL for the `url_verification` challenge; False where there is none or it is wrong."""
        return isinstance(self.transport, SignedHttp) and await self.transport.challenge()


@contextlib.asynccontextmanager
async def serve(
    workspace: Workspace,
    *,
    port: int = 0,
    request_url: str | None = None,
    rate_limits: bool = True,
    scenarios: Sequence[Scenario] = (),
    connection_lifetime: float = 18_060.0,
) -> AsyncIterator[Served]:
    """Serve the workspace until the block ends.

    Args:
        workspace: whose people and messages.
        port: 0 takes a free one.
        request_url: deliver as signed HTTP requests to this address instead of over Socket Mode.
        rate_limits: whether too many calls are answered with 429.
        scenarios: buttons for the page.
        connection_lifetime: seconds after which Slack asks a Socket Mode connection to refresh.
    """
    rates = Rates(now=workspace.seconds, enforced=rate_limits)
    sockets = SocketMode(workspace, workspace.faults, lifetime=connection_lifetime)
    api = WebApi(workspace, rates, sockets)
    page = Page(workspace, scenarios)
    app = web.Application(client_max_size=UPLOAD_LIMIT)
    app.router.add_route("*", "/api/{method}", api.serve)
    app.router.add_get("/link/", sockets.serve)
    for kind in ("commands", "actions"):
        app.router.add_post(f"/{kind}/{{rest:.+}}", _respond(workspace))
    app.router.add_post("/upload/v1/{file}", _upload(workspace))
    app.router.add_get("/files/{file}", _download(workspace))
    page.add_routes(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    workspace.page_address = address
    transport: Transport = sockets
    if request_url is not None:
        transport = SignedHttp(workspace, workspace.faults, request_url)
    workspace.postman = Postman(workspace, workspace.faults, transport)
    try:
        yield Served(
            workspace=workspace,
            url=address + "/",
            api_url=address + "/api/",
            bot_token=workspace.app.bot_token,
            app_token=workspace.app.app_token,
            signing_secret=workspace.app.signing_secret,
            sockets=sockets,
            api=api,
            transport=transport,
        )
    finally:
        await workspace.postman.close()
        workspace.postman = None
        await page.close()
        await sockets.close()
        await runner.cleanup()


def _respond(workspace: Workspace) -> Any:
    async def respond(request: web.Request) -> web.Response:
        if workspace.seconds() < workspace.faults.outage_until:
            return web.Response(status=503)
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        status, text = workspace.response_urls.use(request.path, body)
        return web.Response(status=status, text=text)

    return respond


def _upload(workspace: Workspace) -> Any:
    async def upload(request: web.Request) -> web.Response:
        file = workspace.files.get(request.match_info["file"])
        if file is None:
            return web.Response(status=404)
        file.content = await _bytes_of(request)
        return web.Response(text=f"OK - {len(file.content)}")

    return upload


async def _bytes_of(request: web.Request) -> bytes:
    """The body, or the first part of a multipart form: both ways are in use."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    async for part in await request.multipart():
        return bytes(await part.read())  # type: ignore[union-attr]
    return b""


def _download(workspace: Workspace) -> Any:
    async def download(request: web.Request) -> web.Response:
        file = workspace.files.get(request.match_info["file"])
        if file is None or file.content is None:
            return web.Response(status=404)
        return web.Response(body=file.content, content_type="text/plain", charset="utf-8")

    return download

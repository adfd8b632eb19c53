"""A served workspace, a real slack_sdk client and a real Bolt app over Socket Mode."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served, serve
from bot.demo.workspace.people import App, SlashCommand
from bot.demo.workspace.workspace import Workspace, standard_workspace

EVERYTHING = App(
    commands=tuple(SlashCommand(name=name) for name in ("/evacuate", "/maintenance", "/muster")),
    shortcuts={"new": "New maintenance"},
)
"""An app with more rights and subscriptions than Muster needs, to try all of the workspace."""


@pytest.fixture
def ws() -> Workspace:
    return standard_workspace(app=EVERYTHING)


@pytest.fixture
async def slack(ws: Workspace) -> AsyncIterator[Served]:
    async with serve(ws) as served:
        yield served


@pytest.fixture
def client(slack: Served) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)


async def greeted_again(served: Served, before: int) -> None:
    """Return when more hellos than so many have been said."""
    await served.workspace.until(lambda: served.sockets.greeted > before)


@contextlib.asynccontextmanager
async def connected(
    app: AsyncApp, served: Served, *, ping_interval: float = 10
) -> AsyncIterator[AsyncSocketModeHandler]:
    """The app, connected over Socket Mode; returns when the hello has been said.

    Args:
        app: what answers.
        served: the workspace's addresses.
        ping_interval: seconds; a connection that is gone is missed after so many, and one that was silent for four
            times as long is given up with whatever is on its way, which a busy machine must not bring about.
    """
    before = served.sockets.connections
    handler = AsyncSocketModeHandler(app, served.app_token, ping_interval=ping_interval)
    await handler.connect_async()
    await served.workspace.until(lambda: served.sockets.connections > before)
    try:
        yield handler
    finally:
        await handler.close_async()
        await asyncio.gather(handler.client.message_processor, return_exceptions=True)


def bolt(served: Served) -> AsyncApp:
    client = AsyncWebClient(token=served.bot_token, base_url=served.api_url)
    return AsyncApp(client=client, signing_secret=served.signing_secret)


async def page_state(browser: aiohttp.ClientSession, user: str) -> dict[str, Any]:
    """What the page shows that person."""
    async with browser.get("/_page/state", params={"user": user}) as answer:
        seen: dict[str, Any] = await answer.json()
    return seen

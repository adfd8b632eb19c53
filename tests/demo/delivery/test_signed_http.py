"""The same Bolt app, listening for signed requests instead of connecting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served, serve
from bot.demo.workspace.people import App, SlashCommand
from bot.demo.workspace.workspace import Workspace, standard_workspace


@contextlib.asynccontextmanager
async def listening(secret: str) -> AsyncIterator[tuple[AsyncApp, str]]:
    app = AsyncApp(client=AsyncWebClient(token="xoxb-demo-muster"), signing_secret=secret)
    runner = web.AppRunner(app.web_app("/slack/events"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield app, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def joined(ws: Workspace, secret: str = "demo-signing-secret") -> AsyncIterator[tuple[AsyncApp, Served]]:
    async with listening(secret) as (app, url), serve(ws, request_url=url) as slack:
        app.client.base_url = slack.api_url
        yield app, slack


async def test_a_command_a_click_and_an_event_arrive_signed(ws: Workspace) -> None:
    heard = []
    async with joined(ws) as (app, slack):
        assert await slack.verify_request_url()

        @app.command("/evacuate")
        async def evacuate(ack: AsyncAck, command: dict[str, Any]) -> None:
            await ack(f"Surveying {command['text']}")

        @app.action("go")
        async def go(ack: AsyncAck, body: dict[str, Any]) -> None:
            heard.append(body["actions"][0]["value"])
            await ack()

        @app.event("app_mention")
        async def mention(event: dict[str, Any]) -> None:
            heard.append(event["text"])
            ws.changed()

        result = await ws.type_command("U0ALICE", "#ops", "/evacuate prod/compute-2 & more")
        button = {"type": "button", "action_id": "go", "value": "7 & 8", "text": {"type": "plain_text", "text": "Go"}}
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        await client.chat_postMessage(channel="C0OPS", text="x", blocks=[{"type": "actions", "elements": [button]}])
        await ws.click("U0ALICE", ws.channel_messages("C0OPS")[0], label="Go")
        await ws.say("U0ALICE", "#ops", "@muster hello")
        await ws.until(lambda: len(heard) == 2)
    assert result.text == "Surveying prod/compute-2 & more"
    assert heard == ["7 & 8", "<@U0MUSTER> hello"]


@pytest.mark.parametrize(("stop", "deliveries"), [("0", 2), ("1", 1)])
async def test_an_event_answered_with_an_error_comes_again_unless_the_app_says_no(
    ws: Workspace, stop: str, deliveries: int
) -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def refuse_once(request: web.Request) -> web.Response:
        seen.append((request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")))
        answered.set()
        return web.Response(status=500 if len(seen) == 1 else 200, headers={"X-Slack-No-Retry": stop})

    answered = asyncio.Event()
    app = web.Application()
    app.router.add_post("/", refuse_once)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with serve(ws, request_url=f"http://127.0.0.1:{runner.addresses[0][1]}/") as slack:
        await ws.say("U0ALICE", "#ops", "@muster hello")
        await answered.wait()
        await slack.settled()
    await runner.cleanup()
    assert seen == [(None, None), ("1", "http_error")][:deliveries]


async def test_another_signing_secret_is_refused_by_the_app(ws: Workspace) -> None:
    async with joined(ws, secret="another secret") as (app, _):

        @app.command("/evacuate")
        async def evacuate(ack: AsyncAck) -> None:
            await ack("never")

        result = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
    assert result.error == "http_client_error"


async def test_an_app_that_breaks_makes_the_command_fail(ws: Workspace) -> None:
    async with joined(ws) as (app, _):

        @app.command("/evacuate")
        async def evacuate(ack: AsyncAck) -> None:
            raise RuntimeError("broken")

        result = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
    assert result.error == "http_service_error"


async def test_an_address_where_nobody_listens_makes_the_command_fail(ws: Workspace) -> None:
    async with listening("x") as (_, url):
        pass
    async with serve(ws, request_url=url):
        result = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
    assert result.text == '/evacuate failed with the error "dispatch_failed"'


@pytest.fixture
def ws() -> Workspace:
    return standard_workspace(app=App(commands=(SlashCommand(name="/evacuate", should_escape=False),)))

"""Slack's official Node client against the emulated workspace. Needs Node >= 20 and npm, so it is run by name:

npm install --prefix tests/demo/node_client && pytest tests/demo/node_pass.py
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.server import Served
from bot.demo.workspace.workspace import Workspace
from tests.demo.conftest import greeted_again

FOLDER = Path(__file__).parent / "node_client"


@pytest.fixture
async def node(ws: Workspace, slack: Served) -> AsyncIterator[None]:
    tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token, "SLACK_API_URL": slack.api_url}
    process = await asyncio.create_subprocess_exec("node", "app.mjs", cwd=FOLDER, env=os.environ | tokens)
    try:
        await ws.until(lambda: slack.sockets.connections == 1, timeout=30)
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_commands_posts_uploads_and_clicks(ws: Workspace, node: None) -> None:
    result = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
    assert result.text == "Surveying"
    await ws.until(lambda: [m.text for m in ws.channel_messages("C0OPS")] == ["card", "all done"])
    card = ws.channel_messages("C0OPS")[0]
    reply, upload = ws.thread("C0OPS", card.ts)
    assert reply.text == "reply"
    assert upload.body["files"][0]["name"] == "report.txt"
    await ws.click("U0BOB", card, label="Go")
    await ws.until(lambda: ws.channel_messages("C0OPS")[0].text == "replaced")


async def test_modals_menus_events_and_home(ws: Workspace, node: None) -> None:
    await ws.type_command("U0ALICE", "#ops", "/maintenance")
    view = await ws.until(lambda: ws.modal("U0ALICE"))
    refused = await ws.submit("U0ALICE", view, {"host": "node-7"})
    assert refused.errors == {"where": "not node-7"}
    await ws.close_view("U0ALICE")
    await ws.until(lambda: [m.text for m in ws.channel_messages("C0INCIDENT")] == ["closed"])
    said = await ws.say("U0ALICE", "#ops", "@muster hello")
    await ws.until(lambda: [m.text for m in ws.thread("C0OPS", said.ts)] == ["heard <@U0MUSTER> hello"])
    await ws.open_home("U0ALICE")
    await ws.until(lambda: ws.home("U0ALICE"))


async def test_the_client_comes_back_after_warning_and_refresh(ws: Workspace, slack: Served, node: None) -> None:
    for reason in ("warning", "refresh_requested"):
        opened = slack.sockets.greeted
        await slack.disconnect(reason)
        await greeted_again(slack, opened)
    assert (await ws.type_command("U0ALICE", "#ops", "/evacuate x")).text == "Surveying"

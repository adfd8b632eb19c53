"""The workspace gives the bot what its manifest asks for, and nothing more."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import serve
from bot.demo.workspace.muster_app import MUSTER, installed
from bot.demo.workspace.workspace import standard_workspace
from tests.demo.conftest import EVERYTHING, bolt, connected

MANIFEST = Path(__file__).parents[3] / "manifest.yml"


def test_the_installed_app_is_the_one_of_the_manifest() -> None:
    assert installed(yaml.safe_load(MANIFEST.read_text())) == MUSTER


async def test_what_the_manifest_leaves_out_is_refused() -> None:
    ws = standard_workspace()
    async with serve(ws) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        with pytest.raises(SlackApiError, match="missing_scope"):
            await client.users_lookupByEmail(email="alice@example.com")
        with pytest.raises(SlackApiError, match="not_enabled"):
            await client.views_publish(user_id="U0ALICE", view={"type": "home", "blocks": [{"type": "divider"}]})
        with pytest.raises(PermissionError):
            await ws.say("U0ALICE", ws.direct_channel("U0ALICE").id, "hello")
        await ws.say("U0ALICE", "#ops", "@muster hello")
        await slack.settled()
        assert slack.sockets.frames == []
        with pytest.raises(SlackApiError, match="not_in_channel"):
            await client.chat_postMessage(channel="C0RANDOM", text="public without joining")
        await client.conversations_join(channel="C0RANDOM")
        await client.chat_postMessage(channel="C0RANDOM", text="public, joined")
        with pytest.raises(SlackApiError, match="channel_not_found"):
            await client.chat_postMessage(channel="G0SECRET", text="never")


async def test_a_global_shortcut_opens_a_modal() -> None:
    ws = standard_workspace(app=EVERYTHING)
    async with serve(ws) as slack:
        app = bolt(slack)

        @app.shortcut("new")
        async def new(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
            await ack()
            view = {"type": "modal", "title": {"type": "plain_text", "text": "New"}, "blocks": [{"type": "divider"}]}
            await client.views_open(trigger_id=body["trigger_id"], view=view)

        async with connected(app, slack):
            await ws.run_shortcut("U0ALICE", "new")
            view = await ws.until(lambda: ws.modal("U0ALICE"))
    assert view.title == "New"

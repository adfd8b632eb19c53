"""The payloads and frames have exactly the keys of the samples in data/envelopes."""

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served
from bot.demo.workspace.workspace import Workspace
from tests.demo.conftest import bolt, connected

SAMPLES = Path(__file__).parents[1] / "data" / "envelopes"
P = {"type": "plain_text", "text": "x"}
VIEW = {
    "type": "modal",
    "callback_id": "maint_new",
    "title": P,
    "submit": P,
    "close": P,
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "host",
            "label": P,
            "dispatch_action": True,
            "element": {"type": "external_select", "action_id": "host_pick", "min_query_length": 0, "placeholder": P},
        }
    ],
}
CARD: list[dict[str, Any]] = [
    {"type": "section", "block_id": "plan", "text": {"type": "mrkdwn", "text": "*Evacuate*"}},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            {
                "type": "button",
                "action_id": "plan_approve",
                "style": "primary",
                "text": P,
                "value": "1",
                "confirm": {"title": P, "text": {"type": "mrkdwn", "text": "x"}, "confirm": P, "deny": P},
            }
        ],
    },
]


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SAMPLES / name).read_text())
    return read


def shape(node: Any, at: str = "", *, closed: frozenset[str] = frozenset()) -> set[str]:
    """The paths of all keys; below `closed` ones the content is the bot's and not Slack's."""
    if isinstance(node, dict):
        paths = {f"{at}.{key}" for key in node}
        for key, value in node.items():
            if key not in closed:
                paths |= shape(value, f"{at}.{key}", closed=closed)
        return paths
    if isinstance(node, list):
        return {path for item in node for path in shape(item, f"{at}[]", closed=closed)}
    return set()


@pytest.fixture
async def app(slack: Served) -> AsyncIterator[AsyncApp]:
    app = bolt(slack)

    @app.command("/maintenance")
    async def open_modal(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=VIEW)

    @app.options("host_pick")
    async def options(ack: AsyncAck, payload: dict[str, Any]) -> None:
        await ack(options=[{"text": P | {"text": payload["value"] or "compute-07"}, "value": "compute-07"}])

    @app.action("host_pick")
    @app.action("plan_approve")
    async def acted(ack: AsyncAck) -> None:
        await ack()

    @app.view("maint_new")
    @app.view_closed("maint_new")
    async def viewed(ack: AsyncAck) -> None:
        await ack()

    @app.event("app_mention")
    @app.event("app_home_opened")
    @app.event("subteam_members_changed")
    async def heard(ack: AsyncAck) -> None:
        await ack()

    async with connected(app, slack):
        yield app


def sent(slack: Served, kind: str) -> dict[str, Any]:
    [frame] = [f for f in slack.sockets.frames if f["payload"].get("type", f["type"]) == kind]
    return frame


def same(frame: dict[str, Any], name: str, *, closed: set[str], extra: Iterable[str] = ()) -> None:
    expected = shape(sample(f"socket/{name}"), closed=frozenset(closed))
    assert shape(frame, closed=frozenset(closed)) - set(extra) == expected


async def test_a_slash_command_has_slacks_keys(ws: Workspace, slack: Served, app: AsyncApp) -> None:
    await ws.type_command("U0ALICE", "#ops", "/maintenance")
    same(sent(slack, "slash_commands"), "slash_commands.json", closed=set())
    assert sent(slack, "slash_commands")["accepts_response_payload"] is True


async def test_a_click_in_a_threaded_message_has_slacks_keys(ws: Workspace, slack: Served, app: AsyncApp) -> None:
    root = await app.client.chat_postMessage(channel="C0OPS", text="root")
    await app.client.chat_postMessage(channel="C0OPS", text="x", blocks=CARD, thread_ts=root["ts"])
    [card] = ws.thread("C0OPS", root["ts"])
    await ws.click("U0ALICE", card, action_id="plan_approve")
    frame = sent(slack, "block_actions")
    newer = {".payload.message.bot_profile"}
    same(frame, "interactive.block_actions_message.json", closed={"blocks", "bot_profile", "values"}, extra=newer)


async def test_a_modals_whole_life_has_slacks_keys(ws: Workspace, slack: Served, app: AsyncApp) -> None:
    await ws.type_command("U0ALICE", "#ops", "/maintenance")
    view = await ws.until(lambda: ws.modal("U0ALICE"))
    await ws.choose("U0ALICE", view, "compute-07", action_id="host_pick")
    await ws.submit("U0ALICE", view)
    await ws.type_command("U0ALICE", "#ops", "/maintenance")
    await ws.until(lambda: ws.modal("U0ALICE"))
    await ws.close_view("U0ALICE")
    closed = {"blocks", "values"}
    same(sent(slack, "block_suggestion"), "interactive.block_suggestion.json", closed=closed)
    same(sent(slack, "block_actions"), "interactive.block_actions_modal.json", closed=closed)
    same(sent(slack, "view_submission"), "interactive.view_submission.json", closed=closed)
    same(sent(slack, "view_closed"), "interactive.view_closed.json", closed=closed)


async def test_events_have_slacks_keys(ws: Workspace, slack: Served, app: AsyncApp) -> None:
    home = {"type": "home", "blocks": CARD}
    await app.client.views_publish(user_id="U0ALICE", view=home)
    await ws.open_home("U0ALICE")
    await ws.say("U0ALICE", "#ops", "@muster status")
    ws.change_group("S0SRE", ("U0BOB", "U0DAVE"))
    await ws.until(lambda: len(slack.sockets.frames) == 3)
    by_type = {f["payload"]["event"]["type"]: f for f in slack.sockets.frames}
    same(by_type["app_home_opened"], "events_api.app_home_opened.json", closed={"blocks", "values"})
    mention = by_type["app_mention"]
    missing = {".payload.event.client_msg_id"}
    expected = shape(sample("socket/events_api.app_mention_retry.json"), closed=frozenset({"blocks"}))
    assert shape(mention, closed=frozenset({"blocks"})) == expected - missing
    changed = shape(by_type["subteam_members_changed"]["payload"])
    assert changed == shape(sample("subteam_members_changed.json"))


async def test_an_ephemeral_message_is_not_repeated_in_the_click(ws: Workspace, slack: Served, app: AsyncApp) -> None:
    await app.client.chat_postEphemeral(channel="C0OPS", user="U0ALICE", text="x", blocks=CARD)
    [private] = ws.ephemerals("U0ALICE")
    with pytest.raises(PermissionError):
        await ws.click("U0BOB", private, action_id="plan_approve")
    await ws.click("U0ALICE", private, action_id="plan_approve")
    payload = sent(slack, "block_actions")["payload"]
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    assert payload["response_url"]

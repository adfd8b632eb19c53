"""The page's own addresses: what each user gets to see, and the verbs behind its buttons."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck

from bot.demo.page import Scenario
from bot.demo.server import Served, serve
from bot.demo.workspace.workspace import Workspace
from tests.demo.conftest import bolt, connected, page_state


@pytest.fixture
async def browser(slack: Served) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(slack.url) as session:
        yield session


def texts(seen: dict[str, Any], channel: str) -> list[str]:
    [found] = [c for c in seen["channels"] if c["id"] == channel]
    return [m["text"] for m in found["messages"]]


async def test_the_page_and_its_files_are_served_and_nothing_else(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/") as answer:
        html = await answer.text()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "http://" not in html
    assert "https://" not in html
    for name in ("page.js", "blocks.js", "mrkdwn.js", "page.css"):
        async with browser.get(f"/_page/static/{name}") as answer:
            assert answer.status == 200
    for name in ("server.py", "..%2Fserver.py", "none.js"):
        async with browser.get(f"/_page/static/{name}") as answer:
            assert answer.status == 404


async def test_each_user_sees_their_own_channels_and_ephemerals(ws: Workspace, browser: aiohttp.ClientSession) -> None:
    ws.add_message("C0OPS", author="U0MUSTER", text="to all")
    ws.add_message("C0OPS", author="U0MUSTER", text="to Alice", visible_to="U0ALICE")
    alice, bob, guest = [await page_state(browser, user) for user in ("U0ALICE", "U0BOB", "U0GUEST")]
    assert texts(alice, "C0OPS") == ["to all", "to Alice"]
    assert texts(bob, "C0OPS") == ["to all"]
    assert "G0SECRET" in {c["id"] for c in bob["channels"]}
    assert "G0SECRET" not in {c["id"] for c in alice["channels"]}
    assert {c["id"] for c in guest["channels"]} == {"C0OPS"}


async def test_commands_messages_and_clicks_go_through_the_page(
    ws: Workspace, slack: Served, browser: aiohttp.ClientSession
) -> None:
    app, clicks = bolt(slack), []

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck, command: dict[str, Any]) -> None:
        await ack(f"Surveying {command['text']}")

    @app.action("go")
    async def go(ack: AsyncAck, body: dict[str, Any]) -> None:
        clicks.append(body["user"]["id"])
        await ack()

    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    card = ws.add_message("C0OPS", author="U0MUSTER", text="card", blocks=[{"type": "actions", "elements": [button]}])
    block = card.blocks[0]["block_id"]

    async def act(verb: str, **body: object) -> dict[str, Any]:
        async with browser.post(f"/_page/act/{verb}", json=body) as answer:
            said: dict[str, Any] = await answer.json()
        return said

    async with connected(app, slack):
        typed = await act("command", user="U0ALICE", channel="C0OPS", line="/evacuate prod/x")
        said = await act("say", user="U0ALICE", channel="C0OPS", text="hello", thread_ts=card.ts)
        place = {"channel": "C0OPS", "ts": card.ts, "block_id": block, "action_id": "go"}
        clicked = await act("click", user="U0BOB", **place)
        strange = await act("click", user="U0BOB", **(place | {"ts": "1.000001"}))
        outside = await act("say", user="U0GUEST", channel="C0INCIDENT", text="hello")
    assert typed == {"ok": True, "error": ""}
    assert [m.text for m in ws.ephemerals("U0ALICE")] == ["Surveying prod/x"]
    assert said["ok"]
    assert [m.text for m in ws.thread("C0OPS", card.ts)] == ["hello"]
    assert clicked == {"ok": True, "error": ""}
    assert clicks == ["U0BOB"]
    assert strange == {"ok": False, "error": "the message is gone"}
    assert outside == {"ok": False, "error": "U0GUEST is not in C0INCIDENT"}


async def test_another_sites_page_cannot_act(browser: aiohttp.ClientSession) -> None:
    body = {"user": "U0ALICE", "channel": "C0OPS", "text": "x"}
    async with browser.post("/_page/act/say", json=body, headers={"Origin": "https://example.com"}) as answer:
        assert answer.status == 403
    async with browser.post("/_page/act/say", data=body) as answer:
        assert answer.status == 403


async def test_a_change_is_told_at_once(ws: Workspace, browser: aiohttp.ClientSession) -> None:
    async with browser.ws_connect("/_page/live") as live:
        first = await live.receive_json()
        ws.add_message("C0OPS", author="U0ALICE", text="x")
        second = await live.receive_json()
    assert second["revision"] > first["revision"]


async def test_scenario_buttons_run_what_the_demo_registered(ws: Workspace) -> None:
    ran = []

    async def kill() -> None:
        ran.append("killed")

    scenario = Scenario(name="Kill compute-3", description="It loses power", run=kill)
    async with serve(ws, scenarios=[scenario]) as slack, aiohttp.ClientSession(slack.url) as browser:
        shown = (await page_state(browser, "U0ALICE"))["scenarios"]
        async with browser.post("/_page/scenario", json={"name": "Kill compute-3"}) as answer:
            assert answer.status == 200
        async with browser.post("/_page/scenario", json={"name": "Kill everything"}) as answer:
            assert answer.status == 404
    assert shown == [{"name": "Kill compute-3", "description": "It loses power"}]
    assert ran == ["killed"]


def test_it_knows_every_emoji_that_the_bot_writes() -> None:
    root = Path(__file__).parents[2] / "bot"
    known = set(re.findall(r"(\w+): \"", (root / "demo" / "static" / "mrkdwn.js").read_text()))
    views = "".join(path.read_text() for path in (root / "slack" / "views").rglob("*.py"))
    assert set(re.findall(r":([a-z][a-z_]{2,30}):", views)) <= known

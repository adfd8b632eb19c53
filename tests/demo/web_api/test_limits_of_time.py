"""What Slack allows only for a while or only so often: triggers, response URLs, calls a minute, connections."""

import contextlib
from collections.abc import Awaitable
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served, serve
from bot.demo.workspace.workspace import Workspace, standard_workspace
from tests.clocks import ManualClock
from tests.demo.conftest import EVERYTHING

SECTION = [{"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}]
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": SECTION}
ASKING: dict[str, Any] = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "T"},
    "submit": {"type": "plain_text", "text": "Go"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "why"},
        }
    ],
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ws(clock: ManualClock) -> Workspace:
    return standard_workspace(clock=clock, app=EVERYTHING)


async def error_of(call: Awaitable[object]) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_trigger_lives_three_seconds_and_opens_one_modal(
    ws: Workspace, client: AsyncWebClient, clock: ManualClock
) -> None:
    fresh, late = ws.views.issue_trigger("U0ALICE"), ws.views.issue_trigger("U0ALICE")
    await client.views_open(trigger_id=fresh, view=MODAL)
    assert await error_of(client.views_open(trigger_id=fresh, view=MODAL)) == "exchanged_trigger_id"
    await clock.pass_time(3.1)
    assert await error_of(client.views_open(trigger_id=late, view=MODAL)) == "expired_trigger_id"


async def test_three_modals_lie_upon_each_other_and_no_fourth(ws: Workspace, client: AsyncWebClient) -> None:
    await client.views_open(trigger_id=ws.views.issue_trigger("U0ALICE"), view=MODAL)
    for _ in range(2):
        await client.views_push(trigger_id=ws.views.issue_trigger("U0ALICE"), view=MODAL)
    pushed = client.views_push(trigger_id=ws.views.issue_trigger("U0ALICE"), view=MODAL)
    assert await error_of(pushed) == "push_limit_reached"


async def test_a_view_is_rewritten_only_from_the_state_that_the_writer_knows(
    ws: Workspace, client: AsyncWebClient
) -> None:
    opened = (await client.views_open(trigger_id=ws.views.issue_trigger("U0ALICE"), view=MODAL))["view"]
    await client.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL)
    stale = client.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL)
    assert await error_of(stale) == "hash_conflict"


async def test_two_views_cannot_share_an_external_id_and_none_is_larger_than_250_kb(
    ws: Workspace, client: AsyncWebClient
) -> None:
    named = MODAL | {"external_id": "plan-1"}
    await client.views_open(trigger_id=ws.views.issue_trigger("U0ALICE"), view=named)
    again = client.views_open(trigger_id=ws.views.issue_trigger("U0BOB"), view=named)
    assert await error_of(again) == "duplicate_external_id"
    large = MODAL | {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 90}
    too_large = client.views_open(trigger_id=ws.views.issue_trigger("U0BOB"), view=large)
    assert await error_of(too_large) == "view_too_large"


async def test_what_was_typed_survives_a_rewrite_that_keeps_the_ids(ws: Workspace, client: AsyncWebClient) -> None:
    opened = (await client.views_open(trigger_id=ws.views.issue_trigger("U0ALICE"), view=ASKING))["view"]
    await ws.fill("U0ALICE", {"why": "fan"})
    kept = await client.views_update(view_id=opened["id"], view=ASKING)
    assert kept["view"]["state"]["values"]["reason"]["why"]["value"] == "fan"
    other = ASKING | {"blocks": [ASKING["blocks"][0] | {"block_id": "reason-2"}]}
    lost = await client.views_update(view_id=opened["id"], view=other)
    assert lost["view"]["state"]["values"] == {"reason-2": {"why": {"type": "plain_text_input", "value": None}}}


async def test_a_response_url_works_five_times_within_half_an_hour(
    ws: Workspace, slack: Served, clock: ManualClock
) -> None:
    url = ws.response_urls.mint("commands", user="U0ALICE", channel="C0OPS")
    old = ws.response_urls.mint("commands", user="U0ALICE", channel="C0OPS")
    async with aiohttp.ClientSession() as session:
        answers = []
        for number in range(6):
            async with session.post(url, json={"text": f"answer {number}"}) as answer:
                answers.append((answer.status, await answer.text()))
        await clock.pass_time(1801)
        async with session.post(old, json={"text": "late"}) as answer:
            late = (answer.status, await answer.text())
    assert answers == [(200, "ok")] * 5 + [(404, "used_url")]
    assert late == (404, "expired_url")
    assert [m.text for m in ws.ephemerals("U0ALICE")] == [f"answer {n}" for n in range(5)]


async def test_a_response_url_can_speak_to_the_whole_channel_replace_and_delete(ws: Workspace, slack: Served) -> None:
    card = ws.add_message("C0OPS", author="U0MUSTER", text="card", blocks=SECTION)
    url = ws.response_urls.mint("actions", user="U0ALICE", channel="C0OPS", original=card)
    async with aiohttp.ClientSession() as session:
        await session.post(url, json={"text": "to all", "response_type": "in_channel"})
        await session.post(url, json={"text": "rewritten", "replace_original": True})
        assert [m.text for m in ws.channel_messages("C0OPS")] == ["rewritten", "to all"]
        await session.post(url, json={"delete_original": True})
    assert [m.text for m in ws.channel_messages("C0OPS")] == ["to all"]


async def test_posts_to_one_channel_are_limited_to_one_a_second_after_a_short_burst(
    client: AsyncWebClient, clock: ManualClock
) -> None:
    for _ in range(5):
        await client.chat_postMessage(channel="C0OPS", text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C0OPS", text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    assert caught.value.response["error"] == "ratelimited"
    await client.chat_postMessage(channel="C0INCIDENT", text="elsewhere it is fine")
    await clock.pass_time(1)
    await client.chat_postMessage(channel="C0OPS", text="x")
    assert await error_of(client.chat_postMessage(channel="C0OPS", text="x")) == "ratelimited"


async def test_updates_are_limited_to_fifty_a_minute_for_the_whole_workspace(
    ws: Workspace, client: AsyncWebClient, clock: ManualClock
) -> None:
    ts = ws.add_message("C0OPS", author="U0MUSTER", text="card").ts
    done = 0
    for _ in range(60):
        for _ in range(2):
            with contextlib.suppress(SlackApiError):
                await client.chat_update(channel="C0OPS", ts=ts, text="progress")
                done += 1
        await clock.pass_time(1)
    assert 60 <= done <= 70


async def test_the_limits_can_be_left_out(ws: Workspace) -> None:
    async with serve(ws, rate_limits=False) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        for _ in range(20):
            await client.chat_postMessage(channel="C0OPS", text="x")
    assert len(ws.channel_messages("C0OPS")) == 20


async def test_a_ticket_is_good_for_one_connection_and_half_a_minute(slack: Served, clock: ManualClock) -> None:
    client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    once = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    late = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(once) as socket:
            hello = await socket.receive_json()
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(once)
        await clock.pass_time(31)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(late)
    assert hello["type"] == "hello"
    assert hello["num_connections"] == 1
    assert hello["connection_info"] == {"app_id": "A0MUSTER"}


async def test_the_eleventh_connection_is_sent_away(slack: Served) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = []
        for _ in range(11):
            address = slack.url.replace("http", "ws") + f"link/?ticket={slack.sockets.ticket()}"
            sockets.append(await session.ws_connect(address))
        frames = [await socket.receive_json() for socket in sockets]
        for socket in sockets:
            await socket.close()
    assert [frame["type"] for frame in frames] == ["hello"] * 10 + ["disconnect"]
    assert frames[-1]["reason"] == "too_many_websockets"
    assert frames[-1]["num_connections"] == 11


async def test_an_old_connection_is_warned_then_asked_to_refresh(ws: Workspace, clock: ManualClock) -> None:
    async with serve(ws, connection_lifetime=60.0) as slack, aiohttp.ClientSession() as session:
        address = slack.url.replace("http", "ws") + f"link/?ticket={slack.sockets.ticket()}"
        async with session.ws_connect(address) as socket:
            await socket.receive_json()
            await clock.pass_time(50)
            warning = await socket.receive_json()
            await clock.pass_time(10)
            refresh = await socket.receive_json()
    assert (warning["type"], warning["reason"]) == ("disconnect", "warning")
    assert (refresh["type"], refresh["reason"]) == ("disconnect", "refresh_requested")

"""Every fault does what its name says, and wears off."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.demo.server import Served, serve
from bot.demo.workspace.workspace import Workspace, standard_workspace
from tests.clocks import ManualClock
from tests.demo.conftest import EVERYTHING, bolt, connected


async def test_a_429_is_overcome_by_the_sdks_retry_handler(
    ws: Workspace, slack: Served, client: AsyncWebClient
) -> None:
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=2))
    slack.faults.rate_limit(1, method="chat.postMessage", times=1)
    await client.chat_postMessage(channel="C0OPS", text="x")
    assert slack.faults.used["rate_limited"] == 1
    assert len(ws.channel_messages("C0OPS")) == 1


async def test_a_server_error_does_nothing(ws: Workspace, slack: Served, client: AsyncWebClient) -> None:
    slack.faults.fail(502, method="chat.*")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C0OPS", text="x")
    assert caught.value.response.status_code == 502
    assert ws.channel_messages("C0OPS") == []
    await client.chat_postMessage(channel="C0OPS", text="x")


async def test_a_lost_reply_leaves_the_message_behind(ws: Workspace, slack: Served, client: AsyncWebClient) -> None:
    client.retry_handlers.clear()
    slack.faults.lose_reply(method="chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C0OPS", text="x")
    assert len(ws.channel_messages("C0OPS")) == 1


async def test_a_named_error_is_answered_once(slack: Served, client: AsyncWebClient) -> None:
    slack.faults.refuse("is_archived", method="chat.postMessage")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C0OPS", text="x")
    assert caught.value.response["error"] == "is_archived"
    await client.chat_postMessage(channel="C0OPS", text="x")


async def test_a_delayed_call_waits_for_the_clock() -> None:
    clock = ManualClock()
    ws = standard_workspace(clock=clock, app=EVERYTHING)
    async with serve(ws) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, timeout=1)
        client.retry_handlers.clear()
        slack.faults.delay(30, method="auth.test")
        with pytest.raises(TimeoutError):
            await client.auth_test()
        client.timeout = 60
        assert (await client.auth_test())["ok"]


async def test_each_call_takes_as_long_as_slack_is_slow_and_one_method_may_be_slower_than_the_others() -> None:
    clock = ManualClock()
    ws = standard_workspace(clock=clock, app=EVERYTHING)
    async with serve(ws) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)

        async def took(call: Coroutine[Any, Any, AsyncSlackResponse]) -> float:
            """How long it takes on Slack's clock, in tenths of a second."""
            began, waiting = clock.monotonic(), asyncio.ensure_future(call)
            async with asyncio.timeout(30):
                while not waiting.done():
                    await asyncio.wait({waiting}, timeout=0.05)
                    if not waiting.done():
                        await clock.pass_time(0.1)
            assert waiting.result()["ok"]
            return clock.monotonic() - began

        slack.faults.delay(0.6, method="usergroups.users.list", times=1_000)
        assert await took(client.usergroups_users_list(usergroup="S0LEADS")) >= 0.6
        assert await took(client.usergroups_users_list(usergroup="S0SRE")) >= 0.6
        assert slack.faults.used["delay"] == 2
        began = clock.monotonic()
        await client.auth_test()
        assert clock.monotonic() == began, "the others take none"
        slack.faults.latency = 0.3
        assert await took(client.auth_test()) >= 0.3


async def test_a_trigger_can_come_too_late(ws: Workspace, client: AsyncWebClient) -> None:
    view = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}]}
    ws.views.expire_next_triggers = 1
    with pytest.raises(SlackApiError) as caught:
        await client.views_open(trigger_id=ws.views.issue_trigger("U0ALICE"), view=view)
    assert caught.value.response["error"] == "expired_trigger_id"
    await client.views_open(trigger_id=ws.views.issue_trigger("U0ALICE"), view=view)


async def test_a_lost_acknowledgement_of_a_click_is_told_to_the_person() -> None:
    clock = ManualClock()
    ws = standard_workspace(clock=clock, app=EVERYTHING)
    async with serve(ws) as slack:
        app, seen = bolt(slack), []

        @app.action("go")
        async def go(ack: AsyncAck) -> None:
            seen.append(1)
            await ack()

        button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
        card = ws.add_message("C0OPS", author="U0MUSTER", text="x", blocks=[{"type": "actions", "elements": [button]}])
        async with connected(app, slack):
            slack.faults.dropped_acks = 1
            click = ws.click("U0ALICE", card.copied(), label="Go")
            waiting = asyncio.ensure_future(click)
            await ws.until(lambda: slack.faults.used["dropped_acks"])
            await clock.pass_time(3)
            result = await waiting
    assert seen == [1]
    assert result.error == "operation_timeout"
    assert "operation_timeout" in ws.ephemerals("U0ALICE")[0].text


async def test_in_an_outage_nothing_gets_through_and_afterwards_the_app_is_back() -> None:
    clock = ManualClock()
    ws = standard_workspace(clock=clock, app=EVERYTHING)
    async with serve(ws) as slack:
        app = bolt(slack)

        @app.command("/evacuate")
        async def evacuate(ack: AsyncAck) -> None:
            await ack("here")

        async with connected(app, slack, ping_interval=1):
            await ws.outage(30)
            during = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
            with pytest.raises(SlackApiError) as caught:
                await app.client.chat_postMessage(channel="C0OPS", text="x")
            await clock.pass_time(31)
            await ws.until(lambda: slack.sockets.connections == 1)
            after = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
    assert during.text == '/evacuate failed with the error "dispatch_failed"'
    assert caught.value.response.status_code == 503
    assert after.text == "here"


async def test_a_closed_account_and_somebody_outside_the_channel_cannot_act(ws: Workspace, slack: Served) -> None:
    for user, channel in (("U0GONE", "#ops"), ("U0GUEST", "#incidents"), ("U0OTHER", "#random")):
        with pytest.raises(PermissionError):
            await ws.type_command(user, channel, "/evacuate x")
    ws.deactivate("U0DAVE")
    ws.kick("C0OPS", "U0CAROL")
    for user in ("U0DAVE", "U0CAROL"):
        with pytest.raises(PermissionError):
            await ws.say(user, "#ops", "hello")


async def test_waiting_in_vain_tells_what_the_workspace_shows(ws: Workspace) -> None:
    ws.add_message("C0OPS", author="U0MUSTER", text="only this")
    with pytest.raises(TimeoutError, match="only this"):
        await ws.until(lambda: False, timeout=0.01)

"""A real Bolt app against the emulated workspace, over Socket Mode."""

import asyncio
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltRequest, AsyncRespond, AsyncSay
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served
from bot.demo.workspace.workspace import Workspace
from tests.demo.conftest import bolt, connected, greeted_again

MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "Evacuate"},
    "submit": {"type": "plain_text", "text": "Go"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "why"},
        }
    ],
}


def buttons(*labels: str) -> list[dict[str, Any]]:
    elements = [
        {"type": "button", "action_id": label.lower(), "value": "op-1", "text": {"type": "plain_text", "text": label}}
        for label in labels
    ]
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Plan*"}},
        {"type": "actions", "block_id": "decide:1", "elements": elements},
    ]


async def test_a_typed_command_reaches_the_app_and_its_acknowledgement_is_shown_to_the_typist_alone(
    ws: Workspace, slack: Served
) -> None:
    app, seen = bolt(slack), []

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck, command: dict[str, Any], say: AsyncSay) -> None:
        seen.append(command)
        await ack("Surveying")

    async with connected(app, slack):
        result = await ws.type_command("U0ALICE", "#ops", "/evacuate prod/compute-2 --reason fan @bob")
    assert result.error == ""
    assert result.text == "Surveying"
    assert [m.text for m in ws.ephemerals("U0ALICE")] == ["Surveying"]
    assert ws.ephemerals("U0BOB") == []
    assert ws.channel_messages("C0OPS") == []
    assert seen[0]["text"] == "prod/compute-2 --reason fan <@U0BOB|bob>"
    assert seen[0]["user_id"] == "U0ALICE"


async def test_an_app_that_is_not_there_makes_the_command_fail_as_in_slack(ws: Workspace, slack: Served) -> None:
    result = await ws.type_command("U0ALICE", "#ops", "/evacuate prod/compute-2")
    assert result.text == '/evacuate failed with the error "dispatch_failed"'


async def test_a_command_acknowledged_too_late_fails_for_the_person_though_the_app_works_on(
    ws: Workspace, slack: Served
) -> None:
    app, release, done = bolt(slack), asyncio.Event(), asyncio.Event()

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck) -> None:
        await release.wait()
        await ack("too late")
        done.set()

    async with connected(app, slack):
        result = await ws.type_command("U0ALICE", "#ops", "/evacuate x")
        release.set()
        await done.wait()
    assert result.text == '/evacuate failed with the error "operation_timeout"'
    assert len(ws.ephemerals("U0ALICE")) == 1


async def test_a_click_carries_the_stored_message_and_the_response_url_replaces_it(
    ws: Workspace, slack: Served
) -> None:
    app, seen = bolt(slack), []

    @app.action("approve")
    async def approve(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        seen.append(body)
        await respond(text="Approved", replace_original=True)

    async with connected(app, slack):
        await app.client.chat_postMessage(channel="C0OPS", text="Plan", blocks=buttons("Approve", "Reject"))
        [card] = ws.channel_messages("C0OPS")
        assert card.buttons == ["Approve", "Reject"]
        result = await ws.click("U0BOB", card, label="Approve")
        await ws.until(lambda: ws.channel_messages("C0OPS")[0].text == "Approved")
    assert result.error == ""
    assert seen[0]["actions"][0]["value"] == "op-1"
    assert seen[0]["message"]["ts"] == card.ts
    assert seen[0]["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": "C0OPS",
        "is_ephemeral": False,
    }
    assert ws.channel_messages("C0OPS")[0].blocks == []


async def test_a_click_on_an_old_copy_sends_the_old_button_with_the_message_of_now(
    ws: Workspace, slack: Served
) -> None:
    app, seen = bolt(slack), []

    @app.action("approve")
    async def approve(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body)

    async with connected(app, slack):
        posted = await app.client.chat_postMessage(channel="C0OPS", text="Plan", blocks=buttons("Approve"))
        [old] = ws.channel_messages("C0OPS")
        await app.client.chat_update(channel="C0OPS", ts=posted["ts"], text="Done")
        await ws.click("U0BOB", old, action_id="approve")
    assert seen[0]["actions"][0]["block_id"] == "decide:1"
    assert seen[0]["message"]["text"] == "Done"


def modal_app(slack: Served, seen: list[Any]) -> AsyncApp:
    app = bolt(slack)

    @app.command("/maintenance")
    async def ask(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("ask")
    async def submitted(ack: AsyncAck, view: dict[str, Any]) -> None:
        why = view["state"]["values"]["reason"]["why"]["value"]
        seen.append(why)
        if why == "because":
            await ack(response_action="errors", errors={"reason": "Say more"})
        else:
            await ack()

    @app.view_closed("ask")
    async def closed(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body["is_cleared"])

    return app


async def test_a_modal_is_filled_in_refused_corrected_and_closed(ws: Workspace, slack: Served) -> None:
    seen: list[Any] = []
    async with connected(modal_app(slack, seen), slack):
        await ws.type_command("U0ALICE", "#ops", "/maintenance")
        view = await ws.until(lambda: ws.modal("U0ALICE"))
        empty = await ws.submit("U0ALICE", view)
        refused = await ws.submit("U0ALICE", view, {"why": "because"})
        taken = await ws.submit("U0ALICE", view, {"Reason": "fan broken"})
    assert empty.errors == {"reason": "Please complete this required field."}
    assert refused.errors == {"reason": "Say more"}
    assert refused.view is not None
    assert refused.view.values["reason"]["why"]["value"] == "because"
    assert taken.view is None
    assert seen == ["because", "fan broken"]


async def test_cancelling_a_modal_tells_the_app(ws: Workspace, slack: Served) -> None:
    seen: list[Any] = []
    async with connected(modal_app(slack, seen), slack):
        await ws.type_command("U0ALICE", "#ops", "/maintenance")
        await ws.until(lambda: ws.modal("U0ALICE"))
        await ws.close_view("U0ALICE")
    assert ws.modal("U0ALICE") is None
    assert seen == [False]


async def test_a_mention_and_an_opened_home_arrive_as_events(ws: Workspace, slack: Served) -> None:
    app, seen = bolt(slack), []

    @app.event("app_mention")
    async def mention(event: dict[str, Any]) -> None:
        seen.append(event["text"])
        ws.changed()

    @app.event("app_home_opened")
    async def home(event: dict[str, Any], client: AsyncWebClient) -> None:
        text = {"type": "mrkdwn", "text": "*Open plans*"}
        await client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [{"type": "section", "text": text}]}
        )

    async with connected(app, slack):
        await ws.say("U0ALICE", "#ops", "@muster status")
        await ws.until(lambda: seen == ["<@U0MUSTER> status"])
        await ws.open_home("U0ALICE")
        view = await ws.until(lambda: ws.home("U0ALICE"))
    assert view.blocks[0]["text"]["text"] == "*Open plans*"


async def test_a_group_change_is_told_with_who_came_and_who_went(ws: Workspace, slack: Served) -> None:
    app, seen = bolt(slack), []

    @app.event("subteam_members_changed")
    async def changed(event: dict[str, Any]) -> None:
        seen.append((event["added_users"], event["removed_users"]))
        ws.changed()

    async with connected(app, slack):
        ws.change_group("S0LEADS", ("U0CAROL", "U0ALICE"))
        await ws.until(lambda: seen)
    assert seen == [(["U0ALICE"], ["U0BOB"])]


async def test_an_event_whose_acknowledgement_is_lost_comes_again_with_a_retry_mark(
    ws: Workspace, slack: Served
) -> None:
    app, seen = bolt(slack), []

    @app.event("app_mention")
    async def mention(body: dict[str, Any], request: AsyncBoltRequest) -> None:
        seen.append((body["event_id"], request.headers.get("x-slack-retry-num")))
        ws.changed()

    async with connected(app, slack):
        slack.faults.dropped_acks = 1
        await ws.say("U0ALICE", "#ops", "@muster status")
        await ws.until(lambda: len(seen) == 2)
    (first, no_retry), (second, retry) = seen
    assert first == second
    assert (no_retry, retry) == (["0"], ["1"])


async def test_a_doubled_delivery_runs_the_listener_twice(ws: Workspace, slack: Served) -> None:
    app, seen = bolt(slack), []

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body["trigger_id"])
        ws.changed()

    async with connected(app, slack):
        slack.faults.duplicate(1, copies=3)
        await ws.type_command("U0ALICE", "#ops", "/evacuate x")
        await ws.until(lambda: len(seen) == 3)
    assert len(set(seen)) == 1


async def test_a_held_delivery_is_overtaken_by_the_next(ws: Workspace, slack: Served) -> None:
    app, seen = bolt(slack), []

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck, command: dict[str, Any]) -> None:
        seen.append(command["text"])
        await ack()

    async with connected(app, slack):
        slack.faults.held = 1
        first = asyncio.ensure_future(ws.type_command("U0ALICE", "#ops", "/evacuate first"))
        await asyncio.sleep(0)
        await ws.type_command("U0ALICE", "#ops", "/evacuate second")
        await first
    assert seen == ["second", "first"]


async def test_the_app_comes_back_after_a_refresh_and_after_a_broken_connection(ws: Workspace, slack: Served) -> None:
    app = bolt(slack)

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck) -> None:
        await ack("here")

    async with connected(app, slack):
        for reason in ("warning", "refresh_requested", ""):
            greeted = slack.sockets.greeted
            await slack.disconnect(reason)
            await greeted_again(slack, greeted)
            await ws.until(lambda: slack.sockets.connections == 1)
            assert (await ws.type_command("U0ALICE", "#ops", "/evacuate x")).text == "here"


async def test_a_command_in_a_thread_or_with_an_unknown_name_never_reaches_the_app(
    ws: Workspace, slack: Served
) -> None:
    threaded = await ws.type_command("U0ALICE", "#ops", "/evacuate x", thread_ts="1.000001")
    unknown = await ws.type_command("U0ALICE", "#ops", "/explode x")
    assert threaded.text == "/evacuate is not supported in threads. Sorry!"
    assert unknown.text == "`/explode` is not a valid command."
    assert slack.sockets.frames == []

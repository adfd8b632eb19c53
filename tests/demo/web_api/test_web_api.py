"""The Web API through the real slack_sdk client, held against Slack's own method definitions."""

import json
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served
from bot.demo.web_api.endpoint import CONNECT, HANDLERS, reference
from bot.demo.web_api.errors import COMMON_ERRORS
from bot.demo.workspace.workspace import Workspace

SECTION = [{"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}]
MODAL = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": SECTION}
HOME = {"type": "home", "blocks": SECTION}


async def refused(client: AsyncWebClient, method: str, **args: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await client.api_call(method, params={k: v if isinstance(v, str) else json.dumps(v) for k, v in args.items()})
    error = str(caught.value.response["error"])
    assert error in reference()[method]["errors"] or error in COMMON_ERRORS
    return error


def good_arguments(ws: Workspace) -> dict[str, dict[str, Any]]:
    """A call of every method that must succeed."""
    own = ws.add_message("C0OPS", author="U0MUSTER", text="mine").ts
    doomed = ws.add_message("C0OPS", author="U0MUSTER", text="doomed").ts
    ws.views.open("U0BOB", MODAL)
    opened = ws.views.open("U0ALICE", MODAL)
    file = ws.new_file("report.txt")
    file.content = b"text"
    return {
        "auth.test": {},
        "chat.postMessage": {"channel": "C0OPS", "text": "hello", "blocks": SECTION},
        "chat.update": {"channel": "C0OPS", "ts": own, "text": "new"},
        "chat.delete": {"channel": "C0OPS", "ts": doomed},
        "chat.postEphemeral": {"channel": "C0OPS", "user": "U0ALICE", "text": "psst"},
        "chat.getPermalink": {"channel": "C0OPS", "message_ts": own},
        "conversations.info": {"channel": "C0OPS"},
        "conversations.list": {"types": "public_channel,private_channel"},
        "conversations.members": {"channel": "C0OPS"},
        "conversations.history": {"channel": "C0OPS"},
        "conversations.replies": {"channel": "C0OPS", "ts": own},
        "conversations.join": {"channel": "C0RANDOM"},
        "conversations.open": {"users": "U0ALICE"},
        "users.info": {"user": "U0ALICE"},
        "users.list": {},
        "users.lookupByEmail": {"email": "alice@example.com"},
        "usergroups.list": {"include_users": "true", "include_count": "true"},
        "usergroups.users.list": {"usergroup": "S0SRE"},
        "views.open": {"trigger_id": ws.views.issue_trigger("U0CAROL"), "view": MODAL},
        "views.push": {"trigger_id": ws.views.issue_trigger("U0BOB"), "view": MODAL},
        "views.update": {"view_id": opened.id, "view": MODAL},
        "views.publish": {"user_id": "U0ALICE", "view": HOME},
        "reactions.add": {"channel": "C0OPS", "name": "eyes", "timestamp": own},
        "pins.add": {"channel": "C0OPS", "timestamp": own},
        "files.getUploadURLExternal": {"length": "4", "filename": "a.txt"},
        "files.completeUploadExternal": {"files": [{"id": file.id, "title": "Report"}], "channel_id": "C0OPS"},
        "blocks.validate": {"blocks": SECTION},
    }


@pytest.mark.parametrize("method", sorted(HANDLERS))
async def test_every_method_answers_with_the_keys_of_slacks_own_example(
    ws: Workspace, client: AsyncWebClient, method: str
) -> None:
    args = good_arguments(ws)[method]
    answer = await client.api_call(
        method, params={k: v if isinstance(v, str) else json.dumps(v) for k, v in args.items()}
    )
    example = reference()[method]["examples"]["success"]["example"]
    optional = {"response_metadata", "has_more", "pin_count", "warning", "cache_ts"}
    assert set(example) - optional <= set(answer.data)
    assert answer["ok"] is True


@pytest.mark.parametrize("method", sorted(HANDLERS))
async def test_every_missing_required_argument_is_refused(ws: Workspace, client: AsyncWebClient, method: str) -> None:
    required = set(reference()[method]["args"].get("required") or []) - {"token"}
    for missing in sorted(required):
        args = {k: v for k, v in good_arguments(ws)[method].items() if k != missing}
        assert await refused(client, method, **args) in {"invalid_arguments", "missing_argument"}


NO_LINE = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": "G0SECRET", "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": "C0RANDOM", "text": "x"}, "not_in_channel"),
    ("chat.postMessage", {"channel": "C0OPS"}, "no_text"),
    ("chat.postMessage", {"channel": "C0OPS", "text": "x", "blocks": "{"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": "C0OPS", "text": "x", "blocks": [NO_LINE]}, "invalid_blocks"),
    ("chat.postMessage", {"channel": "C0OPS", "text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
    ("chat.postMessage", {"channel": "C0OPS", "text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
    ("chat.postMessage", {"channel": "C0OPS", "text": "x", "thread_ts": "1.000001"}, "cannot_reply_to_message"),
    ("chat.update", {"channel": "C0OPS", "ts": "1.000001", "text": "x"}, "message_not_found"),
    ("chat.delete", {"channel": "C0OPS", "ts": "1.000001"}, "message_not_found"),
    ("chat.postEphemeral", {"channel": "C0INCIDENT", "user": "U0GUEST", "text": "x"}, "user_not_in_channel"),
    ("chat.postEphemeral", {"channel": "C0RANDOM", "user": "U0ALICE", "text": "x"}, "not_in_channel"),
    ("chat.getPermalink", {"channel": "C0OPS", "message_ts": "1.000001"}, "message_not_found"),
    ("conversations.info", {"channel": "G0SECRET"}, "channel_not_found"),
    ("conversations.list", {"types": "everything"}, "invalid_types"),
    ("conversations.list", {"cursor": "???"}, "invalid_cursor"),
    ("conversations.members", {"channel": "C0OPS", "limit": "5000"}, "invalid_limit"),
    ("conversations.history", {"channel": "C0RANDOM"}, "not_in_channel"),
    ("conversations.history", {"channel": "C0OPS", "oldest": "soon"}, "invalid_ts_oldest"),
    ("conversations.replies", {"channel": "C0OPS", "ts": "1.000001"}, "thread_not_found"),
    ("conversations.join", {"channel": "G0LEADS"}, "method_not_supported_for_channel_type"),
    ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
    ("conversations.open", {"users": "U0GONE"}, "user_disabled"),
    ("conversations.open", {}, "users_list_not_supplied"),
    ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
    ("users.lookupByEmail", {"email": "gone@example.com"}, "users_not_found"),
    ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
    ("views.open", {"trigger_id": "1.2.abc", "view": MODAL}, "invalid_trigger_id"),
    ("views.open", {"view": MODAL}, "invalid_arguments"),
    ("views.open", {"trigger_id": "1.2.abc", "view": HOME}, "invalid_arguments"),
    ("views.update", {"view_id": "V0NONE", "view": MODAL}, "not_found"),
    ("views.publish", {"user_id": "U0ALICE", "view": MODAL}, "invalid_arguments"),
    ("reactions.add", {"channel": "C0OPS", "name": "eyes", "timestamp": "1.000001"}, "message_not_found"),
    ("pins.add", {"channel": "C0OPS"}, "no_item_specified"),
    ("files.completeUploadExternal", {"files": [{"id": "F0NONE"}]}, "file_not_found"),
    ("blocks.validate", {}, "invalid_arguments"),
    ("blocks.validate", {"blocks": [NO_LINE]}, "invalid_blocks"),
]


@pytest.mark.parametrize(("method", "args", "error"), REFUSALS)
async def test_a_wrong_call_is_refused_with_an_error_that_slack_lists(
    client: AsyncWebClient, method: str, args: dict[str, Any], error: str
) -> None:
    assert await refused(client, method, **args) == error


async def test_invalid_blocks_are_explained_in_slacks_words(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C0OPS", text="x", blocks=[NO_LINE])
    sentence = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    assert caught.value.response["errors"] == [sentence]
    assert caught.value.response["response_metadata"]["messages"] == [f"[ERROR] {sentence}"]


@pytest.mark.parametrize("encoding", ["get", "query", "form", "json"])
async def test_arguments_are_understood_in_every_encoding(slack: Served, encoding: str) -> None:
    args = {"channel": "C0OPS", "text": "hello", "blocks": json.dumps(SECTION)}
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    url = slack.api_url + "chat.postMessage"
    async with aiohttp.ClientSession(headers=headers) as session:
        sent = {
            "get": lambda: session.get(url, params=args),
            "query": lambda: session.post(url, params=args),
            "form": lambda: session.post(url, data=args),
            "json": lambda: session.post(url, json=args | {"blocks": SECTION}),
        }[encoding]()
        async with sent as answer:
            assert (await answer.json())["message"]["blocks"][0]["text"]["verbatim"] is False


async def test_a_json_body_is_ignored_where_slack_takes_none(slack: Served) -> None:
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(slack.api_url + "conversations.info", json={"channel": "C0OPS"}) as answer,
    ):
        assert (await answer.json())["error"] == "invalid_arguments"


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        ("xapp-demo-muster", "auth.test", "not_allowed_token_type"),
        ("xoxb-demo-muster", CONNECT, "not_allowed_token_type"),
        ("xoxb-demo-muster", "chat.shout", "unknown_method"),
    ],
)
async def test_tokens_are_checked(slack: Served, token: str, method: str, error: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(slack.api_url + method, data={"token": token}) as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["error"] == error


async def test_a_scope_that_was_not_granted_is_named(ws: Workspace, client: AsyncWebClient) -> None:
    ws.app = ws.app.with_scopes("chat:write", "channels:read")
    with pytest.raises(SlackApiError) as caught:
        await client.usergroups_list()
    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "usergroups:read"
    assert caught.value.response["provided"] == "chat:write,channels:read"
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_info(channel="G0LEADS")
    assert caught.value.response["needed"] == "groups:read"


async def test_each_kind_of_account_carries_its_marks(client: AsyncWebClient) -> None:
    guest = (await client.users_info(user="U0GUEST"))["user"]
    gone = (await client.users_info(user="U0GONE"))["user"]
    bot = (await client.users_info(user="U0MUSTER"))["user"]
    other = (await client.users_info(user="U0OTHER"))["user"]
    assert guest["is_restricted"]
    assert gone["deleted"]
    assert bot["is_bot"]
    assert (other["team_id"], other["is_stranger"]) == ("T0ELSEWHERE", True)
    listed = {user["id"] for user in (await client.users_list())["members"]}
    assert "U0OTHER" not in listed
    assert {"U0GUEST", "U0GONE"} <= listed


async def test_the_email_is_hidden_without_its_scope(ws: Workspace, client: AsyncWebClient) -> None:
    assert (await client.users_info(user="U0ALICE"))["user"]["profile"]["email"] == "alice@example.com"
    ws.app = ws.app.with_scopes("users:read")
    assert "email" not in (await client.users_info(user="U0ALICE"))["user"]["profile"]


async def test_lists_come_in_pages(client: AsyncWebClient) -> None:
    seen: list[str] = []
    async for page in await client.users_list(limit=3):
        seen += [user["id"] for user in page["members"]]
    assert len(seen) == len(set(seen)) == 8


async def test_a_thread_counts_its_replies_and_shows_a_broadcast_one_in_the_channel(
    ws: Workspace, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="C0OPS", text="root"))["ts"]
    first = await client.chat_postMessage(channel="C0OPS", text="one", thread_ts=root)
    await client.chat_postMessage(channel="C0OPS", text="two", thread_ts=first["ts"], reply_broadcast=True)
    replies = (await client.conversations_replies(channel="C0OPS", ts=root))["messages"]
    assert [m["text"] for m in replies] == ["root", "one", "two"]
    assert replies[0]["reply_count"] == 2
    assert replies[0]["reply_users"] == ["U0MUSTER"]
    assert replies[1]["parent_user_id"] == "U0MUSTER"
    assert replies[2]["subtype"] == "thread_broadcast"
    assert [m.text for m in ws.channel_messages("C0OPS")] == ["root", "two"]
    assert [m.text for m in ws.thread("C0OPS", root)] == ["one", "two"]
    history = (await client.conversations_history(channel="C0OPS"))["messages"]
    assert [m["text"] for m in history] == ["two", "root"]


async def test_an_update_with_text_alone_drops_the_blocks_and_marks_the_message_edited(
    ws: Workspace, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel="C0OPS", text="x", blocks=SECTION)
    [card] = ws.channel_messages("C0OPS")
    assert not card.edited
    await client.chat_update(channel="C0OPS", ts=posted["ts"], text="plain")
    [card] = ws.channel_messages("C0OPS")
    assert card.blocks == []
    assert card.edited


async def test_metadata_is_kept_through_updates_and_shown_only_when_asked_for(client: AsyncWebClient) -> None:
    metadata = {"event_type": "card", "event_payload": {"operation": "op-1"}}
    posted = await client.chat_postMessage(channel="C0OPS", text="x", metadata=metadata)
    await client.chat_update(channel="C0OPS", ts=posted["ts"], text="y")
    plain = (await client.conversations_history(channel="C0OPS"))["messages"][0]
    full = (await client.conversations_history(channel="C0OPS", include_all_metadata=True))["messages"][0]
    assert "metadata" not in plain
    assert full["metadata"] == metadata


async def test_only_own_messages_that_everybody_sees_can_be_rewritten(ws: Workspace, client: AsyncWebClient) -> None:
    theirs = await ws.say("U0ALICE", "#ops", "hello")
    hidden = await client.chat_postEphemeral(channel="C0OPS", user="U0ALICE", text="psst")
    assert await refused(client, "chat.update", channel="C0OPS", ts=theirs.ts, text="x") == "cant_update_message"
    assert await refused(client, "chat.delete", channel="C0OPS", ts=theirs.ts) == "cant_delete_message"
    gone = await refused(client, "chat.update", channel="C0OPS", ts=hidden["message_ts"], text="x")
    assert gone == "message_not_found"
    assert len((await client.conversations_history(channel="C0OPS"))["messages"]) == 1


async def test_long_texts_are_cut_refused_or_too_much_for_the_blocks(client: AsyncWebClient) -> None:
    long = await client.chat_postMessage(channel="C0OPS", text="x" * 40_001)
    assert len(long["message"]["text"]) == 40_000
    assert await refused(client, "chat.update", channel="C0OPS", ts=long["ts"], text="x" * 4001) == "msg_too_long"
    many = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}} for _ in range(5)]
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C0OPS", text="x", blocks=many)
    assert caught.value.response["error"] == "msg_blocks_too_long"


async def test_a_file_is_uploaded_in_three_steps_and_can_be_read_back(ws: Workspace, client: AsyncWebClient) -> None:
    await client.files_upload_v2(channel="C0OPS", content="a,b\n1,2\n", filename="audit.csv", title="Audit")
    [message] = ws.channel_messages("C0OPS")
    [file] = message.body["files"]
    async with aiohttp.ClientSession() as session, session.get(file["url_private"]) as answer:
        assert await answer.text() == "a,b\n1,2\n"


async def test_a_message_to_a_user_id_lands_in_their_direct_conversation(ws: Workspace, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel="U0BOB", text="please look")
    assert (await client.conversations_open(users="U0BOB"))["channel"]["id"] == posted["channel"]
    assert [m.text for m in ws.channel_messages(posted["channel"])] == ["please look"]


async def test_the_second_pin_and_the_second_reaction_are_refused(ws: Workspace, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C0OPS", text="x"))["ts"]
    await client.pins_add(channel="C0OPS", timestamp=ts)
    await client.reactions_add(channel="C0OPS", timestamp=ts, name="eyes")
    assert await refused(client, "pins.add", channel="C0OPS", timestamp=ts) == "already_pinned"
    assert await refused(client, "reactions.add", channel="C0OPS", timestamp=ts, name="eyes") == "already_reacted"


async def test_blocks_validate_points_at_what_is_wrong(client: AsyncWebClient) -> None:
    wrong = [{"type": "section", "text": {"type": "invalid", "text": "x"}}]
    with pytest.raises(SlackApiError) as caught:
        await client.api_call("blocks.validate", json={"blocks": json.dumps(wrong)})
    errors = caught.value.response["errors"]
    assert {e["code"] for e in errors} == {"failed_constraint"}
    assert any(e["pointer"] == "/0/text/type" and e["message"] == "unsupported type: invalid" for e in errors)


async def test_a_deleted_message_with_replies_leaves_a_tombstone_that_takes_more_of_them_and_no_edit(
    ws: Workspace, client: AsyncWebClient
) -> None:
    parent = await client.chat_postMessage(channel="C0OPS", text="card")
    await client.chat_postMessage(channel="C0OPS", text="one", thread_ts=parent["ts"])
    await client.chat_delete(channel="C0OPS", ts=parent["ts"])
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel="C0OPS", ts=parent["ts"], text="again")
    await client.chat_postMessage(channel="C0OPS", text="two", thread_ts=parent["ts"])
    assert [m.plain for m in ws.thread("C0OPS", parent["ts"])] == ["one", "two"]


async def test_in_an_archived_channel_nothing_is_posted_and_nothing_edited(
    ws: Workspace, client: AsyncWebClient
) -> None:
    said = await client.chat_postMessage(channel="C0OPS", text="card")
    ws.archive("C0OPS")
    with pytest.raises(SlackApiError, match="is_archived"):
        await client.chat_postMessage(channel="C0OPS", text="more")
    with pytest.raises(SlackApiError, match="is_inactive"):
        await client.chat_update(channel="C0OPS", ts=said["ts"], text="again")

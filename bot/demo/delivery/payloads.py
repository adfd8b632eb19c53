"""What Slack sends to an app, key by key as in tests/demo/data/envelopes."""

import copy
import secrets
from typing import Any

from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords
from bot.demo.workspace.view_stack import View


def slash_command(
    records: WorkspaceRecords, *, user: str, channel: str, command: str, text: str, response_url: str
) -> Json:
    """The fields of a typed command, without its trigger id."""
    there = records.channels[channel]
    name = "directmessage" if there.is_im else ("privategroup" if there.is_private else there.name)
    return {
        "token": records.app.verification_token,
        "team_id": records.team.id,
        "team_domain": records.team.domain,
        "channel_id": channel,
        "channel_name": name,
        "user_id": user,
        "user_name": records.users[user].name,
        "command": command,
        "text": text,
        "api_app_id": records.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url,
    }


def _frame(records: WorkspaceRecords, kind: str, user: str) -> Json:
    account = records.users[user]
    return {
        "type": kind,
        "team": {"id": records.team.id, "domain": records.team.domain},
        "user": {"id": user, "username": account.name, "name": account.name, "team_id": account.team_id},
        "api_app_id": records.app.id,
        "token": records.app.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def place_in_message(records: WorkspaceRecords, message: PostedMessage) -> Json:
    """Container, channel and message of an interaction with a message. An ephemeral message is not repeated."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.is_ephemeral,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    name = records.channels[message.channel].name or "directmessage"
    place: Json = {"container": container, "channel": {"id": message.channel, "name": name}}
    if not message.is_ephemeral:
        stored = records.message(message.channel, message.ts) or message
        place["message"] = copy.deepcopy({k: v for k, v in stored.body.items() if k != "metadata"})
        if "metadata" in stored.body:
            place["message"]["metadata"] = copy.deepcopy(stored.body["metadata"])
    return place


def block_actions(records: WorkspaceRecords, *, user: str, place: Json, action: Json, values: Json) -> Json:
    """A click or a choice. `place` tells where: in a message or in a view."""
    payload = _frame(records, "block_actions", user) | place
    if "message" in place or "channel" in place:
        payload["state"] = {"values": values}
    payload["actions"] = [action]
    return payload


def action_of(block: Json, element: Json, changed: Json, moment: str) -> Json:
    """One entry of `actions`: the element's marks and what was chosen."""
    action: Json = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    for key in ("text", "value", "style", "confirm", "url", "placeholder"):
        if key in element:
            action[key] = copy.deepcopy(element[key])
    return action | changed | {"action_ts": moment}


def view_place(view: View) -> Json:
    """Container and view of an interaction with a modal or App Home."""
    return {"container": {"type": "view", "view_id": view.id}, "view": copy.deepcopy(view.body)}


def view_submission(records: WorkspaceRecords, *, view: View) -> Json:
    """A submitted modal."""
    return _frame(records, "view_submission", view.user) | {"view": copy.deepcopy(view.body), "response_urls": []}


def view_closed(records: WorkspaceRecords, *, view: View, is_cleared: bool) -> Json:
    """A modal put away by the person."""
    return _frame(records, "view_closed", view.user) | {"view": copy.deepcopy(view.body), "is_cleared": is_cleared}


def block_suggestion(
    records: WorkspaceRecords, *, user: str, place: Json, block: Json, element: Json, typed: str
) -> Json:
    """The question for the options of an external menu."""
    payload = _frame(records, "block_suggestion", user) | place
    payload.pop("message", None)
    return payload | {"action_id": element["action_id"], "block_id": block["block_id"], "value": typed}


def shortcut(records: WorkspaceRecords, *, user: str, callback_id: str, moment: str) -> Json:
    """A global shortcut."""
    return _frame(records, "shortcut", user) | {"callback_id": callback_id, "action_ts": moment}


def event_callback(records: WorkspaceRecords, event: Json) -> Json:
    """An event in its frame."""
    return {
        "token": records.app.verification_token,
        "team_id": records.team.id,
        "context_team_id": records.team.id,
        "context_enterprise_id": None,
        "api_app_id": records.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": "Ev0" + secrets.token_hex(5).upper(),
        "event_time": int(records.seconds()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": records.team.id,
                "user_id": records.app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": "4-" + secrets.token_urlsafe(18),
    }


def said(records: WorkspaceRecords, message: PostedMessage, kind: str) -> Json:
    """A `message` or `app_mention` event for something that a person wrote."""
    event: Json = {key: copy.deepcopy(value) for key, value in message.body.items() if key != "reply_count"}
    event |= {"type": kind, "channel": message.channel, "event_ts": message.ts}
    if kind == "message":
        event["channel_type"] = "im" if records.channels[message.channel].is_im else "channel"
    return event


def moved(records: WorkspaceRecords, *, user: str, channel: str, joined: bool, moment: str) -> Json:
    """The event of somebody who joined a channel, or left it."""
    return {
        "type": "member_joined_channel" if joined else "member_left_channel",
        "user": user,
        "channel": channel,
        "channel_type": "G" if records.channels[channel].is_private else "C",
        "team": records.team.id,
        "event_ts": moment,
    }


def rich_text(text: str) -> list[Json]:
    """The block that Slack makes of what a person types."""
    section: Json = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return [{"type": "rich_text", "elements": [section]}]


def subteam_members_changed(*, team: str, group: str, added: list[str], removed: list[str], moment: str) -> Json:
    """The event of a changed user group."""
    seconds: Any = int(float(moment))
    return {
        "type": "subteam_members_changed",
        "subteam_id": group,
        "team_id": team,
        "date_previous_update": seconds - 60,
        "date_update": seconds,
        "added_users": added,
        "added_users_count": str(len(added)),
        "removed_users": removed,
        "removed_users_count": str(len(removed)),
        "event_ts": moment,
    }

"""chat.*, reactions.add, pins.add and blocks.validate."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.demo.block_kit.block_limits import MESSAGE_BLOCK_CHARACTERS, Complaint, block_characters
from bot.demo.block_kit.blockkit import check_blocks, check_view
from bot.demo.web_api.call import ApiCall, Handler
from bot.demo.web_api.errors import ApiRefusal
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Channel, Json

TEXT_CUT = 40_000
UPDATE_TEXT = 4_000
NO_TEXT_SHOWN = "This content can't be displayed."


def refused(code: str, complaints: Sequence[Complaint]) -> ApiRefusal:
    """The error of blocks or views that Slack does not take."""
    sentences = [complaint.sentence for complaint in complaints]
    if code == "invalid_blocks":
        return ApiRefusal.with_messages(code, sentences, errors=sentences)
    return ApiRefusal.with_messages(code, sentences)


def _content(call: ApiCall) -> tuple[str, list[Json] | None]:
    """Text and blocks of the call, checked. Blocks are None where none were sent."""
    blocks = call.decoded("blocks", "invalid_blocks_format")
    markdown = call.text("markdown_text")
    if markdown and (blocks is not None or call.text("text")):
        raise ApiRefusal("markdown_text_conflict")
    if markdown:
        blocks = [{"type": "markdown", "text": markdown}]
    if blocks is not None and not isinstance(blocks, list):
        raise ApiRefusal("invalid_blocks_format")
    complaints = check_blocks(blocks or [])
    if complaints:
        raise refused("invalid_blocks", complaints)
    attachments = call.decoded("attachments", "invalid_arguments")
    if isinstance(attachments, list) and len(attachments) > 100:
        raise ApiRefusal("too_many_attachments")
    text = call.text("text")
    if not text and not blocks and not attachments:
        raise ApiRefusal("no_text")
    if block_characters(blocks or []) > MESSAGE_BLOCK_CHARACTERS:
        raise ApiRefusal("msg_blocks_too_long" if call.method == "chat.postMessage" else "msg_too_long")
    return text or markdown or NO_TEXT_SHOWN, blocks


def _metadata(call: ApiCall) -> Json | None:
    metadata = call.decoded("metadata", "invalid_metadata_format")
    if metadata is not None and not isinstance(metadata, dict):
        raise ApiRefusal("invalid_metadata_format")
    if metadata:
        call.ws.check_metadata(metadata)
    return metadata


def _writable(call: ApiCall) -> Channel:
    """The channel, if the app may write to it. `channel` may also be a user: that is their direct conversation."""
    wanted = call.text("channel")
    if wanted in call.ws.users and call.method in {"chat.postMessage", "chat.scheduleMessage"}:
        return call.ws.direct_channel(wanted)
    channel = call.channel()
    if channel.is_archived:
        raise ApiRefusal("is_archived")
    in_it = call.ws.app.bot_user in channel.members
    public = not channel.is_private and not channel.is_im
    if not in_it and not (public and "chat:write.public" in call.ws.app.scopes):
        raise ApiRefusal("not_in_channel")
    return channel


def _thread(call: ApiCall, channel: Channel) -> str | None:
    """The thread to answer in: the message itself, or the first one of the thread it stands in."""
    wanted = call.text("thread_ts")
    if not wanted:
        return None
    root = call.ws.message(channel.id, wanted)
    if root is None or root.is_ephemeral:
        raise ApiRefusal("cannot_reply_to_message")
    return root.thread_ts or root.ts


def _shown(message: PostedMessage) -> Json:
    return {key: value for key, value in message.body.items() if not key.startswith("_")}


def post_message(call: ApiCall) -> Json:
    """A message of the app."""
    channel = _writable(call)
    text, blocks = _content(call)
    extra: Json = {}
    metadata = _metadata(call)
    if metadata:
        extra["metadata"] = metadata
    answer: Json = {}
    if len(text) > TEXT_CUT:
        text = text[:TEXT_CUT]
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    message = call.ws.add_message(
        channel.id,
        author=call.ws.app.bot_user,
        text=text,
        blocks=blocks or [],
        thread_ts=_thread(call, channel),
        broadcast=call.flag("reply_broadcast") and bool(call.text("thread_ts")),
        extra=extra,
    )
    return answer | {"channel": channel.id, "ts": message.ts, "message": _shown(message)}


def update(call: ApiCall) -> Json:
    """Rewrite one of the app's messages; text without blocks drops the blocks it had."""
    channel = call.channel()
    if channel.is_archived:
        raise ApiRefusal("is_inactive")
    message = call.message(channel)
    if message.author != call.ws.app.bot_user:
        raise ApiRefusal("cant_update_message")
    if call.flag("reply_broadcast") and not message.is_reply:
        raise ApiRefusal("cant_broadcast_message")
    text, blocks = _content(call)
    if len(text) > UPDATE_TEXT:
        raise ApiRefusal("msg_too_long")
    metadata = _metadata(call)
    if metadata is not None:
        message.body.pop("metadata", None)
        if metadata:
            message.body["metadata"] = metadata
    call.ws.edit_message(message, text=text, blocks=blocks)
    return {"channel": channel.id, "ts": message.ts, "text": text, "message": _shown(message)}


def delete(call: ApiCall) -> Json:
    """Take away one of the app's messages."""
    channel = call.channel()
    message = call.message(channel)
    if message.author != call.ws.app.bot_user:
        raise ApiRefusal("cant_delete_message")
    call.ws.remove_message(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(call: ApiCall) -> Json:
    """A message that one member of the channel sees."""
    channel = call.channel()
    if channel.is_archived:
        raise ApiRefusal("is_archived")
    if call.ws.app.bot_user not in channel.members:
        raise ApiRefusal("not_in_channel")
    user = call.text("user")
    if user not in channel.members or not call.ws.active_user(user):
        raise ApiRefusal("user_not_in_channel")
    text, blocks = _content(call)
    if len(text) > TEXT_CUT:
        raise ApiRefusal("msg_too_long")
    message = call.ws.add_message(
        channel.id,
        author=call.ws.app.bot_user,
        text=text,
        blocks=blocks or [],
        thread_ts=_thread(call, channel),
        visible_to=user,
    )
    return {"message_ts": message.ts}


def get_permalink(call: ApiCall) -> Json:
    """The address of a message."""
    channel = call.channel()
    return {"channel": channel.id, "permalink": call.ws.permalink(call.message(channel, "message_ts"))}


def add_reaction(call: ApiCall) -> Json:
    """An emoji under a message."""
    channel = call.channel()
    message = call.message(channel, "timestamp")
    name = call.text("name").strip(":")
    if not name.replace("_", "").replace("-", "").replace("+", "").isalnum():
        raise ApiRefusal("invalid_name")
    reactions: list[Json] = message.body.setdefault("reactions", [])
    mine = next((reaction for reaction in reactions if reaction["name"] == name), None)
    if mine is not None and call.ws.app.bot_user in mine["users"]:
        raise ApiRefusal("already_reacted")
    if mine is None:
        mine = {"name": name, "users": [], "count": 0}
        reactions.append(mine)
    mine["users"].append(call.ws.app.bot_user)
    mine["count"] += 1
    call.ws.changed()
    return {}


def add_pin(call: ApiCall) -> Json:
    """Pin a message to its channel."""
    channel = call.channel()
    if call.ws.app.bot_user not in channel.members:
        raise ApiRefusal("not_in_channel")
    if not call.text("timestamp"):
        raise ApiRefusal("no_item_specified")
    message = call.message(channel, "timestamp")
    if (channel.id, message.ts) in call.ws.pins:
        raise ApiRefusal("already_pinned")
    call.ws.pins.add((channel.id, message.ts))
    call.ws.changed()
    return {}


def validate_blocks(call: ApiCall) -> Json:
    """Say what is wrong with blocks, a message or a view, without showing it to anybody."""
    given = [name for name in ("blocks", "message", "view") if call.args.get(name)]
    if len(given) != 1:
        raise ApiRefusal(
            "invalid_arguments",
            response_metadata={"messages": ["must provide exactly one of `blocks`, `view`, or `message`"]},
        )
    what = given[0]
    value: Any = call.decoded(what, f"invalid_{what}")
    if what == "view":
        complaints, strip = check_view(value), "/view"
    else:
        blocks = value.get("blocks") if what == "message" and isinstance(value, dict) else value
        complaints, strip = check_blocks(blocks), "/blocks" if what == "blocks" else ""
    if complaints:
        raise ApiRefusal(f"invalid_{what}", errors=[c.as_constraint(strip=strip) for c in complaints])
    return {}


METHODS: Mapping[str, Handler] = {
    "chat.postMessage": post_message,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": post_ephemeral,
    "chat.getPermalink": get_permalink,
    "reactions.add": add_reaction,
    "pins.add": add_pin,
    "blocks.validate": validate_blocks,
}

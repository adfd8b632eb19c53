"""auth.test, users.*, usergroups.* and conversations.*."""

import copy
from collections.abc import Mapping

from bot.demo.web_api.call import ApiCall, Handler
from bot.demo.web_api.errors import ApiRefusal
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Channel, Json, User

TYPE_SCOPES: Mapping[str, str] = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}


def auth_test(call: ApiCall) -> Json:
    """Who the token is."""
    ws = call.ws
    return {
        "url": f"https://{ws.team.domain}.slack.com/",
        "team": ws.team.name,
        "user": ws.users[ws.app.bot_user].name,
        "team_id": ws.team.id,
        "user_id": ws.app.bot_user,
        "bot_id": ws.app.bot_id,
        "is_enterprise_install": False,
    }


def _as_slack(call: ApiCall, user: User) -> Json:
    return user.as_slack(home_team=call.ws.team.id, with_email="users:read.email" in call.ws.app.scopes)


def users_info(call: ApiCall) -> Json:
    """One account."""
    user = call.ws.users.get(call.text("user"))
    if user is None:
        raise ApiRefusal("user_not_found")
    return {"user": _as_slack(call, user)}


def users_list(call: ApiCall) -> Json:
    """All accounts of this workspace; people of other workspaces are not among them."""
    members = [user for user in call.ws.users.values() if user.is_member_of(call.ws.team.id)]
    shown, cursor = call.page(members)
    return {
        "members": [_as_slack(call, user) for user in shown],
        "cache_ts": int(call.ws.seconds()),
        "response_metadata": {"next_cursor": cursor},
    }


def lookup_by_email(call: ApiCall) -> Json:
    """The active account with that address."""
    for user in call.ws.users.values():
        own = user.is_member_of(call.ws.team.id) and not user.is_bot and not user.deleted
        if own and user.email == call.text("email").lower():
            return {"user": _as_slack(call, user)}
    raise ApiRefusal("users_not_found")


def usergroups_list(call: ApiCall) -> Json:
    """All user groups."""
    return {
        "usergroups": [
            group.as_slack(
                team_id=call.ws.team.id, with_users=call.flag("include_users"), with_count=call.flag("include_count")
            )
            for group in call.ws.groups.values()
            if call.flag("include_disabled") or not group.disabled
        ]
    }


def usergroups_users(call: ApiCall) -> Json:
    """Who is in one user group. A disabled one looks as if it were not there, unless asked for."""
    group = call.ws.groups.get(call.text("usergroup"))
    if group is None or (group.disabled and not call.flag("include_disabled")):
        raise ApiRefusal("no_such_subteam")
    return {"users": list(group.users)}


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _need_scope(call: ApiCall, channel: Channel, action: str) -> None:
    needed = f"{TYPE_SCOPES[_kind(channel)]}:{action}"
    if needed not in call.ws.app.scopes:
        raise ApiRefusal("missing_scope", needed=needed, provided=",".join(call.ws.app.scopes))


def _conversation(call: ApiCall, channel: Channel, *, with_count: bool = False) -> Json:
    return channel.as_slack(seen_by=call.ws.app.bot_user, team_id=call.ws.team.id, with_count=with_count)


def conversations_info(call: ApiCall) -> Json:
    """One conversation."""
    channel = call.channel()
    _need_scope(call, channel, "read")
    return {"channel": _conversation(call, channel, with_count=call.flag("include_num_members"))}


def conversations_list(call: ApiCall) -> Json:
    """The conversations of the wanted kinds; private ones only where the app is in."""
    kinds = call.names("types") or ["public_channel"]
    for kind in kinds:
        if kind not in TYPE_SCOPES:
            raise ApiRefusal("invalid_types")
        if f"{TYPE_SCOPES[kind]}:read" not in call.ws.app.scopes:
            needed = f"{TYPE_SCOPES[kind]}:read"
            raise ApiRefusal("missing_scope", needed=needed, provided=",".join(call.ws.app.scopes))
    seen = [
        channel
        for channel in call.ws.channels.values()
        if _kind(channel) in kinds
        and (_kind(channel) == "public_channel" or call.ws.app.bot_user in channel.members)
        and not (call.flag("exclude_archived") and channel.is_archived)
    ]
    shown, cursor = call.page(seen)
    return {
        "channels": [_conversation(call, channel, with_count=not channel.is_im) for channel in shown],
        "response_metadata": {"next_cursor": cursor},
    }


def conversations_members(call: ApiCall) -> Json:
    """Who is in a conversation."""
    channel = call.channel()
    _need_scope(call, channel, "read")
    shown, cursor = call.page(sorted(channel.members))
    return {"members": shown, "response_metadata": {"next_cursor": cursor}}


def _history(call: ApiCall, messages: list[PostedMessage]) -> Json:
    oldest, latest, inclusive = call.text("oldest") or "0", call.text("latest") or "9999999999", call.flag("inclusive")
    for name, value in (("oldest", oldest), ("latest", latest)):
        if not value.replace(".", "", 1).isdigit():
            raise ApiRefusal(f"invalid_ts_{name}")
    low, high = float(oldest), float(latest)
    seen = [m for m in messages if low < float(m.ts) < high or (inclusive and float(m.ts) in {low, high})]
    shown, cursor = call.page(seen)
    bodies = [copy.deepcopy(m.body) for m in shown]
    for body in bodies:
        if not call.flag("include_all_metadata"):
            body.pop("metadata", None)
    answer: Json = {"messages": bodies, "has_more": bool(cursor)}
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def conversations_history(call: ApiCall) -> Json:
    """The messages of a conversation, newest first, without thread replies."""
    channel = call.channel()
    if call.ws.app.bot_user not in channel.members:
        raise ApiRefusal("not_in_channel")
    _need_scope(call, channel, "history")
    return _history(call, call.ws.channel_messages(channel.id)[::-1]) | {"pin_count": 0}


def conversations_replies(call: ApiCall) -> Json:
    """A thread: its first message, then the replies, oldest first."""
    channel = call.channel()
    if call.ws.app.bot_user not in channel.members:
        raise ApiRefusal("channel_not_found")
    _need_scope(call, channel, "history")
    root = call.ws.message(channel.id, call.text("ts"))
    if root is None or root.is_ephemeral:
        raise ApiRefusal("thread_not_found")
    if root.is_reply:
        return _history(call, [root])
    return _history(call, [root, *call.ws.thread(channel.id, root.ts)])


def conversations_join(call: ApiCall) -> Json:
    """Let the app into a public channel."""
    channel = call.channel()
    if channel.is_im or channel.is_private:
        raise ApiRefusal("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiRefusal("is_archived")
    answer: Json = {}
    if call.ws.app.bot_user in channel.members:
        warned = "already_in_channel"
        answer = {"warning": warned, "response_metadata": {"warnings": [warned]}}
    channel.members.add(call.ws.app.bot_user)
    call.ws.changed()
    return {"channel": _conversation(call, channel)} | answer


def conversations_open(call: ApiCall) -> Json:
    """The direct conversation with one person."""
    users = call.names("users")
    if not users:
        raise ApiRefusal("users_list_not_supplied")
    if len(users) > 1:
        raise ApiRefusal("invalid_user_combination")
    user = call.ws.users.get(users[0])
    if user is None:
        raise ApiRefusal("user_not_found")
    if user.deleted:
        raise ApiRefusal("user_disabled")
    channel = call.ws.direct_channel(user.id)
    return {"channel": _conversation(call, channel) if call.flag("return_im") else {"id": channel.id}}


METHODS: Mapping[str, Handler] = {
    "auth.test": auth_test,
    "users.info": users_info,
    "users.list": users_list,
    "users.lookupByEmail": lookup_by_email,
    "usergroups.list": usergroups_list,
    "usergroups.users.list": usergroups_users,
    "conversations.info": conversations_info,
    "conversations.list": conversations_list,
    "conversations.members": conversations_members,
    "conversations.history": conversations_history,
    "conversations.replies": conversations_replies,
    "conversations.join": conversations_join,
    "conversations.open": conversations_open,
}

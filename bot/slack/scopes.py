"""The rights that Muster needs in Slack, and what each is for."""

from collections.abc import Mapping

SCOPES: Mapping[str, str] = {
    "commands": "slash commands",
    "chat:write": "cards, threads and private answers",
    "channels:join": "becoming a member of a public channel before the first card there",
    "channels:read": "who of those who are called is in the conversation",
    "groups:read": "the same, in private channels",
    "channels:history": "not posting a line twice after a crash",
    "groups:history": "not posting a line twice after a crash, in private channels",
    "im:history": "not posting a private answer twice after a crash",
    "im:read": "who of those who are called is in the conversation, where that is a direct message",
    "im:write": "private answers where it cannot post, and calls to who is in neither conversation",
    "mpim:read": "the same, where several people talk",
    "files:write": "the timeline at the end of an operation",
    "users:read": "who is a full member",
    "usergroups:read": "who may ask and approve",
}
"""The bot's scopes and what each is for."""

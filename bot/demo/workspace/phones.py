"""Whose phone lights up: Slack notifies members of a conversation of what mentions them, and of direct messages.

An edit notifies nobody, neither does a message that only one person sees; whoever is not in a conversation hears
nothing of a mention there (Slack's help article 205240127, "Use mentions in Slack"). Who follows which thread is a
matter of each person's settings, so that is not counted on.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Channel, User, UserGroup

CHARACTERS = 178
"""The four lines that a notification has on a phone 390 px wide."""
_EVERYBODY = re.compile(r"<!(?:channel|here|everyone)(?:\|[^>]*)?>")
_PERSON = re.compile(r"<@(\w+)(?:\|[^>]*)?>")
_GROUP = re.compile(r"<!subteam\^(\w+)(?:\|[^>]*)?>")
_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_LINK = re.compile(r"<[^|>]*\|([^>]*)>")


@dataclass(frozen=True, kw_only=True)
class Push:
    """One notification on one phone."""

    user: str
    channel: str
    ts: str
    thread: str  #: ts of the first message of its thread; empty where it stands in the channel
    text: str


class Phones:
    """All notifications so far, oldest first."""

    def __init__(self, users: Mapping[str, User], groups: Mapping[str, UserGroup]) -> None:
        self._users = users
        self._groups = groups
        self.pushes: list[Push] = []

    def of(self, user: str) -> list[str]:
        """What one person's phone has shown."""
        return [push.text for push in self.pushes if push.user == user]

    def ring(self, message: PostedMessage, channel: Channel) -> None:
        """Notify whom a new message is for."""
        if message.is_ephemeral:
            return
        text, thread = self._shown(message.text), (message.thread_ts or "") if message.is_reply else ""
        for user in sorted(self._called(message, channel)):
            self.pushes.append(Push(user=user, channel=channel.id, ts=message.ts, thread=thread, text=text))

    def _called(self, message: PostedMessage, channel: Channel) -> Iterable[str]:
        said = message.plain
        called = set(channel.members) if channel.is_im or _EVERYBODY.search(said) else set(_PERSON.findall(said))
        for group in _GROUP.findall(said):
            known = self._groups.get(group)
            called.update(known.users if known is not None and not known.disabled else ())
        heard = (called & channel.members) - {message.author}
        return [user for user in heard if user in self._users and not self._users[user].is_bot]

    def _shown(self, text: str) -> str:
        def person(found: re.Match[str]) -> str:
            return f"@{self._users[found[1]].real_name}" if found[1] in self._users else found[0]

        def group(found: re.Match[str]) -> str:
            return f"@{self._groups[found[1]].handle}" if found[1] in self._groups else found[0]

        plain = _GROUP.sub(group, _PERSON.sub(person, _DATE.sub(r"\1", text)))
        plain = _LINK.sub(r"\1", plain).replace("*", "").replace("`", "")
        plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        return plain if len(plain) <= CHARACTERS else plain[: CHARACTERS - 1].rstrip() + "…"

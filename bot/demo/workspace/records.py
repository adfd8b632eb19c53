"""What the emulated workspace knows: people, channels, messages, files, pins. A change wakes whoever waits."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.demo.block_kit.blocks import filled
from bot.demo.web_api.errors import ApiRefusal
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import App, Channel, Json, Team, User, UserGroup
from bot.demo.workspace.phones import Phones
from bot.domain.ports import Clock

Answer = TypeVar("Answer")


@dataclass(kw_only=True)
class UploadedFile:
    """One uploaded file."""

    id: str
    name: str
    content: bytes | None = None
    title: str = ""
    channel: str | None = None


PATIENCE_SECONDS = 3.0
"""How long Slack waits for an app's answer, and how long a trigger id opens a window
(https://docs.slack.dev/interactivity/handling-user-interaction)."""


class WorkspaceRecords:
    """The dictionaries. Nothing here talks to a socket.

    Args:
        team: whose workspace it is.
        app: what is installed.
        users: everybody, bots as well.
        groups: the user groups.
        channels: with their members.
        clock: the workspace's time.
        patience: seconds of the clock that an app has for an answer, and for opening a window after a click.
    """

    def __init__(
        self,
        *,
        team: Team,
        app: App,
        users: Iterable[User],
        groups: Iterable[UserGroup],
        channels: Iterable[Channel],
        clock: Clock,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.team = team
        self.app = app
        self.clock = clock
        self.patience = patience
        self.users: dict[str, User] = {user.id: user for user in users}
        self.groups: dict[str, UserGroup] = {group.id: group for group in groups}
        self.channels: dict[str, Channel] = {channel.id: channel for channel in channels}
        self.messages: dict[str, list[PostedMessage]] = {channel: [] for channel in self.channels}
        self.files: dict[str, UploadedFile] = {}
        self.pins: set[tuple[str, str]] = set()
        self.phones = Phones(self.users, self.groups)
        self.page_address = "https://demo.slack.invalid"
        self.revision = 0
        self._last_ts = 0
        self._waiting: set[asyncio.Event] = set()

    # --- time and change -------------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Unix time by the workspace's clock."""
        return self.clock.now().timestamp()

    def next_ts(self) -> str:
        """A timestamp that no other message has, later than all before."""
        self._last_ts = max(self._last_ts + 1, int(self.seconds() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def changed(self) -> None:
        """Tell everybody who waits that something is different now."""
        self.revision += 1
        for event in self._waiting:
            event.set()

    async def next_change(self) -> None:
        """Return after the next change."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            await event.wait()
        finally:
            self._waiting.discard(event)

    async def until(self, predicate: Callable[[], Answer | None], *, timeout: float = 20.0) -> Answer:  # noqa: ASYNC109
        """Wait until `predicate()` is true and return what it answered.

        Raises TimeoutError with the workspace's messages after `timeout` seconds of real time.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (answer := predicate()):
                    await self.next_change()
                return answer
        except TimeoutError:
            raise TimeoutError(f"not seen within {timeout} s; the workspace shows:\n{self.transcript()}") from None

    def transcript(self) -> str:
        """All messages as text, for whoever has to find out what went wrong."""
        lines = []
        for message in (m for stored in self.messages.values() for m in stored):
            marks = f"{self.channels[message.channel].name}{' >' if message.is_reply else ''}"
            only = f" (only {message.visible_to})" if message.visible_to else ""
            lines.append(f"[{marks}] {message.author}{only}: {message.plain} {message.buttons or ''}")
        return "\n".join(lines) or "(no messages)"

    # --- reading ---------------------------------------------------------------------------------------------------

    def channel_messages(self, channel: str) -> list[PostedMessage]:
        """What everybody sees in the channel itself, oldest first: no replies except broadcast ones."""
        return [
            message.copied()
            for message in self.messages[channel]
            if not message.is_ephemeral and (not message.is_reply or message.broadcast)
        ]

    def thread(self, channel: str, ts: str) -> list[PostedMessage]:
        """The replies of the thread that the message began or stands in, oldest first, without its first message."""
        root = self.message(channel, ts)
        top = (root.thread_ts if root else None) or ts
        return [m.copied() for m in self.messages[channel] if m.is_reply and m.thread_ts == top and not m.is_ephemeral]

    def ephemerals(self, user: str) -> list[PostedMessage]:
        """What only this user sees, oldest first."""
        return [m.copied() for stored in self.messages.values() for m in stored if m.visible_to == user]

    def message(self, channel: str, ts: str) -> PostedMessage | None:
        """The stored message itself, or None when there is none with that timestamp."""
        return next((m for m in self.messages.get(channel, []) if m.ts == ts), None)

    def permalink(self, message: PostedMessage) -> str:
        """The address of the message on the workspace's page."""
        link = f"{self.page_address}/archives/{message.channel}/p{message.ts.replace('.', '')}"
        if message.is_reply:
            link += f"?thread_ts={message.thread_ts}&cid={message.channel}"
        return link

    def active_user(self, user: str) -> bool:
        """Whether somebody can act with this account."""
        known = self.users.get(user)
        return known is not None and not known.deleted

    # --- changing --------------------------------------------------------------------------------------------------

    def add_message(
        self,
        channel: str,
        *,
        author: str,
        text: str,
        blocks: Sequence[Json] = (),
        thread_ts: str | None = None,
        broadcast: bool = False,
        visible_to: str | None = None,
        extra: Json | None = None,
    ) -> PostedMessage:
        """Store a message and complete it as Slack does: ids, thread marks of both ends, the app's marks."""
        body: Json = {"user": author, "type": "message", "ts": self.next_ts()}
        if author == self.app.bot_user:
            body |= {"bot_id": self.app.bot_id, "app_id": self.app.id, "bot_profile": self._bot_profile()}
        body |= {"text": text, "team": self.team.id, **(extra or {})}
        if blocks:
            body["blocks"] = filled(blocks)
        message = PostedMessage(channel=channel, body=body, author=author, visible_to=visible_to, broadcast=broadcast)
        if thread_ts is not None:
            self._join_thread(message, thread_ts)
        self.messages[channel].append(message)
        self.phones.ring(message, self.channels[channel])
        self.changed()
        return message

    def _bot_profile(self) -> Json:
        return {
            "id": self.app.bot_id,
            "deleted": False,
            "name": self.app.name,
            "updated": 1_790_000_000,
            "app_id": self.app.id,
            "icons": {},
            "team_id": self.team.id,
        }

    def _join_thread(self, message: PostedMessage, thread_ts: str) -> None:
        parent = self.message(message.channel, thread_ts)
        message.body["thread_ts"] = thread_ts
        if parent is None:
            return
        message.body["parent_user_id"] = parent.author
        if message.broadcast:
            message.body["subtype"] = "thread_broadcast"
            message.body["root"] = {"ts": parent.ts, "user": parent.author, "text": parent.text}
        if not message.is_ephemeral:
            parent.body["thread_ts"] = parent.ts
            parent.body["reply_count"] = int(parent.body.get("reply_count", 0)) + 1
            repliers = [*parent.body.get("reply_users", []), message.author]
            parent.body["reply_users"] = list(dict.fromkeys(repliers))
            parent.body["reply_users_count"] = len(parent.body["reply_users"])
            parent.body["latest_reply"] = message.ts

    def edit_message(self, message: PostedMessage, *, text: str, blocks: Sequence[Json] | None) -> None:
        """Rewrite a message. `blocks` None drops the blocks it had."""
        message.body["text"] = text
        if blocks:
            message.body["blocks"] = filled(blocks)
        else:
            message.body.pop("blocks", None)
        if not message.is_ephemeral:
            message.body["edited"] = {"user": message.author, "ts": f"{int(self.seconds())}.000000"}
        self.changed()

    def remove_message(self, message: PostedMessage) -> None:
        """Take a message away; its thread's parent counts one reply less. One with replies leaves a tombstone."""
        if int(message.body.get("reply_count", 0)) > 0:
            message.entomb()
            self.changed()
            return
        self.messages[message.channel].remove(message)
        parent = self.message(message.channel, message.thread_ts) if message.is_reply and message.thread_ts else None
        if parent is not None and not message.is_ephemeral:
            parent.body["reply_count"] = int(parent.body.get("reply_count", 1)) - 1
        self.changed()

    def direct_channel(self, user: str) -> Channel:
        """The direct conversation between the user and the app, opened if need be."""
        wanted = {user, self.app.bot_user}
        for channel in self.channels.values():
            if channel.is_im and channel.members == wanted:
                return channel
        channel = Channel(id=f"D0{user.removeprefix('U0')}", name="", members=wanted, is_im=True)
        self.channels[channel.id] = channel
        self.messages[channel.id] = []
        self.changed()
        return channel

    def deactivate(self, user: str) -> None:
        """What an administrator does when somebody leaves."""
        self.users[user] = replace(self.users[user], deleted=True)
        self.changed()

    def reload(self, user: str) -> None:
        """Somebody loads Slack anew, or takes up another device: what only they saw is gone."""
        for messages in self.messages.values():
            messages[:] = [message for message in messages if message.visible_to != user]
        self.changed()

    def kick(self, channel: str, user: str) -> None:
        """Remove somebody, or the app, from a channel."""
        self.channels[channel].members.discard(user)
        self.changed()

    def check_metadata(self, metadata: Json) -> None:
        """Raise the Web API's error when message metadata is not event_type plus a flat event_payload."""
        if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
            raise ApiRefusal("invalid_metadata_format")
        if any(isinstance(v, dict) for v in metadata["event_payload"].values()):
            raise ApiRefusal("invalid_metadata_schema")
        if len(json.dumps(metadata)) > 16_000:
            raise ApiRefusal("metadata_too_large")

    def new_file(self, name: str) -> UploadedFile:
        """Room for a file whose bytes come later."""
        file = UploadedFile(id="F0" + secrets.token_hex(4).upper(), name=name)
        self.files[file.id] = file
        return file

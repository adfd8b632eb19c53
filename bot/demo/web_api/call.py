"""One call of the Web API: its arguments, however they were encoded, and who makes it."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from bot.demo.web_api.errors import ApiRefusal
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Channel, Json
from bot.demo.workspace.workspace import Workspace

Item = TypeVar("Item")


@dataclass(kw_only=True)
class ApiCall:
    """Arguments with the readers that the methods use."""

    ws: Workspace
    method: str
    args: Json

    def text(self, name: str) -> str:
        """A string argument; empty when it was not sent."""
        value = self.args.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str) -> bool:
        """A boolean, which the SDKs send as 1, 0, true or false."""
        return self.text(name).lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        value = self.text(name)
        if value and not value.lstrip("-").isdigit():
            raise ApiRefusal("invalid_arguments")
        return int(value) if value else default

    def decoded(self, name: str, error: str) -> Any:
        """An argument that is JSON: itself, or a string of it as forms carry it. None when it was not sent."""
        value = self.args.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return json.loads(value)
        except ValueError:
            raise ApiRefusal(error) from None

    def names(self, name: str) -> list[str]:
        """A comma-separated list, or a JSON one."""
        value = self.args.get(name)
        if isinstance(value, list):
            return [str(item) for item in value]
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def channel(self, name: str = "channel") -> Channel:
        """The conversation; a private one without the app looks as if it were not there."""
        wanted = self.text(name)
        for channel in self.ws.channels.values():
            if wanted in {channel.id, f"#{channel.name}", channel.name} and wanted:
                hidden = (channel.is_private or channel.is_im) and self.ws.app.bot_user not in channel.members
                if not hidden:
                    return channel
        raise ApiRefusal("channel_not_found")

    def message(self, channel: Channel, name: str = "ts") -> PostedMessage:
        """A message that everybody sees. Raises message_not_found, also for ephemeral ones."""
        found = self.ws.message(channel.id, self.text(name))
        if found is None or found.is_ephemeral or found.body.get("subtype") == "tombstone":
            raise ApiRefusal("message_not_found")
        return found

    def page(self, items: Sequence[Item]) -> tuple[list[Item], str]:
        """The items that `limit` and `cursor` ask for, and the next cursor."""
        limit = self.number("limit", 100)
        if not 0 < limit <= 1000:
            raise ApiRefusal("invalid_limit" if self.method.startswith("conversations.") else "invalid_arguments")
        start = 0
        if self.text("cursor"):
            try:
                start = int(base64.b64decode(self.text("cursor"), validate=True).decode().removeprefix("at:"))
            except (ValueError, binascii.Error):
                raise ApiRefusal("invalid_cursor") from None
        stop = start + limit
        cursor = base64.b64encode(f"at:{stop}".encode()).decode() if stop < len(items) else ""
        return list(items[start:stop]), cursor


Handler = Callable[[ApiCall], Json]


async def arguments_of(request: web.Request, *, json_accepted: bool) -> Json:
    """Query, form and JSON together, as Slack reads them; a JSON body is ignored where the method takes none.

    Raises SlackError for a body that is not what its content type says.
    """
    args: Json = dict(request.query)
    if request.method != "POST" or not request.body_exists:
        return args
    if request.content_type == "application/json":
        if not json_accepted:
            return args
        try:
            body = json.loads(await request.text())
        except ValueError:
            raise ApiRefusal("invalid_json") from None
        if not isinstance(body, dict):
            raise ApiRefusal("json_not_object")
        return args | body
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return args | {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    return args

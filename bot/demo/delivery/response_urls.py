"""The addresses with which an app answers one command or click: five uses, thirty minutes."""

import secrets
from dataclasses import dataclass
from typing import Any

from bot.demo.block_kit.blockkit import check_blocks
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords

USES = 5
SECONDS = 1800.0


@dataclass(kw_only=True)
class _Address:
    user: str
    channel: str
    thread_ts: str | None
    original: PostedMessage | None
    issued: float
    used: int = 0


class ResponseUrls:
    """All addresses given out so far."""

    def __init__(self, records: WorkspaceRecords) -> None:
        self._records = records
        self._addresses: dict[str, _Address] = {}

    def mint(self, kind: str, *, user: str, channel: str, original: PostedMessage | None = None) -> str:
        """A new address. `kind` is `commands` or `actions`; `original` is the message that was clicked on."""
        path = f"/{kind}/{self._records.team.id}/{secrets.randbelow(10**13)}/{secrets.token_urlsafe(18)}"
        thread_ts = original.thread_ts if original is not None else None
        now = self._records.seconds()
        address = _Address(user=user, channel=channel, thread_ts=thread_ts, original=original, issued=now)
        self._addresses[path] = address
        return self._records.page_address + path

    def use(self, path: str, body: Any) -> tuple[int, str]:
        """Carry out one post to an address. Answers HTTP status and body."""
        address = self._addresses.get(path)
        if address is None:
            return 404, "invalid_url"
        if self._records.seconds() - address.issued > SECONDS:
            return 404, "expired_url"
        if address.used >= USES:
            return 404, "used_url"
        if not isinstance(body, dict):
            return 400, "invalid_payload"
        address.used += 1
        return self._carry_out(address, body)

    def _carry_out(self, address: _Address, body: Json) -> tuple[int, str]:
        original = self._stored(address.original)
        if body.get("delete_original"):
            if original is None:
                return 404, "no_original"
            self._records.remove_message(original)
            return 200, "ok"
        blocks = body.get("blocks") or []
        text = str(body.get("text") or "")
        if not text and not blocks:
            return 400, "no_text"
        if check_blocks(blocks):
            return 400, "invalid_blocks"
        if body.get("replace_original") and original is not None:
            self._records.edit_message(original, text=text, blocks=blocks)
            return 200, "ok"
        public = body.get("response_type") == "in_channel"
        self._records.add_message(
            address.channel,
            author=self._records.app.bot_user,
            text=text,
            blocks=blocks,
            thread_ts=body.get("thread_ts"),
            visible_to=None if public else address.user,
        )
        return 200, "ok"

    def _stored(self, original: PostedMessage | None) -> PostedMessage | None:
        return None if original is None else self._records.message(original.channel, original.ts)

"""What a conversation is before something is said in it: Muster joins public ones, and keeps out of shared ones."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.ports import Clock
from bot.runtime.log import logger
from bot.slack.refusals import SHARED, UNSEEN
from bot.slack.wire import MISSING_SCOPE, SlackBusy, SlackRefused

log = logger(__name__)

REMEMBERED = 60.0
"""Seconds: how old an answer about a conversation may be; it can be shared with others at any time."""
_MOST = 1_000

Ask = Callable[[str, Awaitable[Any]], Awaitable[Mapping[str, Any]]]
"""Makes a call of that method; a missing scope is waited for."""


class Conversations:
    """Asks about conversations, and remembers the answers for a while.

    Args:
        client: Slack.
        clock: by it answers grow old.
        ask: makes a call.
        external: whether something may be said where people of other organisations read it.
    """

    def __init__(self, client: AsyncWebClient, clock: Clock, ask: Ask, *, external: bool) -> None:
        self._client = client
        self._clock = clock
        self._ask = ask
        self._external = external
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}

    async def enter(self, channel: str, *, join: bool) -> None:
        """Let something be said there; a direct conversation is no question.

        Args:
            channel: where.
            join: become a member of a public channel, without which Muster could not read there what it has said.

        Raises:
            SlackRefused: people of other organisations read there, or nobody may know who does.
            SlackBusy, SlackSilent
        """
        if channel.startswith(("D", "U", "W")):
            return
        try:
            info = await self._conversation(channel)
        except SlackRefused:
            if not self._external:
                raise
            return
        if not self._external and is_shared(info):
            raise SlackRefused(SHARED)
        if join and info.get("is_member") is False and not (info.get("is_private") or info.get("is_archived")):
            await self._join(channel)

    async def _conversation(self, channel: str) -> Mapping[str, Any]:
        now = self._clock.monotonic()
        at, known = self._known.get(channel, (0.0, None))
        if known is not None and now - at < REMEMBERED:
            return known
        try:
            answered = await self._ask("conversations.info", self._client.conversations_info(channel=channel))
            info: Mapping[str, Any] = answered.get("channel") or {}
        except SlackBusy as busy:
            if busy.code == MISSING_SCOPE:
                raise SlackRefused(UNSEEN) from busy
            raise
        except SlackRefused as refusal:
            if refusal.code != "channel_not_found":
                raise
            return {}  # what is said there will be refused in Slack's own words
        if len(self._known) > _MOST:
            self._known.clear()
        self._known[channel] = (now, info)
        return info

    async def _join(self, channel: str) -> None:
        try:
            await self._ask("conversations.join", self._client.conversations_join(channel=channel))
        except (SlackRefused, SlackBusy) as refusal:
            if isinstance(refusal, SlackBusy) and refusal.code != MISSING_SCOPE:
                raise
            log.warning("a channel cannot be joined", channel=channel, code=refusal.code)
        self._known.pop(channel, None)


def is_shared(info: Mapping[str, Any]) -> bool:
    """Whether people of another organisation read there, or are invited to (Slack Connect)."""
    return bool(info.get("is_ext_shared") or info.get("is_pending_ext_shared"))

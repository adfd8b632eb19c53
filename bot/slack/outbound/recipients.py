"""Who of those who are called is in which conversation: Slack notifies nobody else, whoever is mentioned there."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import CouldNotAsk
from bot.domain.ports import Clock
from bot.domain.values import UserId
from bot.runtime.log import logger
from bot.slack.people import SlackPeople
from bot.slack.wire import MISSING_SCOPE, SlackBusy, SlackError, SlackRefused, SlackSilent, answer

log = logger(__name__)

REMEMBERED = 300.0
"""Seconds: how old a list of members may be; who joins or leaves makes it be read anew at once."""
MOST_NAMED = 8
"""Up to so many people are called one by one; more as the groups that they are in."""
MOST_TOLD = 50
"""Direct messages for one call at most."""
_PAGE = 1_000
_PAGES = 10
_MOST = 1_000


class DirectMessages(StrEnum):
    """Who of those who are called gets a direct message."""

    ABSENT = "absent"
    """Who is in neither conversation, so that no mention there reaches them."""
    ALWAYS = "always"
    """Everybody, besides the mention."""
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Through what each of those who are called hears of it."""

    incident: tuple[str, ...]  #: who is to be mentioned in the incident channel; the others are under the card
    direct: tuple[UserId, ...]  #: who is told by direct message
    only_there: tuple[UserId, ...] = ()  #: who hears of it in the incident channel, and nowhere else


class Recipients:
    """Finds out who hears of it, and where; reads members of conversations, and remembers them.

    Args:
        client: Slack.
        clock: by it what is remembered grows old.
        people: who is in which user group.
        direct_messages: who gets one.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        people: SlackPeople,
        direct_messages: DirectMessages = DirectMessages.ABSENT,
    ) -> None:
        self._client = client
        self._clock = clock
        self._people = people
        self.direct_messages = direct_messages
        self._members: dict[str, tuple[float, frozenset[str]]] = {}

    def forget(self, channel: str) -> None:
        """Drop what is remembered of a conversation that somebody joined or left."""
        self._members.pop(channel, None)

    async def heard(self, ask: Sequence[str], *, requester: UserId, card: str, incident: str) -> Heard:
        """Through what those who are called hear of it.

        Args:
            ask: ids of people and user groups; their mention stands under the card.
            requester: not called as a member of a group: they asked for it.
            card: the channel of the card.
            incident: the incident channel.

        Raises:
            SlackBusy, SlackSilent: Slack did not say who is where.
        """
        called = await self._called(ask)
        if requester not in ask:
            called -= {requester}
        under_card, there = await self.members(card), await self.members(incident)
        here = tuple(UserId(one) for one in sorted(called & (there - under_card)))
        missed = called if self.direct_messages is DirectMessages.ALWAYS else called - under_card - there
        if self.direct_messages is DirectMessages.NEVER:
            missed = frozenset()
        if len(missed) > MOST_TOLD:
            log.warning("not everybody who is called gets a direct message", called=len(missed), told=MOST_TOLD)
        return Heard(
            incident=here if len(here) <= MOST_NAMED else tuple(ask),
            direct=tuple(UserId(one) for one in sorted(missed)[:MOST_TOLD]),
            only_there=here[:MOST_TOLD] if self.direct_messages is DirectMessages.ABSENT else (),
        )

    async def is_unheard(self, ask: Sequence[str], *, requester: UserId, card: str, incident: str) -> bool:
        """Whether nobody but whoever asked hears of it: none is seen in a conversation, and none is told directly.

        Args:
            ask: ids of people and user groups who are called.
            requester: of whom this is not asked.
            card: the channel of the card.
            incident: the incident channel.

        Raises:
            SlackBusy, SlackSilent: Slack did not say who is where.
        """
        others = [one for one in ask if one != requester]
        if self.direct_messages is not DirectMessages.NEVER or not others:
            return False
        called = await self._called(others) - {requester}
        return not called & (await self.members(card) | await self.members(incident))

    async def directly(self, ask: Sequence[str]) -> Sequence[UserId]:
        """Who of those is told by direct message of what no conversation can tell them; nobody, by a setting.

        Raises:
            SlackBusy, SlackSilent: Slack did not say who they are.
        """
        if self.direct_messages is DirectMessages.NEVER:
            return ()
        return [UserId(one) for one in sorted(await self._called(ask))[:MOST_TOLD]]

    async def absent(self, ask: Sequence[str], channel: str) -> frozenset[str]:
        """Who of those is not in a conversation.

        Raises:
            SlackError: Slack did not say, or does not show us.
        """
        return await self._called(ask) - await self._read(channel)

    async def members(self, channel: str) -> frozenset[str]:
        """Who is in a conversation; nobody, where Slack does not show it to us: better told twice than never.

        Raises:
            SlackBusy, SlackSilent: Slack did not say.
        """
        try:
            return await self._read(channel)
        except SlackRefused as refusal:
            code = refusal.code
        except SlackBusy as busy:
            if busy.code != MISSING_SCOPE:
                raise
            code = busy.code
        log.warning("members of a conversation are not known", channel=channel, code=code)
        return frozenset()

    async def _read(self, channel: str) -> frozenset[str]:
        now = self._clock.monotonic()
        known = self._members.get(channel)
        if known is not None and now - known[0] < REMEMBERED:
            return known[1]
        found: set[str] = set()
        cursor = ""
        for _ in range(_PAGES):
            page = await answer(self._client.conversations_members(channel=channel, limit=_PAGE, cursor=cursor or None))
            found.update(str(one) for one in page.get("members", []))
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        if len(self._members) > _MOST:
            self._members.clear()
        self._members[channel] = (now, frozenset(found))
        return self._members[channel][1]

    async def _called(self, ask: Sequence[str]) -> frozenset[str]:
        try:
            return await self._people.within(ask)
        except CouldNotAsk as failed:
            raise (
                failed.__cause__ if isinstance(failed.__cause__, SlackError) else SlackSilent(str(failed))
            ) from failed

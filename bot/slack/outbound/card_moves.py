"""Finds another place for a card that cannot stay where it is, and tells the incident channel."""

from bot.domain.messages.executed import CardMoved
from bot.domain.messages.news import Audience, News
from bot.domain.operation import Operation
from bot.domain.ports import Archive, Card
from bot.runtime.log import logger
from bot.slack.outbound.poster import Poster
from bot.slack.wire import SlackRefused

log = logger(__name__)


class CardMoves:
    """Moves cards: to a copy that stands, else to the incident channel, else to the requester's direct messages.

    Args:
        archive: the database.
        poster: opens direct messages.
        incident_channel: its id; empty for none.
    """

    def __init__(self, archive: Archive, poster: Poster, *, incident_channel: str) -> None:
        self._archive = archive
        self._poster = poster
        self._incident_channel = incident_channel

    async def move(self, operation: Operation, channel: str, *, why: str) -> bool:
        """Let the card stand elsewhere than in that channel; the board posts it there. False: there is nowhere else.

        Args:
            operation: whose card it is.
            channel: where it cannot stay.
            why: Slack's word for that.
        """
        async with self._archive.reading() as unit:
            copies = await unit.copies.of(operation.id)
        standing = next((copy for copy in copies if copy.ts and copy.channel != channel), None)
        to = standing.channel if standing is not None else await self._next(operation, channel)
        if to == channel:
            return False
        log.warning("a card leaves its channel", operation=operation.id, channel=channel, to=to, code=why)
        ts = standing.ts if standing is not None else ""
        async with self._archive.unit() as unit:
            await unit.cards.keep(Card(operation=operation.id, channel=to, ts=ts, revision=-1, left=channel, why=why))
            for copy in copies:
                if copy.channel == to:
                    await unit.copies.drop(copy)
            if self._incident_channel not in {"", channel, to}:
                await unit.outbox.tell(
                    News(what=CardMoved(channel=channel, why=why), audience=Audience.INCIDENT, operation=operation.id)
                )
            await unit.commit()
        return True

    async def _next(self, operation: Operation, channel: str) -> str:
        """The place after that one; after the last one the first again, which may be mended by then."""
        places = [operation.channel, self._incident_channel, await self._direct(operation)]
        known = list(dict.fromkeys(place for place in places if place))
        at = known.index(channel) if channel in known else 0
        return known[(at + 1) % len(known)]

    async def _direct(self, operation: Operation) -> str:
        try:
            return await self._poster.dm(operation.requested_by)
        except SlackRefused:
            return ""

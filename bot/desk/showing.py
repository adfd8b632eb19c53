"""Where an operation can be seen: shown where somebody asks for it, and known by which cards are kept up to date."""

from dataclasses import replace

from bot.domain.errors import OldCard
from bot.domain.messages.answered import OperationsListed
from bot.domain.messages.news import Audience, News
from bot.domain.operation import FINAL, Operation
from bot.domain.ports import Archive, Copy
from bot.domain.values import OperationId, UserId


async def show(archive: Archive, operation: Operation, *, by: UserId, channel: str, key: str) -> None:
    """Answer the question, and have a card stand there as long as there is something to steer.

    Args:
        archive: the database.
        operation: that was asked for.
        by: who asked.
        channel: where.
        key: the delivery this settles.
    """
    told = OperationsListed(sentence="In full", about=(operation.id,), in_full=True)
    async with archive.unit() as unit:
        card, copies = await unit.cards.of(operation.id), await unit.copies.of(operation.id)
        stands = {copy.channel for copy in copies} | ({card.channel} if card is not None and card.ts else set())
        if operation.state not in FINAL and channel not in stands:
            await unit.copies.keep(Copy(operation=operation.id, channel=channel, person=by))
        elif card is not None and card.channel == channel and card.ts:
            await unit.cards.keep(replace(card, revision=-1))  # one that somebody deleted is posted anew
        await unit.outbox.tell(News(what=told, audience=Audience.PERSON, person=by, channel=channel))
        await unit.inbox.settle(key, result="shown")
        await unit.commit()


async def check_card(archive: Archive, operation: OperationId, *, channel: str, ts: str) -> None:
    """Let a click on a card pass that is kept up to date; nobody decides by what an old one shows.

    A card may be a living one whose ts is not stored yet: then nobody knows better than whoever clicked.

    Raises:
        OldCard: it stays behind where Slack lets nobody edit it.
    """
    async with archive.reading() as unit:
        card, copies = await unit.cards.of(operation), await unit.copies.of(operation)
    if card is None or not card.ts or any(not copy.ts and copy.channel == channel for copy in copies):
        return
    if (channel, ts) not in {(card.channel, card.ts), *((copy.channel, copy.ts) for copy in copies)}:
        raise OldCard(card.channel, remedy=f"`/muster show {operation}`, typed where Muster is, shows it there too.")


async def show_anew(archive: Archive, channel: str) -> None:
    """Have the cards in a channel that may be gone shown anew, so that they find another place if it is."""
    async with archive.unit() as unit:
        if await unit.cards.doubt(channel):
            await unit.commit()

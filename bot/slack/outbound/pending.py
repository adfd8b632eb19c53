"""What is stored and does not stand in Slack yet, read in one transaction: the board looks after every few commits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.domain.messages.alarm import Alarm, Notice
from bot.domain.operation import Operation
from bot.domain.ports import Archive, Card, Copy, Outgoing

_CARDS = 100
_LINES = 1_000
_NOTICES = 50


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What the parts of the board have to bring up to date."""

    cards: Sequence[tuple[Operation, int, Card | None]]  #: with the revision of the operation, and what stands of it
    copies: Sequence[tuple[Operation, int, Copy]]  #: further cards, likewise
    lines: Sequence[Outgoing]  #: the next of each lane, private notes first
    notices: Sequence[tuple[Alarm, Notice]]


async def read(archive: Archive, *, put_off: Collection[int] = ()) -> Pending:
    """What is pending now, without the lines that are put off and what comes after them."""
    async with archive.reading() as unit:
        return Pending(
            cards=await unit.cards.outdated(limit=_CARDS),
            copies=await unit.copies.outdated(limit=_CARDS),
            lines=await unit.outbox.waiting(limit=_LINES, put_off=put_off),
            notices=await unit.notices.outdated(limit=_NOTICES),
        )

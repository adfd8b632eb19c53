"""What is stored and does not stand in Slack yet, read in one transaction: the board looks after every few commits."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.alarm import Alarm, Notice
from bot.domain.operation import Operation
from bot.domain.ports import Archive, Card, Clock, Outgoing

_CARDS = 100
_LINES = 1_000
_NOTICES = 50


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What the parts of the board have to bring up to date."""

    cards: Sequence[tuple[Operation, int, Card | None]]  #: with the revision of the operation, and what stands of it
    lines: Sequence[Outgoing]  #: of all lanes, in their order
    notices: Sequence[tuple[Alarm, Notice]]


async def read(archive: Archive, clock: Clock) -> Behind:
    """What is behind now."""
    async with archive.unit() as unit:
        return Behind(
            cards=await unit.unposted(limit=_CARDS),
            lines=await unit.outgoing(clock.now(), limit=_LINES),
            notices=await unit.unshown(limit=_NOTICES),
        )

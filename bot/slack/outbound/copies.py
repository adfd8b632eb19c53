"""Further cards of operations where somebody asked to see them, as messages that stand."""

from dataclasses import dataclass, replace

from bot.domain.messages.answered import RefusalTold
from bot.domain.messages.news import Audience, News
from bot.domain.operation import EXECUTING, Operation
from bot.domain.ports import Archive, Clock, Copy
from bot.runtime.log import logger
from bot.slack.outbound.cards import Cards
from bot.slack.outbound.pending import Pending
from bot.slack.outbound.poster import CARD, Poster
from bot.slack.outbound.rate_limits import LEFT_BY_PROGRESS, LEFT_BY_STATES
from bot.slack.outbound.standing import PATIENCE, Stand, StandingMessages
from bot.slack.refusals import MESSAGE_GONE, NO_SUCH_PLACE, because
from bot.slack.views import message, text
from bot.slack.views.message import Message
from bot.slack.wire import SlackRefused

log = logger(__name__)

_THREAD = "Shown here for <@{person}>; the thread of this operation hangs at its card in {room}."
_NOT_HERE = "Muster cannot post where you asked for it ({why}), so the card of {id} is not shown there."
_REMEDY = "Add Muster with `/invite` and type it again, or type it where Muster is."


class Copies:
    """Draws the further cards that are not up to date. One that Slack refuses is let go."""

    def __init__(self, archive: Archive, clock: Clock, poster: Poster, cards: Cards) -> None:
        self._archive = archive
        self._cards = cards
        self._standing = StandingMessages(clock, poster, event=CARD, what="a further card")

    async def round(self, pending: Pending) -> bool:
        """Bring every one up to date that may be touched now; whether any was."""
        return await self._standing.round(
            _CopyMessage(copies=self, operation=o, revision=r, copy=c) for o, r, c in pending.copies
        )

    async def drawn(self, operation: Operation, copy: Copy) -> Message:
        """The card, with a word about where its thread is."""
        async with self._archive.reading() as unit:
            records, card = await unit.steps.of(operation.id), await unit.cards.of(operation.id)
        drawn = self._cards.draw(operation, records)
        where = card.channel if card is not None else operation.channel
        told = message.context(_THREAD.format(person=copy.person, room=text.room(where)))
        return replace(drawn, blocks=(*drawn.blocks, told)) if drawn.blocks else drawn

    async def let_go(self, copy: Copy, *, code: str) -> None:
        """Forget it; who asked for it hears why, if it never stood."""
        log.info("a further card is let go", operation=copy.operation, channel=copy.channel, code=code)
        said = _NOT_HERE.format(why=because(code), id=copy.operation)
        told = News(
            what=RefusalTold(sentence=said, remedy=_REMEDY),
            audience=Audience.PERSON,
            person=copy.person,
            channel=copy.channel,
        )
        async with self._archive.unit() as unit:
            await unit.copies.drop(copy)
            if not copy.ts:
                await unit.outbox.tell(told)
            await unit.commit()

    async def keep(self, copy: Copy) -> None:
        """Store where it stands."""
        async with self._archive.unit() as unit:
            await unit.copies.keep(copy)
            await unit.commit()


@dataclass(frozen=True, kw_only=True)
class _CopyMessage:
    """A further card of one operation, as a message that stands."""

    copies: Copies
    operation: Operation
    revision: int  #: that is to be shown
    copy: Copy

    @property
    def name(self) -> str:
        return f"{self.copy.operation} {self.copy.channel}"

    @property
    def mark(self) -> str:
        return self.copy.operation

    @property
    def stand(self) -> Stand:
        return Stand(channel=self.copy.channel, ts=self.copy.ts, attempted_at=self.copy.attempted_at)

    @property
    def channel(self) -> str:
        return self.copy.channel

    @property
    def pace_of(self) -> str:
        return f"{self.operation.id} {self.operation.state} {self.copy.channel}"

    @property
    def leaves(self) -> float:
        return LEFT_BY_PROGRESS if self.operation.state in EXECUTING else LEFT_BY_STATES

    @property
    def may_call(self) -> str:
        return self.copy.person

    async def thread(self) -> str:
        return ""

    async def draw(self) -> Message:
        return await self.copies.drawn(self.operation, self.copy)

    async def keep(self, stand: Stand, *, is_shown: bool) -> None:
        revision = self.revision if is_shown else -1
        await self.copies.keep(replace(self.copy, ts=stand.ts, revision=revision, attempted_at=stand.attempted_at))

    async def refused(self, refusal: SlackRefused, *, tries: int) -> None:
        if refusal.code not in NO_SUCH_PLACE | MESSAGE_GONE and tries < PATIENCE:
            raise refusal
        await self.copies.let_go(self.copy, code=refusal.code)

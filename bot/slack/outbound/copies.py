"""Keeps further cards as they should stand where somebody asked to see them: posted once, then edited."""

from dataclasses import replace

from bot.domain.messages.news import Audience, Kind, News
from bot.domain.operation import EXECUTING, Operation
from bot.domain.ports import Archive, Clock, Copy, LeaseLost
from bot.runtime.log import logger
from bot.slack.outbound.backoff import BackOff
from bot.slack.outbound.cards import Cards
from bot.slack.outbound.pace import EDIT, LEFT_BY_PROGRESS, LEFT_BY_STATES, POST
from bot.slack.outbound.pending import Behind
from bot.slack.outbound.poster import CARD, Poster
from bot.slack.refusals import MESSAGE_GONE, NO_SUCH_PLACE, because
from bot.slack.views import message
from bot.slack.views.message import Message
from bot.slack.wire import SlackError, SlackRefused, SlackSilent

log = logger(__name__)

_PATIENCE = 6
_THREAD = "Shown here for <@{person}>; the thread of this operation hangs at its card in <#{channel}>."
_NOT_HERE = "Muster cannot post in <#{channel}> ({why}), so the card of {id} is not shown there."
_REMEDY = "Add Muster with `/invite` and type it again, or type it where Muster is."


class Copies:
    """Posts and edits further cards that are behind their operation. One that Slack refuses is let go."""

    def __init__(self, archive: Archive, clock: Clock, poster: Poster, cards: Cards) -> None:
        self._archive = archive
        self._clock = clock
        self._poster = poster
        self._cards = cards
        self._backoff = BackOff(clock, poster.pace, what="a further card")

    async def round(self, behind: Behind) -> bool:
        """Bring every one up to date that may be touched now; whether any was."""
        shown = False
        for operation, revision, copy in behind.copies:
            name = f"{copy.operation} {copy.channel}"
            if self._backoff.waits(name):
                continue
            try:
                done = await self._show(operation, revision, copy)
            except LeaseLost:
                raise
            except SlackError as error:
                self._backoff.failed(name, error)
                if isinstance(error, SlackSilent):
                    break  # Slack is away: the others would wait for it one after another
            else:
                shown |= done
                if done:
                    self._backoff.done(name)
        return shown

    async def _show(self, operation: Operation, revision: int, copy: Copy) -> bool:
        try:
            if copy.ts:
                return await self._edit(operation, replace(copy, revision=revision))
            return await self._first(operation, revision, copy)
        except SlackRefused as refusal:
            tries = self._backoff.tries(f"{copy.operation} {copy.channel}") + 1
            if refusal.code not in NO_SUCH_PLACE | MESSAGE_GONE and tries < _PATIENCE:
                raise
            await self._let_go(copy, code=refusal.code)
            return True

    async def _edit(self, operation: Operation, copy: Copy) -> bool:
        at = f"{operation.id} {operation.state} {copy.channel}"
        leaves = LEFT_BY_PROGRESS if operation.state in EXECUTING else LEFT_BY_STATES
        if not self._poster.pace.allows(EDIT, at, leaves=leaves):
            return False
        await self._poster.edit(copy.channel, copy.ts, await self._drawn(operation, copy), pace_of=at)
        await self._keep(copy)
        return True

    async def _first(self, operation: Operation, revision: int, copy: Copy) -> bool:
        """Note the attempt, post, note the answer: killed anywhere between, the next round looks first."""
        if not self._poster.pace.allows(POST, copy.channel):
            return False
        if copy.attempted_at is not None and (found := await self._look(copy)):
            await self._keep(replace(copy, ts=found, attempted_at=None))
            return True
        drawn = await self._drawn(operation, copy)
        await self._keep(replace(copy, attempted_at=self._clock.now()))
        try:
            ts = await self._poster.post(copy.channel, drawn, event=CARD, mark=operation.id)
        except SlackSilent:
            raise
        except SlackError:
            await self._keep(replace(copy, attempted_at=None))
            raise
        await self._keep(replace(copy, ts=ts, revision=revision, attempted_at=None))
        return True

    async def _look(self, copy: Copy) -> str:
        try:
            found = await self._poster.find(copy.channel, event=CARD, marks=[copy.operation], since=copy.attempted_at)
        except SlackRefused:
            return ""
        return found.get(copy.operation, "")

    async def _drawn(self, operation: Operation, copy: Copy) -> Message:
        async with self._archive.reading() as unit:
            records, card = await unit.steps.of(operation.id), await unit.cards.of(operation.id)
        drawn = self._cards.draw(operation, records)
        where = card.channel if card is not None else operation.channel
        told = message.context(_THREAD.format(person=copy.person, channel=where))
        return replace(drawn, blocks=(*drawn.blocks, told)) if drawn.blocks else drawn

    async def _let_go(self, copy: Copy, *, code: str) -> None:
        """Forget it; who asked for it hears why, if it never stood."""
        log.info("a further card is let go", operation=copy.operation, channel=copy.channel, code=code)
        said = _NOT_HERE.format(channel=copy.channel, why=because(code), id=copy.operation)
        told = News(
            kind=Kind.REFUSED,
            audience=Audience.PERSON,
            person=copy.person,
            channel=copy.channel,
            facts={"sentence": said, "remedy": _REMEDY},
        )
        async with self._archive.unit() as unit:
            await unit.copies.drop(copy)
            if not copy.ts:
                await unit.outbox.tell(told)
            await unit.commit()

    async def _keep(self, copy: Copy) -> None:
        async with self._archive.unit() as unit:
            await unit.copies.keep(copy)
            await unit.commit()

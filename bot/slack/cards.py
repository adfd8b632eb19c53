"""Keeps every operation's card as it should stand: posted once, then edited."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.operation import Operation
from bot.domain.policy import Rule
from bot.domain.ports import Archive, Card, Clock, LeaseLost
from bot.domain.steps import StepRecord
from bot.domain.values import Action, OperationId
from bot.log import logger
from bot.slack.behind import Behind
from bot.slack.pace import EDIT, POST
from bot.slack.poster import CARD, Poster
from bot.slack.refusals import MESSAGE_GONE
from bot.slack.views import card as view
from bot.slack.views import message, subject, text
from bot.slack.views.message import Message
from bot.slack.wire import SlackError, SlackRefused, SlackSilent

log = logger(__name__)

Rules = Mapping[tuple[str, Action], Rule]
NOBODY = Rule(requesters=(), approvers=())
"""The policy of a cloud that is not configured any more: nobody may do anything."""
_PATIENCE = 6
"""How often an edit is tried that Slack refuses: a channel that is being moved or converted refuses for a while."""
_ELSEWHERE = (
    ":warning: Muster cannot post in <#{channel}>, so this card stands here, where only you see it. "
    "Add Muster to that channel with `/invite` and ask again there, so that approvers can see it."
)
_SLOWEST = 60.0


class Cards:
    """Posts and edits cards that are behind their operation."""

    def __init__(self, archive: Archive, clock: Clock, poster: Poster, rules: Rules) -> None:
        self._archive = archive
        self._clock = clock
        self._poster = poster
        self._pace = poster.pace
        self._rules = rules
        self._tries: dict[OperationId, int] = {}
        self._not_before: dict[OperationId, float] = {}

    async def round(self, behind: Behind) -> bool:
        """Bring every card up to date that may be touched now; whether any was."""
        shown = False
        for operation, revision, card in behind.cards:
            try:
                shown |= await self._show(operation, revision, card)
            except SlackError as error:
                self._back_off(operation.id, error)
                if isinstance(error, SlackSilent):
                    break  # Slack is away: the others would wait for it one after another
            except LeaseLost:
                raise
            except Exception as error:
                log.exception("a card stumbled", operation=operation.id)
                self._back_off(operation.id, SlackSilent(type(error).__name__))
        return shown

    async def _show(self, operation: Operation, revision: int, card: Card | None) -> bool:
        due = self._not_before.get(operation.id)
        if due is not None and due > self._clock.monotonic():
            self._pace.come_back(due)
            return False
        if card is not None and card.ts:
            done = await self._edit(operation, replace(card, revision=revision))
        else:
            done = await self._first(operation, revision, card)
        if done:
            self._tries.pop(operation.id, None)
            self._not_before.pop(operation.id, None)
        return done

    async def _edit(self, operation: Operation, card: Card) -> bool:
        at = f"{operation.id} {operation.state}"  # progress waits for its turn; what people must know or click does not
        if not self._pace.allows(EDIT, at):
            return False
        drawn = await self._drawn(operation, card.channel)
        try:
            await self._poster.edit(card.channel, card.ts, drawn, pace_of=at)
        except SlackRefused as refusal:
            if refusal.code in MESSAGE_GONE:
                await self._keep(replace(card, ts="", revision=-1, attempted_at=None))
                return True
            if self._tries.get(operation.id, 0) + 1 < _PATIENCE:
                raise
            log.warning("card cannot be edited", operation=operation.id, code=refusal.code)
        await self._keep(card)
        return True

    async def _first(self, operation: Operation, revision: int, card: Card | None) -> bool:
        channel = card.channel if card is not None else operation.channel
        if not self._pace.allows(POST, channel):
            return False
        new = Card(operation=operation.id, channel=channel, ts="", revision=-1)
        if card is not None and card.attempted_at is not None:
            found = await self._look(card)
            if found:
                await self._keep(replace(new, ts=found))
                return True
        try:
            await self._post(operation, revision, new)
        except SlackRefused as refusal:
            log.warning("card cannot be posted", operation=operation.id, channel=channel, code=refusal.code)
            if channel == operation.channel:
                return await self._post_to_requester(operation, revision, new)
            await self._keep(replace(new, channel=operation.channel, revision=revision))
        return True

    async def _look(self, card: Card) -> str:
        """The ts of a card whose posting had no answer, when it stands there."""
        try:
            found = await self._poster.find(card.channel, event=CARD, marks=[card.operation])
        except SlackRefused as refusal:
            log.warning("cannot look for a card", operation=card.operation, code=refusal.code)
            return ""
        return found.get(card.operation, "")

    async def _post(self, operation: Operation, revision: int, new: Card) -> None:
        """Note the attempt, post, note the answer: killed anywhere between, the next round looks first."""
        drawn = await self._drawn(operation, new.channel)
        await self._keep(replace(new, attempted_at=self._clock.now()))
        try:
            ts = await self._poster.post(new.channel, drawn, event=CARD, mark=operation.id)
        except SlackSilent:
            raise
        except SlackError:
            await self._keep(new)
            raise
        await self._keep(replace(new, ts=ts, revision=revision))

    async def _post_to_requester(self, operation: Operation, revision: int, new: Card) -> bool:
        """Muster is not in the channel: the person who asked gets the card, and hears what to do."""
        try:
            channel = await self._poster.dm(operation.requested_by)
            await self._post(operation, revision, replace(new, channel=channel))
        except SlackRefused as refusal:
            log.warning("card cannot be shown to anybody", operation=operation.id, code=refusal.code)
            await self._keep(replace(new, revision=revision))
        return True

    async def _drawn(self, operation: Operation, channel: str) -> Message:
        async with self._archive.reading() as unit:
            records = await unit.steps(operation.id)
        drawn = self.draw(operation, records)
        if channel == operation.channel:
            return drawn
        return replace(drawn, blocks=(message.section(_ELSEWHERE.format(channel=operation.channel)), *drawn.blocks))

    def draw(self, operation: Operation, records: Sequence[StepRecord]) -> Message:
        """The card; or its headline, should drawing it fail: an operation without a card cannot be cancelled."""
        try:
            return view.render(operation, records, self.rule_of(operation), now=self._clock.now())
        except Exception:
            log.exception("card cannot be drawn", operation=operation.id)
            return Message(text=f"{text.escape(subject.headline(operation))}. {operation.state.value}")

    def rule_of(self, operation: Operation) -> Rule:
        """The policy of an operation's cloud and action."""
        return self._rules.get((operation.request.cloud, operation.request.action), NOBODY)

    async def _keep(self, card: Card) -> None:
        async with self._archive.unit() as unit:
            await unit.keep_card(card)
            await unit.commit()

    def _back_off(self, operation: OperationId, error: SlackError) -> None:
        tries = self._tries.get(operation, 0) + 1
        self._tries[operation] = tries
        due = self._clock.monotonic() + min(_SLOWEST, 2.0**tries)
        self._not_before[operation] = due
        self._pace.come_back(due)
        if tries == 1:
            log.warning("card waits for Slack", operation=operation, code=error.code)

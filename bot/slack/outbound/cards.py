"""Keeps every operation's card as it should stand: posted once, then edited."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.domain.operation import EXECUTING, FINAL, Operation, State
from bot.domain.ports import Archive, Card, Clock, LeaseLost
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, OperationId
from bot.runtime.log import logger, stumbled
from bot.slack.outbound.backoff import BackOff
from bot.slack.outbound.moving import Moving
from bot.slack.outbound.pace import EDIT, LEFT_BY_PROGRESS, LEFT_BY_STATES, POST
from bot.slack.outbound.pending import Behind
from bot.slack.outbound.poster import CARD, WRONG_SHAPE, Poster
from bot.slack.refusals import CLOSED, MESSAGE_GONE, NO_SUCH_PLACE, because
from bot.slack.views import message, subject, text
from bot.slack.views.cards import card as view
from bot.slack.views.message import Message
from bot.slack.wire import SlackError, SlackRefused, SlackSilent

log = logger(__name__)

Rules = Mapping[tuple[str, Action], Rule]
NOBODY = Rule(requesters=(), approvers=())
"""The policy of a cloud that is not configured any more: nobody may do anything."""
_PATIENCE = 6
"""How often an edit is tried that Slack refuses: a channel that is being moved or converted refuses for a while."""
_HALTED = frozenset({State.PAUSED, State.STOPPING})
"""What somebody wants stopped: they wait to see that it is, and come before all others."""
_MOVED = (
    ":warning: Muster can post nothing in <#{left}> ({why}), so this card stands here. "
    "`/muster show {id}`, typed where Muster is, shows it there too."
)
_ALONE = " Only you see it here: do that where approvers are."


class Cards:
    """Posts and edits cards that are behind their operation."""

    def __init__(self, archive: Archive, clock: Clock, poster: Poster, rules: Rules, moving: Moving) -> None:
        self._archive = archive
        self._clock = clock
        self._poster = poster
        self._pace = poster.pace
        self._rules = rules
        self.moving = moving
        self._stands: dict[OperationId, State] = {}  #: the state that each live operation's card was drawn in last
        self._backoff = BackOff(clock, poster.pace, what="a card")

    async def round(self, behind: Behind) -> bool:
        """Bring every card up to date that may be touched now; whether any was."""
        shown = False
        for operation, revision, card in sorted(behind.cards, key=lambda one: self._leaves(one[0])):
            try:
                shown |= await self._show(operation, revision, card)
            except SlackError as error:
                self._backoff.failed(operation.id, error)
                if isinstance(error, SlackSilent):
                    break  # Slack is away: the others would wait for it one after another
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001  # the others go on
                stumbled(log, "a card stumbled", error, operation=operation.id)
                self._backoff.failed(operation.id, SlackSilent(type(error).__name__))
        return shown

    async def _show(self, operation: Operation, revision: int, card: Card | None) -> bool:
        if self._backoff.waits(operation.id):
            return False
        if card is not None and card.ts:
            done = await self._edit(operation, replace(card, revision=revision))
        else:
            done = await self._first(operation, revision, card)
        if done:
            self._backoff.done(operation.id)
        return done

    async def _edit(self, operation: Operation, card: Card) -> bool:
        at = f"{operation.id} {operation.state}"  # progress waits for its turn; what people must know or click does not
        if not self._pace.allows(EDIT, at, leaves=self._leaves(operation)):
            return False
        drawn = await self._drawn(operation, card)
        try:
            await self._poster.edit(card.channel, card.ts, drawn, pace_of=at)
        except SlackRefused as refusal:
            if refusal.code in MESSAGE_GONE:
                await self._keep(replace(card, ts="", revision=-1, attempted_at=None))
                return True
            await self._leave(operation, card, refusal, at_once=CLOSED)
            return True
        self._stands[operation.id] = operation.state
        if operation.state in FINAL:
            del self._stands[operation.id]
        await self._keep(card)
        return True

    def _leaves(self, operation: Operation) -> float:
        """How many edits its card leaves to others: those whose state it does not say yet come before mere figures."""
        if operation.state in EXECUTING and self._stands.get(operation.id) is operation.state:
            return LEFT_BY_PROGRESS
        return 0.0 if operation.state in _HALTED else LEFT_BY_STATES

    async def _first(self, operation: Operation, revision: int, card: Card | None) -> bool:
        new = Card(operation=operation.id, channel=operation.channel, ts="", revision=-1)
        new = new if card is None else replace(card, ts="", revision=-1, attempted_at=None)
        if not self._pace.allows(POST, new.channel):
            return False
        if card is not None and card.attempted_at is not None:
            found = await self._look(card)
            if found:
                await self._keep(replace(new, ts=found))
                return True
        try:
            await self._post(operation, revision, new)
        except SlackRefused as refusal:
            await self._leave(operation, replace(new, revision=revision), refusal, at_once=NO_SUCH_PLACE | CLOSED)
        return True

    async def _leave(
        self, operation: Operation, card: Card, refusal: SlackRefused, *, at_once: Collection[str]
    ) -> None:
        """Move the card, once Slack has refused it often enough; it goes round until some place takes it.

        Raises:
            SlackRefused: it is to be tried again, later.
        """
        if refusal.code not in at_once and self._backoff.tries(operation.id) + 1 < _PATIENCE:
            raise refusal
        if refusal.code in WRONG_SHAPE:  # it is not about the place
            if not card.ts:
                raise refusal
            log.warning("card cannot be edited", operation=operation.id, code=refusal.code)
            await self._keep(card)
            return
        moved = await self.moving.move(operation, card.channel, why=refusal.code)
        if operation.state in FINAL and (not moved or (card.left and not card.ts)):
            log.warning("card cannot be shown to anybody", operation=operation.id, code=refusal.code)
            await self._keep(card)
        elif card.left or not moved:
            raise refusal

    async def _look(self, card: Card) -> str:
        """The ts of a card whose posting had no answer, when it stands there."""
        try:
            found = await self._poster.find(card.channel, event=CARD, marks=[card.operation], since=card.attempted_at)
        except SlackRefused as refusal:
            log.warning("cannot look for a card", operation=card.operation, code=refusal.code)
            return ""
        return found.get(card.operation, "")

    async def _post(self, operation: Operation, revision: int, new: Card) -> None:
        """Note the attempt, post, note the answer: killed anywhere between, the next round looks first."""
        drawn = await self._drawn(operation, new)
        await self._keep(replace(new, attempted_at=self._clock.now()))
        try:
            ts = await self._poster.post(new.channel, drawn, event=CARD, mark=operation.id)
        except SlackSilent:
            raise
        except SlackError:
            await self._keep(new)
            raise
        await self._keep(replace(new, ts=ts, revision=revision))

    async def _drawn(self, operation: Operation, card: Card) -> Message:
        async with self._archive.reading() as unit:
            records = await unit.steps.of(operation.id)
        drawn = self.draw(operation, records)
        if not card.left or card.channel == operation.channel:
            return drawn
        said = _MOVED.format(left=card.left, why=because(card.why), id=operation.id)
        said += _ALONE if card.channel.startswith("D") and operation.state not in FINAL else ""
        return replace(drawn, blocks=(message.section(said), *drawn.blocks))

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
            await unit.cards.keep(card)
            await unit.commit()

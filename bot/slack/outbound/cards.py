"""The cards of operations, as messages that stand; one that cannot stay where it is moves on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.operation import EXECUTING, FINAL, Operation, State
from bot.domain.ports import Archive, Card, Clock
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, OperationId
from bot.runtime.log import logger
from bot.slack.outbound.card_moves import CardMoves
from bot.slack.outbound.pending import Pending
from bot.slack.outbound.poster import CARD, WRONG_SHAPE, Poster
from bot.slack.outbound.rate_limits import LEFT_BY_PROGRESS, LEFT_BY_STATES
from bot.slack.outbound.standing import PATIENCE, Stand, StandingMessages
from bot.slack.refusals import CLOSED, MESSAGE_GONE, NO_SUCH_PLACE, because
from bot.slack.views import message, subject, text
from bot.slack.views.cards import card as view
from bot.slack.views.message import Message
from bot.slack.wire import SlackRefused

log = logger(__name__)

Rules = Mapping[tuple[str, Action], Rule]
NOBODY = Rule(requesters=(), approvers=())
"""The policy of a cloud that is not configured any more: nobody may do anything."""
_HALTED = frozenset({State.PAUSED, State.STOPPING})
"""What somebody wants stopped: they wait to see that it is, and come before all others."""
_MOVED = (
    ":warning: Muster cannot post in {left} ({why}), so this card stands here. "
    "`/muster show {id}`, typed where Muster is, shows it there too."
)
_ALONE = " Only you see it here: do that where approvers are."


class Cards:
    """Draws the cards that are not up to date, and says when each has its turn."""

    def __init__(self, archive: Archive, clock: Clock, poster: Poster, rules: Rules, moves: CardMoves) -> None:
        self._archive = archive
        self._clock = clock
        self._rules = rules
        self.moves = moves
        self._drawn_in: dict[OperationId, State] = {}  #: the state that each live operation's card was drawn in last
        self._standing = StandingMessages(clock, poster, event=CARD, what="a card")

    async def round(self, pending: Pending) -> bool:
        """Bring every card up to date that may be touched now; whether any was."""
        cards = [_CardMessage(cards=self, operation=o, revision=r, card=c) for o, r, c in pending.cards]
        return await self._standing.round(sorted(cards, key=lambda card: card.leaves))

    def leaves(self, operation: Operation) -> float:
        """How many edits its card leaves to others: those whose state it does not say yet come before mere figures."""
        if operation.state in EXECUTING and self._drawn_in.get(operation.id) is operation.state:
            return LEFT_BY_PROGRESS
        return 0.0 if operation.state in _HALTED else LEFT_BY_STATES

    async def drawn(self, operation: Operation, card: Card | None) -> Message:
        """The card, with a word about where it should stand when it does not."""
        async with self._archive.reading() as unit:
            records = await unit.steps.of(operation.id)
        drawn = self.draw(operation, records)
        if card is None or not card.left or card.channel == operation.channel:
            return drawn
        said = _MOVED.format(left=text.room(card.left), why=because(card.why), id=operation.id)
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

    async def keep(self, card: Card, *, says: State | None = None) -> None:
        """Store where a card stands, and remember the state that it says, where it was shown."""
        async with self._archive.unit() as unit:
            await unit.cards.keep(card)
            await unit.commit()
        if says in FINAL:
            self._drawn_in.pop(card.operation, None)
        elif says is not None:
            self._drawn_in[card.operation] = says


@dataclass(frozen=True, kw_only=True)
class _CardMessage:
    """The card of one operation, as a message that stands."""

    cards: Cards
    operation: Operation
    revision: int  #: that is to be shown
    card: Card | None

    @property
    def name(self) -> str:
        return self.operation.id

    @property
    def mark(self) -> str:
        return self.operation.id

    @property
    def stand(self) -> Stand:
        if self.card is None:
            return Stand(channel=self.operation.channel)
        return Stand(channel=self.card.channel, ts=self.card.ts, attempted_at=self.card.attempted_at)

    @property
    def channel(self) -> str:
        return self.stand.channel

    @property
    def pace_of(self) -> str:
        """Progress waits for its turn; what people must know or click does not."""
        return f"{self.operation.id} {self.operation.state}"

    @property
    def leaves(self) -> float:
        return self.cards.leaves(self.operation)

    @property
    def may_call(self) -> str:
        return self.operation.requested_by

    async def thread(self) -> str:
        return ""

    async def draw(self) -> Message:
        return await self.cards.drawn(self.operation, self.card)

    async def keep(self, stand: Stand, *, is_shown: bool) -> None:
        says = self.operation.state if is_shown else None
        await self.cards.keep(self._standing_at(stand, is_shown=is_shown), says=says)

    def _standing_at(self, stand: Stand, *, is_shown: bool) -> Card:
        kept = self.card or Card(operation=self.operation.id, channel=stand.channel, ts="", revision=-1)
        revision = self.revision if is_shown else -1
        return replace(kept, channel=stand.channel, ts=stand.ts, revision=revision, attempted_at=stand.attempted_at)

    async def refused(self, refusal: SlackRefused, *, tries: int) -> None:
        """Move the card, once Slack has refused it often enough; it goes round until some place takes it."""
        operation, card = self.operation, self.card
        if self.stand.ts and refusal.code in MESSAGE_GONE:
            await self.keep(Stand(channel=self.channel), is_shown=False)
            return
        at_once = CLOSED if self.stand.ts else NO_SUCH_PLACE | CLOSED
        if refusal.code not in at_once and tries < PATIENCE:
            raise refusal
        if refusal.code in WRONG_SHAPE:  # it is not about the place
            if not self.stand.ts:
                raise refusal
            log.warning("card cannot be edited", operation=operation.id, code=refusal.code)
            await self._let_be()
            return
        moved = await self.cards.moves.move(operation, self.channel, why=refusal.code)
        has_left = card is not None and bool(card.left)
        if operation.state in FINAL and (not moved or (has_left and not self.stand.ts)):
            log.warning("card cannot be shown to anybody", operation=operation.id, code=refusal.code)
            await self._let_be()
        elif has_left or not moved:
            raise refusal

    async def _let_be(self) -> None:
        """Take it for shown, as it stands."""
        await self.cards.keep(self._standing_at(replace(self.stand, attempted_at=None), is_shown=True))

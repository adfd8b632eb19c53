"""The notice board: makes what stands in Slack agree with what is stored. Nobody else posts or edits.

It may be killed at any line. What is about to be posted is committed before, and looked for in Slack after a restart.
"""

from collections.abc import Callable, Sequence

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.heartbeats import Heartbeats
from bot.domain.ports import Archive, Bell, Clock, LeaseLost, StoreFailed
from bot.domain.values import UserId
from bot.runtime.log import logger
from bot.slack.command_names import CommandNames
from bot.slack.outbound.card_moves import CardMoves
from bot.slack.outbound.cards import Cards, Rules
from bot.slack.outbound.copies import Copies
from bot.slack.outbound.drawing import Drawing
from bot.slack.outbound.lines import Lines
from bot.slack.outbound.notices import Notices
from bot.slack.outbound.pending import Pending, read
from bot.slack.outbound.poster import Poster
from bot.slack.outbound.rate_limits import RateLimits
from bot.slack.outbound.recipients import DirectMessages, Recipients
from bot.slack.people import SlackPeople
from bot.slack.refusals import because

log = logger(__name__)

POLL = 1.0
"""Seconds between two looks when no bell rings."""
HANGS_AFTER = 120.0
"""Seconds after which a board that has not come round hangs; a round in which Slack is slow takes long."""
GATHER = 0.2
"""Seconds from a ring to the look: an operation that moves many VMs commits several times in that while."""


class Board:
    """Posts and edits whatever is behind the archive.

    Args:
        archive: the database.
        clock: by it rates are kept.
        bell: rung by every commit.
        client: Slack, from `bot.slack.wire.connect` (it must not repeat calls by itself).
        rules: the policy of each cloud and action, for the cards.
        incident_channel: the id of the channel that hears start, trouble and end; empty for none.
        term: the number of the term in which this process speaks; None while another does.
        recipients: who hears of what, and where; None: found out with this client.
        external: whether something may be said in channels that are shared with other organisations.
        heartbeats: is told that the board comes round; None: nobody asks.
        names: of the commands, as people type them here; None: without a prefix.
    """

    def __init__(
        self,
        archive: Archive,
        clock: Clock,
        bell: Bell,
        client: AsyncWebClient,
        rules: Rules,
        incident_channel: str = "",
        *,
        term: Callable[[], int | None] = lambda: 0,
        recipients: Recipients | None = None,
        external: bool = False,
        heartbeats: Heartbeats | None = None,
        names: CommandNames | None = None,
    ) -> None:
        self._archive = archive
        self._bell = bell
        self._clock = clock
        self._client = client
        self._rules = rules
        self._incident_channel = incident_channel
        self._term = term
        self._recipients = recipients or Recipients(client, clock, SlackPeople(client, clock, rules))
        self._external = external
        self._heartbeats = heartbeats or Heartbeats(clock)
        self._names = names
        self._is_troubled = False
        self._begin(term())

    def _begin(self, term: int | None) -> None:
        """Know nothing of an earlier term: another replica may have spoken since, and as much as Slack takes."""
        archive, clock, incident_channel = self._archive, self._clock, self._incident_channel
        self._begun_in = term
        self._pace = RateLimits(clock, is_taken_over=bool(term))
        poster = self._poster = Poster(
            self._client,
            self._pace,
            clock,
            may_speak=lambda: self._term() == term,
            external=self._external,
            names=self._names,
        )
        moves = CardMoves(archive, poster, incident_channel=incident_channel)
        self._cards = Cards(archive, clock, poster, self._rules, moves)
        self._copies = Copies(archive, clock, poster, self._cards)
        drawing = Drawing(archive, clock, poster, self._cards, self._recipients, incident_channel=incident_channel)
        self._lines = Lines(archive, clock, poster, drawing)
        self._notices = Notices(
            archive,
            clock,
            poster,
            link=drawing.link,
            approvers=self.approvers,
            incident_channel=incident_channel,
        )

    async def approvers(self, cloud: str = "") -> Sequence[UserId]:
        """Who may approve anything in a cloud, or in any where it is none of ours, and is told by direct message.

        Raises:
            SlackBusy, SlackSilent: Slack did not say who they are.
        """
        clouds = {name for name, _ in self._rules}
        rules = [rule for (name, _), rule in self._rules.items() if name == cloud or cloud not in clouds]
        return await self._recipients.directly(list(dict.fromkeys(one for rule in rules for one in rule.approvers)))

    @property
    def unheard(self) -> str:
        """Why the incident channel hears nothing, in a sentence; empty when it does, as far as is known."""
        why = self._poster.closed.get(self._incident_channel)
        if why is None:
            return ""
        called = self._recipients.direct_messages is not DirectMessages.NEVER
        instead = "goes to approvers by direct message" if called else "is told to nobody there"
        return f"takes nothing ({because(why)}): what it should hear {instead}"

    async def run(self) -> None:
        """Work until cancelled, in the terms in which this process speaks; nothing else ends it."""
        while True:
            self._heartbeats.beat("board", within=HANGS_AFTER)
            term = self._term()
            if term is None:
                await self._clock.sleep(POLL)
                continue
            if term != self._begun_in:
                self._begin(term)
            try:
                did = await self.round()
            except LeaseLost:
                continue
            if not did:
                await self._bell.wait(self._pace.soonest(most=POLL))
                await self._clock.sleep(GATHER)

    async def round(self) -> bool:
        """Bring up to date what may be touched now; whether anything was.

        An error in one part is logged once until it is over, and the other parts go on.

        Raises:
            LeaseLost: another replica speaks by now.
        """
        did, was_troubled, self._is_troubled = False, self._is_troubled, False
        pending: Pending | None = None
        answers, cards, lines = self._lines.answers, self._cards.round, self._lines.round
        for part in (answers, cards, answers, self._copies.round, lines, self._notices.round):
            try:
                pending = pending or await read(self._archive, put_off=self._lines.put_off)
                if await part(pending):
                    did, pending = True, None  # what was read is old by now
            except LeaseLost:
                raise
            except StoreFailed:
                pending = None  # the archive tells of it; nobody knows what of it was done
            except Exception:
                if not (was_troubled or self._is_troubled):
                    log.exception("the board stumbled")
                self._is_troubled, pending = True, None
        return did

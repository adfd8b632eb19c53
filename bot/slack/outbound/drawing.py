"""Where a piece of news belongs and how it looks: reads what the views need, and asks Slack for links."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.messages.alarm import AlarmUnheard
from bot.domain.messages.answered import (
    AuditListed,
    HostsListed,
    OperationsListed,
    PastListed,
    PolicyListed,
    RefusalTold,
)
from bot.domain.messages.executed import PlanFile, TimelineFile
from bot.domain.messages.news import Audience, News, Unheard
from bot.domain.operation import Operation
from bot.domain.plans.plan import Plan
from bot.domain.ports import ANSWER_AT, Archive, Card, Clock, LeaseLost, Outgoing, StoreFailed
from bot.domain.values import OperationId, UserId
from bot.runtime.log import logger
from bot.slack.outbound.cards import Cards
from bot.slack.outbound.poster import Poster
from bot.slack.outbound.recipients import Heard, Recipients
from bot.slack.views import alarm as alarm_view
from bot.slack.views import answers, incident, news_lines, notes, push, thread, timeline
from bot.slack.views.cards import details
from bot.slack.views.message import Message, SharedFile
from bot.slack.wire import SlackError

log = logger(__name__)

_AT_ONCE = 100
"""Alarms that are read at a time: reading more of them holds up everything else."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a line is told."""

    channel: str
    thread: str = ""
    person: str = ""

    @property
    def is_private(self) -> bool:
        """Whether only one person sees it."""
        return bool(self.person)


class Drawing:
    """Turns news into messages."""

    def __init__(
        self,
        archive: Archive,
        clock: Clock,
        poster: Poster,
        cards: Cards,
        recipients: Recipients,
        *,
        incident_channel: str,
    ) -> None:
        self._archive = archive
        self._clock = clock
        self._poster = poster
        self._cards = cards
        self._recipients = recipients
        self._incident_channel = incident_channel
        self._links: dict[tuple[str, str], str] = {}
        self._names: dict[UserId, str] = {}
        self._direct: dict[UserId, str] = {}
        self._vms: dict[OperationId, int] = {}

    async def place_of(self, line: Outgoing) -> Place | None:
        """Where it belongs; None while its card does not stand."""
        news = line.news
        if news.audience is Audience.PERSON:
            return Place(channel=news.channel or str(news.person), person=str(news.person))
        if news.audience is Audience.INCIDENT:
            return Place(channel=self._incident_channel)
        if news.audience is Audience.DIRECT and news.person is not None:
            return Place(channel=await self._direct_channel(news.person))
        if news.operation is None:
            return Place(channel="")
        return Place(channel=line.channel, thread=line.thread) if line.thread else None

    async def address_of(self, news: News) -> str:
        """Where Slack takes an answer to the command that it answers, for 30 minutes; empty where it is no answer."""
        if not news.answers:
            return ""
        async with self._archive.reading() as unit:
            delivery = await unit.inbox.find(news.answers)
        return str(delivery.payload.get(ANSWER_AT) or "") if delivery is not None else ""

    async def _direct_channel(self, user: UserId) -> str:
        if user not in self._direct:
            if len(self._direct) > _REMEMBERED:
                self._direct.clear()
            self._direct[user] = await self._poster.dm(user)
        return self._direct[user]

    async def heard(self, news: News) -> Heard:
        """Through what each of those whom it calls hears of it; nobody is called for what is over.

        Raises:
            SlackBusy, SlackSilent: Slack did not say.
        """
        if news.operation is None or not news.ask:
            return Heard(incident=(), direct=())
        async with self._archive.reading() as unit:
            operation, card = await unit.operations.get(news.operation), await unit.cards.of(news.operation)
        if push.is_late(news, operation):
            return Heard(incident=(), direct=())
        channel = card.channel if card is not None else operation.channel
        return await self._recipients.heard(
            news.ask, requester=operation.requested_by, card=channel, incident=self._incident_channel
        )

    async def _is_unheard(self, news: News, operation: Operation, *, card: str) -> bool:
        """Whether a call under the card reaches nobody but whoever asked, who must hear that."""
        if not news.ask or push.is_late(news, operation):
            return False
        return await self._recipients.is_unheard(
            news.ask, requester=operation.requested_by, card=card, incident=self._incident_channel
        )

    async def elsewhere(self, news: Sequence[News], *, why: str) -> Sequence[News]:
        """What the incident channel does not take, by direct message to whoever asked and to those called there alone.

        Args:
            news: told as one.
            why: Slack's word for it.

        Raises:
            SlackBusy, SlackSilent: Slack did not say who would have heard it there.
        """
        first = news[0]
        if first.audience is not Audience.INCIDENT or first.operation is None:
            return ()
        async with self._archive.reading() as unit:
            operation = await unit.operations.get(first.operation)
        called = (await self.heard(first)).only_there
        instead = Unheard(channel=self._incident_channel, why=why)
        return [
            replace(
                one,
                audience=Audience.DIRECT,
                person=person,
                ask=(person,) if person in called else (),
                instead=instead,
            )
            for person in dict.fromkeys([operation.requested_by, *called])
            for one in news
        ]

    async def vms_of(self, news: News) -> int:
        """How many VMs the plan of an operation moves that has begun: it is not planned anew any more."""
        id = news.operation
        if id is None:
            return 0
        if id not in self._vms:
            async with self._archive.reading() as unit:
                operation = await unit.operations.get(id)
            if len(self._vms) > _REMEMBERED:
                self._vms.clear()
            self._vms[id] = len(operation.vms)
        return self._vms[id]

    async def card_is_gone(self, news: News) -> None:
        """Somebody deleted the card: let it be posted anew, and the lines wait for that."""
        if news.operation is None:
            return
        async with self._archive.unit() as unit:
            card = await unit.cards.of(news.operation)
            if card is not None:
                await unit.cards.keep(replace(card, ts="", revision=-1, attempted_at=None))
                await unit.commit()

    async def card_must_leave(self, news: News, *, why: str) -> None:
        """Nothing can be told where the card stands: let it stand elsewhere, and the lines wait for that."""
        if news.operation is None:
            return
        async with self._archive.reading() as unit:
            operation, card = await unit.operations.get(news.operation), await unit.cards.of(news.operation)
        if card is not None:
            await self._cards.moves.move(operation, card.channel, why=why)

    async def draw(self, news: Sequence[News]) -> Message:
        """The message; or the bare kind, should drawing it fail: a line is never lost to a view.

        Raises:
            SlackBusy, SlackSilent: a link was to be asked for, and Slack did not answer.
            StoreFailed: what it tells of cannot be read now.
        """
        try:
            return await self._draw(news)
        except (SlackError, LeaseLost, StoreFailed):
            raise
        except Exception:
            log.exception("news cannot be drawn", kind=news[0].kind)
            return Message(text=f"{news[0].kind}".capitalize() + ".")

    async def _draw(self, news: Sequence[News]) -> Message:
        first = news[0]
        if first.audience is Audience.PERSON:
            return await self._note(first)
        if isinstance(first.what, AlarmUnheard) and first.instead is not None:
            return await self._alarm(first, first.what, first.instead)
        if first.operation is None:
            return Message(text=news_lines.of(first))
        if isinstance(first.what, TimelineFile):
            return await self._timeline(first, first.operation)
        async with self._archive.reading() as unit:
            operation, card = await unit.operations.get(first.operation), await unit.cards.of(first.operation)
            records = await unit.steps.of(first.operation) if first.kind in thread.WITH_REPORT else ()
        if isinstance(first.what, PlanFile) and operation.plan is not None:
            return self._plan(first, first.what, operation, operation.plan)
        asker = await self._name(operation.requested_by) if push.calls(first) else ""
        if first.audience is Audience.DIRECT:
            told = first if first.instead or first.person is None else replace(first, ask=(first.person,))
            link = await self.link(operation.id)
            return incident.by_direct_message(told, operation, also=news[1:], link=link, asker=asker)
        if first.audience is Audience.INCIDENT:
            told = replace(first, ask=(await self.heard(first)).incident) if push.calls(first) else first
            return incident.render(told, operation, also=news[1:], link=await self.link(operation.id), asker=asker)
        channel = card.channel if card is not None else operation.channel
        is_unheard = await self._is_unheard(first, operation, card=channel)
        incident_channel = "" if channel == self._incident_channel else self._incident_channel
        unheard = push.unheard(first, operation, incident_channel=incident_channel) if is_unheard else ""
        return thread.render(news, operation, records, asker=asker, unheard=unheard)

    async def _alarm(self, news: News, told: AlarmUnheard, instead: Unheard) -> Message:
        """As it is now: it may be over by the time that it is told."""
        async with self._archive.reading() as unit:
            alarm = await unit.alarms.find(told.alarm)
            ids = told.below if alarm is not None and alarm.is_open else ()
            pages = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
            below = [one for page in pages for one in await unit.alarms.within(told.alarm, ids=page)]
        if alarm is None:
            return Message(text=news_lines.of(news))
        link = await self.link(alarm.operation) if alarm.operation is not None else ""
        return alarm_view.by_direct_message(alarm, below=below, goes_on=told.goes_on, link=link, instead=instead)

    async def _name(self, user: UserId) -> str:
        """What a person is called; empty when Slack does not tell."""
        if user not in self._names:
            if len(self._names) > _REMEMBERED:
                self._names.clear()
            self._names[user] = await self._poster.name(user)
        return self._names[user]

    def _plan(self, news: News, told: PlanFile, operation: Operation, plan: Plan) -> Message:
        if told.digest != (operation.digest or ""):
            return Message(text=":page_facing_up: Another plan has taken the place of this one; see its file.")
        elsewhere = ":page_facing_up: The whole plan: *Details* on the card. No file could be attached."
        content = details.file(operation, plan)
        return Message(
            text=news_lines.of(news), file=SharedFile(name=str(file_of(news)), content=content, otherwise=elsewhere)
        )

    async def _timeline(self, news: News, id: OperationId) -> Message:
        async with self._archive.reading() as unit:
            operation, records = await unit.operations.get(id), await unit.steps.of(id)
            _, entries = await unit.audit.entries(id, limit=_ENTRIES)
        names = {who: await self._poster.name(who) for who in timeline.people_in(operation, entries)}
        content = timeline.render(operation, entries, records, names=names)
        elsewhere = (
            f":page_facing_up: The whole story, for the postmortem: `/muster audit {id}`. No file could be attached."
        )
        return Message(
            text=news_lines.of(news), file=SharedFile(name=str(file_of(news)), content=content, otherwise=elsewhere)
        )

    async def _note(self, news: News) -> Message:
        match news.what:
            case RefusalTold() as told:
                return notes.refused(told, link=await self.link(told.link_to) if told.link_to else "")
            case HostsListed() | AuditListed() | PolicyListed() as told:
                named = answers.operations_in(told)[:_LINKED]
                return answers.render(told, await self._links_of(named))
            case OperationsListed() | PastListed() as told:
                return await self._listed(told)
        return Message(text=news_lines.of(news))

    async def _listed(self, told: OperationsListed | PastListed) -> Message:
        async with self._archive.reading() as unit:
            operations = await unit.operations.those(told.about)
        if not operations:
            return notes.noted(told.sentence)
        links = await self._links_of([o.id for o in operations[:_LINKED]])
        if isinstance(told, PastListed):
            return answers.history(told.sentence, operations, links)
        if not told.in_full:
            return notes.listing(told.sentence, operations, links)
        shown = operations[0]
        async with self._archive.reading() as unit:
            records = await unit.steps.of(shown.id)
        rule = self._cards.rule_of(shown)
        return notes.in_full(shown, records, rule, now=self._clock.now(), link=links[shown.id])

    async def link(self, operation: OperationId) -> str:
        """The address of an operation's card; empty when it has none."""
        return (await self._links_of([operation]))[operation]

    async def _links_of(self, operations: Sequence[OperationId]) -> dict[OperationId, str]:
        async with self._archive.reading() as unit:
            cards = {card.operation: card for card in await unit.cards.those(operations)}
        return {id: await self._link_to(cards.get(id)) for id in operations}

    async def _link_to(self, card: Card | None) -> str:
        if card is None or not card.ts:
            return ""
        where = (card.channel, card.ts)
        if where not in self._links:
            if len(self._links) > _REMEMBERED:
                self._links.clear()
            self._links[where] = await self._poster.permalink(card.channel, card.ts)
        return self._links[where]


def file_of(news: News) -> str | None:
    """What the file is called that a piece of news brings; None when it brings none."""
    if news.operation is None:
        return None
    if isinstance(news.what, PlanFile):
        return details.file_name(news.operation, news.what.digest)
    return timeline.file_name(news.operation) if isinstance(news.what, TimelineFile) else None


_ENTRIES = 10_000
"""Lines of the audit in a timeline at most, the newest."""
_LINKED = 20
_REMEMBERED = 1_000

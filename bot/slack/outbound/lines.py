"""Tells the outbox: thread lines, incident lines and private notes, each lane in its order, none lost or told twice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from bot.domain.messages.kind import ONE_LINE, Kind
from bot.domain.messages.news import Audience
from bot.domain.ports import Archive, Clock, LeaseLost, Outgoing, StoreFailed
from bot.runtime.log import logger
from bot.slack.late_calls import MayStillAppear
from bot.slack.outbound.backoff import STORE_SECONDS, pause_after
from bot.slack.outbound.drawing import Drawing, Place, file_of
from bot.slack.outbound.pending import Pending
from bot.slack.outbound.poster import FILE, LINE, Poster
from bot.slack.outbound.rate_limits import EPHEMERAL, POST
from bot.slack.refusals import BARRED, CARD_GONE, NO_SUCH_PLACE
from bot.slack.views.message import Message
from bot.slack.wire import SlackBusy, SlackError, SlackRefused, SlackSilent

log = logger(__name__)

_TOGETHER = {Kind.VM_DONE: 100, Kind.STEP_DONE: 20, Kind.STEP_FAILED: 10, Kind.STEP_UNKNOWN: 10}
"""How many lines of a kind are told as one when they queue up."""
_GATHER = 10.0
"""Seconds: how long lines about single VMs are gathered when there are many VMs."""
_GATHER_TROUBLE = 5.0
"""Seconds: how long what failed is gathered, so that no phone rings for each VM of a hundred."""
_TROUBLE = frozenset({Kind.STEP_FAILED, Kind.STEP_UNKNOWN})
_MANY_VMS = 30
_AT_A_TIME = 1.0
"""Seconds after which a round of lines is cut short: answers and cards have their turn before the rest of it."""
FILE_SECONDS = 30.0
"""How long the message of a file may take to appear: Slack answers the upload before it shares the file."""
_PATIENCE = 10
"""How often a line is offered that Slack refuses for a reason we do not know."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Lines that must be told in order: one audience of one operation, or one person."""

    audience: Audience
    whose: str


class Lines:
    """Posts what waits in the outbox."""

    def __init__(self, archive: Archive, clock: Clock, poster: Poster, drawing: Drawing) -> None:
        self._archive = archive
        self._clock = clock
        self._poster = poster
        self._pace = poster.pace
        self._drawing = drawing
        self._refused: set[int] = set()  # attempted, but Slack answered that it did not take them
        self._not_before: dict[int, float] = {}  # by the head of a lane: when it is tried again
        self._gathered_since: dict[int, float] = {}  # by the head of a lane: when it was seen first
        self._unsure_since: dict[int, float] = {}  # of files: when it was first seen that the answer is missing
        self._served: dict[Lane, int] = {}
        self._serving = 0

    @property
    def put_off(self) -> Collection[int]:
        """The lines that are not to be tried yet."""
        now = self._clock.monotonic()
        self._not_before = {id: due for id, due in self._not_before.items() if due > now}
        for due in self._not_before.values():
            self._pace.come_back(due)
        return frozenset(self._not_before)

    async def answers(self, pending: Pending) -> bool:
        """The same as `round`, for what is told to one person who waits for it."""
        return await self._round([line for line in pending.lines if line.news.audience is Audience.PERSON])

    async def round(self, pending: Pending) -> bool:
        """Tell the head of every lane that may speak now; whether anything was told."""
        waiting = {_lane_of(line) for line in pending.lines}
        self._served = {lane: at for lane, at in self._served.items() if lane in waiting}
        return await self._round(pending.lines)

    async def _round(self, lines: Sequence[Outgoing]) -> bool:
        heads: dict[Lane, Outgoing] = {}
        put_off = self.put_off  # some of them since it was read
        for line in lines:
            heads.setdefault(_lane_of(line), line)
        told, until = False, self._clock.monotonic() + _AT_A_TIME
        for lane in sorted(heads, key=lambda la: (la.audience is not Audience.PERSON, self._served.get(la, 0))):
            if told and self._clock.monotonic() > until:
                break
            batch = [heads[lane]]
            if batch[0].id in put_off or not self._may_have_its_turn(batch[0]):
                continue
            try:
                batch, is_last = await self._batch(batch[0])
                told |= await self._tell(lane, batch, is_last=is_last)
            except MayStillAppear as wait:
                self._hold(batch, wait.seconds)
            except SlackError as error:
                await self._put_off(batch, error)
                if isinstance(error, SlackSilent):
                    break  # Slack is away: the other lanes would wait for it one after another
            except LeaseLost:
                raise
            except StoreFailed:
                self._hold(batch, STORE_SECONDS)  # the archive tells of it
            except Exception as error:
                log.exception("a line stumbled", lane=lane.whose)
                await self._put_off(batch, SlackSilent(type(error).__name__))
        return told

    def _may_have_its_turn(self, head: Outgoing) -> bool:
        """Whether the pace of its channel allows that, as far as nothing has to be read for it."""
        if head.news.kind in _TOGETHER and head.news.audience is not Audience.ABSENT:
            self._gathered_since.setdefault(head.id, self._clock.monotonic())
        return head.news.audience is not Audience.THREAD or self._pace.allows(POST, head.channel)

    async def _batch(self, head: Outgoing) -> tuple[list[Outgoing], bool]:
        """The head of a lane with the lines behind it that are told together with it; whether they are all of it."""
        kind, audience = head.news.kind, head.news.audience
        most = 1 if audience in {Audience.PERSON, Audience.ABSENT} else _TOGETHER.get(kind, 1)
        if most == 1:
            return [head], False
        async with self._archive.reading() as unit:
            waiting = [head, *await unit.outbox.followers(head, limit=most)]
        batch = list(takewhile(lambda line: line.news.kind is kind, waiting[:most]))
        return batch, len(batch) == len(waiting)

    async def _tell(self, lane: Lane, batch: list[Outgoing], *, is_last: bool) -> bool:
        if is_last and await self._gathers(batch):
            return False
        if lane.audience is Audience.ABSENT:
            await self._call_the_absent(batch[0])
            return True
        place = await self._drawing.place_of(batch[0])
        if place is None:
            return False  # its card does not stand yet
        if not place.channel:
            await self._note_told(batch, ts="")  # no incident channel is configured: told nowhere, by choice
            return True
        method = EPHEMERAL if lane.audience is Audience.PERSON else POST
        if not self._pace.allows(method, place.channel):
            return False
        if self._may_still_appear(batch[0]):
            return False
        batch = await self._look(place, batch)
        if not batch:
            return True
        self._serving += 1
        self._served[lane] = self._serving
        drawn = await self._drawing.draw([line.news for line in batch])
        if lane.audience is Audience.PERSON:
            await self._post_privately(place, batch, drawn)
        elif not await self._written_into(place, batch, drawn):
            await self._post(place, batch, drawn)
        return True

    async def _written_into(self, place: Place, batch: Sequence[Outgoing], drawn: Message) -> bool:
        """Write it into the line that stands for its like; False where none does, or none can be edited any more.

        Written twice it reads as written once, so an answer that was lost needs no look.
        """
        news = batch[0].news
        if news.kind not in ONE_LINE:
            return False
        async with self._archive.reading() as unit:
            ts = await unit.outbox.line_of(news)
        if not ts:
            return False
        try:
            await self._poster.edit(place.channel, ts, drawn, pace_of=f"{news.operation} {news.kind}")
        except SlackRefused as refusal:
            log.info("a line cannot be edited, so another is posted", channel=place.channel, code=refusal.code)
            return False
        await self._note_told(batch, ts=ts)
        return True

    async def _call_the_absent(self, line: Outgoing) -> None:
        """Make of it a line for each who would not hear it otherwise: each is told, or given up, on its own."""
        called = (await self._drawing.heard(line.news)).direct
        async with self._archive.unit() as unit:
            await unit.outbox.tell(*(replace(line.news, audience=Audience.DIRECT, person=one) for one in called))
            await unit.outbox.told([line.id], ts="")
            await unit.commit()

    async def _gathers(self, batch: Sequence[Outgoing]) -> bool:
        """Lines about single VMs wait a little for each other, with many VMs or when they fail.

        Whatever else is told ends that.
        """
        news, id = batch[0].news, batch[0].id
        is_trouble = news.kind in _TROUBLE and news.audience is not Audience.ABSENT
        if not (is_trouble or news.kind is Kind.VM_DONE) or len(batch) >= _TOGETHER[news.kind]:
            return False
        now = self._clock.monotonic()
        due = self._gathered_since[id] + (_GATHER_TROUBLE if is_trouble else _GATHER)
        if due <= now or not (is_trouble or await self._drawing.vms_of(news) > _MANY_VMS):
            return False
        self._pace.come_back(due)
        return True

    def _may_still_appear(self, line: Outgoing) -> bool:
        """Whether it brings a file whose upload had no answer just now: its message may stand some time later."""
        if line.attempted_at is None or not self._is_unsure(line) or file_of(line.news) is None:
            return False
        now = self._clock.monotonic()
        due = self._unsure_since.setdefault(line.id, now) + FILE_SECONDS
        if due <= now:
            return False
        self._not_before[line.id] = due
        self._pace.come_back(due)
        return True

    async def _look(self, place: Place, batch: list[Outgoing]) -> list[Outgoing]:
        """Without those that stand in Slack already, though their answer was lost."""
        unsure = [line for line in batch if self._is_unsure(line)]
        if not unsure or place.is_private:
            return batch
        try:
            found = await self._found(place, unsure)
        except SlackRefused as refusal:
            log.warning("cannot look for lines", channel=place.channel, code=refusal.code)
            return batch
        for line in unsure:
            if ts := found.get(str(line.id)):
                await self._note_told([line], ts=ts)
        return [line for line in batch if str(line.id) not in found]

    async def _found(self, place: Place, lines: Sequence[Outgoing]) -> Mapping[str, str]:
        """Ids of lines that stand in Slack → ts. A file has no mark of ours but its name."""
        marks = [str(line.id) for line in lines]
        since = min((line.attempted_at for line in lines if line.attempted_at), default=None)
        found = await self._poster.find(place.channel, event=LINE, marks=marks, thread=place.thread, since=since)
        name = file_of(lines[0].news)
        if found or name is None:
            return found
        files = await self._poster.find(place.channel, event=FILE, marks=[name], thread=place.thread, since=since)
        return {marks[0]: files[name]} if files else {}

    def _is_unsure(self, line: Outgoing) -> bool:
        """Whether it may stand in Slack though we hold no answer."""
        return line.attempted_at is not None and line.id not in self._refused

    async def _post(self, place: Place, batch: Sequence[Outgoing], drawn: Message) -> None:
        await self._note_attempt(batch)
        mark = ",".join(str(line.id) for line in batch)
        try:
            ts = await self._put(place, drawn, mark)
        except SlackSilent:
            raise
        except SlackError as error:
            self._refused.update(line.id for line in batch)
            if place.thread and error.code in CARD_GONE:
                await self._drawing.card_is_gone(batch[0].news)
            if place.thread and isinstance(error, SlackRefused) and self._is_no_place(error, batch[0]):
                await self._drawing.card_must_leave(batch[0].news, why=error.code)
            raise
        await self._note_told(batch, ts=ts)

    def _is_no_place(self, refusal: SlackRefused, line: Outgoing) -> bool:
        """Whether the thread of a card is none any more: what is told there goes where the card goes."""
        return refusal.code in NO_SUCH_PLACE or (refusal.code in BARRED and line.tries + 1 >= _PATIENCE)

    async def _put(self, place: Place, drawn: Message, mark: str) -> str:
        """Post it, with its file; where Slack takes no file from us, the line says where its content is to be had."""
        if drawn.file is not None:
            try:
                await self._poster.upload(place.channel, drawn, drawn.file, thread=place.thread)
            except SlackRefused as refusal:
                if refusal.code in CARD_GONE:
                    raise
                log.warning("a file cannot be uploaded", channel=place.channel, code=refusal.code)
                drawn = drawn.without_file(why=refusal.code)
            else:
                return ""
        return await self._poster.post(place.channel, drawn, event=LINE, mark=mark, thread=place.thread)

    async def _post_privately(self, place: Place, batch: Sequence[Outgoing], drawn: Message) -> None:
        """A private note: an answer to the command, or where the person acted, or by direct message.

        An ephemeral message cannot be looked for, so one whose answer was lost is shown again.
        """
        unsure = any(self._is_unsure(line) for line in batch)
        await self._note_attempt(batch)
        if await self._has_replied(batch[0], drawn):
            await self._note_told(batch, ts="")
            return
        try:
            await self._poster.post_ephemeral(place.channel, place.person, drawn)
        except SlackRefused as refusal:
            if refusal.code not in NO_SUCH_PLACE:
                raise
            log.info("a private note goes by direct message", channel=place.channel, code=refusal.code)
            direct = await self._poster.dm(place.person)
            mark = str(batch[0].id)
            since = batch[0].attempted_at
            if not (unsure and await self._poster.find(direct, event=LINE, marks=[mark], since=since)):
                await self._poster.post(direct, drawn, event=LINE, mark=mark)
        await self._note_told(batch, ts="")

    async def _has_replied(self, line: Outgoing, drawn: Message) -> bool:
        """Answer at the address that came with the command, while Slack takes that: it is read wherever that was."""
        address = await self._drawing.address_of(line.news)
        if not address:
            return False
        try:
            await self._poster.reply(address, drawn)
        except (SlackRefused, SlackSilent) as error:
            log.info("a command is answered another way", news=line.id, code=error.code)
            return False
        return True

    async def _put_off(self, batch: Sequence[Outgoing], error: SlackError) -> None:
        """Try again later; or never, where Slack will never take it."""
        ids = [line.id for line in batch]
        tries = batch[0].tries + 1
        audience = batch[0].news.audience
        is_nowhere = error.code in NO_SUCH_PLACE and audience is not Audience.THREAD
        may_open_again = error.code in BARRED | NO_SUCH_PLACE and audience is not Audience.INCIDENT
        is_lasting = is_nowhere or (tries >= _PATIENCE and not may_open_again)
        if isinstance(error, SlackRefused) and is_lasting and await self._has_given_up(batch, error):
            return
        self._hold(batch, error.seconds if isinstance(error, SlackBusy) else pause_after(tries))
        async with self._archive.unit() as unit:
            await unit.outbox.postpone(ids, why=error.code)
            await unit.commit()
        if tries == 1:
            log.warning("news waits for Slack", news=ids, code=error.code)

    def _hold(self, batch: Sequence[Outgoing], seconds: float) -> None:
        """Let nothing of their lane be told for so long."""
        until = self._not_before[batch[0].id] = self._clock.monotonic() + seconds
        self._pace.come_back(until)

    async def _has_given_up(self, batch: Sequence[Outgoing], refusal: SlackRefused) -> bool:
        """Tell it to nobody there any more, and elsewhere where that is known; False: Slack did not say to whom."""
        try:
            elsewhere = await self._drawing.elsewhere([line.news for line in batch], why=refusal.code)
        except (SlackBusy, SlackSilent):
            return False
        ids = [line.id for line in batch]
        log.warning("news cannot be told", news=ids, code=refusal.code, told_elsewhere=len(elsewhere))
        self._not_before[ids[0]] = self._clock.monotonic() + 1  # of what was read before, nothing is tried again
        async with self._archive.unit() as unit:
            await unit.outbox.give_up(ids, why=refusal.code)
            await unit.outbox.tell(*elsewhere)
            await unit.commit()
        return True

    async def _note_attempt(self, batch: Sequence[Outgoing]) -> None:
        ids = [line.id for line in batch]
        async with self._archive.unit() as unit:
            await unit.outbox.attempt(ids, now=self._clock.now())
            await unit.commit()
        self._refused.difference_update(ids)
        for id in ids:
            self._unsure_since.pop(id, None)

    async def _note_told(self, batch: Sequence[Outgoing], *, ts: str) -> None:
        async with self._archive.unit() as unit:
            await unit.outbox.told([line.id for line in batch], ts=ts)
            for key in {line.news.answers for line in batch} - {""}:
                await unit.inbox.answered(key)
            await unit.commit()
        for line in batch:
            self._gathered_since.pop(line.id, None)
            self._unsure_since.pop(line.id, None)


def _lane_of(line: Outgoing) -> Lane:
    news = line.news
    whose = news.person if news.audience is Audience.PERSON else " ".join(filter(None, [news.operation, news.person]))
    return Lane(audience=news.audience, whose=str(whose or ""))

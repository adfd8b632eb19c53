"""What the incident channel reads of each alarm, as a message that stands."""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.messages.alarm import Alarm, AlarmKind, AlarmUnheard, Notice
from bot.domain.messages.news import Audience, News, Unheard
from bot.domain.ports import Archive, Clock
from bot.domain.values import OperationId, UserId
from bot.runtime.log import logger
from bot.slack.outbound.backoff import BackOff
from bot.slack.outbound.pending import Pending
from bot.slack.outbound.poster import ALARM, Poster
from bot.slack.outbound.rate_limits import EDIT_GAP, LEFT_BY_PROGRESS, LEFT_BY_STATES
from bot.slack.outbound.standing import PATIENCE, Stand, StandingMessages
from bot.slack.refusals import CLOSED, MESSAGE_GONE, NO_SUCH_PLACE
from bot.slack.views import alarm as view
from bot.slack.views.message import Message
from bot.slack.wire import SlackError, SlackRefused

log = logger(__name__)

JOINED_SECONDS = 60.0
"""Between two direct messages about one storm: each tells of all that came since the last one."""


class Notices:
    """Draws the messages of alarms that are not up to date.

    Args:
        archive: the database.
        clock: by it attempts are spaced.
        poster: makes the calls.
        link: tells the address of an operation's card.
        approvers: tells who may act on what an alarm of a cloud is about, by the cloud's name.
        incident_channel: where messages stand; empty: nowhere, by choice.
    """

    def __init__(
        self,
        archive: Archive,
        clock: Clock,
        poster: Poster,
        *,
        link: Callable[[OperationId], Awaitable[str]],
        approvers: Callable[[str], Awaitable[Sequence[UserId]]],
        incident_channel: str,
    ) -> None:
        self._archive = archive
        self._link = link
        self._approvers = approvers
        self.channel = incident_channel
        self._clock = clock
        self._poster = poster
        self._edited_at = -math.inf  #: by the clock for spans
        self._joined = BackOff(clock, poster.pace, what="a storm's message")
        self._standing = StandingMessages(clock, poster, event=ALARM, what="an alarm's message")

    async def round(self, pending: Pending) -> bool:
        """Bring every message up to date that may be touched now; whether any was."""
        if not pending.notices:
            return False
        storms = await self._storms({alarm.within for alarm, _ in pending.notices} - {""})
        await self._tell_what_joined()
        unposted = {id for id, (storm, above) in storms.items() if storm.is_open and not above.ts}
        return await self._standing.round(
            _NoticeMessage(notices=self, alarm=alarm, notice=notice)
            for alarm, notice in pending.notices
            if alarm.within not in unposted
        )

    async def _storms(self, ids: Collection[str]) -> Mapping[str, tuple[Alarm, Notice]]:
        """The storms of these ids, with their messages."""
        found = {}
        async with self._archive.reading() as unit:
            for id in sorted(ids):
                storm, above = await unit.alarms.find(id), await unit.notices.of(id)
                if storm is not None and above is not None:
                    found[id] = storm, above
        return found

    async def _tell_what_joined(self) -> None:
        """Tell of what joined a storm after it was told, while its channel takes nothing: now and then, all in one."""
        why = self._poster.closed.get(self.channel)
        if why is None:
            return
        async with self._archive.reading() as unit:
            unheard = await unit.notices.unheard()
        for id, (storm, above) in (await self._storms(unheard)).items():
            if not storm.is_open or self._joined.waits(id):
                continue
            try:
                await self.tell_directly(storm, replace(above, is_direct=True), why=why)
            except SlackError as error:
                self._joined.failed(id, error)

    @property
    def leaves(self) -> float:
        """How many edits of the burst they leave to cards: as many as progress does, now and then as few as states do.

        So hundreds of alarms that end hold no card up, and no progress of operations holds up the alarms.
        """
        is_due = self._clock.monotonic() - self._edited_at >= EDIT_GAP
        return LEFT_BY_STATES if is_due else LEFT_BY_PROGRESS

    def was_edited(self) -> None:
        """Note that one of them was."""
        self._edited_at = self._clock.monotonic()

    async def drawn(self, alarm: Alarm) -> Message:
        """What the message of an alarm says."""
        link = await self._link(alarm.operation) if alarm.operation is not None else ""
        return view.render(alarm, link=link)

    async def thread_of(self, alarm: Alarm) -> str | None:
        """Below which message it stands; empty: below none; None: that one is still to be posted."""
        if not alarm.within:
            return ""
        async with self._archive.reading() as unit:
            above, storm = await unit.notices.of(alarm.within), await unit.alarms.find(alarm.within)
        if above is not None and above.ts:
            return above.ts
        return None if storm is not None and storm.is_open else ""

    async def tell_directly(self, alarm: Alarm, notice: Notice, *, why: str) -> None:
        """Tell those who may act by direct message what its channel does not take, and keep that they were told.

        Args:
            alarm: of which they are told, or of its end.
            notice: what is to be kept.
            why: Slack's word for why the channel does not take it.

        Raises:
            SlackBusy, SlackSilent: Slack did not say who they are.
        """
        people = await self._approvers(alarm.cloud)
        self._joined.rest(alarm.id, seconds=JOINED_SECONDS)
        instead = Unheard(channel=self.channel, why=why)
        log.warning("an alarm is told by direct message", alarm=alarm.id, channel=self.channel, people=len(people))
        async with self._archive.unit() as unit:
            before = await unit.notices.of(alarm.id)
            goes_on = before is not None and before.is_direct
            counts = alarm.kind is AlarmKind.STORM and alarm.is_open
            joined = await unit.notices.tell_directly(alarm.id) if counts else ()
            what = AlarmUnheard(alarm=alarm.id, below=tuple(joined), goes_on=goes_on)
            await unit.outbox.tell(
                *(News(what=what, audience=Audience.DIRECT, person=one, instead=instead) for one in people)
            )
            await unit.notices.keep(notice)
            await unit.commit()

    async def keep(self, notice: Notice) -> None:
        """Store where it stands."""
        async with self._archive.unit() as unit:
            await unit.notices.keep(notice)
            await unit.commit()


@dataclass(frozen=True, kw_only=True)
class _NoticeMessage:
    """What is said of one alarm, as a message that stands."""

    notices: Notices
    alarm: Alarm
    notice: Notice

    @property
    def name(self) -> str:
        return self.alarm.id

    @property
    def mark(self) -> str:
        return self.alarm.id

    @property
    def stand(self) -> Stand:
        return Stand(channel=self.notice.channel, ts=self.notice.ts, attempted_at=self.notice.attempted_at)

    @property
    def channel(self) -> str:
        return self.notices.channel

    @property
    def pace_of(self) -> str:
        return self.alarm.id

    @property
    def leaves(self) -> float:
        return self.notices.leaves

    @property
    def may_call(self) -> str:
        return ""

    async def thread(self) -> str | None:
        return await self.notices.thread_of(self.alarm)

    async def draw(self) -> Message:
        return await self.notices.drawn(self.alarm)

    async def keep(self, stand: Stand, *, is_shown: bool) -> None:
        if self.stand.ts and is_shown:
            self.notices.was_edited()
        await self.notices.keep(self._standing_at(stand, is_shown=is_shown))

    def _standing_at(self, stand: Stand, *, is_shown: bool) -> Notice:
        shown = self.alarm.version if is_shown else -1
        return replace(self.notice, channel=stand.channel, ts=stand.ts, shown=shown, attempted_at=stand.attempted_at)

    async def refused(self, refusal: SlackRefused, *, tries: int) -> None:
        """An alarm that is open goes to those who may act, once, and waits for a channel that takes it again.

        What a storm counts is told with it, and so is its end.

        So does its end go to those who were told of it; of one that was over before anybody heard of it nobody is told.
        """
        has_another = self.channel != self.stand.channel and refusal.code in NO_SUCH_PLACE | CLOSED
        if self.stand.ts and self.alarm.is_open and (refusal.code in MESSAGE_GONE or has_another):
            await self.keep(Stand(channel=""), is_shown=False)
            return
        if refusal.code not in NO_SUCH_PLACE | CLOSED and tries < PATIENCE:
            raise refusal
        stand = replace(self.stand, attempted_at=None)
        if self.alarm.is_open:
            if not self.notice.is_direct and not self.alarm.within:
                told = replace(self._standing_at(stand, is_shown=False), is_direct=True)
                await self.notices.tell_directly(self.alarm, told, why=refusal.code)
            raise refusal
        channel = stand.channel if stand.ts else self.channel
        log.warning("an alarm cannot be told", alarm=self.alarm.id, channel=channel, code=refusal.code)
        over = self._standing_at(replace(stand, channel=channel), is_shown=True)
        if self.notice.is_direct and not self.alarm.within:
            await self.notices.tell_directly(self.alarm, over, why=refusal.code)
        else:
            await self.notices.keep(over)

"""Keeps every alarm's message as it should stand in the incident channel: posted once, then edited."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.domain.messages.alarm import Alarm, Notice
from bot.domain.ports import Archive, Clock, LeaseLost
from bot.domain.values import OperationId
from bot.runtime.log import logger, stumbled
from bot.slack.outbound.backoff import BackOff
from bot.slack.outbound.pace import EDIT, POST
from bot.slack.outbound.pending import Behind
from bot.slack.outbound.poster import ALARM, Poster
from bot.slack.refusals import MESSAGE_GONE
from bot.slack.views import alarm as view
from bot.slack.views.message import Message
from bot.slack.wire import SlackBusy, SlackError, SlackRefused, SlackSilent

log = logger(__name__)

_PATIENCE = 6
"""How often a message of an alarm that is over is offered to a Slack that refuses it."""


class Notices:
    """Posts and edits messages of alarms that are behind their alarm.

    Args:
        archive: the database.
        clock: by it attempts are spaced.
        poster: makes the calls.
        link: tells the address of an operation's card.
        incident_channel: where messages stand; empty: nowhere, by choice.
    """

    def __init__(
        self,
        archive: Archive,
        clock: Clock,
        poster: Poster,
        *,
        link: Callable[[OperationId], Awaitable[str]],
        incident_channel: str,
    ) -> None:
        self._archive = archive
        self._clock = clock
        self._poster = poster
        self._pace = poster.pace
        self._link = link
        self._channel = incident_channel
        self._backoff = BackOff(clock, poster.pace, what="an alarm")

    async def round(self, behind: Behind) -> bool:
        """Bring every message up to date that may be touched now; whether any was."""
        shown = False
        for alarm, notice in behind.notices:
            try:
                shown |= await self._show(alarm, notice)
            except SlackError as error:
                self._backoff.failed(alarm.id, error)
                if isinstance(error, SlackSilent):
                    break  # Slack is away: the others would wait for it one after another
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001  # the others go on
                stumbled(log, "an alarm's message stumbled", error, alarm=alarm.id)
                self._backoff.failed(alarm.id, SlackSilent(type(error).__name__))
        return shown

    async def _show(self, alarm: Alarm, notice: Notice) -> bool:
        if self._backoff.waits(alarm.id):
            return False
        done = await (self._edit(alarm, notice) if notice.ts else self._first(alarm, notice))
        if done:
            self._backoff.done(alarm.id)
        return done

    async def _edit(self, alarm: Alarm, notice: Notice) -> bool:
        if not self._pace.allows(EDIT, alarm.id):
            return False
        try:
            await self._poster.edit(notice.channel, notice.ts, await self._draw(alarm), pace_of=alarm.id)
        except SlackRefused as refusal:
            if refusal.code in MESSAGE_GONE and alarm.is_open:
                await self._keep(Notice(alarm=alarm.id))
                return True
            if not self._is_given_up(alarm):
                raise
            log.warning("an alarm's message cannot be edited", alarm=alarm.id, code=refusal.code)
        await self._keep(replace(notice, shown=alarm.version))
        return True

    async def _first(self, alarm: Alarm, notice: Notice) -> bool:
        """Note the attempt, post, note the answer: killed anywhere between, the next round looks first."""
        if not self._channel:
            await self._keep(replace(notice, shown=alarm.version))
            return True
        if not self._pace.allows(POST, self._channel):
            return False
        new = Notice(alarm=alarm.id, channel=self._channel)
        thread = await self._thread_of(alarm)
        if thread is None:
            return False
        if notice.attempted_at is not None and (found := await self._look(notice, thread)):
            await self._keep(replace(new, channel=notice.channel, ts=found))
            return True
        drawn = await self._draw(alarm)
        await self._keep(replace(new, attempted_at=self._clock.now()))
        try:
            ts = await self._poster.post(new.channel, drawn, event=ALARM, mark=alarm.id, thread=thread)
        except SlackBusy:
            await self._keep(new)
            raise
        except SlackRefused as refusal:
            await self._keep(new)
            if not self._is_given_up(alarm):
                raise
            log.warning("an alarm cannot be posted", alarm=alarm.id, channel=new.channel, code=refusal.code)
            await self._keep(replace(new, shown=alarm.version))
            return True
        await self._keep(replace(new, ts=ts, shown=alarm.version))
        return True

    def _is_given_up(self, alarm: Alarm) -> bool:
        """Whether a refusal is the last one: an alarm that is open waits for a channel that takes it again."""
        return not alarm.is_open and self._backoff.tries(alarm.id) + 1 >= _PATIENCE

    async def _thread_of(self, alarm: Alarm) -> str | None:
        """Below which message it stands; empty: below none; None: that one is still to be posted."""
        if not alarm.within:
            return ""
        async with self._archive.reading() as unit:
            above, storm = await unit.notices.of(alarm.within), await unit.alarms.find(alarm.within)
        if above is not None and above.ts:
            return above.ts
        return None if storm is not None and storm.is_open else ""

    async def _look(self, notice: Notice, thread: str) -> str:
        """The ts of a message whose posting had no answer, when it stands there."""
        try:
            found = await self._poster.find(
                notice.channel, event=ALARM, marks=[notice.alarm], thread=thread, since=notice.attempted_at
            )
        except SlackRefused as refusal:
            log.warning("cannot look for an alarm's message", alarm=notice.alarm, code=refusal.code)
            return ""
        return found.get(notice.alarm, "")

    async def _draw(self, alarm: Alarm) -> Message:
        link = await self._link(alarm.operation) if alarm.operation is not None else ""
        return view.render(alarm, link=link)

    async def _keep(self, notice: Notice) -> None:
        async with self._archive.unit() as unit:
            await unit.notices.keep(notice)
            await unit.commit()

"""Messages that stand for something: each is posted once, then edited whenever what it stands for has changed.

It may be killed at any line: an attempt is stored before the post and the answer after it, so whoever comes next looks
first whether the message stands already.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.ports import Clock, LeaseLost, StoreFailed
from bot.runtime.log import logger
from bot.slack.late_calls import MayStillAppear
from bot.slack.outbound.backoff import BackOff
from bot.slack.outbound.poster import Poster
from bot.slack.outbound.rate_limits import EDIT, POST
from bot.slack.views import text
from bot.slack.views.message import Message
from bot.slack.wire import SlackError, SlackRefused, SlackSilent

log = logger(__name__)

PATIENCE = 6
"""How often something is tried that Slack refuses: a channel that is being moved or converted refuses for a while."""


@dataclass(frozen=True, kw_only=True)
class Stand:
    """Where a message stands, as far as that is stored."""

    channel: str
    ts: str = ""
    attempted_at: datetime | None = None  #: a first post whose answer is not stored


class StandingMessage(Protocol):
    """A message as it should stand: what it says, where that is kept, and what becomes of it where Slack refuses it."""

    @property
    def name(self) -> str:
        """By which its tries are counted."""
        ...

    @property
    def mark(self) -> str:
        """By which it is known again in Slack, among those of its event."""
        ...

    @property
    def stand(self) -> Stand:
        """Where it stands now."""
        ...

    @property
    def channel(self) -> str:
        """Where it is posted, should it not stand yet; empty: nowhere, by choice."""
        ...

    @property
    def pace_of(self) -> str:
        """Edits of the same keep their distance."""
        ...

    @property
    def leaves(self) -> float:
        """How many edits of the burst it leaves to others."""
        ...

    @property
    def may_call(self) -> str:
        """Who may be mentioned in it when it is posted, their id: lines call people, once; an edit calls nobody."""
        ...

    async def thread(self) -> str | None:
        """Below which message it stands; empty: below none; None: that one is still to be posted."""
        ...

    async def draw(self) -> Message:
        """What it says now."""
        ...

    async def keep(self, stand: Stand, *, is_shown: bool) -> None:
        """Store where it stands, and whether it says there what it should."""
        ...

    async def refused(self, refusal: SlackRefused, *, tries: int) -> None:
        """Let it go, or let it stand elsewhere.

        Raises:
            SlackRefused: it is to be tried again, later.
        """
        ...


class StandingMessages:
    """Posts and edits messages of one kind.

    Args:
        clock: by it attempts are dated and spaced.
        poster: makes the calls.
        event: by which messages of this kind are known again in Slack.
        what: they are, for the log: "a card".
    """

    def __init__(self, clock: Clock, poster: Poster, *, event: str, what: str) -> None:
        self._clock = clock
        self._poster = poster
        self._pace = poster.pace
        self._event = event
        self._what = what
        self._backoff = BackOff(clock, poster.pace, what=what)

    async def round(self, messages: Iterable[StandingMessage]) -> bool:
        """Bring every message up to date that may be touched now; whether any was."""
        shown = await self._poster.repeat_edits()
        for message in messages:
            if self._backoff.waits(message.name):
                continue
            try:
                if await self._show(message):
                    self._backoff.done(message.name)
                    shown = True
            except MayStillAppear as wait:
                self._backoff.put_off(message.name, seconds=wait.seconds)
            except SlackError as error:
                self._backoff.failed(message.name, error)
                if isinstance(error, SlackSilent):
                    break  # Slack is away: the others would wait for it one after another
            except LeaseLost:
                raise
            except StoreFailed:
                self._backoff.not_stored(message.name)
            except Exception as error:
                log.exception("a message stumbled", what=self._what, name=message.name)
                self._backoff.failed(message.name, SlackSilent(type(error).__name__))
        return shown

    async def _show(self, message: StandingMessage) -> bool:
        try:
            return await (self._edit(message) if message.stand.ts else self._first(message))
        except SlackRefused as refusal:
            await message.refused(refusal, tries=self._backoff.tries(message.name) + 1)
            return True

    async def _edit(self, message: StandingMessage) -> bool:
        if not self._pace.allows(EDIT, message.pace_of, leaves=message.leaves):
            return False
        stand = message.stand
        await self._poster.edit(stand.channel, stand.ts, await message.draw(), pace_of=message.pace_of)
        await message.keep(stand, is_shown=True)
        return True

    async def _first(self, message: StandingMessage) -> bool:
        if not message.channel:
            await message.keep(message.stand, is_shown=True)
            return True
        if not self._pace.allows(POST, message.channel):
            return False
        thread = await message.thread()
        if thread is None:
            return False
        if message.stand.attempted_at is not None and (found := await self._look(message, thread)):
            await message.keep(Stand(channel=message.stand.channel, ts=found), is_shown=False)
            return True
        drawn = await message.draw()
        quiet = drawn.uncalled(but=message.may_call, names=await self._names(drawn, but=message.may_call))
        await message.keep(Stand(channel=message.channel, attempted_at=self._clock.now()), is_shown=False)
        try:
            ts = await self._poster.post(message.channel, quiet, event=self._event, mark=message.mark, thread=thread)
        except SlackSilent:
            raise
        except SlackError:
            await message.keep(Stand(channel=message.channel), is_shown=False)
            raise
        await message.keep(Stand(channel=message.channel, ts=ts), is_shown=quiet.blocks == drawn.blocks)
        return True

    async def _names(self, drawn: Message, *, but: str) -> Mapping[str, str]:
        """What those are called whom its notification names without a mention; nobody waits for a name."""
        names: dict[str, str] = {}
        for who in sorted(text.mentioned(drawn.text) - {but}):
            with suppress(SlackError):
                names[who] = await self._poster.name(who)
        return {who: name for who, name in names.items() if name}

    async def _look(self, message: StandingMessage, thread: str) -> str:
        """The ts of a message whose posting had no answer, when it stands there."""
        stand = message.stand
        try:
            found = await self._poster.find(
                stand.channel, event=self._event, marks=[message.mark], thread=thread, since=stand.attempted_at
            )
        except SlackRefused as refusal:
            log.warning("cannot look whether a message stands", what=self._what, name=message.name, code=refusal.code)
            return ""
        return found.get(message.mark, "")

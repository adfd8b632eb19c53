"""Tells the incident channel that Muster itself is unwell, past the outbox: what cannot be stored could not be told."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.ports import Clock
from bot.domain.values import UserId
from bot.runtime.log import logger
from bot.slack.outbound.poster import Poster
from bot.slack.outbound.rate_limits import EDIT, POST, RateLimits
from bot.slack.refusals import BARRED, CLOSED, NO_SUCH_PLACE
from bot.slack.views import unwell as view
from bot.slack.views.message import Message
from bot.slack.wire import SlackError, SlackRefused

log = logger(__name__)

LOOK_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
"""How long something must ail before people are told: a restart of a database is none of their business."""
OTHERS_SECONDS = 120.0
"""How long it must ail before somebody tells it who did not lead: whoever did has told it by then, if it still can."""
TOLD_WITHIN = timedelta(hours=1)
"""What was told before that says nothing of now: whoever told it may be gone, and nobody has said that it was over."""
ASK_AGAIN_SECONDS = 300.0
UNWELL = "muster_unwell"
STORE = "store"


class Unwell:
    """One message for each time of trouble, edited when that is over. It stands in memory alone.

    Args:
        client: Slack.
        clock: by it trouble is timed.
        ailing: asks what keeps this process from working, by part.
        speaks: whether this process speaks for all replicas, or did until the database was gone. Another tells of the
            database later, and only what nobody has told in the channel. What ails in this process alone it tells in
            any case.
        apart: how many seconds longer than others this process waits in that case, so that one of them is first.
        channel: the incident channel; empty: nobody is told.
        approvers: tells who is told by direct message where that channel takes nothing.
        where: how people know this process.
        external: whether the channel may be shared with other organisations.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        clock: Clock,
        *,
        ailing: Callable[[], Awaitable[Mapping[str, str]]],
        speaks: Callable[[], bool],
        channel: str,
        approvers: Callable[[], Awaitable[Sequence[UserId]]],
        where: str,
        external: bool = False,
        apart: float = 0.0,
    ) -> None:
        self._poster = Poster(client, RateLimits(clock), clock, external=external)
        self._clock = clock
        self._ailing = ailing
        self._speaks = speaks
        self._channel = channel
        self._approvers = approvers
        self._where = where
        self._since: tuple[float, datetime] | None = None
        self._told: Mapping[str, str] = {}
        self._stands: dict[str, str] = {}  #: by conversation: the message in it
        self._patience = OTHERS_SECONDS + apart
        self._ask_again_at = -math.inf  #: by the clock for spans; until then another one's message is enough
        self._may_be_second = False  #: whether another replica may have told it in the same moment
        self._attempted_at: datetime | None = None  #: a post in the channel whose answer did not come

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while self._channel:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except SlackError as error:
                log.warning("nobody can be told that Muster is unwell; it is tried again", code=error.code)
            except Exception:
                log.exception("telling that Muster is unwell stumbled")

    async def look(self) -> None:
        """Tell what has ailed for a while and is not told yet, or that it is over.

        Raises:
            SlackError: it could not be told.
        """
        await self._poster.repeat_edits()
        ailing = await self._mine()
        if not ailing:
            await self._well()
            return
        self._since = self._since or (self._clock.monotonic(), self._clock.now())
        if self._may_be_second and self._stands:
            await self._give_way()
        spent = self._clock.monotonic() - self._since[0]
        if spent < PATIENCE_SECONDS or ailing.keys() <= self._told.keys():
            return
        is_for_others = STORE in ailing and not self._speaks()
        if is_for_others and (spent < self._patience or (self._attempted_at is None and await self._is_told())):
            return
        said = {**self._told, **ailing}
        message = view.render(said, where=self._where, since=self._since[1])
        if self._stands and self._poster.pace.allows(EDIT, UNWELL):
            await self._edit(message)
        elif not self._stands and self._poster.pace.allows(POST, self._channel):
            self._may_be_second = is_for_others
            await self._post(message, ailing)
        else:
            return
        self._told = said

    async def _is_told(self) -> bool:
        """Whether another replica has told of the database lately, asked now and then."""
        if self._clock.monotonic() < self._ask_again_at:
            return True
        if not await self._told_by_all():
            return False
        self._ask_again_at = self._clock.monotonic() + ASK_AGAIN_SECONDS
        return True

    async def _told_by_all(self) -> Sequence[str]:
        """Which messages in the channel tell that it ails, the first one first."""
        said = await self._poster.said(self._channel, event=UNWELL, since=self._clock.now() - TOLD_WITHIN)
        return sorted(ts for ts, text in said.items() if view.tells_of(STORE, text))

    async def _give_way(self) -> None:
        """Take our message back where another replica's came before it."""
        mine = self._stands.get(self._channel, "")
        first, *_ = [*await self._told_by_all(), mine]
        self._may_be_second = False
        if first < mine:
            self._stands, self._told, self._attempted_at = {}, {}, None
            self._ask_again_at = self._clock.monotonic() + ASK_AGAIN_SECONDS
            await self._poster.take_back(self._channel, mine)

    async def _edit(self, message: Message) -> None:
        for channel, ts in self._stands.items():
            await self._poster.edit(channel, ts, message, pace_of=UNWELL)

    async def _post(self, message: Message, ailing: Mapping[str, str]) -> None:
        """In the incident channel; or, where that takes nothing, to each of those who may act.

        To them it is told by whoever led alone: what others told them nobody else can see.
        """
        try:
            if not await self._has_appeared():
                self._attempted_at = self._clock.now()
                ts = await self._poster.post(self._channel, message, event=UNWELL, mark=self._mark)
                self._stands[self._channel] = ts
            else:
                await self._edit(message)
        except SlackRefused as refusal:
            self._attempted_at = None
            if refusal.code not in NO_SUCH_PLACE | CLOSED | BARRED or (STORE in ailing and not self._speaks()):
                raise
            people = await self._approvers()
            if not people:
                raise
            log.warning("that Muster is unwell is told by direct message", channel=self._channel, code=refusal.code)
            for one in people:
                with suppress(SlackRefused):  # who left is told no more, and hides it from nobody else
                    channel = await self._poster.dm(one)
                    self._stands[channel] = await self._poster.post(channel, message, event=UNWELL, mark=self._mark)

    @property
    def _mark(self) -> str:
        """By which the message of this trouble is known again."""
        return f"{self._where} {self._since[1].isoformat()}" if self._since is not None else self._where

    async def _has_appeared(self) -> bool:
        """Whether what was posted without an answer stands; it is ours from then on.

        Raises:
            SlackError: that is not known now.
        """
        if self._attempted_at is None:
            return False
        channel, mark = self._channel, self._mark
        found = await self._poster.find(channel, event=UNWELL, marks=[mark], since=self._attempted_at)
        self._stands |= {channel: found[mark]} if found else {}
        return bool(found)

    async def _mine(self) -> Mapping[str, str]:
        """What ails and is ours to tell. Without a database much else stands still, which is no trouble of its own."""
        ailing = await self._ailing()
        if STORE in ailing:
            return {STORE: ailing[STORE]}
        return {part: why for part, why in ailing.items() if part != "slack"}

    async def _well(self) -> None:
        if not self._stands:
            await self._has_appeared()
        if self._stands and self._since is not None:
            await self._edit(view.render(self._told, where=self._where, since=self._since[1], over=self._clock.now()))
        self._since, self._told, self._stands, self._attempted_at = None, {}, {}, None
        self._ask_again_at, self._may_be_second = -math.inf, False

"""Takes every delivery of Slack once: recorded before it is answered, served after, served again after a crash."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from slack_bolt.async_app import AsyncAck

from bot.desk import answers, deliveries, showing
from bot.desk.desk import Desk
from bot.domain.errors import CouldNotAsk, Refusal, UnknownOperation
from bot.domain.messages.answered import RefusalTold
from bot.domain.ports import Clock, Delivery, People, Stale, StoreFailed
from bot.domain.values import OperationId, UserId
from bot.runtime.log import logger
from bot.slack.command_names import CommandNames
from bot.slack.inbound.intake import Asked, word
from bot.slack.places import Places
from bot.slack.views import notes

log = logger(__name__)

NOTING_SECONDS = 2.0
"""How long the database may take to record a delivery, of the three seconds in which Slack wants to be answered."""
_SLICES = 20
_LONGEST_SERVING = timedelta(minutes=2)
_MISSED = "Muster was stopped before it had acted on what you did here, and too long ago: nothing was done about it."
_AGAIN = "Do it again if it is still wanted."
_BRIEF_SERVING = timedelta(seconds=10)

Story: TypeAlias = Callable[[Desk, Asked], Awaitable[None]]
"""What is done about one kind of delivery. May raise a Refusal."""
Shown: TypeAlias = Callable[[RefusalTold], Awaitable[bool]]
"""Shows a person a refusal before their eyes; answers whether it is seen."""


class NotNoted(Exception):
    """Muster's database takes nothing just now, so nothing was noted and nothing is done. Try again in a moment."""


@dataclass(frozen=True, kw_only=True)
class Reception:
    """The way from a listener to the desk."""

    desk: Desk
    people: People
    stories: Mapping[str, Story]
    began: datetime  #: when this process did
    forgetting: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    """By key, what is to be forgotten as soon as the database has taken it."""
    places: Places | None = None  #: asked whether a card can stand where it would; None: nobody is asked
    posts: Callable[[Delivery], bool] = lambda _: False  #: whether a delivery asks for a card where it was typed
    names: CommandNames = field(default_factory=CommandNames)  #: of the commands, as people type them here
    brief: frozenset[str] = frozenset()  #: kinds that another process may have taken and will have served in a moment

    @property
    def clock(self) -> Clock:
        """The desk's clock."""
        return self.desk.clock

    async def receive(self, delivery: Delivery) -> bool:
        """Record it, before Slack is answered; False when it had come in before.

        Raises:
            NotNoted: the database did not take it in the time that Slack gives; nothing will be done about it.
        """
        recording = asyncio.ensure_future(self._record(delivery))
        for _ in range(_SLICES):  # a machine that stands still costs one of them, not all
            await asyncio.wait([recording], timeout=NOTING_SECONDS / _SLICES)
            if recording.done():
                break
        else:
            self.forgetting[delivery.key] = asyncio.ensure_future(self._forget(delivery, recording))
            self.forgetting[delivery.key].add_done_callback(partial(self._is_gone, delivery.key))
            raise NotNoted(f"not within {NOTING_SECONDS:g} s")
        try:
            return recording.result()
        except StoreFailed as failed:
            raise NotNoted(str(failed)) from failed

    async def _record(self, delivery: Delivery) -> bool:
        if delivery.key in self.forgetting:
            await asyncio.shield(self.forgetting[delivery.key])
        return await deliveries.receive(self.desk, delivery)

    async def _forget(self, delivery: Delivery, recording: Awaitable[bool]) -> None:
        """Its sender was told that nothing was noted; so that stays true if the database takes it after all."""
        with suppress(StoreFailed):
            has_to_go = await recording
            while has_to_go:
                try:
                    await deliveries.forget(self.desk, delivery.key)
                    has_to_go = False
                except StoreFailed:
                    await self.clock.sleep(1)

    def _is_gone(self, key: str, forgotten: asyncio.Future[None]) -> None:
        if self.forgetting.get(key) is forgotten:
            del self.forgetting[key]

    async def take(self, delivery: Delivery, ack: AsyncAck) -> None:
        """Record it, answer Slack, and act on it if it had not come in before: the order on which "once" rests.

        Raises:
            NotNoted: it could not be recorded in time.
        """
        fresh = await self.receive(delivery)
        await ack()
        if fresh:
            await self.serve(delivery)

    async def serve(self, delivery: Delivery, story: Story | None = None, *, shown: Shown | None = None) -> None:
        """Act on it. Serving twice is harmless: the effect and the settling are one transaction.

        Args:
            delivery: what came in.
            story: what to do about it, where that needs more than what is kept of a delivery; None: by its kind.
            shown: tells the person of a refusal; None: a private note does.
        """
        try:
            await self._serve(delivery, story or self.stories[delivery.kind], shown)
        except Stale:
            return  # settled by an earlier serving of the same delivery
        except StoreFailed:
            with suppress(StoreFailed):  # it stays for `serve_left_over`
                await self._refuse(Refusal(str(NotNoted.__doc__)), delivery, shown)
        except Exception:
            reference = new_reference()
            log.exception("a delivery stumbled", reference=reference, kind=delivery.kind)
            await self._refuse(Refusal(notes.went_wrong(reference)), delivery, shown)

    async def serve_left_over(self) -> int:
        """Serve what a process recorded and died before acting on; answers how many there were.

        Those of people of whom Slack cannot say who they are now wait for the next time. Whoever sent what is too old
        to be served is told that.
        """
        served = 0
        for delivery in await deliveries.unsettled(self.desk):
            if self._is_left_over(delivery) and await self._is_known(delivery):
                await self.serve(delivery)
                served += 1
        for delivery in await deliveries.missed(self.desk):
            await self._refuse(Refusal(_MISSED, remedy=_AGAIN), delivery, None)
            served += 1
        if served:
            log.info("served what was left over", deliveries=served)
        return served

    def _is_left_over(self, delivery: Delivery) -> bool:
        """Whether nobody is at it any more: it is older than this process, or than any serving takes."""
        age = abs(self.clock.now() - delivery.received_at)  # one that lies ahead is from before the clock was set back
        is_old = age > _LONGEST_SERVING or delivery.received_at < self.began
        return is_old and (delivery.kind not in self.brief or age > _BRIEF_SERVING)

    async def _is_known(self, delivery: Delivery) -> bool:
        try:
            await self.people.actor(UserId(word(delivery, "user")))
        except CouldNotAsk:
            return False
        return True

    async def _serve(self, delivery: Delivery, story: Story, shown: Shown | None) -> None:
        try:
            actor = await self.people.actor(UserId(word(delivery, "user")))
            await self._check_card(delivery)
            if self.places is not None and self.posts(delivery):
                await self.places.check(word(delivery, "channel"))
            await story(self.desk, Asked(by=actor, delivery=delivery))
        except Refusal as refusal:
            await self._refuse(refusal, delivery, shown)

    async def _check_card(self, delivery: Delivery) -> None:
        """Let pass what did not come from a card, or from one that is kept up to date."""
        operation, ts = word(delivery, "operation"), word(delivery, "message")
        if operation and ts:
            await showing.check_card(
                self.desk.archive, OperationId(operation), channel=word(delivery, "channel"), ts=ts
            )

    async def _refuse(self, refusal: Refusal, delivery: Delivery, shown: Shown | None) -> None:
        known = not isinstance(refusal, UnknownOperation)
        operation = OperationId(word(delivery, "operation")) if known and word(delivery, "operation") else None
        try:
            await answers.refuse(
                self.desk,
                refusal,
                by=UserId(word(delivery, "user")),
                channel=word(delivery, "channel"),
                key=delivery.key,
                operation=operation,
                shown=shown,
            )
        except Stale:
            return


def new_reference() -> str:
    """A short word by which a person's report and a log line find each other."""
    return secrets.token_hex(4)

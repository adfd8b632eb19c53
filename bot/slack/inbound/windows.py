"""Opens a window (modal) for a click while its trigger lives: three seconds, one use, never stored.

An empty window is opened at once; who may see what is asked afterwards, and written into it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import deliveries
from bot.desk.desk import Desk
from bot.domain.errors import CouldNotAsk, Refusal
from bot.domain.messages.news import News
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.runtime.log import logger
from bot.slack.inbound import reception
from bot.slack.inbound.reception import Reception
from bot.slack.names import Names
from bot.slack.views import notes
from bot.slack.views.message import Block
from bot.slack.views.windows import window
from bot.slack.wire import SlackError, answer

log = logger(__name__)

KIND = "window"
_SECONDS = 3.0
_AGAIN = "Nothing was done. Press the button again."

Draw = Callable[[Desk, Actor, Delivery], Awaitable[Block]]
"""Checks that this person may, and draws the window. May raise a Refusal."""


async def open_for(body: dict[str, Any], *, ack: AsyncAck, client: AsyncWebClient, desk: Reception, draw: Draw) -> None:
    """Answer a click with a window, which says why where that person may not; with a private note where none opens.

    Args:
        body: of the click.
        ack: answers Slack.
        client: Slack.
        desk: the reception.
        draw: the window.
    """
    delivery = reception.click(body, kind=KIND, clock=desk.clock)
    trigger = str(body.get("trigger_id") or "")
    fresh = await desk.receive(delivery)
    await ack()
    if not fresh:
        return
    try:
        opened = await answer(client.views_open(trigger_id=trigger, view=window.loading()), seconds=_SECONDS)
    except SlackError as error:
        await desk.serve(delivery, _not_opened(error))
        return
    shown = _Window(client=client, names=desk.names, id=str((opened.get("view") or {}).get("id") or ""))
    await desk.serve(delivery, _drawing(shown, draw), shown=shown.refuse)


async def rewrite_for(
    body: dict[str, Any], *, ack: AsyncAck, client: AsyncWebClient, desk: Reception, draw: Draw
) -> None:
    """Answer a click in a window by writing something else into it; see `open_for`."""
    delivery = reception.click(body, kind=KIND, clock=desk.clock)
    fresh = await desk.receive(delivery)
    await ack()
    if fresh:
        shown = _Window(client=client, names=desk.names, id=str((body.get("view") or {}).get("id") or ""))
        await desk.serve(delivery, _drawing(shown, draw), shown=shown.refuse)


def _drawing(shown: "_Window", draw: Draw) -> reception.Story:
    async def drawn(office: Desk, actor: Actor, clicked: Delivery) -> None:
        view = await draw(office, actor, clicked)
        if not await shown.show(view):
            raise CouldNotAsk("Slack did not show the window for your click.", remedy=_AGAIN)
        await deliveries.settle(office, clicked.key, result="window opened")

    return drawn


@dataclass(frozen=True, kw_only=True)
class _Window:
    """One that stands open, with nothing in it yet."""

    client: AsyncWebClient
    names: Names
    id: str

    async def show(self, view: Block) -> bool:
        """Write into it; whether it is seen: it may be put away by now."""
        try:
            await answer(self.client.views_update(view_id=self.id, view=self.names.shown(view)))
        except SlackError as error:
            log.info("a window cannot be written into", code=error.code)
            return False
        return True

    async def refuse(self, news: News) -> bool:
        """Say in it why nothing was done; whether that is seen."""
        return await self.show(window.refused(notes.refused(news)))


def _not_opened(error: SlackError) -> reception.Story:
    async def story(_desk: Desk, _actor: Actor, _delivery: Delivery) -> None:
        raise CouldNotAsk(f"Slack did not open the window for your click ({error.code}).", remedy=_AGAIN) from error

    return story


async def serve(_desk: Desk, _actor: Actor, _delivery: Delivery) -> None:
    """A click of which a process died before it wrote into the window: its trigger is gone.

    Raises:
        Refusal: always.
    """
    raise Refusal("Muster restarted just when it should open a window for your click.", remedy=_AGAIN)

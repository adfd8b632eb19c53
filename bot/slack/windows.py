"""Opens a window (modal) for a click while its trigger lives: three seconds, one use, never stored."""

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import CouldNotAsk, Refusal
from bot.domain.policy import Actor
from bot.domain.ports import Delivery
from bot.slack import reception
from bot.slack.reception import Reception
from bot.slack.views.message import Block
from bot.slack.wire import SlackError, answer
from bot.workflow import Desk

KIND = "window"
_SECONDS = 3.0
_AGAIN = "Nothing was done. Press the button again."

Draw = Callable[[Desk, Actor, Delivery], Awaitable[Block]]
"""Checks that this person may, and draws the window. May raise a Refusal."""


async def open_for(body: dict[str, Any], *, ack: AsyncAck, client: AsyncWebClient, desk: Reception, draw: Draw) -> None:
    """Answer a click with a window; with a private note instead where that person may not, or Slack is too late.

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

    async def opened(office: Desk, actor: Actor, clicked: Delivery) -> None:
        window = await draw(office, actor, clicked)
        try:
            await answer(client.views_open(trigger_id=trigger, view=window), seconds=_SECONDS)
        except SlackError as error:
            raise CouldNotAsk(f"Slack did not open the window for your click ({error.code}).", remedy=_AGAIN) from error
        await office.done(clicked.key, result="window opened")

    if fresh:
        await desk.serve(delivery, opened)


async def serve(_desk: Desk, _actor: Actor, _delivery: Delivery) -> None:
    """A click of which a process died before it opened the window: its trigger is gone.

    Raises:
        Refusal: always.
    """
    raise Refusal("Muster restarted just when it should open a window for your click.", remedy=_AGAIN)

"""The one story of windows (modals): opened at once, filled when it is known who may see what, submitted once.

A click's trigger lives three seconds, serves once and is never stored; so an empty window is opened, and written into.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import deliveries
from bot.desk.desk import Desk
from bot.domain.errors import CouldNotAsk, Refusal
from bot.domain.messages.answered import RefusalTold
from bot.domain.values import Facts
from bot.runtime.log import logger
from bot.slack.command_names import CommandNames
from bot.slack.inbound import intake
from bot.slack.inbound.intake import Asked
from bot.slack.inbound.reception import Reception, Story
from bot.slack.views import notes
from bot.slack.views.message import Block
from bot.slack.views.windows import window
from bot.slack.wire import SlackError, answer

log = logger(__name__)

KIND = "window"
"""Kind of a click that opens or rewrites a window."""
_SECONDS = 3.0
_AGAIN = "Nothing was done. Press the button again."

Draw: TypeAlias = Callable[[Desk, Asked], Awaitable[Block]]
"""Checks that this person may, and draws the window. May raise a Refusal."""
Fields: TypeAlias = Mapping[str, Any]
"""A submitted view."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A window that asks for something: from the button that opens it to what its submission does."""

    action: str  #: of the button
    callback: str  #: of the window
    kind: str  #: under which its submission is recorded
    draw: Draw
    read: Callable[[Fields], Facts]  #: what was put in
    complaints: Callable[[Fields], dict[str, str]] = lambda _: {}  #: what is wrong with that, by block
    submit: Story


def register(app: AsyncApp, reception: Reception, forms: Iterable[Form]) -> None:
    """Listen to the buttons and to the submissions of these windows."""
    for form in forms:
        app.action(form.action)(_opener(form, reception))
        app.view(form.callback)(_taker(form, reception))


def _opener(form: Form, reception: Reception) -> Callable[..., Awaitable[None]]:
    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await open_for(body, ack=ack, client=client, reception=reception, draw=form.draw)

    return on_click


def _taker(form: Form, reception: Reception) -> Callable[..., Awaitable[None]]:
    async def on_submit(ack: AsyncAck, body: dict[str, Any]) -> None:
        view = body["view"]
        if wrong := form.complaints(view):
            await ack(response_action="errors", errors=wrong)
            return
        delivery = intake.submission(body, kind=form.kind, clock=reception.clock, told=form.read(view))
        await reception.take(delivery, ack)

    return on_submit


async def open_for(
    body: dict[str, Any], *, ack: AsyncAck, client: AsyncWebClient, reception: Reception, draw: Draw
) -> None:
    """Answer a click with a window, which says why where that person may not; with a private note where none opens.

    Args:
        body: of the click.
        ack: answers Slack.
        client: Slack.
        reception: takes the click.
        draw: the window.
    """
    delivery = intake.click(body, kind=KIND, clock=reception.clock)
    trigger = str(body.get("trigger_id") or "")
    fresh = await reception.receive(delivery)
    await ack()
    if not fresh:
        return
    try:
        opened = await answer(client.views_open(trigger_id=trigger, view=window.loading()), seconds=_SECONDS)
    except SlackError as error:
        await reception.serve(delivery, _not_opened(error))
        return
    shown = _Window(client=client, names=reception.names, id=str((opened.get("view") or {}).get("id") or ""))
    await reception.serve(delivery, _drawing(shown, draw), shown=shown.refuse)


async def rewrite_for(
    body: dict[str, Any], *, ack: AsyncAck, client: AsyncWebClient, reception: Reception, draw: Draw
) -> None:
    """Answer a click in a window by writing something else into it; see `open_for`."""
    delivery = intake.click(body, kind=KIND, clock=reception.clock)
    fresh = await reception.receive(delivery)
    await ack()
    if fresh:
        shown = _Window(client=client, names=reception.names, id=str((body.get("view") or {}).get("id") or ""))
        await reception.serve(delivery, _drawing(shown, draw), shown=shown.refuse)


def _drawing(shown: "_Window", draw: Draw) -> Story:
    async def drawn(desk: Desk, asked: Asked) -> None:
        view = await draw(desk, asked)
        if not await shown.show(view):
            raise CouldNotAsk("Slack did not show the window for your click.", remedy=_AGAIN)
        await deliveries.settle(desk, asked.key, result="window opened")

    return drawn


@dataclass(frozen=True, kw_only=True)
class _Window:
    """One that stands open, with nothing in it yet."""

    client: AsyncWebClient
    names: CommandNames
    id: str

    async def show(self, view: Block) -> bool:
        """Write into it; whether it is seen: it may be put away by now."""
        try:
            await answer(self.client.views_update(view_id=self.id, view=self.names.shown(view)))
        except SlackError as error:
            log.info("a window cannot be written into", code=error.code)
            return False
        return True

    async def refuse(self, told: RefusalTold) -> bool:
        """Say in it why nothing was done; whether that is seen."""
        return await self.show(window.refused(notes.refused(told)))


def _not_opened(error: SlackError) -> Story:
    async def story(_desk: Desk, _asked: Asked) -> None:
        raise CouldNotAsk(f"Slack did not open the window for your click ({error.code}).", remedy=_AGAIN) from error

    return story


async def serve(_desk: Desk, _asked: Asked) -> None:
    """A click of which a process died before it wrote into the window: its trigger is gone.

    Raises:
        Refusal: always.
    """
    raise Refusal("Muster was restarting when it should have opened a window for your click.", remedy=_AGAIN)

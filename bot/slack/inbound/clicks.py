"""The buttons that act at once, in one table: the action id, the verb of the desk, and the fields that it takes.

Who may press one is the desk's business; what opens a window stands in the tables of the windows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk import choice as choosing
from bot.desk.control import Steer
from bot.desk.desk import Desk
from bot.domain.errors import UnknownHost, UnknownOperation
from bot.domain.operation import Choice, Operation
from bot.domain.rules.order import Order
from bot.domain.values import Action
from bot.slack.inbound import intake
from bot.slack.inbound.intake import Asked
from bot.slack.inbound.reception import Reception, Story
from bot.slack.views import alarm
from bot.slack.views.cards import buttons

DECISION = "decision"
FROM_A_BUTTON = "alarm heeded"
"""Kind of the clicks that begin an operation on a host; kinds are stored, so their words stay."""
AGAIN = "asked again"
UNKNOWN = "unknown click"
_ALL = "choice of all VMs"
_NONE = "choice of no VM"
_DONE = "done by hand"
_CONTROL = "steering"


@dataclass(frozen=True, kw_only=True)
class Button:
    """What a click does."""

    kind: str  #: under which it is recorded
    verb: Story


def register(app: AsyncApp, reception: Reception) -> None:
    """Listen to every button that has no listener of its own; so this is registered as the last of all."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        button = BUTTONS.get(str(body["actions"][0].get("action_id")))
        delivery = intake.click(body, kind=button.kind if button else UNKNOWN, clock=reception.clock)
        await reception.take(delivery, ack)

    app.action(re.compile(".*"))(on_click)


async def serve(desk: Desk, asked: Asked) -> None:
    """Do what the button says.

    Raises:
        Refusal: why it is not done.
    """
    button = BUTTONS.get(asked.action) or _EARLIER.get(asked.action)
    if button is None or button.kind != asked.delivery.kind:
        raise UnknownOperation(
            "That button is not one of Muster's any more.",
            remedy="Use the card as it stands now; `/muster list` finds it.",
        )
    await button.verb(desk, asked)


def _vote(choice: Choice) -> Button:
    async def vote(desk: Desk, asked: Asked) -> None:
        await desk.vote(asked.operation, choice, digest=asked.digest, by=asked.by, key=asked.key)

    return Button(kind=DECISION, verb=vote)


def _steer(verb: Steer) -> Button:
    async def steer(desk: Desk, asked: Asked) -> None:
        await desk.steer(asked.operation, verb, by=asked.by, key=asked.key)

    return Button(kind=_CONTROL, verb=steer)


def _begin(action: Action) -> Button:
    """The ordinary path, as if the command had been typed where the button was pressed."""

    async def begin(desk: Desk, asked: Asked) -> None:
        cloud, host = intake.word(asked.delivery, "cloud"), intake.word(asked.delivery, "host")
        if not cloud or not host:
            raise UnknownHost("That button names no host.", remedy="Type the command with the host's name.")
        order = Order(action=action, cloud=cloud, host=host)
        await desk.ask(order, by=asked.by, channel=asked.channel, key=asked.key)

    return Button(kind=FROM_A_BUTTON, verb=begin)


async def _ask_again(desk: Desk, asked: Asked) -> None:
    """A new operation in the words of an ended one, by the rights of whoever presses the button."""
    operation, _ = await desk.show(asked.operation)
    await desk.ask(order_of(operation), by=asked.by, channel=asked.channel, key=asked.key)


async def _say_done(desk: Desk, asked: Asked) -> None:
    """Somebody did by hand what only a person can do; a look says what is true of it."""
    await desk.say_done(asked.operation, asked.step, by=asked.by, key=asked.key)


async def _choose_all(desk: Desk, asked: Asked) -> None:
    """A plan of all VMs against which nothing speaks."""
    operation, _ = await desk.show(asked.operation)
    vms = [vm.id for vm in choosing.check_open(operation, asked.digest).unflagged]
    await desk.choose(operation.id, vms, digest=asked.digest, by=asked.by, key=asked.key)


async def _choose_none(desk: Desk, asked: Asked) -> None:
    """The VMs stay where they are, and that is what is to be approved."""
    await desk.choose(asked.operation, (), digest=asked.digest, by=asked.by, key=asked.key)


def order_of(operation: Operation) -> Order:
    """What was asked for, to be asked for once more.

    VMs that were ticked in a list are named, so that it is never asked for more; of a host that returns, the list is
    another one by then, and is chosen from anew.
    """
    request = operation.request
    is_listed_anew = request.is_choice and request.action is Action.EXIT
    return Order(
        action=request.action,
        cloud=request.cloud,
        host=request.host,
        check=operation.dry_run,
        to=request.to,
        vms=() if is_listed_anew else request.vms,
        reason=request.reason,
        then=request.then,
        at=operation.starts_at,
        window=operation.window,
    )


BUTTONS: Mapping[str, Button] = {
    buttons.APPROVE: _vote(Choice.APPROVE),
    buttons.ALL_BACK: Button(kind=_ALL, verb=_choose_all),
    buttons.LEAVE_ALL: Button(kind=_NONE, verb=_choose_none),
    buttons.CANCEL: _steer(Steer.CANCEL),
    buttons.PAUSE: _steer(Steer.PAUSE),
    buttons.RESUME: _steer(Steer.RESUME),
    buttons.END: _steer(Steer.END),
    buttons.RETRY: _steer(Steer.RETRY),
    buttons.RECHECK: _steer(Steer.RECHECK),
    buttons.REQUEST_APPROVAL: _steer(Steer.REQUEST_APPROVAL),
    buttons.DONE: Button(kind=_DONE, verb=_say_done),
    buttons.ASK_AGAIN: Button(kind=AGAIN, verb=_ask_again),
    buttons.RETURN: _begin(Action.EXIT),
    buttons.UNDO: _begin(Action.REHOME),
    alarm.EVACUATE: _begin(Action.EVACUATE),
}
_EARLIER: Mapping[str, Button] = {buttons.REJECT: _vote(Choice.REJECT)}
"""Clicks that an earlier release recorded: it took a no without a window."""

STORIES: Mapping[str, Story] = {UNKNOWN: serve, **{button.kind: serve for button in BUTTONS.values()}}

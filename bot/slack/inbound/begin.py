"""Story: a button under an alarm or an ended card begins the ordinary path, as if its command had been typed there."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.desk import Desk
from bot.domain.errors import UnknownHost
from bot.domain.ports import Delivery
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor
from bot.domain.values import Action
from bot.slack.inbound import reception
from bot.slack.inbound.reception import Reception
from bot.slack.views import alarm
from bot.slack.views.cards import buttons

KIND = "alarm heeded"
ASKS_FOR: Mapping[str, Action] = {
    alarm.EVACUATE: Action.EVACUATE,
    buttons.RETURN: Action.EXIT,
    buttons.UNDO: Action.REHOME,
}


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to *Evacuate…* under an alarm, and to *Exit Maintenance* and *Return to Service* under a card."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        plain = reception.click(body, kind=KIND, clock=desk.clock)
        delivery = replace(plain, payload={**plain.payload, **_target(body)})
        await desk.take(delivery, ack)

    for action in ASKS_FOR:
        app.action(action)(on_click)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Ask for what the button says; the new card will stand where it was clicked.

    Raises:
        Refusal: why it was not begun.
    """
    cloud, host = reception.word(delivery, "cloud"), reception.word(delivery, "host")
    if not cloud or not host:
        raise UnknownHost("That button names no host.", remedy="Type the command with the host's name.")
    order = Order(action=ASKS_FOR[reception.word(delivery, "action")], cloud=cloud, host=host)
    await desk.ask(order, by=actor, channel=reception.word(delivery, "channel"), key=delivery.key)


def _target(body: dict[str, Any]) -> dict[str, str]:
    """The host that the button names; nothing of a value that is not ours."""
    try:
        told = json.loads(str(body["actions"][0].get("value") or ""))
    except ValueError:
        return {}
    return {k: v for k in ("cloud", "host") if isinstance(v := told.get(k), str)} if isinstance(told, dict) else {}

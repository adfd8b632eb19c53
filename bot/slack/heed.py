"""Story: somebody heeds an alarm: its button begins the ordinary path, as if they had typed the command there."""

import json
from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.domain.errors import UnknownHost
from bot.domain.order import Order
from bot.domain.policy import Actor
from bot.domain.ports import Delivery
from bot.domain.values import Action
from bot.slack import reception
from bot.slack.reception import Reception
from bot.slack.views import alarm
from bot.workflow import Desk

KIND = "alarm heeded"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to *Evacuate…* under an alarm."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        plain = reception.click(body, kind=KIND, clock=desk.clock)
        delivery = replace(plain, payload={**plain.payload, **_target(body)})
        fresh = await desk.receive(delivery)
        await ack()
        if fresh:
            await desk.serve(delivery)

    app.action(alarm.EVACUATE)(on_click)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Ask for the evacuation; its card will stand where the button was clicked.

    Raises:
        Refusal: why it was not begun.
    """
    cloud, host = reception.word(delivery, "cloud"), reception.word(delivery, "host")
    if not cloud or not host:
        raise UnknownHost("That button names no host.", remedy="Type `/evacuate` with the host's name.")
    order = Order(action=Action.EVACUATE, cloud=cloud, host=host)
    await desk.ask(order, by=actor, channel=reception.word(delivery, "channel"), key=delivery.key)


def _target(body: dict[str, Any]) -> dict[str, str]:
    """The host that the button names; nothing of a value that is not ours."""
    try:
        told = json.loads(str(body["actions"][0].get("value") or ""))
    except ValueError:
        return {}
    return {k: v for k in ("cloud", "host") if isinstance(v := told.get(k), str)} if isinstance(told, dict) else {}

"""Story 1: a slash command becomes an operation."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.desk import Desk
from bot.domain.errors import BadCommand
from bot.domain.ports import Delivery
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor
from bot.slack.inbound import grammar, reception
from bot.slack.inbound.grammar import Query
from bot.slack.inbound.reception import Reception
from bot.slack.views import notes

KIND = "request"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to the commands that change something."""

    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        body = {**body, "command": desk.names.meant(body["command"])}
        try:
            meant = grammar.parse(body["command"], body.get("text") or "")
        except BadCommand as bad:
            await ack(text=desk.names.spoken(notes.not_understood(str(bad), grammar.usage(body["command"]))))
            return
        if isinstance(meant, Query):
            await ack(text=desk.names.spoken(notes.HELP))
            return
        delivery = reception.command(body, kind=KIND, clock=desk.clock)
        await desk.take(delivery, ack)

    for name in (grammar.EVACUATE, grammar.MAINTENANCE):
        app.command(desk.names.typed(name))(on_command)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Begin the operation that was asked for; the board shows its card.

    Raises:
        Refusal: why it was not begun.
    """
    order = grammar.parse(reception.word(delivery, "command"), reception.word(delivery, "text"))
    if isinstance(order, Order):
        channel = reception.word(delivery, "channel")
        await desk.ask(order, by=actor, channel=channel, key=delivery.key, typed_at=delivery.received_at)

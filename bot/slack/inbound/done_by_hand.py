"""Story: somebody did by hand what only a person can do, and says so on the card."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.desk import Desk
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId, StepKey
from bot.slack.inbound import reception
from bot.slack.inbound.reception import Reception
from bot.slack.views.cards import buttons

KIND = "done by hand"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to *Done*."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        delivery = reception.click(body, kind=KIND, clock=desk.clock)
        await desk.take(delivery, ack)

    app.action(buttons.DONE)(on_click)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Take their word; a look says what is true of it.

    Raises:
        Refusal: why it is not taken.
    """
    await desk.say_done(
        OperationId(reception.word(delivery, "operation")),
        StepKey(reception.word(delivery, "step")),
        by=actor,
        key=delivery.key,
    )

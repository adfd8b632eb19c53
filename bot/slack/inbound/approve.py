"""Story 2: an approver says yes to exactly the plan that the card showed; more in `confirm`, a no in `dissent`."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.desk import Desk
from bot.domain.operation import Choice
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from bot.slack.inbound import reception
from bot.slack.inbound.reception import Reception
from bot.slack.views.cards import buttons

KIND = "decision"
CHOICES = {buttons.APPROVE: Choice.APPROVE, buttons.REJECT: Choice.REJECT}
"""What a click that was recorded means: an earlier release took both without a window."""


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to Approve."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        delivery = reception.click(body, kind=KIND, clock=desk.clock)
        await desk.take(delivery, ack)

    app.action(buttons.APPROVE)(on_click)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Cast the vote.

    Raises:
        Refusal: why it does not count.
    """
    await desk.vote(
        OperationId(reception.word(delivery, "operation")),
        CHOICES[reception.word(delivery, "action")],
        digest=reception.digest_of(delivery),
        by=actor,
        key=delivery.key,
    )

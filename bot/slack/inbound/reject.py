"""Story 5: a no, with its reason."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.desk import Desk
from bot.domain.operation import Choice
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from bot.slack.inbound import reception, windows
from bot.slack.inbound.reception import Reception
from bot.slack.views.cards import buttons
from bot.slack.views.message import Block
from bot.slack.views.windows import window

KIND = "rejection"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to Reject, and to its window."""

    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await windows.open_for(body, ack=ack, client=client, desk=desk, draw=_draw)

    async def on_submit(ack: AsyncAck, body: dict[str, Any]) -> None:
        told = {"reason": window.reason_in(body["view"])}
        delivery = reception.submission(body, kind=KIND, clock=desk.clock, told=told)
        await desk.take(delivery, ack)

    app.action(buttons.REJECT)(on_click)
    app.view(window.REJECT)(on_submit)


async def _draw(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    operation = await desk.check_may_vote(
        OperationId(reception.word(clicked, "operation")),
        Choice.REJECT,
        digest=reception.digest_of(clicked),
        by=actor,
    )
    return window.reject(operation, channel=reception.word(clicked, "channel"))


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Reject the plan, with the reason that was given.

    Raises:
        Refusal: why it does not count.
    """
    await desk.vote(
        OperationId(reception.word(delivery, "operation")),
        Choice.REJECT,
        digest=reception.digest_of(delivery),
        by=actor,
        key=delivery.key,
        reason=reception.word(delivery, "reason"),
    )

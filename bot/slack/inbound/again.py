"""Story: *Ask Again* on a card that ended without being done asks for the same, by the rights of whoever presses it."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.desk import Desk
from bot.domain.operation import Operation
from bot.domain.ports import Delivery
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor
from bot.domain.values import Action, OperationId
from bot.slack.inbound import reception
from bot.slack.inbound.reception import Reception
from bot.slack.views.cards import buttons

KIND = "asked again"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to *Ask Again*."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        delivery = reception.click(body, kind=KIND, clock=desk.clock)
        await desk.take(delivery, ack)

    app.action(buttons.ASK_AGAIN)(on_click)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Begin a new operation in the words of that one; its card will stand where the button was pressed.

    Raises:
        Refusal: why it was not begun.
    """
    operation, _ = await desk.show(OperationId(reception.word(delivery, "operation")))
    await desk.ask(order_of(operation), by=actor, channel=reception.word(delivery, "channel"), key=delivery.key)


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

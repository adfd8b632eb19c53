"""Story 3: the other buttons: cancel, pause, resume, retry, re-check, request approval; and those of older cards."""

import re
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.control import Steer
from bot.desk.desk import Desk
from bot.domain.errors import UnknownOperation
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from bot.slack.inbound import reception
from bot.slack.inbound.reception import Reception
from bot.slack.views.cards import buttons

KIND = "steering"
UNKNOWN = "unknown click"
VERBS = {
    buttons.CANCEL: Steer.CANCEL,
    buttons.PAUSE: Steer.PAUSE,
    buttons.RESUME: Steer.RESUME,
    buttons.END: Steer.END,
    buttons.RETRY: Steer.RETRY,
    buttons.RECHECK: Steer.RECHECK,
    buttons.REQUEST_APPROVAL: Steer.REQUEST_APPROVAL,
}


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to the buttons that steer; and, as the last of all stories, to every other one."""

    async def on_click(ack: AsyncAck, body: dict[str, Any]) -> None:
        known = body["actions"][0].get("action_id") in VERBS
        delivery = reception.click(body, kind=KIND if known else UNKNOWN, clock=desk.clock)
        await desk.take(delivery, ack)

    for action in VERBS:
        app.action(action)(on_click)
    app.action(re.compile(".*"))(on_click)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Steer the operation.

    Raises:
        Refusal: why it is not done.
    """
    await desk.steer(
        OperationId(reception.word(delivery, "operation")),
        VERBS[reception.word(delivery, "action")],
        by=actor,
        key=delivery.key,
    )


async def serve_unknown(_desk: Desk, _actor: Actor, _delivery: Delivery) -> None:
    """A button that this version does not know.

    Raises:
        UnknownOperation: always.
    """
    raise UnknownOperation(
        "That button is not one of Muster's any more.", remedy="Use the card as it stands now; `/muster list` finds it."
    )

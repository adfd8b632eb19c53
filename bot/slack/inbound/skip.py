"""Story 8: failed VMs are set aside, in a window that lists them with their causes."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import set_aside
from bot.desk.control import Said, Steer
from bot.desk.desk import Desk
from bot.domain.counting import counted
from bot.domain.errors import BadChoice
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from bot.slack.inbound import reception, windows
from bot.slack.inbound.reception import Reception
from bot.slack.views.cards import buttons
from bot.slack.views.message import Block
from bot.slack.views.windows import skip as view
from bot.slack.views.windows import ticks, window

KIND = "VMs set aside"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to Skip, and to its window."""

    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await windows.open_for(body, ack=ack, client=client, desk=desk, draw=_draw)

    async def on_submit(ack: AsyncAck, body: dict[str, Any]) -> None:
        told = {"vms": list(ticks.ticked_in(body["view"])), "reason": window.reason_in(body["view"])}
        delivery = reception.submission(body, kind=KIND, clock=desk.clock, told=told)
        await desk.take(delivery, ack)

    app.action(buttons.SKIP)(on_click)
    app.view(view.CALLBACK)(on_submit)


async def _draw(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    operation, records = await desk.show(OperationId(reception.word(clicked, "operation")))
    rule = desk.rules[operation.request.cloud, operation.request.action]
    rule.check_may_steer(actor, requester=operation.requested_by)
    offered = set_aside.check_open(operation, records)
    drawn = view.draw(operation, offered, channel=reception.word(clicked, "channel"))
    if drawn is None:
        raise BadChoice(
            f"{counted(len(offered), 'VM is', 'VMs are')} more than a window of Slack can list.",
            remedy="Retry them, or cancel the operation: that names what is left.",
        )
    return drawn


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Set the ticked VMs aside.

    Raises:
        Refusal: why they are not.
    """
    await desk.steer(
        OperationId(reception.word(delivery, "operation")),
        Steer.SKIP,
        by=actor,
        key=delivery.key,
        said=Said(vms=reception.vms_of(delivery), reason=reception.word(delivery, "reason")),
    )

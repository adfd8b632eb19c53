"""Story 6: people choose the VMs of a plan, in a window or all by one click, and get a plan of exactly those."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import choice
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
from bot.slack.views.windows import choose as view
from bot.slack.views.windows import ticks

KIND = "choice of VMs"
ALL = "choice of all VMs"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to Choose VMs, to its window, and to All Back."""

    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await windows.open_for(body, ack=ack, client=client, desk=desk, draw=_draw)

    async def on_submit(ack: AsyncAck, body: dict[str, Any]) -> None:
        ticked = ticks.ticked_in(body["view"])
        delivery = reception.submission(body, kind=KIND, clock=desk.clock, told={"vms": list(ticked)})
        await desk.take(delivery, ack)

    async def on_all(ack: AsyncAck, body: dict[str, Any]) -> None:
        delivery = reception.click(body, kind=ALL, clock=desk.clock)
        await desk.take(delivery, ack)

    app.action(buttons.CHOOSE)(on_click)
    app.action(buttons.ALL_BACK)(on_all)
    app.view(view.CALLBACK)(on_submit)


async def _draw(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    operation, _ = await desk.show(OperationId(reception.word(clicked, "operation")))
    rule = desk.rules[operation.request.cloud, operation.request.action]
    rule.check_may_steer(actor, requester=operation.requested_by)
    plan = choice.check_open(operation, reception.digest_of(clicked))
    drawn = view.draw(operation, plan, channel=reception.word(clicked, "channel"))
    if drawn is None:
        raise BadChoice(
            f"{counted(len(plan.choices), 'VM is', 'VMs are')} more than a window of Slack can list.",
            remedy="Choose them in the cloud's own console.",
        )
    return drawn


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Ask for a plan of exactly the ticked VMs.

    Raises:
        Refusal: why there is none.
    """
    await desk.choose(
        OperationId(reception.word(delivery, "operation")),
        reception.vms_of(delivery),
        digest=reception.digest_of(delivery),
        by=actor,
        key=delivery.key,
    )


async def serve_all(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Ask for a plan of all VMs against which nothing speaks.

    Raises:
        Refusal: why there is none.
    """
    operation, _ = await desk.show(OperationId(reception.word(delivery, "operation")))
    digest = reception.digest_of(delivery)
    plan = choice.check_open(operation, digest)
    await desk.choose(operation.id, [vm.id for vm in plan.unflagged], digest=digest, by=actor, key=delivery.key)

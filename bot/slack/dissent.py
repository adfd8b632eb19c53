"""Story 5: what needs words: a rejection with its reason, and somebody who goes ahead alone (break glass)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.operation import Choice
from bot.domain.policy import Actor
from bot.domain.ports import Delivery
from bot.domain.values import OperationId
from bot.slack import reception, windows
from bot.slack.reception import Reception
from bot.slack.views import buttons, window
from bot.slack.views.message import Block
from bot.slack.windows import Draw
from bot.workflow import Desk

REJECTION = "rejection"
BROKEN_GLASS = "broken glass"
_NEEDED = "Say why; everybody will read it."


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to Reject and Break Glass, and to their windows."""
    for action, draw in _WINDOWS.items():
        app.action(action)(_opener(draw, desk))
    app.view(window.REJECT)(_taker(REJECTION, desk))
    app.view(window.BREAK_GLASS)(_taker(BROKEN_GLASS, desk, needs_reason=True))


def _opener(draw: Draw, desk: Reception) -> Callable[..., Awaitable[None]]:
    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await windows.open_for(body, ack=ack, client=client, desk=desk, draw=draw)

    return on_click


def _taker(kind: str, desk: Reception, *, needs_reason: bool = False) -> Callable[..., Awaitable[None]]:
    async def on_submit(ack: AsyncAck, body: dict[str, Any]) -> None:
        reason = window.reason_in(body["view"])
        if needs_reason and not reason:
            await ack(response_action="errors", errors={window.REASON: _NEEDED})
            return
        delivery = reception.submission(body, kind=kind, clock=desk.clock, told={"reason": reason})
        fresh = await desk.receive(delivery)
        await ack()
        if fresh:
            await desk.serve(delivery)

    return on_submit


async def _draw_reject(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    operation = await desk.check_may_reject(
        OperationId(reception.word(clicked, "operation")), digest=reception.digest_of(clicked), by=actor
    )
    return window.reject(operation, channel=reception.word(clicked, "channel"))


async def _draw_break_glass(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    operation = await desk.check_may_break_glass(
        OperationId(reception.word(clicked, "operation")), digest=reception.digest_of(clicked), by=actor
    )
    quorum = desk.rules[operation.request.cloud, operation.request.action].quorum
    return window.break_glass(operation, quorum=quorum, channel=reception.word(clicked, "channel"))


_WINDOWS: Mapping[str, Draw] = {buttons.REJECT: _draw_reject, buttons.BREAK_GLASS: _draw_break_glass}


async def serve_rejection(desk: Desk, actor: Actor, delivery: Delivery) -> None:
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


async def serve_broken_glass(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Go ahead alone, with the reason that was given.

    Raises:
        Refusal: why it does not count.
    """
    await desk.break_glass(
        OperationId(reception.word(delivery, "operation")),
        digest=reception.digest_of(delivery),
        by=actor,
        key=delivery.key,
        reason=reception.word(delivery, "reason"),
    )

"""Story 7: a yes that takes more than a click: approving and vouching with the host's name typed, and broken glass."""

from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.desk import Desk
from bot.desk.votes import Confirmation
from bot.domain.operation import Choice
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor
from bot.domain.values import Facts, OperationId
from bot.slack.inbound import reception, windows
from bot.slack.inbound.reception import Reception
from bot.slack.inbound.windows import Draw
from bot.slack.views.cards import buttons
from bot.slack.views.message import Block
from bot.slack.views.windows import confirm, window

APPROVAL = "confirmed approval"
VOUCH = "vouch"
BROKEN_GLASS = "broken glass"
_CHOICES = {APPROVAL: Choice.APPROVE, VOUCH: Choice.VOUCH}
_NEEDED = "Say why; everybody will read it."


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to Approve where it opens a window, to Vouch and Break Glass, and to their windows."""
    for action, callback, kind, draw in (
        (buttons.CONFIRM, window.APPROVE, APPROVAL, _draw_approve),
        (buttons.VOUCH, window.VOUCH, VOUCH, _draw_vouch),
        (buttons.BREAK_GLASS, window.BREAK_GLASS, BROKEN_GLASS, _draw_break_glass),
    ):
        app.action(action)(_opener(draw, desk))
        app.view(callback)(_taker(kind, desk))


def _opener(draw: Draw, desk: Reception) -> Callable[..., Awaitable[None]]:
    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await windows.open_for(body, ack=ack, client=client, desk=desk, draw=draw)

    return on_click


def _taker(kind: str, desk: Reception) -> Callable[..., Awaitable[None]]:
    async def on_submit(ack: AsyncAck, body: dict[str, Any]) -> None:
        view = body["view"]
        wrong, reason = confirm.complaints(view), window.reason_in(view)
        if kind == BROKEN_GLASS and not reason:
            wrong[window.REASON] = _NEEDED
        if wrong:
            await ack(response_action="errors", errors=wrong)
            return
        told: Facts = {"reason": reason, "typed": confirm.typed_in(view), "ticked": list(confirm.ticked_in(view))}
        delivery = reception.submission(body, kind=kind, clock=desk.clock, told=told)
        await desk.take(delivery, ack)

    return on_submit


async def _draw_approve(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    return await _draw_yes(desk, actor, clicked, Choice.APPROVE)


async def _draw_vouch(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    return await _draw_yes(desk, actor, clicked, Choice.VOUCH)


async def _draw_yes(desk: Desk, actor: Actor, clicked: Delivery, choice: Choice) -> Block:
    operation = await desk.check_may_vote(
        OperationId(reception.word(clicked, "operation")), choice, digest=reception.digest_of(clicked), by=actor
    )
    rule = desk.rules[operation.request.cloud, operation.request.action]
    return window.yes(operation, rule, choice, by=actor.id, channel=reception.word(clicked, "channel"))


async def _draw_break_glass(desk: Desk, actor: Actor, clicked: Delivery) -> Block:
    operation = await desk.check_may_break_glass(
        OperationId(reception.word(clicked, "operation")), digest=reception.digest_of(clicked), by=actor
    )
    rule = desk.rules[operation.request.cloud, operation.request.action]
    return window.break_glass(operation, rule, by=actor.id, channel=reception.word(clicked, "channel"))


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Count the approval or the vouching, as it was confirmed.

    Raises:
        Refusal: why it does not count.
    """
    await desk.vote(
        OperationId(reception.word(delivery, "operation")),
        _CHOICES[delivery.kind],
        digest=reception.digest_of(delivery),
        by=actor,
        key=delivery.key,
        confirmed=await _confirmation(desk, delivery),
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
        confirmed=await _confirmation(desk, delivery),
    )


async def _confirmation(desk: Desk, delivery: Delivery) -> Confirmation:
    """The name and the sentences that were put in. Of another plan than the window showed nothing is counted."""
    operation, _ = await desk.show(OperationId(reception.word(delivery, "operation")))
    sentences = operation.plan.vouches if operation.plan else ()
    ticked = delivery.payload.get("ticked")
    places = ticked if isinstance(ticked, list | tuple) else ()
    vouched = tuple(sentence for place, sentence in enumerate(sentences) if place in places)
    return Confirmation(host=reception.word(delivery, "typed"), vouched=vouched)

"""The windows in which a plan is decided: a no with its reason, and a yes that takes more than a click."""

from typing import Any

from bot.desk.desk import Desk
from bot.desk.votes import Confirmation
from bot.domain.operation import Choice
from bot.domain.values import Facts
from bot.slack.inbound import intake
from bot.slack.inbound.intake import Asked
from bot.slack.inbound.reception import Story
from bot.slack.inbound.windows import Draw, Fields, Form
from bot.slack.views.cards import buttons
from bot.slack.views.message import Block
from bot.slack.views.windows import confirm, window

_NEEDED = "Say why; everybody will read it."


def _drawn_yes(choice: Choice) -> Draw:
    async def draw(desk: Desk, asked: Asked) -> Block:
        operation = await desk.check_may_vote(asked.operation, choice, digest=asked.digest, by=asked.by)
        return window.yes(operation, desk.rule_of(operation), choice, by=asked.by.id, channel=asked.channel)

    return draw


async def _draw_no(desk: Desk, asked: Asked) -> Block:
    operation = await desk.check_may_vote(asked.operation, Choice.REJECT, digest=asked.digest, by=asked.by)
    return window.reject(operation, channel=asked.channel)


async def _draw_break_glass(desk: Desk, asked: Asked) -> Block:
    operation = await desk.check_may_break_glass(asked.operation, digest=asked.digest, by=asked.by)
    return window.break_glass(operation, desk.rule_of(operation), by=asked.by.id, channel=asked.channel)


def _read_yes(view: Fields) -> Facts:
    return {
        "reason": window.reason_in(view),
        "typed": confirm.typed_in(view),
        "ticked": list(confirm.ticked_in(view)),
    }


def _read_no(view: Fields) -> Facts:
    return {"reason": window.reason_in(view)}


def _complaints_of_broken_glass(view: Fields) -> dict[str, str]:
    without_reason = {} if window.reason_in(view) else {window.REASON: _NEEDED}
    return {**confirm.complaints(view), **without_reason}


def _yes(choice: Choice) -> Story:
    """Count the approval or the vouching, as it was confirmed."""

    async def submit(desk: Desk, asked: Asked) -> None:
        confirmed = await _confirmation(desk, asked)
        await desk.vote(asked.operation, choice, digest=asked.digest, by=asked.by, key=asked.key, confirmed=confirmed)

    return submit


async def _no(desk: Desk, asked: Asked) -> None:
    """Reject the plan, with the reason that was given."""
    await desk.vote(
        asked.operation, Choice.REJECT, digest=asked.digest, by=asked.by, key=asked.key, reason=asked.reason
    )


async def _break_glass(desk: Desk, asked: Asked) -> None:
    """Go ahead alone, with the reason that was given."""
    confirmed = await _confirmation(desk, asked)
    await desk.break_glass(
        asked.operation, digest=asked.digest, by=asked.by, key=asked.key, reason=asked.reason, confirmed=confirmed
    )


async def _confirmation(desk: Desk, asked: Asked) -> Confirmation:
    """The name and the sentences that were put in. Of another plan than the window showed nothing is counted."""
    operation, _ = await desk.show(asked.operation)
    sentences = operation.vouches
    ticked: Any = asked.delivery.payload.get("ticked")
    places = ticked if isinstance(ticked, list | tuple) else ()
    vouched = tuple(sentence for place, sentence in enumerate(sentences) if place in places)
    return Confirmation(host=intake.word(asked.delivery, "typed"), vouched=vouched)


FORMS = (
    Form(
        action=buttons.CONFIRM,
        callback=window.APPROVE,
        kind="confirmed approval",
        draw=_drawn_yes(Choice.APPROVE),
        read=_read_yes,
        complaints=confirm.complaints,
        submit=_yes(Choice.APPROVE),
    ),
    Form(
        action=buttons.VOUCH,
        callback=window.VOUCH,
        kind="vouch",
        draw=_drawn_yes(Choice.VOUCH),
        read=_read_yes,
        complaints=confirm.complaints,
        submit=_yes(Choice.VOUCH),
    ),
    Form(
        action=buttons.BREAK_GLASS,
        callback=window.BREAK_GLASS,
        kind="broken glass",
        draw=_draw_break_glass,
        read=_read_yes,
        complaints=_complaints_of_broken_glass,
        submit=_break_glass,
    ),
    Form(
        action=buttons.REJECT,
        callback=window.REJECT,
        kind="rejection",
        draw=_draw_no,
        read=_read_no,
        submit=_no,
    ),
)

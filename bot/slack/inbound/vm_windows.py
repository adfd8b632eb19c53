"""The windows in which VMs are ticked: those that a new plan is made of, and failed ones that are set aside."""

from collections.abc import Sequence

from bot.desk import choice, set_aside
from bot.desk.control import Input, Steer
from bot.desk.desk import Desk
from bot.domain.counting import counted
from bot.domain.errors import BadChoice
from bot.domain.operation import Operation
from bot.domain.progress.steps import StepRecord
from bot.domain.values import Facts
from bot.slack.inbound.intake import Asked
from bot.slack.inbound.windows import Fields, Form
from bot.slack.views.cards import buttons
from bot.slack.views.message import Block
from bot.slack.views.windows import choose as choose_view
from bot.slack.views.windows import set_aside as set_aside_view
from bot.slack.views.windows import ticks, window


async def _draw_choice(desk: Desk, asked: Asked) -> Block:
    operation, _ = await _steered(desk, asked)
    plan = choice.check_open(operation, asked.digest)
    drawn = choose_view.draw(operation, plan, channel=asked.channel)
    return _that_fits(drawn, len(plan.choices), remedy="Choose them in the cloud's own console.")


async def _draw_set_aside(desk: Desk, asked: Asked) -> Block:
    operation, records = await _steered(desk, asked)
    offered = set_aside.check_open(operation, records)
    drawn = set_aside_view.draw(operation, offered, channel=asked.channel)
    remedy = "Retry them, or cancel the operation: that names what is left."
    return _that_fits(drawn, len(offered), remedy=remedy)


async def _steered(desk: Desk, asked: Asked) -> tuple[Operation, Sequence[StepRecord]]:
    """The operation with its steps, for whoever may steer it."""
    operation, records = await desk.show(asked.operation)
    desk.rule_of(operation).check_may_steer(asked.by, requester=operation.requested_by)
    return operation, records


def _that_fits(drawn: Block | None, number: int, *, remedy: str) -> Block:
    if drawn is None:
        raise BadChoice(f"{counted(number, 'VM is', 'VMs are')} more than a window of Slack can list.", remedy=remedy)
    return drawn


def _read_choice(view: Fields) -> Facts:
    return {"vms": list(ticks.ticked_in(view))}


def _read_set_aside(view: Fields) -> Facts:
    return {"vms": list(ticks.ticked_in(view)), "reason": window.reason_in(view)}


async def _choose(desk: Desk, asked: Asked) -> None:
    """Ask for a plan of exactly the ticked VMs."""
    await desk.choose(asked.operation, asked.vms, digest=asked.digest, by=asked.by, key=asked.key)


async def _set_aside(desk: Desk, asked: Asked) -> None:
    """Set the ticked VMs aside."""
    given = Input(vms=asked.vms, reason=asked.reason)
    await desk.steer(asked.operation, Steer.SET_ASIDE, by=asked.by, key=asked.key, given=given)


CHOICE = Form(
    action=buttons.CHOOSE,
    callback=choose_view.CALLBACK,
    kind="choice of VMs",
    draw=_draw_choice,
    read=_read_choice,
    submit=_choose,
)
SET_ASIDE = Form(
    action=buttons.SKIP,
    callback=set_aside_view.CALLBACK,
    kind="VMs set aside",
    draw=_draw_set_aside,
    read=_read_set_aside,
    submit=_set_aside,
)
FORMS = (CHOICE, SET_ASIDE)

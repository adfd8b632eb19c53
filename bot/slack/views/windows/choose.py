"""The window in which people tick the VMs of a plan, a list for each group, ticked as the plan has them now."""

from bot.domain.operation import Operation
from bot.domain.plans.plan import Plan, Vm
from bot.slack.views import button_values, message, subject, text
from bot.slack.views.message import Block
from bot.slack.views.windows import ticks, window

CALLBACK = "choose_vms_window"


def draw(operation: Operation, plan: Plan, *, channel: str) -> Block | None:
    """The window; None when there are more VMs than a window can hold.

    Args:
        operation: whose VMs they are.
        plan: its plan.
        channel: where the button was pressed.
    """
    return ticks.first_that_fits(_view(operation, plan, channel=channel, is_brief=short) for short in (False, True))


def _view(operation: Operation, plan: Plan, *, channel: str, is_brief: bool) -> Block:
    said = (
        f"{subject.named(operation)}: tick the VMs to include. Muster checks the cloud again and shows a "
        "new plan of exactly those; approvals of the present plan no longer count."
    )
    return window.asking(
        CALLBACK,
        "Choose VMs",
        blocks=[message.section(said), *_lists(plan, is_brief=is_brief)],
        carries=button_values.by_plan(operation, channel=channel),
        submit="Make New Plan",
    )


def _lists(plan: Plan, *, is_brief: bool) -> list[Block]:
    lists: list[Block] = []
    for group in sorted({vm.group for vm in plan.choices}):
        mine = [vm for vm in plan.choices if vm.group == group]
        boxes = [
            ticks.Box(value=vm.id, name=vm.name, about="" if is_brief else _about(vm), on=vm.chosen) for vm in mine
        ]
        lists += ticks.lists(group[:1].upper() + group[1:] or "VMs", boxes, after=len(lists))
    return lists


def _about(vm: Vm) -> str:
    where = f"now on {text.plain(vm.place, limit=30)}" if vm.place else ""
    return ", ".join(filter(None, (where, vm.note)))

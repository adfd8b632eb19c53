"""The VMs of a plan that has several lists to choose from: one for each, with what is chosen and where it is."""

from collections.abc import Sequence

from bot.domain.counting import counted
from bot.domain.plans.plan import Plan, Vm
from bot.slack.views import message, text
from bot.slack.views.message import Block

MANY = 80  #: more VMs than this are told by number; those that are left out by name
_NAMED = 40


def planned(plan: Plan, *, brief: bool = False) -> list[Block]:
    """What the plan does to each VM of each list, or to how many when they are many."""
    is_long = brief or len(plan.vms) > MANY
    blocks: list[Block] = []
    for group in sorted({vm.group for vm in plan.vms}):
        mine = [vm for vm in plan.vms if vm.group == group]
        title = text.escape(group[:1].upper() + group[1:]) or "VMs"
        may_be_chosen = [vm for vm in mine if vm.chosen is not None]
        of = f"{sum(1 for vm in may_be_chosen if vm.chosen)} of " if may_be_chosen else ""
        head = f"*{title}*: {of}{counted(len(mine), 'VM')}"
        blocks += [message.section(head + _left_out(mine))] if is_long else lines(head, mine)
    return blocks


def _left_out(vms: Sequence[Vm]) -> str:
    left = [vm for vm in vms if not vm.chosen]
    if not left:
        return ""
    lines = [f"• left: {text.code(vm.name or vm.id, limit=40)}{_why(vm)}" for vm in left]
    return "\n" + text.cut_lines(lines, limit=text.MAX_SECTION - 200, most=_NAMED)


def _why(vm: Vm) -> str:
    about = ", ".join(filter(None, (f"on {vm.place}" if vm.place else "", vm.note)))
    return f" ({text.escape(about, limit=100)})" if about else ""


def lines(head: str, vms: Sequence[Vm]) -> list[Block]:
    """A line for each VM, below one that says what they are.

    Args:
        head: mrkdwn.
        vms: those that are chosen come first.
    """
    in_order = sorted(vms, key=lambda vm: (not vm.chosen, vm.name, vm.id))
    return message.paragraphs([head, *map(_line, in_order)])


def _line(vm: Vm) -> str:
    mark = {True: "✓", False: "–", None: "•"}[vm.chosen]
    about = (vm.project, vm.status, f"on {vm.place}" if vm.place else "", vm.note)
    said = [text.escape(part, limit=80) for part in about if part]
    return " · ".join([f"{mark} {text.code(vm.name or vm.id, limit=40)}", *said])

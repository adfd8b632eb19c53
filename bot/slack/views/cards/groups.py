"""The VMs of a plan that has several lists to choose from: one table for each, with what is chosen and where it is."""

from collections.abc import Sequence

from bot.domain.counting import counted
from bot.domain.plans.plan import Plan, Vm
from bot.slack.views import message, text
from bot.slack.views.message import Block

MANY = 80  #: more VMs than this are told by number; those that are left out by name
_CAPS = (2, 28, 16, 10, 18, 64)
_VM = 1  #: the column that is always there
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
        blocks += [message.section(head + _left_out(mine))] if is_long else table(head, mine)
    return blocks


def _left_out(vms: Sequence[Vm]) -> str:
    left = [vm for vm in vms if not vm.chosen]
    if not left:
        return ""
    lines = [f"• left: {text.code(vm.name or vm.id, limit=40)}{_why(vm)}" for vm in left[:_NAMED]]
    return "\n" + text.cut_lines(lines, limit=text.MAX_SECTION - 200) + _more(len(left) - _NAMED)


def _why(vm: Vm) -> str:
    about = ", ".join(filter(None, (f"on {vm.place}" if vm.place else "", vm.note)))
    return f" ({text.escape(about, limit=100)})" if about else ""


def _more(number: int) -> str:
    return f"\n…and {number} more" if number > 0 else ""


def table(head: str, vms: Sequence[Vm]) -> list[Block]:
    """VMs in fixed-width text; columns that say nothing are left out.

    Args:
        head: the line above it, mrkdwn.
        vms: those that are chosen come first.
    """
    rows = [
        (
            {True: "✓", False: "–", None: ""}[vm.chosen],
            text.plain(vm.name, limit=40) or text.plain(vm.id, limit=40),
            text.plain(vm.project, limit=20),
            text.plain(vm.status, limit=16),
            text.plain(vm.place, limit=40),
            text.plain(vm.note, limit=80),
        )
        for vm in sorted(vms, key=lambda vm: (not vm.chosen, vm.name, vm.id))
    ]
    columns = ("", "VM", "Owner", "Status", "Now on", "Note")
    cells = [[text.cut(cell, limit=cap) for cell, cap in zip(row, _CAPS, strict=True)] for row in (columns, *rows)]
    shown = [i for i in range(len(columns)) if i == _VM or any(row[i] for row in cells[1:])]
    told = [[row[i] for i in shown] for row in cells]
    return message.fixed_width(told[0], told[1:], head=head)

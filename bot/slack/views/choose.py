"""The window in which people tick the VMs of a plan, a list for each group, ticked as the plan has them now."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.operation import Operation
from bot.domain.plan import Plan, Vm
from bot.domain.values import VmId
from bot.slack.views import message, subject, text
from bot.slack.views.message import Block

CALLBACK = "choose_vms_window"
FIELD = "vms"
"""Action id of every list; block ids are this and a number."""
# https://docs.slack.dev/reference/block-kit/block-elements and .../views/modal-views
MOST_OPTIONS = 100
MOST_BOXES = 10
MAX_OPTION = 75
MAX_VIEW = 240_000
"""Characters of a view as sent; Slack refuses one of more than 250 kB."""
_MAX_LISTS = 95


def draw(operation: Operation, plan: Plan, *, channel: str) -> Block | None:
    """The window; None when there are more VMs than a window can hold.

    Args:
        operation: whose VMs they are.
        plan: its plan.
        channel: where the button was pressed.
    """
    for is_brief in (False, True):
        view = _view(operation, plan, channel=channel, is_brief=is_brief)
        if len(json.dumps(view)) <= MAX_VIEW and len(view["blocks"]) <= _MAX_LISTS:  # type: ignore[arg-type]
            return view
    return None


def _view(operation: Operation, plan: Plan, *, channel: str, is_brief: bool) -> Block:
    carries = {"op": operation.id, "digest": operation.digest or "", "channel": channel}
    said = (
        f"{subject.named(operation)}: tick the VMs that shall be touched. Muster checks the cloud again and shows a "
        "new plan of exactly those; approvals of the present plan count no more."
    )
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": json.dumps(carries, separators=(",", ":")),
        "title": message.plain_text("Choose VMs", limit=24),
        "submit": message.plain_text("Make New Plan", limit=24),
        "close": message.plain_text("Back", limit=24),
        "blocks": [message.section(said), *_lists(plan, is_brief=is_brief)],
    }


def _lists(plan: Plan, *, is_brief: bool) -> list[Block]:
    lists: list[Block] = []
    for group in sorted({vm.group for vm in plan.choices}):
        mine = [vm for vm in plan.choices if vm.group == group]
        title = group[:1].upper() + group[1:] or "VMs"
        for start in range(0, len(mine), MOST_OPTIONS):
            some = mine[start : start + MOST_OPTIONS]
            part = f", {start + 1}-{start + len(some)} of {len(mine)}" if len(mine) > MOST_OPTIONS else ""
            lists.append(_list(f"{title}{part}", some, number=len(lists), is_brief=is_brief))
    return lists


def _list(label: str, vms: Sequence[Vm], *, number: int, is_brief: bool) -> Block:
    """Boxes where they are few, a menu where they are many; nothing ticked is an answer too."""
    options = [_option(vm, is_brief=is_brief) for vm in vms]
    ticked = [option for option, vm in zip(options, vms, strict=True) if vm.chosen]
    element: Block = {"type": "checkboxes", "action_id": FIELD, "options": options}
    if len(vms) > MOST_BOXES:
        nothing = message.plain_text("No VM", limit=MAX_OPTION)
        element = {"type": "multi_static_select", "action_id": FIELD, "options": options, "placeholder": nothing}
    if ticked:
        element["initial_options"] = ticked
    return {
        "type": "input",
        "block_id": f"{FIELD}-{number}",
        "optional": True,
        "label": message.plain_text(label, limit=MAX_OPTION),
        "element": element,
    }


def _option(vm: Vm, *, is_brief: bool) -> Block:
    name = text.plain(vm.name, limit=MAX_OPTION) or text.plain(vm.id, limit=MAX_OPTION)
    option: Block = {"text": message.plain_text(name, limit=MAX_OPTION), "value": str(vm.id)}
    where = f"now on {text.plain(vm.place, limit=30)}" if vm.place else ""
    about = ", ".join(filter(None, (where, text.plain(vm.note, limit=MAX_OPTION))))
    if about and not is_brief:
        option["description"] = message.plain_text(about, limit=MAX_OPTION)
    return option


def chosen_in(view: Mapping[str, Any]) -> tuple[VmId, ...]:
    """The VMs that are ticked in a submitted window."""
    values = view.get("state", {}).get("values", {})
    ticked = [
        str(option.get("value", ""))
        for block, fields in values.items()
        if block.startswith(f"{FIELD}-")
        for option in fields.get(FIELD, {}).get("selected_options") or ()
    ]
    return tuple(VmId(value) for value in dict.fromkeys(ticked))

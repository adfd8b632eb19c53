"""Lists of VMs to be ticked in a window: boxes where they are few, menus where they are many."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.values import VmId
from bot.slack.views import message, text
from bot.slack.views.message import Block

FIELD = "vms"
"""Action id of every list; block ids are this and a number."""
# https://docs.slack.dev/reference/block-kit/block-elements and .../views/modal-views
MOST_OPTIONS = 100
MOST_BOXES = 10
MAX_OPTION = 75
MAX_VIEW = 240_000
"""Characters of a view as sent; Slack refuses one of more than 250 kB."""
_MAX_BLOCKS = 95


@dataclass(frozen=True, kw_only=True)
class Box:
    """A VM to tick, in the words of its cloud."""

    value: VmId
    name: str
    about: str = ""  #: a few words below its name
    on: bool | None = False  #: ticked already


def lists(title: str, boxes: Sequence[Box], *, after: int = 0) -> list[Block]:
    """One list, or several where Slack takes no more in one; nothing ticked is an answer too.

    Args:
        title: what stands above it; plain text.
        boxes: in order.
        after: how many lists the window has before these.
    """
    made: list[Block] = []
    for start in range(0, len(boxes), MOST_OPTIONS):
        some = boxes[start : start + MOST_OPTIONS]
        part = f", {start + 1}-{start + len(some)} of {len(boxes)}" if len(boxes) > MOST_OPTIONS else ""
        made.append(_list(f"{title}{part}", some, number=after + len(made)))
    return made


def _list(label: str, boxes: Sequence[Box], *, number: int) -> Block:
    options = [_option(box) for box in boxes]
    ticked = [option for option, box in zip(options, boxes, strict=True) if box.on]
    element: Block = {"type": "checkboxes", "action_id": FIELD, "options": options}
    if len(boxes) > MOST_BOXES:
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


def _option(box: Box) -> Block:
    name = text.plain(box.name, limit=MAX_OPTION) or text.plain(box.value, limit=MAX_OPTION)
    option: Block = {"text": message.plain_text(name, limit=MAX_OPTION), "value": str(box.value)}
    about = text.plain(box.about, limit=MAX_OPTION)
    if about:
        option["description"] = message.plain_text(about, limit=MAX_OPTION)
    return option


def first_that_fits(views: Iterable[Block]) -> Block | None:
    """The first of these windows that Slack takes; None when it takes none of them."""
    return next((view for view in views if _fits(view)), None)


def _fits(view: Block) -> bool:
    return len(json.dumps(view)) <= MAX_VIEW and len(view["blocks"]) <= _MAX_BLOCKS  # type: ignore[arg-type]


def ticked_in(view: Mapping[str, Any]) -> tuple[VmId, ...]:
    """The VMs that are ticked in a submitted window."""
    values = view.get("state", {}).get("values", {})
    ticked = [
        str(option.get("value", ""))
        for block, fields in values.items()
        if block.startswith(f"{FIELD}-")
        for option in fields.get(FIELD, {}).get("selected_options") or ()
    ]
    return tuple(VmId(value) for value in dict.fromkeys(ticked))

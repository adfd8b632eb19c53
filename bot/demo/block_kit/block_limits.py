"""Slack's lengths, counts and rules between blocks that a JSON Schema of the types does not carry.

Numbers: docs.slack.dev reference of each block and element, and the validators of slack_sdk 3.47.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo.block_kit.blocks import block_elements, options_of
from bot.demo.workspace.people import Json


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """One thing that Slack would refuse, with the JSON pointer of the place."""

    pointer: str
    message: str
    kind: str
    expected: Any

    @property
    def sentence(self) -> str:
        """As chat.postMessage and views.open answer it."""
        return f"{self.message} [json-pointer:{self.pointer}]"

    def as_constraint(self, *, strip: str = "") -> Json:
        """As blocks.validate answers it, the pointer counted from the blocks themselves."""
        return {
            "code": "failed_constraint",
            "message": self.message,
            "pointer": self.pointer.removeprefix(strip),
            "constraint": {"type": self.kind, "expected": self.expected},
        }


ELEMENTS_PER_BLOCK: Mapping[str, int] = {"actions": 25, "context": 10, "context_actions": 5, "carousel": 10}
BLOCKS_PER_SURFACE: Mapping[str, int] = {"message": 50, "modal": 100, "home": 100}
NOT_ON: Mapping[str, frozenset[str]] = {
    "message": frozenset({"alert"}),
    "modal": frozenset(
        {"table", "data_table", "carousel", "container", "plan", "task_card", "markdown", "context_actions", "file"}
    ),
    "home": frozenset({"alert", "plan", "task_card", "markdown", "context_actions", "file"}),
}
MARKDOWN_CHARACTERS = 12_000
TABLE_CHARACTERS = 10_000
MESSAGE_BLOCK_CHARACTERS = 13_200
"""Seen as the point from which chat.postMessage answers msg_blocks_too_long (bolt-js #2509); not documented."""

# type of the object -> field -> characters at most. Text objects count their `text`.
LENGTHS: Mapping[str, Mapping[str, int]] = {
    "section": {"text": 3000},
    "header": {"text": 150},
    "alert": {"text": 200},
    "image": {"alt_text": 2000, "image_url": 3000, "title": 2000},
    "input": {"label": 2000, "hint": 2000},
    "button": {"text": 75, "value": 2000, "url": 3000, "accessibility_label": 75},
    "card": {"title": 150, "subtitle": 150, "body": 200},
    "container": {"title": 150, "subtitle": 150},
    "video": {"title": 200, "author_name": 50},
}
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
OPTION = {"text": 75, "value": 150, "description": 75, "url": 3000}
OPTIONS_PER_ELEMENT: Mapping[str, tuple[int, int]] = {
    "static_select": (1, 100),
    "multi_static_select": (1, 100),
    "overflow": (1, 5),
    "checkboxes": (1, 10),
    "radio_buttons": (1, 10),
}


def _long(length: int, limit: int, pointer: str) -> Iterator[Complaint]:
    if length > limit:
        message = f"must be less than {limit + 1} characters"
        yield Complaint(pointer=pointer, message=message, kind="maxLength", expected=limit)


def _empty(value: str, pointer: str) -> Iterator[Complaint]:
    if not value:
        yield Complaint(pointer=pointer, message="must be more than 0 characters", kind="minLength", expected=1)


def _many(count: int, limit: int, pointer: str) -> Iterator[Complaint]:
    if count > limit:
        message = f"no more than {limit} items allowed"
        yield Complaint(pointer=pointer, message=message, kind="maxItems", expected=limit)


def _few(count: int, pointer: str) -> Iterator[Complaint]:
    if count < 1:
        yield Complaint(pointer=pointer, message="must have at least 1 item", kind="minItems", expected=1)


def _fields(node: Json, limits: Mapping[str, int], at: str) -> Iterator[Complaint]:
    for name, limit in limits.items():
        value = node.get(name)
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            yield from _long(len(value["text"]), limit, f"{at}/{name}/text")
            yield from _empty(value["text"], f"{at}/{name}/text")
        elif isinstance(value, str):
            yield from _long(len(value), limit, f"{at}/{name}")


def block_complaints(block: Json, at: str) -> Iterator[Complaint]:
    """Lengths and counts inside one block."""
    kind = str(block.get("type"))
    yield from _fields(block, LENGTHS.get(kind, {}), at)
    yield from _fields(block, {"block_id": 255}, at)
    if kind == "section":
        yield from _section(block, at)
    if kind in ELEMENTS_PER_BLOCK:
        yield from _many(len(block["elements"]), ELEMENTS_PER_BLOCK[kind], f"{at}/elements")
        yield from _few(len(block["elements"]), f"{at}/elements")
    if kind == "context":
        for i, element in enumerate(block["elements"]):
            yield from _fields(element, {"alt_text": 2000, "text": 3000}, f"{at}/elements/{i}")
    if kind in {"table", "data_table"}:
        yield from _table(block, at)
    if kind == "container":
        yield from _many(len(block["child_blocks"]), 10, f"{at}/child_blocks")
    if kind == "card":
        yield from _many(len(block.get("actions", [])), 3, f"{at}/actions")
    if kind == "plan":
        yield from _many(len(block.get("tasks", [])), 50, f"{at}/tasks")
    for i, element in enumerate(block_elements(block)):
        place = {"section": "accessory", "input": "element"}.get(kind, f"elements/{i}")
        yield from element_complaints(element, f"{at}/{place}")
    yield from _twice([e.get("action_id") for e in block_elements(block)], "action_id", at)


def _section(block: Json, at: str) -> Iterator[Complaint]:
    if "text" not in block and not block.get("fields"):
        yield Complaint(pointer=at, message="missing required field: text", kind="required", expected="text")
    fields = block.get("fields") or []
    yield from _many(len(fields), 10, f"{at}/fields")
    for i, field in enumerate(fields):
        yield from _long(len(field["text"]), 2000, f"{at}/fields/{i}/text")
        yield from _empty(field["text"], f"{at}/fields/{i}/text")


def _table(block: Json, at: str) -> Iterator[Complaint]:
    rows = block["rows"]
    whole = block["type"] == "table"
    yield from _many(len(rows), 100 if whole else 101, f"{at}/rows")
    yield from _few(len(rows), f"{at}/rows")
    yield from _many(len(block.get("column_settings") or []), 20, f"{at}/column_settings")
    for i, row in enumerate(rows):
        yield from _many(len(row), 20, f"{at}/rows/{i}")
        yield from _few(len(row), f"{at}/rows/{i}")
        for j, cell in enumerate(row):
            if cell["type"] == "raw_text":
                yield from _empty(cell["text"], f"{at}/rows/{i}/{j}/text")
    yield from _long(sum(cell_length(cell) for row in rows for cell in row), TABLE_CHARACTERS * (1 if whole else 2), at)


def cell_length(node: Any) -> int:
    """Characters of text in a table cell or any other part of a block."""
    if isinstance(node, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else cell_length(v) for k, v in node.items())
    if isinstance(node, list):
        return sum(cell_length(item) for item in node)
    return 0


def element_complaints(element: Json, at: str) -> Iterator[Complaint]:
    """Lengths and counts inside one element."""
    kind = str(element.get("type"))
    yield from _fields(element, LENGTHS.get(kind, {}), at)
    yield from _fields(element, {"action_id": 255, "placeholder": 150}, at)
    if kind in OPTIONS_PER_ELEMENT:
        least, most = OPTIONS_PER_ELEMENT[kind]
        groups = element.get("option_groups")
        if groups is None:
            yield from _options(element.get("options"), at, least=least, most=most)
        else:
            yield from _many(len(groups), 100, f"{at}/option_groups")
            for i, group in enumerate(groups):
                yield from _fields(group, {"label": 75}, f"{at}/option_groups/{i}")
                yield from _options(group["options"], f"{at}/option_groups/{i}", least=least, most=most)
        yield from _first_choice(element, at)
    if kind == "plain_text_input" and not 0 <= element.get("max_length", 1) <= 3000:
        yield Complaint(pointer=f"{at}/max_length", message="must be at most 3000", kind="maximum", expected=3000)
    if isinstance(element.get("confirm"), dict):
        yield from _fields(element["confirm"], CONFIRM, f"{at}/confirm")


def _options(options: Any, at: str, *, least: int, most: int) -> Iterator[Complaint]:
    if not isinstance(options, list):
        yield Complaint(pointer=at, message="missing required field: options", kind="required", expected="options")
        return
    yield from _many(len(options), most, f"{at}/options")
    if least:
        yield from _few(len(options), f"{at}/options")
    for i, option in enumerate(options):
        yield from option_complaints(option, f"{at}/options/{i}")


def option_complaints(option: Json, at: str) -> Iterator[Complaint]:
    """Lengths inside one option, also of those that the app answers for an external menu."""
    yield from _fields(option, OPTION, at)


def _first_choice(element: Json, at: str) -> Iterator[Complaint]:
    there = [json.dumps(_bare(option), sort_keys=True) for option in options_of(element)]
    chosen = element.get("initial_options") or ([element["initial_option"]] if "initial_option" in element else [])
    for option in chosen:
        if json.dumps(_bare(option), sort_keys=True) not in there:
            message = "initial option must match one of the options"
            yield Complaint(pointer=at, message=message, kind="enum", expected=None)


def _bare(option: Json) -> Json:
    return {"value": option.get("value"), "text": option.get("text", {}).get("text")}


def _twice(ids: Sequence[Any], name: str, at: str) -> Iterator[Complaint]:
    for value, count in Counter(i for i in ids if i).items():
        if count > 1:
            yield Complaint(pointer=at, message=f"{name} {value!r} already exists", kind="uniqueItems", expected=None)


def surface_complaints(blocks: Sequence[Json], surface: str, at: str) -> Iterator[Complaint]:
    """Rules over all blocks of a message or view together."""
    yield from _many(len(blocks), BLOCKS_PER_SURFACE[surface], at)
    yield from _twice([block.get("block_id") for block in blocks], "block_id", at)
    for i, block in enumerate(blocks):
        if block["type"] in NOT_ON[surface]:
            message = f"unsupported type: {block['type']}"
            yield Complaint(pointer=f"{at}/{i}/type", message=message, kind="enum", expected=None)
        if block["type"] == "input" and surface != "modal" and block["element"]["type"] == "file_input":
            message = "unsupported type: file_input"
            yield Complaint(pointer=f"{at}/{i}/element/type", message=message, kind="enum", expected=None)
    yield from _many(sum(1 for b in blocks if b["type"] == "table"), 1, at)
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    yield from _long(markdown, MARKDOWN_CHARACTERS, at)
    focused = [e for b in blocks for e in block_elements(b) if e.get("focus_on_load")]
    yield from _many(len(focused), 1, f"{at}")


def view_complaints(view: Json, at: str) -> Iterator[Complaint]:
    """Lengths of a view's frame, and the submit button that inputs need."""
    limits = {"title": 24, "submit": 24, "close": 24, "private_metadata": 3000, "callback_id": 255, "external_id": 255}
    yield from _fields(view, limits, at)
    blocks = view.get("blocks") or []
    inputs = any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if view.get("type") == "modal" and inputs and not view.get("submit"):
        message = "missing required field: submit"
        yield Complaint(pointer=at, message=message, kind="required", expected="submit")


def block_characters(blocks: Sequence[Json]) -> int:
    """What counts against MESSAGE_BLOCK_CHARACTERS."""
    return sum(cell_length(block) for block in blocks)

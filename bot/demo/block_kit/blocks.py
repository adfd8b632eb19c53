"""Reading and completing Block Kit: what Slack fills in, which elements there are, what a person has put into them."""

import copy
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.demo.workspace.people import Json

VALUE_OF: Mapping[str, tuple[str, str]] = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "checkboxes": ("selected_options", "initial_options"),
    "radio_buttons": ("selected_option", "initial_option"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "file_input": ("files", "initial_files"),
}
"""Element type -> (key of its value in `state.values` and in an action, key of its first value in the block)."""

CLICKED = frozenset({"button", "overflow", "workflow_button", "icon_button", "feedback_buttons"})
"""Elements that act and keep nothing in `state.values`."""


def filled(blocks: Sequence[Json]) -> list[Json]:
    """The blocks as Slack stores them: block and action ids given, `emoji` and `verbatim` written out."""
    stored = copy.deepcopy(list(blocks))
    for block in stored:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        if block.get("type") == "input":
            block.setdefault("optional", False)
            block.setdefault("dispatch_action", False)
        for element in block_elements(block):
            if element.get("type") in VALUE_OF or element.get("type") in CLICKED:
                element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
        fill_texts(block)
    return stored


def fill_texts(node: Any) -> None:
    """Write out `emoji` and `verbatim` in every text object below, in place."""
    if isinstance(node, list):
        for item in node:
            fill_texts(item)
    elif isinstance(node, dict):
        if node.get("type") == "plain_text" and "text" in node:
            node.setdefault("emoji", True)
        elif node.get("type") == "mrkdwn" and "text" in node:
            node.setdefault("verbatim", False)
        for value in node.values():
            fill_texts(value)


def block_elements(block: Json) -> Iterator[Json]:
    """The interactive elements of one block, in reading order."""
    kind = block.get("type")
    if kind == "section" and isinstance(block.get("accessory"), dict):
        yield block["accessory"]
    elif kind == "input" and isinstance(block.get("element"), dict):
        yield block["element"]
    elif kind in {"actions", "context_actions"}:
        yield from (element for element in block.get("elements", []) if isinstance(element, dict))
    elif kind == "card":
        yield from (element for element in block.get("actions", []) if isinstance(element, dict))
    elif kind == "carousel":
        for card in block.get("elements", []):
            yield from block_elements(card)
    elif kind == "container":
        for child in block.get("child_blocks", []):
            yield from block_elements(child)


def elements(blocks: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Every interactive element with the block it stands in."""
    for block in blocks:
        for element in block_elements(block):
            yield block, element


def label_of(block: Json, element: Json) -> str:
    """What a person would call the element: its text, the label of its input block, or its placeholder."""
    text = element.get("text") if isinstance(element.get("text"), dict) else None
    for candidate in (text, block.get("label"), element.get("placeholder")):
        if isinstance(candidate, dict):
            return str(candidate.get("text", ""))
    return ""


def find_element(
    blocks: Sequence[Json], *, action_id: str | None = None, label: str | None = None, block_id: str | None = None
) -> tuple[Json, Json]:
    """The one element that matches everything given. Raises LookupError when none or several do."""
    matches = [
        (block, element)
        for block, element in elements(blocks)
        if action_id in {None, element.get("action_id")}
        and block_id in {None, block.get("block_id")}
        and label in {None, label_of(block, element)}
    ]
    if len(matches) != 1:
        wanted = {"action_id": action_id, "label": label, "block_id": block_id}
        there = [(element.get("action_id"), label_of(block, element)) for block, element in elements(blocks)]
        raise LookupError(f"{len(matches)} elements match {wanted}; there are {there}")
    return matches[0]


def texts(node: Any) -> Iterator[str]:
    """Every text that a person would read, in order, without markup being interpreted."""
    if isinstance(node, list):
        for item in node:
            yield from texts(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in {"text", "alt_text", "title"} and isinstance(value, str):
                yield value
            elif key not in {"confirm", "value", "private_metadata"}:
                yield from texts(value)


def first_values(blocks: Sequence[Json]) -> dict[str, dict[str, Json]]:
    """`state.values` before anybody has touched anything."""
    values: dict[str, dict[str, Json]] = {}
    for block, element in elements(blocks):
        kind = str(element.get("type"))
        if kind in VALUE_OF:
            key, initial = VALUE_OF[kind]
            empty: Any = [] if kind == "checkboxes" or kind.startswith("multi_") or kind == "file_input" else None
            entry = {"type": kind, key: copy.deepcopy(element.get(initial, empty))}
            values.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return values


def options_of(element: Json) -> list[Json]:
    """The options of a menu, groups opened."""
    options = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group.get("options", [])
    return options


def pick_option(options: Sequence[Json], wanted: str) -> Json:
    """The option with that value or that visible text. Raises LookupError."""
    for option in options:
        if wanted in {option.get("value"), option.get("text", {}).get("text")}:
            return copy.deepcopy(option)
    raise LookupError(f"no option {wanted!r}; there are {[o.get('text', {}).get('text') for o in options]}")


def typed_value(element: Json, given: Any, offered: Sequence[Json] | None = None) -> Json:
    """The entry of `state.values` for what a person put into the element.

    Args:
        element: the stored element.
        given: a string, a number or None; for menus an option's value or visible text; for several choices a list.
        offered: the options of an external menu, as the app answered them.
    """
    kind = str(element["type"])
    key, _ = VALUE_OF[kind]
    if key in {"selected_option", "selected_options"}:
        options = list(offered) if offered is not None else options_of(element)
        if key == "selected_options":
            return {"type": kind, key: [_option(options, item) for item in given or []]}
        return {"type": kind, key: None if given is None else _option(options, given)}
    if key == "selected_date_time":
        return {"type": kind, key: None if given is None else int(given)}
    if isinstance(given, list):
        return {"type": kind, key: list(given)}
    return {"type": kind, key: None if given is None or given == "" else str(given)}


def _option(options: Sequence[Json], given: Any) -> Json:
    return copy.deepcopy(given) if isinstance(given, dict) else pick_option(options, str(given))


def is_empty(entry: Json) -> bool:
    """Whether a required input with this entry would be refused by Slack before the app hears of it."""
    key, _ = VALUE_OF[str(entry["type"])]
    return entry.get(key) in (None, "", [])


def keep_values(old: Mapping[str, Mapping[str, Json]], blocks: Sequence[Json]) -> dict[str, dict[str, Json]]:
    """The values of a rewritten view: what was put in stays where block id, action id and type are the same."""
    values = first_values(blocks)
    for block_id, actions in values.items():
        for action_id, entry in actions.items():
            before = old.get(block_id, {}).get(action_id)
            if before is not None and before["type"] == entry["type"]:
                actions[action_id] = copy.deepcopy(before)
    return values

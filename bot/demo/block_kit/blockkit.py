"""Whether Slack would take these blocks or this view: by JSON Schema, then limits, then slack_sdk's checks.

The schemas come from Slack's @slack/types package (see slack_schemas/NOTICE.md); the wording of the complaints follows
answers of the real chat.postMessage.
"""

import copy
import functools
import importlib.resources
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.basic_objects import JsonObject
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View as SdkView

from bot.demo.block_kit.block_limits import Complaint, block_complaints, surface_complaints, view_complaints
from bot.demo.workspace.people import Json

Surface = Literal["message", "modal", "home"]

_QUIET = logging.getLogger("slack_sdk.models")


def check_blocks(blocks: Any, *, surface: Surface = "message", at: str = "/blocks") -> list[Complaint]:
    """What is wrong with the blocks, the first layer that finds anything speaking; empty when Slack takes them."""
    if not isinstance(blocks, list):
        return [Complaint(pointer=at, message="must provide an array", kind="type", expected="array")]
    found = [c for i, block in enumerate(blocks) for c in _by_schema(block, f"{at}/{i}", surface)]
    if found:
        return found
    found = [c for i, block in enumerate(blocks) for c in block_complaints(block, f"{at}/{i}")]
    found += surface_complaints(blocks, surface, at)
    return found or [c for i, block in enumerate(blocks) for c in _by_sdk(block, f"{at}/{i}")]


def check_view(view: Any) -> list[Complaint]:
    """What is wrong with a modal or home view."""
    at = "/view"
    if not isinstance(view, dict):
        return [Complaint(pointer=at, message="must provide an object", kind="type", expected="object")]
    kind = view.get("type")
    if kind not in {"modal", "home"}:
        return [
            Complaint(
                pointer=f"{at}/type", message=f"unsupported type: {kind}", kind="enum", expected=["modal", "home"]
            )
        ]
    frame = {key: value for key, value in view.items() if key != "blocks"}
    if kind == "home":
        frame = {key: value for key, value in frame.items() if key not in {"title", "submit", "close"}}
        frame.pop("clear_on_close", None)
        frame.pop("notify_on_close", None)
    shell = frame | ({"blocks": []} if "blocks" in view else {})
    found = [_complaint(error, at) for error in _validator(kind, None).iter_errors(shell)]
    found += view_complaints(view, at)
    if not found or "blocks" in view:
        found += check_blocks(view.get("blocks"), surface=kind, at=f"{at}/blocks")
    return found or _sdk_view(view, at)


# --- the schema ------------------------------------------------------------------------------------------------------


@functools.cache
def _schema(surface: Surface) -> Json:
    file = importlib.resources.files("bot.demo") / "slack_schemas" / f"slack_{surface}.schema.json"
    loaded: Json = json.loads(file.read_text())
    return loaded


@functools.cache
def _definitions_by_type(surface: Surface) -> dict[str, str]:
    """Block type -> name of its definition."""
    definitions = _schema(surface)["definitions"]
    names = {}
    for name, definition in definitions.items():
        for form in (definition, *definition.get("anyOf", ())):
            const = form.get("properties", {}).get("type", {}).get("const")
            if const and name.endswith("Block"):
                names[str(const)] = name
    return names


@functools.cache
def _validator(surface: Surface, definition: str | None) -> Draft7Validator:
    schema = _schema(surface)
    if definition is None:
        return Draft7Validator(schema)
    return Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": schema["definitions"]})


def _by_schema(block: Any, at: str, surface: Surface) -> Iterator[Complaint]:
    if not isinstance(block, dict):
        yield Complaint(pointer=at, message="must provide an object", kind="type", expected="object")
        return
    known = _definitions_by_type(surface)
    name = known.get(str(block.get("type")))
    if name is None:
        message = f"unsupported type: {block.get('type')}" if "type" in block else "missing required field: type"
        yield Complaint(pointer=f"{at}/type", message=message, kind="enum", expected=sorted(known))
        return
    for error in _validator(surface, name).iter_errors(block):
        yield from _explained(error, at)


def _explained(error: ValidationError, at: str) -> Iterator[Complaint]:
    """The complaint, and for "one of several forms" also what is wrong with the form that was meant."""
    yield _complaint(error, at)
    if error.validator != "anyOf" or not error.context:
        return
    for inner in min(_branches(error), key=_strangeness):
        yield from _explained(inner, at)


def _strangeness(errors: Sequence[ValidationError]) -> tuple[int, int]:
    """How unlikely it is that this form was meant: another `type` of its own weighs most."""
    wrong_type = 0
    for error in errors:
        if error.validator == "const" and list(error.path) == ["type"]:
            wrong_type += 1
        elif error.validator == "anyOf" and not error.path and error.context:
            wrong_type += min(_strangeness(branch)[0] for branch in _branches(error))
    return wrong_type, len(errors)


def _branches(error: ValidationError) -> list[list[ValidationError]]:
    """The errors of each form that was allowed."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    return list(branches.values())


def _complaint(error: ValidationError, at: str) -> Complaint:
    pointer = at + "".join(f"/{part}" for part in error.absolute_path)
    rule = str(error.validator)
    expected: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    if rule == "required":
        missing = next((key for key in expected if key not in instance), "")
        return Complaint(
            pointer=pointer, message=f"missing required field: {missing}", kind="required", expected=missing
        )
    if rule == "additionalProperties":
        extra = sorted(set(instance) - set(schema.get("properties", {})))
        return Complaint(pointer=pointer, message=f"invalid additional property: {extra[0]}", kind=rule, expected=None)
    if rule in {"const", "enum"}:
        allowed = expected if isinstance(expected, list) else [expected]
        word = "unsupported type" if pointer.endswith("/type") else "invalid value"
        return Complaint(pointer=pointer, message=f"{word}: {instance}", kind="enum", expected=allowed)
    if rule == "type":
        article = "an" if str(expected)[0] in "aeio" else "a"
        return Complaint(pointer=pointer, message=f"must provide {article} {expected}", kind="type", expected=expected)
    if rule == "anyOf":
        return Complaint(pointer=pointer, message="failed to match all allowed schemas", kind="anyOf", expected=None)
    return Complaint(pointer=pointer, message=error.message, kind=rule, expected=None)


# --- slack_sdk's validators ------------------------------------------------------------------------------------------


def _by_sdk(block: Json, at: str) -> Iterator[Complaint]:
    parsed = _quietly_parsed(block)
    if parsed is None:
        return
    for part in _parts(parsed):
        try:
            part.validate_json()
        except SlackObjectFormationError as refusal:
            yield Complaint(pointer=at, message=str(refusal), kind="sdk", expected=None)


def _quietly_parsed(block: Json) -> Block | None:
    """The block as slack_sdk's object; None for kinds that this version of it does not know."""
    level = _QUIET.level
    _QUIET.setLevel(logging.CRITICAL)
    try:
        return Block.parse(copy.deepcopy(block))
    except (TypeError, SlackObjectFormationError):
        return None
    finally:
        _QUIET.setLevel(level)


def _parts(node: Any) -> Iterator[JsonObject]:
    if isinstance(node, JsonObject):
        yield node
        for value in vars(node).values():
            yield from _parts(value)
    elif isinstance(node, (list, tuple)):
        for item in node:
            yield from _parts(item)


def _sdk_view(view: Json, at: str) -> list[Complaint]:
    try:
        SdkView(**copy.deepcopy(view)).validate_json()
    except SlackObjectFormationError as refusal:
        return [Complaint(pointer=at, message=str(refusal), kind="sdk", expected=None)]
    return []

"""The part of a window in which somebody confirms a yes: the host's name typed, what they vouch for ticked."""

from collections.abc import Mapping
from typing import Any

from bot.domain.operation import Operation
from bot.domain.plans.plan import Plan
from bot.domain.rules.policy import Rule
from bot.domain.values import UserId
from bot.slack.views import button_values, message, text
from bot.slack.views.message import Block

HOST = "host"
"""Block and action id of the field for the host's name."""
VOUCH = "vouch"
"""Action id of every box; block ids are this and the place of the sentence in the plan."""
MAX_LABEL = 2_000  #: https://docs.slack.dev/reference/block-kit/blocks/input-block
MAX_NAME = 300
_TICKED = "yes"


def fields(operation: Operation, rule: Rule, *, by: UserId) -> list[Block]:
    """What has to be put in before a yes to this plan counts; nothing where a click is enough.

    Args:
        operation: what it is about.
        rule: the policy it is decided under.
        by: who has it before them.
    """
    plan = operation.plan
    if plan is None or not rule.is_window_needed(plan):
        return []
    made: list[Block] = []
    for number, sentence in enumerate(plan.vouches):
        others = [vote.by for vote in operation.vouched_by(sentence) if vote.by != by]
        who = f"{text.mentions(others)} did so already:" if others else "a second person must do so too:"
        made.append(message.section(f"*You vouch for this with your name*; {who}"))
        made += _box(number, sentence, plan)
    return [*made, _name(operation)]


def _box(number: int, sentence: str, plan: Plan) -> list[Block]:
    """A sentence with its box, whole: what is too long for a label stands above it."""
    names: list[Block] = []
    if len(sentence) > MAX_LABEL // 2 and sentence.startswith(plan.loss):
        names = message.paragraphs([f"• {text.escape(vm.name or vm.id, limit=MAX_NAME)}" for vm in plan.losing])
        sentence = f"{plan.loss}: those that are named above"
    said = text.plain(sentence, limit=MAX_LABEL)
    # a host is called what the cloud calls it, at the beginning of a sentence too
    return [*names, _ticked(number, said if said.startswith(plan.host_name) else said[:1].upper() + said[1:])]


def _ticked(number: int, said: str) -> Block:
    option: Block = {"text": message.plain_text("I vouch for it", limit=75), "value": _TICKED}
    return {
        "type": "input",
        "block_id": f"{VOUCH}-{number}",
        "optional": False,
        "label": message.plain_text(said, limit=MAX_LABEL),
        "element": {"type": "checkboxes", "action_id": VOUCH, "options": [option]},
    }


def _name(operation: Operation) -> Block:
    return {
        "type": "input",
        "block_id": HOST,
        "optional": False,
        "label": message.plain_text(f"Type the name of the host: {host_of(operation)}", limit=MAX_LABEL),
        "element": {"type": "plain_text_input", "action_id": HOST, "max_length": MAX_NAME},
    }


def host_of(operation: Operation) -> str:
    """The name that is to be typed."""
    return text.plain(operation.request.host_name, limit=MAX_NAME)


def typed_in(view: Mapping[str, Any]) -> str:
    """What was typed as the host's name."""
    field = _values(view).get(HOST, {}).get(HOST, {})
    return str(field.get("value") or "").strip()


def ticked_in(view: Mapping[str, Any]) -> tuple[int, ...]:
    """The places of the sentences that are ticked."""
    return tuple(number for number, is_ticked in _boxes(view).items() if is_ticked)


def complaints(view: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong in a submitted window, by block; the desk looks again."""
    found = {
        f"{VOUCH}-{number}": "Tick this to vouch for it: without that, your yes does not count."
        for number in _missing(view)
    }
    named = button_values.words_in(str(view.get("private_metadata") or "")).get(HOST)
    if HOST in _values(view) and typed_in(view) != named:
        found[HOST] = "That is not the name of this host, letter by letter."
    return found


def _missing(view: Mapping[str, Any]) -> list[int]:
    return [number for number, is_ticked in _boxes(view).items() if not is_ticked]


def _boxes(view: Mapping[str, Any]) -> dict[int, bool]:
    boxes = {}
    for block, fields_of in _values(view).items():
        place = block.removeprefix(f"{VOUCH}-")
        if place != block and place.isdigit():
            boxes[int(place)] = bool(fields_of.get(VOUCH, {}).get("selected_options"))
    return boxes


def _values(view: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = view.get("state", {}).get("values", {})
    return found

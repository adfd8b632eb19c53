"""Domain values to store: plain ones by name, and any by Hypothesis, built from the dataclasses themselves."""

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Host, Request
from bot.domain.messages.answered import OperationsListed
from bot.domain.messages.executed import ExecutionStarted
from bot.domain.messages.news import Audience, News
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Plan, PlannedStep
from bot.domain.progress.steps import StepRecord, laid_out
from bot.domain.values import Action, Digest, HostId, OperationId, StepKey, UserId

START = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = Digest("d" * 64)
ENTRY = Entry(event=AuditEvent.OTHER, actor=UserId("U1"), facts={"why": "a test"})


def operation(number: int = 1, *, host: str = "", plan: Plan | None = None, **changes: Any) -> Operation:
    """An operation on a host of its own."""
    run = OperationId(f"op-{number}")
    host_id = HostId(host or f"host-{number}")
    request = Request(action=Action.ENTER, cloud="prod", host=host_id, host_name=f"name of {host_id}", run=run)
    made = Operation(
        id=run,
        request=request,
        host=Host(id=host_id, name=f"name of {host_id}"),
        requested_by=UserId("U1"),
        channel="C1",
        created_at=START + timedelta(seconds=number),
        changed_at=START + timedelta(seconds=number),
        **changes,
    )
    return made.with_plan(plan, DIGEST) if plan else made


def plan(steps: int = 3, **changes: Any) -> Plan:
    """A plan with that many steps in one phase."""
    return Plan(
        action=Action.ENTER,
        host=HostId("host-1"),
        host_name="one",
        findings=(),
        vms=(),
        phases=("move",),
        steps=tuple(step(n) for n in range(steps)),
        **changes,
    )


def step(number: int) -> PlannedStep:
    return PlannedStep(
        key=StepKey(f"move vm-{number}"), phase="move", verb="move", target=f"vm-{number}", title=f"move vm-{number}"
    )


def records(count: int = 3) -> list[StepRecord]:
    return laid_out(step(n) for n in range(count))


def news(of: int | None = 1, **changes: Any) -> News:
    """A line for the thread of an operation."""
    given: dict[str, Any] = {
        "what": ExecutionStarted(),
        "operation": OperationId(f"op-{of}") if of is not None else None,
    }
    return News(**given | changes)


def private(of: int | None = None, *, person: str = "U1") -> News:
    """A note to one person."""
    return news(
        of, what=OperationsListed(sentence="x", about=()), audience=Audience.PERSON, person=UserId(person), channel="C1"
    )


WORKED_ON = State.QUEUED

# ---------------------------------------------------------------------------------------------------- any value at all
texts = st.text(st.characters(), max_size=12)
"""Any text, with NUL, lone surrogates and emoji."""
moments = st.timedeltas(timedelta(0), timedelta(days=30_000)).map(lambda since: START + since)
spans = st.timedeltas(timedelta(0), timedelta(days=1000))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)
facts = st.dictionaries(texts, json_values, max_size=3)


def any_of(kind: type, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value of a dataclass: every field is drawn, also those added after this was written."""
    hints = get_type_hints(kind, localns={"Json": object})
    drawn = {f.name: fixed.get(f.name) or _any_field(hints[f.name]) for f in dataclasses.fields(kind) if f.init}
    return st.builds(kind, **drawn)


def _any_field(hint: Any) -> st.SearchStrategy[Any]:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        drawn = st.one_of([_any_field(arm) for arm in arms])
        return st.none() | drawn if type(None) in get_args(hint) else drawn
    if origin is tuple:
        return st.lists(_any_field(get_args(hint)[0]), max_size=2).map(tuple)
    if origin is not None and issubclass(origin, Mapping):
        plain = get_args(hint)[1] is str
        return st.dictionaries(texts, texts, max_size=3) if plain else facts
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return any_of(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return {
        str: texts,
        bool: st.booleans(),
        int: st.integers(0, 2**31 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        datetime: moments,
        timedelta: spans,
    }[hint]

"""Plans, steps and records for the tests of the law: small makers, and Hypothesis strategies over a small vocabulary."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.domain.cloud import Host, Request, Seen, Sighting
from bot.domain.operation import Operation
from bot.domain.plans.plan import By, Disposition, Finding, Plan, PlannedStep, Receipt, Step, Topic, Verdict, Vm
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import Action, Digest, HostId, Json, OperationId, StepKey, UserId, VmId

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PHASES = ("close", "move", "verify")
TERMS: dict[str, Json] = {"approvers": ["S0LEADS"], "quorum": 1, "self_approval": False}


def vm(id: str = "vm-1", **changes: Any) -> Vm:
    return Vm(
        **{"id": VmId(id), "name": f"name of {id}", "status": "ACTIVE", "disposition": Disposition.EVACUATE} | changes
    )


def step(key: str = "evacuate vm-1", **changes: Any) -> PlannedStep:
    return PlannedStep(
        **{"key": StepKey(key), "phase": "move", "verb": "evacuate", "target": key, "title": f"title of {key}"}
        | changes
    )


def finding(code: str = "service-down", verdict: Verdict = Verdict.OK, **changes: Any) -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.HOST, sentence=f"{code} it is", **changes)


def plan(**changes: Any) -> Plan:
    return Plan(
        **{
            "action": Action.EVACUATE,
            "host": HostId("h-1"),
            "host_name": "compute-1",
            "findings": (finding(),),
            "vms": (vm(),),
            "phases": PHASES,
            "steps": (step("close", phase="close", verb="disable"), step(vm=VmId("vm-1"), follows=StepKey("close"))),
            "facts": {"microversion": "2.94"},
        }
        | changes
    )


def record(seq: int = 0, state: StepState = StepState.PLANNED, **changes: Any) -> StepRecord:
    made = step(f"step {seq}", **changes)
    moved = None if state is StepState.PLANNED else NOW
    return StepRecord(
        step=Step.of(made), seq=seq, state=state, starts=0 if moved is None else 1, intent_at=moved, moved_at=moved
    )


def operation(*, plan: Plan | None = None, **changes: Any) -> Operation:
    usual: dict[str, Any] = {
        "id": OperationId("OP-1"),
        "request": Request(
            action=Action.EVACUATE,
            cloud="prod",
            host=HostId("h-1"),
            host_name="compute-1",
            run=OperationId("OP-1"),
        ),
        "host": Host(id=HostId("h-1"), name="compute-1"),
        "requested_by": UserId("U0ALICE"),
        "channel": "C0OPS",
        "created_at": NOW,
        "changed_at": NOW,
    }
    made = Operation(**usual | changes)
    return made.with_plan(plan, made.digest or Digest("d")) if plan else made


# strategies --------------------------------------------------------------------------------------------------------

_words = st.sampled_from(["a", "b", "c"])
vm_ids = st.sampled_from([VmId(f"vm-{n}") for n in range(4)])
vms = st.builds(
    Vm,
    id=vm_ids,
    name=_words,
    status=st.sampled_from(["ACTIVE", "ERROR"]),
    disposition=st.sampled_from(list(Disposition)),
    note=_words,
    project=_words,
    loses_disk=st.booleans(),
)
arguments = st.dictionaries(
    st.sampled_from(["x", "y"]),
    _words | st.integers(0, 2) | st.lists(vm_ids | st.fixed_dictionaries({"id": vm_ids}), max_size=3),
    max_size=2,
)
steps = st.builds(
    PlannedStep,
    key=st.sampled_from([StepKey(f"step-{n}") for n in range(4)]),
    phase=st.sampled_from(PHASES),
    verb=_words,
    target=_words,
    title=_words,
    by=st.sampled_from(list(By)),
    vm=st.none() | vm_ids,
    arguments=arguments,
    follows=st.none() | st.just(StepKey("step-0")),
    tidies=st.none() | st.just(StepKey("step-0")),
    priority=st.integers(0, 2),
)
findings = st.builds(
    Finding,
    code=_words,
    verdict=st.sampled_from(list(Verdict)),
    topic=st.sampled_from(list(Topic)),
    sentence=_words,
    vm=st.none() | vm_ids,
)
plans = st.builds(
    Plan,
    action=st.just(Action.EVACUATE),
    host=st.just(HostId("h-1")),
    host_name=st.sampled_from(["compute-1", "compute-1b"]),
    findings=st.lists(findings, max_size=3).map(tuple),
    vms=st.lists(vms, max_size=4, unique_by=lambda one: one.id).map(tuple),
    phases=st.permutations(PHASES).map(tuple),
    steps=st.lists(steps, max_size=4, unique_by=lambda one: one.key).map(tuple),
    facts=st.dictionaries(st.sampled_from(["microversion", "stops"]), _words),
)
moments = st.integers(0, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
records = st.builds(
    StepRecord,
    step=st.builds(
        Step,
        key=st.just(StepKey("s")),
        phase=st.just("move"),
        verb=st.just("evacuate"),
        target=st.just("t"),
        title=st.just("t"),
        by=st.sampled_from(list(By)),
        wish=st.sampled_from(["", "h-2"]),
    ),
    seq=st.just(0),
    state=st.sampled_from(list(StepState)),
    starts=st.integers(0, 4),
    intent_at=st.none() | st.just(NOW),
    moved_at=st.none() | st.just(NOW),
    movement=_words,
)
sightings = st.builds(
    Sighting,
    seen=st.sampled_from(list(Seen)),
    sentence=_words,
    remedy=st.sampled_from(["", "do this"]),
    raw=_words,
    place=_words,
    progress=st.none() | st.floats(0, 1),
    movement=_words,
)
RECEIPT = Receipt(id="req-1", facts={"task": "t-1"})


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Plan, Plan]:
    """An approved plan and a present one that differ in little."""
    approved, other = draw(plans), draw(plans)
    taken = draw(st.sets(st.sampled_from(["findings", "vms", "steps", "phases", "facts", "host_name"]), max_size=2))
    present = replace(approved, **{name: getattr(other, name) for name in taken})
    if bool(present.vms) and draw(st.booleans()):
        left = draw(st.sampled_from(present.vms))
        kept = tuple(one for one in present.vms if one is not left)
        present = replace(present, vms=kept, steps=tuple(s for s in present.steps if s.vm != left.id))
    if bool(present.steps) and draw(st.booleans()):
        place = draw(st.integers(0, len(present.steps) - 1))
        name = draw(
            st.sampled_from(["phase", "verb", "target", "by", "arguments", "follows", "tidies", "priority", "title"])
        )
        changed = replace(present.steps[place], **{name: getattr(draw(steps), name)})
        present = replace(present, steps=(*present.steps[:place], changed, *present.steps[place + 1 :]))
    return approved, present

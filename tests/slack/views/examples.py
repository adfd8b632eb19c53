"""One evening's evacuation in every state it can be in, and any text that a cloud or a person might write."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bot.domain.cloud import Host, Request
from bot.domain.operation import EXECUTING, FINAL, Choice, Operation, State, Vote
from bot.domain.plans.plan import Disposition, Finding, Plan, PlannedStep, Receipt, Topic, Verdict, Vm
from bot.domain.progress.steps import StepRecord, StepState, laid_out
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Digest, HostId, OperationId, StepKey, UserId, VmId

NOW = datetime(2026, 3, 1, 2, 14, tzinfo=UTC)
RULE = Rule(requesters=("*",), approvers=("S0LEADS", "U0CHIEF"), quorum=1)
DIGEST = Digest("ab" * 32)

HOSTILE = (
    "<!channel>",
    "<@U0ALICE>",
    "*bold* _it_ ~no~ `code`",
    "```\nblock",
    "evil\u202egnp.exe",
    "zero\u200bwidth\u2060",
    "line\nbreak\r\tand tab",
    "a&b<c>d",
    ":boom: :rotating_light:",
    "<https://evil.example|compute-1>",
    "x" * 10_000,
    "\x00\x1b[31mred",
    "节点-一",
    "{braces} %s {0}",
)

anything = st.text(st.characters(), max_size=80) | st.sampled_from(HOSTILE)


def vm(number: int, *, name: str = "", **changes: Any) -> Vm:
    made = Vm(
        id=VmId(f"id-{number:04d}"),
        name=name or f"web-{number}",
        project="shop",
        status="ACTIVE",
        size="2 vCPU, 4 GiB",
        disposition=Disposition.EVACUATE,
    )
    return replace(made, **changes)


def plan(vms: int = 3, *, name: str = "", losing: int = 0) -> Plan:
    found = tuple(vm(n, name=name, loses_disk=n < losing) for n in range(vms))
    moves = tuple(
        PlannedStep(
            key=StepKey(f"evacuate {v.id}"),
            phase="Evacuate",
            verb="evacuate",
            target=v.id,
            title=f"evacuate {v.name}",
            vm=v.id,
            priority=0,
        )
        for v in found
    )
    down = PlannedStep(
        key=StepKey("force-down"), phase="Close the host", verb="force-down", target="89", title="force compute-89 down"
    )
    return Plan(
        action=Action.EVACUATE,
        host=HostId("89"),
        host_name=name or "compute-89",
        findings=(
            Finding(code="service-down", verdict=Verdict.OK, topic=Topic.EVIDENCE, sentence="nova-compute is down."),
            Finding(
                code="power",
                verdict=Verdict.WARNING,
                topic=Topic.EVIDENCE,
                sentence="Nobody read the power state.",
                remedy="Look at the BMC.",
            ),
            Finding(code="room", verdict=Verdict.OK, topic=Topic.ROOM, sentence="3 hosts have room for all."),
            Finding(code="version", verdict=Verdict.OK, topic=Topic.VERSION, sentence=f"Nova 2.94 {name}".strip()),
        ),
        vms=found,
        phases=("Close the host", "Evacuate"),
        steps=(down, *moves),
        estimate=timedelta(minutes=12),
        facts={"microversion": "2.94"},
    )


def blocked_plan() -> Plan:
    blocker = Finding(
        code="service-up",
        verdict=Verdict.BLOCKER,
        topic=Topic.HOST,
        sentence="The compute service of compute-89 is up.",
        remedy="Evacuate only a dead host; use /maintenance enter.",
    )
    unknown = Finding(code="cinder", verdict=Verdict.UNKNOWN, topic=Topic.STORAGE, sentence="Cinder did not answer.")
    return replace(plan(), findings=(*plan().findings, blocker, unknown))


def operation(state: State = State.CHECKING, *, of: Plan | None = None, name: str = "", **changes: Any) -> Operation:
    started = state in EXECUTING | {State.NEEDS_ATTENTION, State.SUCCEEDED, State.ENDED_INCOMPLETE}
    choice = Choice.REJECT if state is State.DENIED else Choice.APPROVE
    voted = started or state in {State.QUEUED, State.DENIED}
    stored = None if state in {State.CHECKING, State.CANCELLED} else of or plan()
    if state is State.BLOCKED and of is None:
        stored = blocked_plan()
    made = Operation(
        id=OperationId("K7M2PQRS"),
        request=Request(
            action=Action.EVACUATE,
            cloud="prod",
            host=HostId("89"),
            host_name=name or "compute-89",
            run=OperationId("K7M2PQRS"),
            reason=name or "DIMM failed",
        ),
        host=Host(id=HostId("89"), name=name or "compute-89"),
        requested_by=UserId("U0ALICE"),
        channel="C0OPS",
        state=state,
        dry_run=state is State.READY,
        votes=(Vote(by=UserId("U0CHIEF"), choice=choice, digest=DIGEST, at=NOW - timedelta(minutes=5)),)
        if voted
        else (),
        expires_at=NOW + timedelta(minutes=30) if state is State.AWAITING_APPROVAL else None,
        created_at=NOW - timedelta(minutes=10),
        changed_at=NOW - timedelta(minutes=1),
        started_at=NOW - timedelta(minutes=4) if started else None,
        ended_at=NOW if state in FINAL else None,
        outcome="closed with 1 of 3 VMs left undone" if state is State.ENDED_INCOMPLETE else "",
    )
    return replace(made.with_plan(stored, DIGEST) if stored else made, **changes)


def records(state: State, of: Plan, *, words: str = "") -> Sequence[StepRecord]:
    """Step rows as they would be in that state: the host closed, then VMs done, failed and under way in turn."""
    if state not in EXECUTING | {State.NEEDS_ATTENTION, State.SUCCEEDED, State.ENDED_INCOMPLETE}:
        return ()
    first, *others = laid_out(of.steps)
    return [_done(first), *(_row(row, state, row.seq, words) for row in others)]


def _row(row: StepRecord, state: State, seq: int, words: str) -> StepRecord:
    if state is State.SUCCEEDED or seq % 3 == 1:
        return _done(row)
    if seq % 3 == 2:
        failed = row.intend({}, now=NOW - timedelta(minutes=3)).accept(Receipt(id="req-1"), now=NOW)
        return failed.end(
            StepState.FAILED,
            now=NOW,
            sentence=words or "No valid host was found.",
            remedy=words or "Free some room, then retry.",
            raw=words or "NoValidHost",
        )
    if state in EXECUTING:
        return replace(row.intend({}, now=NOW - timedelta(minutes=2)), state=StepState.ACCEPTED, progress=0.4)
    return row.end(StepState.NOT_NEEDED, now=NOW)


def _done(row: StepRecord) -> StepRecord:
    begun = row.intend({}, now=NOW - timedelta(minutes=3))
    return replace(begun.end(StepState.DONE, now=NOW - timedelta(minutes=2)), place="compute-90", progress=1.0)


def grave_plan(number: int) -> Plan:
    """A plan in which so many VMs lose their disks, and one other thing is wrong."""
    of = plan(max(number, 1), losing=number)
    lost = tuple(
        Finding(
            code="disk-lost",
            verdict=Verdict.WARNING,
            topic=Topic.STORAGE,
            vm=vm.id,
            sentence=f"{vm.name} loses its disk.",
            together="lose their disks.",
        )
        for vm in of.vms
    )
    return replace(of, findings=(*lost, *of.findings))

"""A plan: findings, VMs with dispositions, ordered steps, and the digest approvers sign."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Self

from bot.domain.counting import counted
from bot.domain.values import Action, Digest, Facts, HostId, Json, StepKey, VmId


class Verdict(StrEnum):
    """How bad one finding is."""

    BLOCKER = "blocker"
    UNKNOWN = "unknown"
    """Could not find out: blocks like a blocker."""
    WARNING = "warning"
    OK = "ok"


WORST_FIRST = (Verdict.BLOCKER, Verdict.UNKNOWN, Verdict.WARNING, Verdict.OK)


class Topic(StrEnum):
    """What a finding is about; the card groups by it."""

    HOST = "host"
    EVIDENCE = "evidence"
    """Proof that a failed host is dead."""
    ROOM = "room"
    VMS = "vms"
    STORAGE = "storage"
    VERSION = "version"
    POLICY = "policy"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One judgement of a survey."""

    code: str  #: stable name, e.g. "service-up"
    verdict: Verdict
    topic: Topic
    sentence: str
    remedy: str = ""
    vm: VmId | None = None
    raw: str = ""
    together: str = ""
    """What is said of several VMs with the same cause, behind their number and names: "lose their local disks: …"."""
    vouch: str = ""
    """What two people must vouch for before the plan may be approved, as they would say it: "compute-2 is dead: …"."""

    @property
    def is_risk(self) -> bool:
        """Whether an approver takes something upon them by it."""
        return self.verdict is not Verdict.OK or bool(self.vouch)


class Disposition(StrEnum):
    """What the plan does to one VM."""

    EVACUATE = "evacuate"
    LIVE_MIGRATE = "live-migrate"
    COLD_MIGRATE = "cold-migrate"
    SHUT_DOWN = "shut down"
    POWER_ON = "power on"
    MIGRATE_BACK = "migrate back"
    LEAVE = "leave"
    CANNOT = "cannot"


@dataclass(frozen=True, kw_only=True)
class Vm:
    """A VM as the plan found it: also the ledger of where it was and how."""

    id: VmId
    name: str
    project: str = ""
    status: str = ""
    size: str = ""  #: flavor or "4 vCPU, 8 GiB"
    disposition: Disposition
    note: str = ""  #: the reason, when the disposition needs one
    loses_disk: bool = False
    chosen: bool | None = None  #: whether it is among those that people chose; None: there is nothing to choose
    group: str = ""  #: the list it stands in, where a plan has several: "power on"
    is_flagged: bool = False  #: something speaks against choosing it: it is only chosen by somebody who ticks it
    place: str = ""  #: name of the host it is on, where that may be another than the plan's


class By(StrEnum):
    """Who brings a step about."""

    MUSTER = "muster"
    """By exactly one mutating call."""
    CLOUD = "cloud"
    """It comes about as the consequence of another step; we only verify it."""
    PERSON = "person"
    """Somebody does it by hand; the sighting says what to do."""


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """One thing to do to one target, as a plan holds it."""

    key: StepKey  #: unique in its plan, the same for the same intent in the next plan
    phase: str  #: one of `Plan.phases`
    verb: str  #: the adapter's word for it
    target: str  #: id of a host, service or VM in the cloud
    title: str  #: as people say it: "evacuate web-1"
    by: By = By.MUSTER
    vm: VmId | None = None
    arguments: Facts = field(default_factory=dict)
    follows: StepKey | None = None  #: starts only after that step is done
    tidies: StepKey | None = None
    """The step whose doing it undoes (a lock): due once the one it follows has ended in any way, in a stop too."""
    relieves: StepKey | None = None
    """It keeps the deadline of that step: due only while that one is under way for longer than `deadline`, else never.
    Whether the operation ends well depends on that step alone."""
    deadline: timedelta = timedelta(0)  #: with `relieves`
    headway: timedelta = timedelta(0)
    """With `relieves`: it has that step give way, once, to those that wait at the same host: due at the deadline, and
    after so long without headway. That step is tried again after them. Zero: it does not."""
    ends: bool = False
    """With `headway`: it is for a step that has given way before, and is not tried again by itself."""

    apart: str = ""  #: two steps of the same non-empty group never run at once (server group)
    priority: int = 0  #: higher starts first
    essential: bool = False  #: its failure stops all later phases
    wish: str = ""
    """The host where it would go best. The cloud may say otherwise, so nobody relies on it: no part of the digest."""
    also: tuple[str, ...] = ()
    """Where it would find room too, once all the others have gone where they wish; no part of the digest either."""
    waits_at: str = ""
    """The host that lets only few of its kind begin: a target that a person named, the source of a live migration."""

    patience: timedelta = timedelta(minutes=30)  #: how long without movement before a human is asked
    quiet: timedelta = timedelta(seconds=90)
    """How long after an intent without an answer the cloud must show nothing before a second start is allowed."""

    witness: str = ""
    """The id of something by which its cloud is known again: where that is missing, absence proves nothing. No part of
    the digest."""
    undone_by: Action | None = None  #: what takes it back: offered on the card once its operation has ended
    command: str = ""
    """Word for word what a person types, where it is theirs to do. Part of the arguments, so the digest has it."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What the cloud answered to a start."""

    id: str = ""  #: request id or task id, by which `look` finds the act again
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Step(PlannedStep):
    """A step of a plan on its way: what there was before its start, and what the cloud answered to that."""

    before: Facts | None = None  #: `Sighting.mark` of the look before the start; None: it was not begun
    receipt: Receipt | None = None

    @classmethod
    def of(cls, planned: PlannedStep, *, before: Facts | None = None, receipt: Receipt | None = None) -> Self:
        """The step that a plan has, on its way."""
        asked = {field.name: getattr(planned, field.name) for field in fields(PlannedStep)}
        return cls(**asked, before=before, receipt=receipt)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be done to one host, and what speaks for and against it."""

    action: Action
    host: HostId
    host_name: str
    findings: tuple[Finding, ...]
    vms: tuple[Vm, ...]
    phases: tuple[str, ...] = ()  #: in order; a phase starts when the one before has ended
    steps: tuple[PlannedStep, ...] = ()
    estimate: timedelta | None = None  #: how long it will take at most, when that can be said
    estimate_least: timedelta | None = None  #: and at least; None: the same
    facts: Mapping[str, str] = field(default_factory=dict)
    """Choices an approver relies on, by name: e.g. {"microversion": "2.94"}."""
    may_choose_none: bool = False  #: whether choosing none of the VMs makes sense

    @property
    def choices(self) -> tuple[Vm, ...]:
        """The VMs that people may choose or leave."""
        return tuple(vm for vm in self.vms if vm.chosen is not None)

    @property
    def unflagged(self) -> tuple[Vm, ...]:
        """The VMs to choose from against which nothing speaks."""
        return tuple(vm for vm in self.choices if not vm.is_flagged)

    @property
    def takes_none(self) -> bool:
        """Whether it leaves every VM that may be chosen."""
        return bool(self.choices) and not any(vm.chosen for vm in self.choices)

    @property
    def is_blocked(self) -> bool:
        """Whether a finding forbids the plan; "could not find out" forbids too."""
        return any(f.verdict in {Verdict.BLOCKER, Verdict.UNKNOWN} for f in self.findings)

    @property
    def is_unsure(self) -> bool:
        """Whether all that forbids the plan is what could not be found out: that may pass."""
        verdicts = {f.verdict for f in self.findings}
        return Verdict.UNKNOWN in verdicts and Verdict.BLOCKER not in verdicts

    @property
    def vouches(self) -> tuple[str, ...]:
        """The sentences that two people must vouch for, each once: those of findings, and any loss of data."""
        lost = [f"{self.loss}: {', '.join(vm.name or vm.id for vm in self.losing)}"] if self.losing else []
        return tuple(dict.fromkeys([*(f.vouch for f in self.findings if f.vouch), *lost]))

    @property
    def losing(self) -> tuple[Vm, ...]:
        """The VMs whose local disks are lost."""
        return tuple(vm for vm in self.vms if vm.loses_disk)

    @property
    def loss(self) -> str:
        """How the sentence about them begins, before their names: all of it but who."""
        return f"the local disks of {counted(len(self.losing), 'VM')} on {self.host_name} are lost for good"

    @property
    def phases_used(self) -> tuple[str, ...]:
        """The phases that have steps, in order."""
        used = {step.phase for step in self.steps}
        return tuple(phase for phase in self.phases if phase in used)

    @property
    def doubled_keys(self) -> tuple[StepKey, ...]:
        """The keys that several of its steps bear; each has to be one step's alone."""
        met = Counter(step.key for step in self.steps)
        return tuple(key for key, number in met.items() if number > 1)

    @property
    def sorted_findings(self) -> tuple[Finding, ...]:
        """Findings, worst first."""
        return tuple(sorted(self.findings, key=lambda f: WORST_FIRST.index(f.verdict)))

    def step_of(self, vm: VmId) -> PlannedStep | None:
        """The step that moves or verifies this VM: the last of its steps, but for relief and for what tidies up."""
        mine = (s for s in reversed(self.steps) if s.vm == vm)
        return next((s for s in mine if s.tidies is None and s.relieves is None), None)


def _relations(step: PlannedStep) -> list[Json]:
    """What it tidies up or relieves; nothing for most steps, so that the digests of plans without such stay."""
    relief: list[Json] = [step.relieves, step.deadline.total_seconds()] if step.relieves is not None else []
    giving_way: list[Json] = [step.headway.total_seconds(), *filter(None, [step.ends])] if step.headway else []
    return [*filter(None, [step.tidies]), *relief, *giving_way]


def digest_of(plan: Plan, *, terms: Facts) -> Digest:
    """The hash of everything an approver relies on, without clocks and counters.

    Args:
        plan: the plan as shown.
        terms: the policy it would be approved under (`policy.Rule.terms`).
    """
    relied_on: dict[str, Json] = {
        "action": plan.action.value,
        "host": plan.host,
        "host_name": plan.host_name,
        "vms": [
            [vm.id, vm.name, vm.status, vm.disposition.value, vm.loses_disk]
            for vm in sorted(plan.vms, key=lambda vm: vm.id)
        ],
        "phases": list(plan.phases_used),
        "steps": [
            [s.key, s.phase, s.verb, s.target, s.by.value, s.follows, s.arguments, *_relations(s)]
            for s in sorted(plan.steps, key=lambda s: s.key)
        ],
        "warnings": sorted([f.code, f.vm or "", *filter(None, [f.vouch])] for f in plan.findings if f.is_risk),
        "facts": dict(plan.facts),
        "terms": terms,
    }
    text = json.dumps(relied_on, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return Digest(hashlib.sha256(text.encode()).hexdigest())

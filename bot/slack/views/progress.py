"""What the step rows say about each VM and about the whole: counted, never remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.operation import Operation, State
from bot.domain.steps import IN_FLIGHT, Aside, StepRecord, StepState, latest
from bot.domain.values import VmId

_WIDTH = 8


class Fate(StrEnum):
    """What has become of one VM (or of one step that has none)."""

    WAITING = "waiting"
    MOVING = "under way"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    SET_ASIDE = "set aside"
    """By a person: it did not get done, and is not tried again."""


ENDED = frozenset({Fate.DONE, Fate.FAILED, Fate.UNKNOWN, Fate.SKIPPED, Fate.SET_ASIDE})


@dataclass(frozen=True, kw_only=True)
class Course:
    """One VM's way through its steps."""

    vm: VmId | None
    title: str
    fate: Fate
    accepted: bool  #: the cloud took at least one call for it
    place: str = ""
    seconds: float | None = None
    share: float | None = None  #: 0..1 while under way, when the cloud tells
    sentence: str = ""
    remedy: str = ""
    aside: Aside | None = None  #: who set it aside, and why


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the whole stands."""

    courses: tuple[Course, ...]

    def number(self, *fates: Fate) -> int:
        """How many met one of these fates."""
        return sum(1 for c in self.courses if c.fate in fates)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.courses)

    @property
    def has_vms(self) -> bool:
        """Whether VMs are counted, not steps."""
        return any(c.vm is not None for c in self.courses)

    @property
    def ended(self) -> int:
        """How many will not change by themselves any more."""
        return self.number(*ENDED)

    def bar(self) -> str:
        """Done of all, in figures and as a bar."""
        done = self.number(Fate.DONE)
        filled = _WIDTH * done // self.total if self.total else 0
        return f"{done}/{self.total} {'█' * filled}{'░' * (_WIDTH - filled)}"


def of(records: Sequence[StepRecord]) -> Progress:
    """Count VMs by their steps; a plan without VM steps is counted by its steps. What only relieves counts nowhere."""
    by_vm: dict[VmId, list[StepRecord]] = {}
    records = [r for r in records if r.counts]
    for record in records:
        if record.step.vm is not None:
            by_vm.setdefault(record.step.vm, []).append(record)
    groups = list(by_vm.values()) if by_vm else [[r] for r in records]
    return Progress(courses=tuple(_course(sorted(g, key=lambda r: r.seq)) for g in groups))


def _course(records: Sequence[StepRecord]) -> Course:
    fate = _fate(records)
    telling = next((r for r in records if r.state in _TELLING.get(fate, ())), records[-1])
    starts = [r.intent_at for r in records if r.intent_at is not None]
    ends = [r.ended_at for r in records if r.ended_at is not None]
    seconds = (max(ends) - min(starts)).total_seconds() if fate in ENDED and starts and ends else None
    return Course(
        vm=records[0].step.vm,
        title=telling.step.title,
        fate=fate,
        accepted=any(r.step.receipt is not None or r.state in {StepState.ACCEPTED, StepState.DONE} for r in records),
        place=next((r.place for r in reversed(records) if r.place and r.state is StepState.DONE), ""),
        seconds=seconds,
        share=telling.progress if fate is Fate.MOVING else None,
        sentence=telling.sentence,
        remedy=telling.remedy,
        aside=telling.aside,
    )


_TELLING = {
    Fate.MOVING: IN_FLIGHT,
    Fate.FAILED: {StepState.FAILED},
    Fate.UNKNOWN: {StepState.UNKNOWN},
    Fate.SKIPPED: {StepState.SKIPPED},
    Fate.SET_ASIDE: {StepState.FAILED, StepState.UNKNOWN},
}
"""Of a VM's steps the first in one of these states tells how it stands; else the last does."""


def _fate(records: Sequence[StepRecord]) -> Fate:
    if any(r.aside for r in records):
        return Fate.SET_ASIDE
    states = {r.state for r in records}
    for state, fate in ((StepState.FAILED, Fate.FAILED), (StepState.UNKNOWN, Fate.UNKNOWN)):
        if state in states:
            return fate
    if states == {StepState.DONE}:
        return Fate.DONE
    if StepState.SKIPPED in states:
        return Fate.SKIPPED
    if states & IN_FLIGHT or StepState.DONE in states:
        return Fate.MOVING
    return Fate.WAITING


def time_left(operation: Operation, records: Sequence[StepRecord], *, now: datetime) -> timedelta | None:
    """How long the rest will take at the pace so far; the plan's estimate before anything has ended."""
    if operation.state is not State.RUNNING or operation.started_at is None:
        return None
    progress = of(records)
    if progress.ended == 0:
        estimate = operation.plan.estimate if operation.plan else None
        if estimate is None:
            return None
        return min(max(estimate - (now - operation.started_at), timedelta(0)), estimate) or None
    began = min((r.intent_at for r in records if r.intent_at and r.step.vm), default=operation.started_at)
    return (latest(records, otherwise=began) - began) / progress.ended * (progress.total - progress.ended)

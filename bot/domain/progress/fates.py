"""What has become of each VM of an operation, counted as people count: VMs, besides what is done to the host. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from bot.domain.counting import counted
from bot.domain.plans.plan import Plan, Vm
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState
from bot.domain.values import VmId


class Fate(StrEnum):
    """What has become of one VM (or of one step that has none)."""

    WAITING = "waiting"
    MOVING = "under way"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_DONE = "not done"
    """Muster did not begin with it, or not with the rest of it: what comes first did not get done."""
    SET_ASIDE = "set aside"
    """By a person: it did not get done, and is not tried again."""


ENDED = frozenset({Fate.DONE, Fate.FAILED, Fate.UNKNOWN, Fate.NOT_DONE, Fate.SET_ASIDE})


def each(records: Sequence[StepRecord]) -> Sequence[Sequence[StepRecord]]:
    """The steps of each VM together, by their place, and each other step alone. What only relieves counts nowhere."""
    by_vm: dict[VmId, list[StepRecord]] = {}
    for record in records:
        if record.counts and record.step.vm is not None:
            by_vm.setdefault(record.step.vm, []).append(record)
    alone = [[r] for r in records if r.counts and r.step.vm is None]
    return [sorted(group, key=lambda r: r.seq) for group in (*alone, *by_vm.values())]


def untouched(plan: Plan, records: Sequence[StepRecord]) -> Sequence[Vm]:
    """The VMs of a plan that no step is about."""
    touched = {r.step.vm for r in records}
    return [vm for vm in plan.vms if vm.id not in touched]


def of(records: Sequence[StepRecord]) -> Fate:
    """The fate of one VM, by all of its steps."""
    if any(r.aside for r in records):
        return Fate.SET_ASIDE
    states = {r.state for r in records}
    for state, fate in ((StepState.FAILED, Fate.FAILED), (StepState.UNKNOWN, Fate.UNKNOWN)):
        if state in states:
            return fate
    if states == {StepState.DONE}:
        return Fate.DONE
    if StepState.NOT_NEEDED in states:
        return Fate.NOT_DONE
    if states & IN_FLIGHT or StepState.DONE in states:
        return Fate.MOVING
    return Fate.WAITING


def decisive(records: Sequence[StepRecord]) -> StepRecord:
    """Of the steps of one VM that which tells how it stands: the first that decided its fate, else the last."""
    return next((r for r in records if r.state in _DECISIVE.get(of(records), ())), records[-1])


_DECISIVE = {
    Fate.MOVING: IN_FLIGHT,
    Fate.FAILED: {StepState.FAILED},
    Fate.UNKNOWN: {StepState.UNKNOWN},
    Fate.NOT_DONE: {StepState.NOT_NEEDED},
    Fate.SET_ASIDE: {StepState.FAILED, StepState.UNKNOWN},
}


def spoken(records: Sequence[StepRecord]) -> str:
    """What some steps are about, as people count it: "12 VMs", "1 step of the host and 12 VMs", "nothing"."""
    groups = each(records)
    vms = sum(1 for group in groups if group[0].step.vm)
    steps = len(groups) - vms
    said = [counted(steps, "step of the host", "steps of the host")] if steps else []
    said += [counted(vms, "VM")] if vms else []
    return " and ".join(said) or "nothing"


def undone(records: Sequence[StepRecord]) -> Sequence[StepRecord]:
    """Of each VM that is not done, and of each such step without one, the step that tells how it stands."""
    return [decisive(group) for group in each(records) if of(group) is not Fate.DONE]


def undone_of_all(records: Sequence[StepRecord]) -> str:
    """How much did not get done: "3 of 12 VMs", "1 step of the host and 12 of 12 VMs"."""
    left, whole = undone(records), each(records)
    vms = sum(1 for r in left if r.step.vm)
    steps = len(left) - vms
    said = [counted(steps, "step of the host", "steps of the host")] if steps else []
    said += [f"{vms:,} of {counted(sum(1 for group in whole if group[0].step.vm), 'VM')}"] if vms else []
    return " and ".join(said) or "nothing"

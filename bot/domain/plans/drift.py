"""How the plan made now differs from the plan that was approved, in words a lead can judge."""

from collections import Counter
from dataclasses import dataclass

from bot.domain.plans import causes
from bot.domain.plans.plan import Finding, Plan, PlannedStep, Vm
from bot.domain.values import Json, VmId


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A difference between two plans."""

    lines: tuple[str, ...]  #: one per difference, worst first
    only_shrinks: bool  #: VMs left the host or a risk went away, and nothing else changed


def between(approved: Plan, present: Plan) -> Drift:
    """Compare what was approved with what is true now."""
    old = {vm.id: vm for vm in approved.vms}
    new = {vm.id: vm for vm in present.vms}
    grown = [f"+ {vm.name} ({vm.status}): {vm.disposition}" for vm in present.vms if vm.id not in old]
    changed = [line for vm in present.vms if vm.id in old for line in _vm_changes(old[vm.id], vm)]
    gone = [f"- {vm.name} is not on the host any more" for vm in approved.vms if vm.id not in new]
    names = {vm.id: vm.name for vm in (*approved.vms, *present.vms)}
    risks = [f"new {c.verdict}: {c.sentence}" for c in causes.of(_risks_beyond(approved, present), names)]
    spared = [f"- {vm.name} keeps its local disk" for vm in present.vms if _is_spared(vm, old.get(vm.id))]
    gone_risks = [f for f in _risks_beyond(present, approved) if f.vm is None or f.vm in new]
    eased = [f"- no longer: {c.sentence}" for c in causes.of(gone_risks, names)]
    terms = [
        f"{name}: {approved.facts.get(name, 'unset')} → {present.facts.get(name, 'unset')}"
        for name in sorted({*approved.facts, *present.facts})
        if approved.facts.get(name) != present.facts.get(name)
    ]
    steps = _step_changes(approved, present, gone={vm for vm in old if vm not in new})
    worse = [*_other_host(approved, present), *risks, *grown, *changed, *terms, *steps]
    return Drift(lines=(*worse, *gone, *spared, *eased), only_shrinks=not worse)


def _other_host(approved: Plan, present: Plan) -> list[str]:
    old = f"{approved.action} {approved.host_name} ({approved.host})"
    new = f"{present.action} {present.host_name} ({present.host})"
    return [] if old == new else [f"now {new} (was {old})"]


def _vm_changes(old: Vm, new: Vm) -> list[str]:
    lines = []
    if old.name != new.name:
        lines.append(f"{new.name} was called {old.name}")
    if old.status != new.status:
        lines.append(f"{new.name} is now {new.status} (was {old.status})")
    if old.disposition is not new.disposition:
        lines.append(f"{new.name}: {new.disposition} instead of {old.disposition}")
    if new.loses_disk and not old.loses_disk:
        lines.append(f"{new.name} would now lose its local disk")
    return lines


def _is_spared(new: Vm, old: Vm | None) -> bool:
    return old is not None and old.loses_disk and not new.loses_disk


def _risks_beyond(known: Plan, other: Plan) -> list[Finding]:
    """The risks of the other plan that the known one does not have, worst first; each as often as it is there."""
    left = Counter(_risk(f) for f in known.findings if f.is_risk)
    beyond = []
    for finding in other.sorted_findings:
        if not finding.is_risk:
            continue
        left[_risk(finding)] -= 1
        if left[_risk(finding)] < 0:
            beyond.append(finding)
    return beyond


def _risk(finding: Finding) -> tuple[str, VmId | None, str]:
    """What makes two findings the same risk: who vouched for one sentence did not vouch for another."""
    return finding.code, finding.vm, finding.vouch


def _step_changes(approved: Plan, present: Plan, *, gone: set[VmId]) -> list[str]:
    """Steps that differ for another reason than a VM that came or went."""
    new_vms = {vm.id for vm in present.vms} - {vm.id for vm in approved.vms}
    old = {s.key: s for s in approved.steps if s.vm not in gone}
    new = {s.key: s for s in present.steps if s.vm not in new_vms}
    lines = [f"new step: {s.title}" for key, s in new.items() if key not in old]
    lines += [f"no longer a step: {s.title}" for key, s in old.items() if key not in new]
    lines += [f"changed step: {s.title}" for key, s in new.items() if key in old and not _same(old[key], s, gone=gone)]
    if not _keeps_order(approved.phases_used, present.phases_used):
        lines.append("the phases come in another order")
    return lines


_AS_APPROVED = ("verb", "target", "by", "phase", "follows", "tidies", "relieves", "deadline", "headway", "ends")


def _same(old: PlannedStep, new: PlannedStep, *, gone: set[VmId]) -> bool:
    """Whether a step is the one that was approved, but for ids of VMs that left the host."""
    if any(getattr(old, name) != getattr(new, name) for name in _AS_APPROVED):
        return False
    if old.arguments.keys() != new.arguments.keys():
        return False
    return all(_without(value, gone) == _without(new.arguments[name], set()) for name, value in old.arguments.items())


def _without(value: Json, gone: set[VmId]) -> Json:
    """An argument without the VMs that left, where it is a list."""
    if not isinstance(value, list | tuple):
        return value
    return [item for item in value if not (isinstance(item, str) and item in gone)]


def _keeps_order(approved: tuple[str, ...], present: tuple[str, ...]) -> bool:
    return [phase for phase in approved if phase in present] == [phase for phase in present if phase in approved]

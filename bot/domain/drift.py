"""How the plan made now differs from the plan that was approved, in words a lead can judge."""

from dataclasses import dataclass

from bot.domain.plan import Plan, Verdict, Vm
from bot.domain.values import StepKey, VmId


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A difference between two plans."""

    lines: tuple[str, ...]  #: one per difference, worst first
    only_shrinks: bool  #: VMs left the host and nothing else changed


def between(approved: Plan, present: Plan) -> Drift:
    """Compare what was approved with what is true now."""
    old = {vm.id: vm for vm in approved.vms}
    new = {vm.id: vm for vm in present.vms}
    grown = [f"+ {vm.name} ({vm.status}): {vm.disposition}" for vm in present.vms if vm.id not in old]
    changed = [line for vm in present.vms if vm.id in old for line in _vm_changes(old[vm.id], vm)]
    gone = [f"- {vm.name} is not on the host any more" for vm in approved.vms if vm.id not in new]
    risks = _new_risks(approved, present)
    terms = [
        f"{name}: {approved.facts.get(name, 'unset')} → {present.facts.get(name, 'unset')}"
        for name in sorted({*approved.facts, *present.facts})
        if approved.facts.get(name) != present.facts.get(name)
    ]
    steps = _step_changes(approved, present, gone={vm for vm in old if vm not in new})
    worse = [*risks, *grown, *changed, *terms, *steps]
    return Drift(lines=(*worse, *gone), only_shrinks=not worse)


def _vm_changes(old: Vm, new: Vm) -> list[str]:
    lines = []
    if old.status != new.status:
        lines.append(f"{new.name} is now {new.status} (was {old.status})")
    if old.disposition is not new.disposition:
        lines.append(f"{new.name}: {new.disposition} instead of {old.disposition}")
    if new.loses_disk and not old.loses_disk:
        lines.append(f"{new.name} would now lose its local disk")
    return lines


def _new_risks(approved: Plan, present: Plan) -> list[str]:
    known = {(f.code, f.vm) for f in approved.findings if f.verdict is not Verdict.OK}
    return [
        f"new {f.verdict}: {f.sentence}"
        for f in present.sorted_findings
        if f.verdict is not Verdict.OK and (f.code, f.vm) not in known
    ]


def _step_changes(approved: Plan, present: Plan, *, gone: set[VmId]) -> list[str]:
    """Steps that differ for another reason than a VM that came or went."""
    new_vms = {vm.id for vm in present.vms} - {vm.id for vm in approved.vms}
    old = {s.key: s for s in approved.steps if s.vm not in gone}
    new = {s.key: s for s in present.steps if s.vm not in new_vms}
    lines = [f"new step: {s.title}" for key, s in new.items() if key not in old]
    lines += [f"no longer a step: {s.title}" for key, s in old.items() if key not in new]
    for key in new.keys() & old.keys():
        if _moves_only_fewer(key, approved, present, gone):
            continue
        if (old[key].verb, old[key].target, old[key].arguments) != (
            new[key].verb,
            new[key].target,
            new[key].arguments,
        ):
            lines.append(f"changed step: {new[key].title}")
    return lines


def _moves_only_fewer(key: StepKey, approved: Plan, present: Plan, gone: set[VmId]) -> bool:
    """Whether a step's arguments differ only by ids of VMs that left the host."""
    before = next(s for s in approved.steps if s.key == key)
    now = next(s for s in present.steps if s.key == key)
    if not gone or (before.verb, before.target) != (now.verb, now.target):
        return False
    if before.arguments.keys() != now.arguments.keys():
        return False
    for name, value in before.arguments.items():
        present_value = now.arguments[name]
        if value == present_value:
            continue
        if not isinstance(value, list | tuple) or not isinstance(present_value, list | tuple):
            return False
        if [item for item in value if item not in gone] != list(present_value):
            return False
    return True

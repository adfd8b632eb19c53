"""Findings by their cause: one of each, however many VMs have it, so that none hides behind others like it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.counting import counted, listed
from bot.domain.plans.plan import WORST_FIRST, Finding, Plan, Topic, Verdict
from bot.domain.values import VmId

NAMED = 12
"""How many VMs a cause names one by one."""
_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One finding, or several that differ in nothing but the VM."""

    verdict: Verdict
    topic: Topic
    sentence: str
    remedy: str
    findings: tuple[Finding, ...]


def of(findings: Iterable[Finding], names: Mapping[VmId, str], *, named: int = NAMED) -> Sequence[Cause]:
    """Findings grouped by cause, worst first, each cause once.

    Args:
        findings: of a plan.
        names: of the VMs that they are about.
        named: how many VMs a sentence names one by one.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for found in findings:
        alike = (found.code, found.together) if found.vm and found.together else (found.sentence,)
        groups.setdefault((found.verdict, *alike, found.remedy), []).append(found)
    causes = [_cause(group, names, named) for group in groups.values()]
    return sorted(causes, key=lambda cause: WORST_FIRST.index(cause.verdict))


def of_plan(plan: Plan, *, named: int = NAMED) -> Sequence[Cause]:
    """The causes of all findings of a plan."""
    return of(plan.findings, {vm.id: vm.name for vm in plan.vms}, named=named)


def _cause(group: Sequence[Finding], names: Mapping[VmId, str], named: int) -> Cause:
    first = group[0]
    vms = dict.fromkeys(f.vm for f in group if f.vm)
    sentence = first.sentence
    if len(vms) > 1 and first.together:
        who = [(names.get(vm) or vm)[:_NAME] for vm in vms]
        sentence = f"{counted(len(vms), 'VM')} ({listed(who, most=named)}) {first.together}"
    return Cause(
        verdict=first.verdict, topic=first.topic, sentence=sentence, remedy=first.remedy, findings=tuple(group)
    )

"""VMs that people set aside: which may be, what is set aside with each, and whether anything else is left to do. Pure.

A VM that was set aside is touched no more and never counts as done, so whatever needs it done does not happen either.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.domain.counting import counted
from bot.domain.plans.plan import By
from bot.domain.progress.steps import Aside, StepRecord, StepState
from bot.domain.progress.turns import to_retry, to_skip
from bot.domain.values import VmId

_FAILED = frozenset({StepState.FAILED, StepState.UNKNOWN})


def may_be(records: Sequence[StepRecord]) -> Mapping[VmId, StepRecord]:
    """The failed and unclear VMs that may be set aside, each with the first step that did not get done.

    Not those that the cloud moves by one call for the whole host: that call leaves none of them out. Nor those of which
    only the tidying up failed.
    """
    found: dict[VmId, StepRecord] = {}
    for r in records:
        if r.step.vm and r.counts and r.state in _FAILED and r.step.by is not By.CLOUD and _may_be(r):
            found.setdefault(r.step.vm, r)
    return found


def of(records: Sequence[StepRecord], vms: Collection[VmId], aside: Aside) -> Sequence[StepRecord]:
    """The steps that these VMs have left, set aside: all but what tidies up."""
    return [
        replace(r, aside=aside) for r in records if r.step.vm in vms and r.state is not StepState.DONE and _may_be(r)
    ]


def _may_be(record: StepRecord) -> bool:
    return record.step.tidies is None and record.aside is None


def is_all_that_is_left(records: Sequence[StepRecord], phases: Sequence[str]) -> bool:
    """Whether VMs were set aside, and a retry would find nothing to begin any more, only something to look at.

    Args:
        records: all steps of the operation.
        phases: the plan's phases, in order.
    """
    again = {r.key: r.again() for r in to_retry(records)}
    planned = [again.get(r.key, r) for r in records]
    while skipped := {r.key for r in to_skip(planned, phases)}:
        planned = [replace(r, state=StepState.SKIPPED) if r.key in skipped else r for r in planned]
    is_left = any(r.counts and r.state is StepState.PLANNED and r.step.by is not By.CLOUD for r in planned)
    return not is_left and any(r.aside for r in records)


def outcome(records: Sequence[StepRecord]) -> str:
    """How many VMs were verified, and how many set aside, as a sentence."""
    vms = {r.step.vm for r in records if r.step.vm and r.counts}
    aside = {r.step.vm for r in records if r.aside}
    undone = {r.step.vm for r in records if r.counts and r.state is not StepState.DONE}
    return f"{len(vms - undone):,} of {counted(len(vms), 'VM')} verified, {len(aside)} set aside"

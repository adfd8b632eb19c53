"""VMs that people set aside: which may be, what is set aside with each, and whether anything else is left to do. Pure.

A VM that was set aside is touched no more and never counts as done, so whatever needs it done does not happen either.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.counting import counted
from bot.domain.plans.plan import By
from bot.domain.progress.steps import IN_FLIGHT, SetAside, StepRecord, StepState
from bot.domain.progress.turns import not_needed, to_retry
from bot.domain.values import StepKey, VmId

_FAILED = frozenset({StepState.FAILED, StepState.UNKNOWN})
STILL = timedelta(minutes=5)
"""How long a VM must be under way without headway before people are told when it may be set aside."""


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


def not_yet(records: Sequence[StepRecord], *, now: datetime) -> Mapping[StepKey, datetime]:
    """The VMs that stand still on their way, each by its step with the moment from which it may be set aside.

    That is when its patience ends and it counts as unclear. Before, the cloud may be at it, and takes no call back: a
    VM that is left alone then and started elsewhere may run twice. Those that a person is asked about already, or that
    wait for their turn at their host, are not told.

    Args:
        records: all steps of the operation.
        now: the time, aware and UTC.
    """
    asked = {r.step.relieves for r in records if r.waits_for_person}
    mine = (r for r in records if r.step.vm and r.counts and r.step.by is By.MUSTER and r.key not in asked)
    moving = (r for r in mine if r.state in IN_FLIGHT and (r.begun_at is not None or not r.step.waits_at))
    return {r.key: r.moved_at + r.step.patience for r in moving if r.moved_at is not None and now - r.moved_at >= STILL}


def of(records: Sequence[StepRecord], vms: Collection[VmId], aside: SetAside) -> Sequence[StepRecord]:
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
    while needless := {r.key for r in not_needed(planned, phases)}:
        planned = [replace(r, state=StepState.NOT_NEEDED) if r.key in needless else r for r in planned]
    is_left = any(r.counts and r.state is StepState.PLANNED and r.step.by is not By.CLOUD for r in planned)
    return not is_left and any(r.aside for r in records)


def outcome(records: Sequence[StepRecord]) -> str:
    """How many VMs were verified, and how many set aside, as a sentence."""
    vms = {r.step.vm for r in records if r.step.vm and r.counts}
    aside = {r.step.vm for r in records if r.aside}
    undone = {r.step.vm for r in records if r.counts and r.state is not StepState.DONE}
    return f"{len(vms - undone):,} of {counted(len(vms), 'VM')} verified, {len(aside)} set aside"

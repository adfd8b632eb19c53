"""How long a plan will take, at least and at most, by what the last moves in its cloud took. Pure.

A VM is measured by others of its kind (evacuated, live-migrated, …) and of its size. Where one of either is new in a
cloud, or a person has a part in the plan, nothing is said: a wrong estimate is worse than none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import mean
from typing import TypeAlias

from bot.domain.plans.plan import By, Disposition, Plan, Vm
from bot.domain.progress import fates
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.values import VmId

EarlierOperation: TypeAlias = tuple[Plan, Sequence[StepRecord]]
"""The plan of an operation that has ended, and all of its steps."""
Like: TypeAlias = tuple[Disposition, str]
"""What makes the moves of two VMs comparable: what is done to them, and their size in the cloud's words."""


@dataclass(frozen=True, kw_only=True)
class _Move:
    """One VM that was moved."""

    like: Like
    seconds: float  #: for which the cloud was at it
    ended: float  #: seconds since the first of its operation ended


def of(plan: Plan, past: Sequence[EarlierOperation]) -> tuple[timedelta, timedelta] | None:
    """At least and at most; None where it cannot be told.

    VMs go side by side, and how many at once the cloud decides. So what is measured is how much time passes from one
    end to the next, as a share of what a VM takes by itself; where only single VMs were moved, that may be none or all.

    Args:
        plan: to be estimated.
        past: earlier operations of its cloud; none where there was none.
    """
    kinds = list(alike(plan))
    done = [moves for one in past if (moves := _moves(*one))]
    took: dict[Like, list[float]] = {}
    for move in (move for moves in done for move in moves):
        took.setdefault(move.like, []).append(move.seconds)
    if not kinds or not all(like in took for like in kinds) or any(step.by is By.PERSON for step in plan.steps):
        return None
    paces = [pace for moves in done if (pace := _pace(moves)) is not None] or [0.0, 1.0]
    usual = [mean(took[like]) for like in kinds]
    others = sum(usual) - max(usual)
    least = min(paces) * others + max(min(took[like]) for like in kinds)
    most = max(paces) * others + max(max(took[like]) for like in kinds)
    return timedelta(seconds=least), timedelta(seconds=most)


def alike(plan: Plan) -> Iterator[Like]:
    """For each VM that a plan moves, by what it is measured; those that it only looks for take no time."""
    with_steps = {step.vm for step in plan.steps if step.relieves is None}
    return (like_of(vm) for vm in plan.vms if vm.id in with_steps and vm.disposition is not Disposition.LEAVE)


def like_of(vm: Vm) -> Like:
    """By what a VM is measured."""
    return vm.disposition, vm.size


def _moves(plan: Plan, records: Sequence[StepRecord]) -> Sequence[_Move]:
    """The VMs that an operation got done, in the order of their ends."""
    kinds: dict[VmId | None, Like] = {vm.id: like_of(vm) for vm in plan.vms if vm.disposition is not Disposition.LEAVE}
    groups = [g for g in fates.each(records) if g[0].step.vm in kinds and fates.of(g) is Fate.DONE]
    ended = {g[0].step.vm: max(r.ended_at for r in g if r.ended_at) for g in groups if any(r.intent_at for r in g)}
    groups = sorted((g for g in groups if g[0].step.vm in ended), key=lambda g: ended[g[0].step.vm])
    if not groups:
        return ()
    first = min(ended.values())
    made: list[_Move] = []
    for group in groups:
        vm = group[0].step.vm
        end = (ended[vm] - first).total_seconds()
        seconds = sum(_took(r) for r in group)
        if made and all(r.step.by is By.CLOUD for r in group):  # one call began them all: it waited for those before it
            seconds = min(seconds, end - made[-1].ended)
        made.append(_Move(like=kinds[vm], seconds=seconds, ended=end))
    return made


def _took(record: StepRecord) -> float:
    began = record.begun_at or record.intent_at
    return (record.ended_at - began).total_seconds() if began and record.ended_at else 0.0


def _pace(moves: Sequence[_Move]) -> float | None:
    """What share of the time that a VM takes passes from one end to the next; None where that cannot be told.

    Whatever takes longer than any of the VMs is a pause: nothing was under way.
    """
    longest, usual = max(m.seconds for m in moves), mean(m.seconds for m in moves)
    gaps = [min(later.ended - earlier.ended, longest) for earlier, later in pairwise(moves)]
    return mean(gaps) / usual if gaps and usual else None

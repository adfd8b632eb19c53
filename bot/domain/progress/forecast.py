"""How long the rest of an operation will take, by what runs and by what has ended lately. Pure.

Where that cannot be told (nothing has ended yet, or what runs makes no headway) there is no forecast: a wrong one is
worse than none. What a plan estimated stands in until the first VM has ended.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.operation import Operation, State
from bot.domain.plans.plan import By
from bot.domain.progress import fates
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import IN_FLIGHT, StepRecord

RECENT = 20
"""By how many VMs that have ended the others are measured."""
LATELY = timedelta(seconds=20)
"""In what time starts are counted."""
STILL = timedelta(seconds=30)
"""For how long what is copied may show no headway before nothing is said of its end."""

_Group = Sequence[StepRecord]
"""The steps of one VM."""


def time_left(operation: Operation, records: Sequence[StepRecord], *, now: datetime) -> timedelta | None:
    """How long until the last VM has ended; None where that cannot be told.

    Args:
        operation: that runs.
        records: all of its steps.
        now: the time, aware and UTC.
    """
    if operation.state is not State.RUNNING or operation.started_at is None:
        return None
    vms = [group for group in fates.each(records) if group[0].step.vm]
    done = sorted((g for g in vms if fates.of(g) in fates.ENDED and _begun(g)), key=_ended)[-RECENT:]
    going, waiting = ([g for g in vms if fates.of(g) is fate] for fate in (Fate.MOVING, Fate.WAITING))
    if not going and not waiting:
        return None
    if any(_copied(g) for g in going):
        return _through_slots(going, waiting, done, now=now)
    if not done:
        estimate = operation.plan.estimate if operation.plan else None
        left = estimate - max(now - operation.started_at, timedelta(0)) if estimate else timedelta(0)
        return left if left > timedelta(0) else None
    if all(r.step.by is By.CLOUD for g in vms for r in g):
        first = min(_begun(g) or now for g in (*done, *going))
        return (_ended(done[-1]) - first) / len(done) * (len(going) + len(waiting))
    return _side_by_side(going, waiting, done, now=now)


def starts_a_second(records: Sequence[StepRecord], *, now: datetime) -> float:
    """How many VMs were begun a second of late.

    Args:
        records: all steps of an operation.
        now: the time, aware and UTC.
    """
    starts = [at for g in fates.each(records) if g[0].step.vm and (at := _begun(g)) is not None]
    window = min(LATELY, now - min(starts, default=now))
    late = sum(1 for at in starts if now - at <= window)
    return late / window.total_seconds() if window > timedelta(0) else 0.0


def _side_by_side(
    going: Sequence[_Group], waiting: Sequence[_Group], done: Sequence[_Group], *, now: datetime
) -> timedelta | None:
    """As many at once as the cloud takes up: the rest at the rate of late, and the last as long as the slowest."""
    longest = max(_ended(g) - (_begun(g) or now) for g in done)
    starts = [at for g in (*going, *done) if (at := _begun(g)) is not None]
    if not waiting:
        left = longest - (now - max(starts))
        return left if left > timedelta(0) else None
    window = min(LATELY, now - min(starts))
    late = sum(1 for at in starts if now - at <= window)
    return window / late * len(waiting) + longest if late and window else None


def _through_slots(
    going: Sequence[_Group], waiting: Sequence[_Group], done: Sequence[_Group], *, now: datetime
) -> timedelta | None:
    """As many at once as their host copies: by how far each of these is, and by what the others took."""
    copied = [r for g in going for r in _copied(g)]
    if any(r.is_in_vain or now - (r.moved_at or now) > STILL for r in copied):
        return None
    ages = [(now - r.begun_at, r.progress) for r in copied if r.begun_at and r.progress]
    took = [r.ended_at - r.begun_at for g in done for r in g if r.begun_at and r.ended_at]
    took = took or [age / share for age, share in ages]
    rest = sum((age * (1 - share) / share for age, share in ages), timedelta(0))
    queued = len(going) - len(copied) + len(waiting)
    return (rest + sum(took, timedelta(0)) / len(took) * queued) / len(copied)


def _copied(group: _Group) -> list[StepRecord]:
    """The steps of a VM of which the cloud tells how far they are."""
    return [r for r in group if r.state in IN_FLIGHT and r.progress and r.begun_at]


def _begun(group: _Group) -> datetime | None:
    return min((r.intent_at for r in group if r.intent_at is not None), default=None)


def _ended(group: _Group) -> datetime:
    return max(r.ended_at for r in group if r.ended_at is not None)

"""How long the rest of an operation will take, by what runs and by what has ended lately. Pure.

A VM is measured by those of its kind and size that have ended, as in `estimate`. Until there is one of each that is
left, what the plan estimated counts down. Where neither tells, or what runs makes no headway, there is no forecast: a
wrong one is worse than none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from bot.domain import estimate
from bot.domain.estimate import Like
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import By, Disposition
from bot.domain.progress import fates
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import IN_FLIGHT, StepRecord
from bot.domain.values import VmId

RECENT = 20
"""By how many VMs of a kind that have ended the others are measured."""
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
    only_looked_for = {vm.id for vm in operation.vms if vm.disposition is Disposition.LEAVE}
    vms = [group for group in fates.each(records) if group[0].step.vm and group[0].step.vm not in only_looked_for]
    done = sorted((g for g in vms if fates.of(g) in fates.ENDED and _begun(g)), key=_ended)
    going, waiting = ([g for g in vms if fates.of(g) is fate] for fate in (Fate.MOVING, Fate.WAITING))
    if not going and not waiting:
        return None
    kinds = {vm.id: estimate.like_of(vm) for vm in operation.vms}
    rest = _Rest(going=going, waiting=waiting, done=done, kinds=kinds, now=now)
    if any(_copied(g) for g in going):
        left = rest.through_slots()
    elif all(r.step.by is By.CLOUD for g in vms for r in g):
        left = rest.one_after_another()
    else:
        left = rest.side_by_side()
    return left if left is not None else _planned(operation, rest, now=now)


def _planned(operation: Operation, rest: "_Rest", *, now: datetime) -> timedelta | None:
    """What the plan estimated for the whole, counted down, while a kind or size is left of which none has ended."""
    if rest.is_measured or rest.stands_still or operation.plan is None or operation.plan.estimate is None:
        return None
    left = operation.plan.estimate - max(now - (operation.started_at or now), timedelta(0))
    return left if left > timedelta(0) else None


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


@dataclass(frozen=True, kw_only=True)
class _Rest:
    """What is left to do of an operation, and what it is measured by."""

    going: Sequence[_Group]
    waiting: Sequence[_Group]
    done: Sequence[_Group]  #: in the order of their ends
    kinds: Mapping[VmId, Like]
    now: datetime

    @cached_property
    def took(self) -> Mapping[Like | None, Sequence[timedelta]]:
        """How long those that have ended took of late, by kind and size; of a kind that is copied, by its figures."""
        found: dict[Like | None, list[timedelta]] = {}
        for group, span in self._spans:
            found.setdefault(self._like(group), []).append(span)
        copied: dict[Like | None, list[timedelta]] = {}
        for group in self.going:
            ages = [(self.now - r.begun_at) / r.progress for r in _copied(group) if r.begun_at and r.progress]
            copied.setdefault(self._like(group), []).extend(ages)
        by_figures = {like: spans for like, spans in copied.items() if spans}
        return by_figures | {like: spans[-RECENT:] for like, spans in found.items()}

    @property
    def _spans(self) -> Iterator[tuple[_Group, timedelta]]:
        """What each of those that have ended took: where one call began them all, since the end before."""
        before: datetime | None = None
        for group in self.done:
            began = _at_it_since(group) or _begun(group) or _ended(group)
            if before is not None and all(r.step.by is By.CLOUD for r in group):
                began = max(began, before)
            before = _ended(group)
            yield group, before - began

    @property
    def is_measured(self) -> bool:
        """Whether one of each kind and size that is left has ended, or is far enough to tell."""
        return all(self._like(g) in self.took for g in (*self.going, *self.waiting) if not _copied(g))

    @property
    def stands_still(self) -> bool:
        """Whether what is copied shows no headway."""
        copied = [r for g in self.going for r in _copied(g)]
        return any(r.is_in_vain or self.now - (r.moved_at or self.now) > STILL for r in copied)

    def side_by_side(self) -> timedelta | None:
        """As many at once as the cloud takes up: the rest at the rate of late, each as long as the slowest like it."""
        if not self.is_measured:
            return None
        ends = [self._longest(g) - (self.now - (_at_it_since(g) or self.now)) for g in self.going]
        if self.waiting:
            starts = [at for g in (*self.going, *self.done) if (at := _begun(g)) is not None]
            window = min(LATELY, self.now - min(starts, default=self.now))
            late = sum(1 for at in starts if self.now - at <= window)
            if not late or not window:
                return None
            begun = window / late * len(self.waiting)
            ends += [begun + self._longest(g) for g in self.waiting]
        left = max(ends)
        return left if left > timedelta(0) else None

    def one_after_another(self) -> timedelta | None:
        """What one call brings about goes on as it went."""
        if not self.is_measured:
            return None
        return sum((self._usual(g) for g in (*self.going, *self.waiting)), timedelta(0))

    def through_slots(self) -> timedelta | None:
        """As many at once as their host copies: by how far each of these is, and by what the others took."""
        copied = [r for g in self.going for r in _copied(g)]
        if self.stands_still or not self.is_measured:
            return None
        ages = [(self.now - r.begun_at, r.progress) for r in copied if r.begun_at and r.progress]
        rest = sum((age * (1 - share) / share for age, share in ages), timedelta(0))
        queued = [g for g in (*self.going, *self.waiting) if not _copied(g)]
        return (rest + sum((self._usual(g) for g in queued), timedelta(0))) / len(copied)

    def _like(self, group: _Group) -> Like | None:
        return self.kinds.get(group[0].step.vm) if group[0].step.vm else None

    def _longest(self, group: _Group) -> timedelta:
        return max(self.took[self._like(group)])

    def _usual(self, group: _Group) -> timedelta:
        spans = self.took[self._like(group)]
        return sum(spans, timedelta(0)) / len(spans)


def _copied(group: _Group) -> list[StepRecord]:
    """The steps of a VM of which the cloud tells how far they are."""
    return [r for r in group if r.state in IN_FLIGHT and r.progress and r.begun_at]


def _at_it_since(group: _Group) -> datetime | None:
    """Since when the cloud is at a VM, no longer waiting for its turn there."""
    return min((r.begun_at for r in group if r.begun_at is not None), default=None)


def _begun(group: _Group) -> datetime | None:
    return min((r.intent_at for r in group if r.intent_at is not None), default=None)


def _ended(group: _Group) -> datetime:
    return max(r.ended_at for r in group if r.ended_at is not None)

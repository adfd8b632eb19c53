"""Whose turn it is among the steps of an operation, and what must not happen any more. Pure.

A step that relieves another is due only when that one, started by us, is under way past the deadline, or makes no
headway while others wait. It is no part of the plan's course, so it takes no place of its own, holds up no phase, and
is set aside when what it was for has ended. Of two that relieve the same, the one that has it give way comes first.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.domain.plans.plan import By, Step
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState
from bot.domain.values import StepKey

_FAILED = frozenset({StepState.FAILED, StepState.UNKNOWN})


def current_phase(records: Sequence[StepRecord], phases: Sequence[str]) -> str | None:
    """The first phase with a step that has not ended, or None when all have."""
    open_phases = {r.step.phase for r in records if r.counts and not r.has_ended}
    return next((p for p in phases if p in open_phases), None)


def not_needed(records: Sequence[StepRecord], phases: Sequence[str]) -> Sequence[StepRecord]:
    """Planned steps that must not happen any more.

    They were set aside, follow a step that did not get done, stand in a phase after one in which an essential step did
    not, or were to relieve a step that has ended.
    """
    by_key = {r.key: r for r in records}
    order = {name: place for place, name in enumerate(phases)}
    broken = [
        order[r.step.phase] for r in records if r.step.essential and r.has_ended and r.state is not StepState.DONE
    ]
    first_broken = min(broken, default=len(phases))
    return [
        r
        for r in records
        if _is_needless(r, by_key)
        or (
            r.state is StepState.PLANNED
            and (
                r.aside is not None
                or order[r.step.phase] > first_broken
                or (
                    r.step.follows is not None
                    and r.step.tidies is None
                    and by_key[r.step.follows].has_ended
                    and by_key[r.step.follows].state is not StepState.DONE
                )
            )
        )
    ]


def _is_needless(record: StepRecord, by_key: Mapping[StepKey, StepRecord]) -> bool:
    """Whether it was to relieve a step that has ended: not begun, or but a question that waits for a person."""
    if record.step.relieves is None or not by_key[record.step.relieves].has_ended:
        return False
    return record.state is StepState.PLANNED or (record.step.by is By.PERSON and not record.has_ended)


def to_retry(records: Sequence[StepRecord]) -> Sequence[StepRecord]:
    """The steps that a person wants tried again: those that did not get done, and whatever was to relieve them.

    So is each step of the host that was found done without a start: it is looked at anew, for where others fell short
    of it, the answer that said so may have been an old one. What was set aside is not among them.
    """
    undone = {r.key for r in records if r.counts and r.has_ended and r.state is not StepState.DONE and not r.aside}
    found = {r.key for r in records if undone and r.state is StepState.DONE and not r.starts and r.step.vm is None}
    return [r for r in records if r.key in undone | found or r.step.relieves in undone]


def to_retry_meanwhile(records: Sequence[StepRecord], phases: Sequence[str]) -> Sequence[StepRecord]:
    """Of those, the steps that may be tried again while others still move: none of a phase that is over."""
    order = {name: place for place, name in enumerate(phases)}
    phase = current_phase(records, phases)
    if phase is None or not any(r.state in _FAILED and r.counts and not r.aside for r in records):
        return []
    return [r for r in to_retry(records) if order[r.step.phase] >= order[phase]]


def to_start(
    records: Sequence[StepRecord],
    phases: Sequence[str],
    *,
    limit: int,
    now: datetime,
    among: Collection[StepKey] | None = None,
) -> Sequence[StepRecord]:
    """Planned steps whose turn has come: of the current phase, by priority, within the limit and server groups.

    What comes about as the consequence of our steps is watched only once those of its phase have begun. Relief that is
    due comes first, whatever the limit.

    Args:
        records: all steps of the operation.
        phases: the plan's phases, in order.
        limit: how many of our own steps may be in flight at once.
        now: the time, for deadlines.
        among: the only steps that may be started, relief aside; None: all.
    """
    phase = current_phase(records, phases)
    by_key = {r.key: r for r in records}
    in_flight = [r for r in records if r.counts and r.state in IN_FLIGHT]
    busy_groups = {r.step.apart for r in in_flight if r.step.apart}
    room = limit - sum(1 for r in in_flight if r.step.by is By.MUSTER)
    not_any_more = {r.key for r in not_needed(records, phases)}
    planned = [r for r in records if r.counts and r.state is StepState.PLANNED and r.step.phase == phase]
    ours_wait = any(r.step.by is By.MUSTER and not r.step.follows and r.key not in not_any_more for r in planned)
    startable = {r.key for r in planned if among is None or r.key in among} - not_any_more
    chosen = _relief(records, startable, now=now)
    for record in sorted(planned, key=lambda r: (r.gave_way, -r.step.priority, r.seq)):
        step = record.step
        if record.key not in startable:
            continue
        if not _may_follow(step, by_key):
            continue
        if step.by is By.MUSTER:
            if room <= 0 or (step.apart and step.apart in busy_groups):
                continue
            room -= 1
            if step.apart:
                busy_groups.add(step.apart)
        elif step.by is By.CLOUD and ours_wait:
            continue
        chosen.append(record)
    return chosen


def _may_follow(step: Step, by_key: Mapping[StepKey, StepRecord]) -> bool:
    """Whether the step that it follows is as far as it must be: done, or for one that tidies up ended in any way."""
    if step.follows is None:
        return True
    followed = by_key[step.follows]
    return followed.has_ended if step.tidies else followed.state is StepState.DONE


def to_tidy(records: Sequence[StepRecord]) -> Sequence[StepRecord]:
    """Planned steps that undo what has been done for the operation's own sake: all that a stop still starts.

    What stands between the two is not waited for unless it is in flight: a stop starts it no more.
    """
    by_key = {r.key: r for r in records}
    return [
        r
        for r in records
        if r.state is StepState.PLANNED
        and r.step.tidies is not None
        and by_key[r.step.tidies].starts > 0
        and not any(by_key[key].state in IN_FLIGHT for key in (r.step.follows, r.step.tidies) if key)
    ]


def _relief(records: Sequence[StepRecord], startable: Collection[StepKey], *, now: datetime) -> list[StepRecord]:
    """The planned steps that are to relieve another now: one for each at a time, what makes it give way first."""
    relief: dict[StepKey, list[StepRecord]] = {}
    for record in records:
        if record.step.relieves is not None:
            relief.setdefault(record.step.relieves, []).append(record)
    chosen = []
    for late in (r for r in records if r.key in relief):
        if late.state not in IN_FLIGHT or not late.starts or late.begun_at is None:
            continue
        mine = relief[late.key]
        if any(r.state in IN_FLIGHT for r in mine):
            continue
        waiting = [r for r in records if _waits_for_its_place(r, late, startable)]
        planned = [r for r in mine if r.state is StepState.PLANNED]
        giving = [r for r in planned if r.step.headway and _is_to_give_way(late, r.step, waiting, now=now)]
        asking = [r for r in planned if not r.step.headway and now - late.begun_at >= r.step.deadline]
        chosen += [*giving, *asking][:1]
    return chosen


def _waits_for_its_place(record: StepRecord, late: StepRecord, startable: Collection[StepKey]) -> bool:
    """Whether a step waits for the place of another, in the cloud or here."""
    waits_there = record.state in IN_FLIGHT and record.begun_at is None
    has_the_same_place = record.counts and record.step.waits_at == late.step.waits_at
    return has_the_same_place and (waits_there or record.key in startable)


def _is_to_give_way(late: StepRecord, relief: Step, waiting: Sequence[StepRecord], *, now: datetime) -> bool:
    """Whether it is under way for long enough without headway, or for too long.

    It gives way once, and is ended the second time. What comes nearer to its end gives way to nobody who had a turn.
    """
    age = now - (late.begun_at or now)
    stands_still = late.progress is not None and now - (late.moved_at or now) >= relief.headway
    is_stuck = age >= relief.headway and (late.is_in_vain or stands_still)
    some_had_no_turn = any(not r.gave_way for r in waiting)
    is_due = bool(waiting) if is_stuck else some_had_no_turn and age >= relief.deadline
    return late.gave_way is relief.ends and is_due

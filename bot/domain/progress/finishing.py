"""What is still started of an operation whose time is over: what runs is finished, and nothing new is begun. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.plans.plan import By, Step
from bot.domain.progress.steps import StepRecord
from bot.domain.progress.turns import to_start, to_tidy
from bot.domain.values import StepKey


def going_on(records: Sequence[StepRecord]) -> frozenset[StepKey]:
    """The steps that belong to what has begun.

    They follow a step that was started, undo or relieve one, or come about by themselves.

    A step that another one undoes (a lock) begins nothing: what follows it is not gone on with, it is only undone.
    """
    by_key = {r.key: r for r in records}
    undone = {r.step.tidies for r in records}
    return frozenset(
        r.key
        for r in records
        if _serves_another(r.step) or r.step.by is By.CLOUD or _has_begun(r, by_key, undone=undone)
    )


def _serves_another(step: Step) -> bool:
    """Whether it only undoes or relieves a step that was started."""
    return step.tidies is not None or step.relieves is not None


def _has_begun(record: StepRecord, by_key: Mapping[StepKey, StepRecord], *, undone: set[StepKey | None]) -> bool:
    follows = record.step.follows
    while follows is not None:
        if by_key[follows].starts and follows not in undone:
            return True
        follows = by_key[follows].step.follows
    return False


def to_finish(
    records: Sequence[StepRecord], phases: Sequence[str], *, limit: int, now: datetime
) -> Sequence[StepRecord]:
    """Planned steps whose turn has come, of those that belong to what has begun.

    Args:
        records: all steps of the operation.
        phases: the plan's phases, in order.
        limit: how many of our own steps may be in flight at once.
        now: the time, for deadlines.
    """
    belonging = going_on(records)
    chosen = to_start(records, phases, limit=limit, now=now, among=belonging)
    to_come = {r.key for r in records if r.key in belonging and not r.has_ended and r.step.tidies is None}
    ready = {r.key for r in chosen}
    return [*chosen, *(r for r in to_tidy(records) if r.step.follows not in to_come and r.key not in ready)]

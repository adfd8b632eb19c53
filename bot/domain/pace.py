"""How many VMs to move side by side: more while the time per VM stays flat, fewer when it grows. Pure.

A cloud digests so many at once; more only wait inside it, each of them down (measured on Nova, 60 VMs: 20 in flight
took a fifth longer than 10). The right number differs per cloud, so it is found while working: after as many VMs as
were let in flight, their time is held against that of the round before. All is derived from the rows, so that a restart
knows it too.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from bot.domain.plan import By
from bot.domain.steps import StepRecord, StepState

FIRST = 10
"""In flight at first, where the cloud's limit allows it."""
FLAT = 1.35
"""A round may take so many times as long per VM as the one before and still count as flat: half as many VMs more take
half as long again where the cloud is full, and less than this is lost in the rhythm of the looks."""
CALM = 2
"""So many rounds pass after a step back before more is tried again."""
HURRY = 1.0
"""Seconds; what is over sooner tells nothing about the cloud."""


def in_flight(records: Sequence[StepRecord], *, ceiling: int) -> int:
    """How many of our steps may be in flight at once now.

    Args:
        records: all steps of the operation.
        ceiling: the limit that the cloud's settings give; never exceeded.

    Returns:
        At least 1, at most `ceiling`.
    """
    most = max(1, ceiling)
    limit = min(FIRST, most)
    times = _times(records)[limit:]  # the first round began on an idle cloud: it was quicker than any will be
    before: float | None = None
    calm = 0
    while len(times) >= limit:
        taken, times = median(times[:limit]), times[limit:]
        if before is not None and taken > before * FLAT:
            limit, calm = fewer(limit), CALM
        elif calm:
            calm -= 1
        else:
            limit = min(more(limit), most)
        before = taken
    return limit


def more(limit: int) -> int:
    """The next higher number to try."""
    return limit + max(1, limit // 2)


def fewer(limit: int) -> int:
    """The next lower number to try."""
    return max(1, limit * 2 // 3)


def _times(records: Sequence[StepRecord]) -> list[float]:
    """How many seconds each VM that we moved took, in the order in which they were verified.

    Of a VM's steps the kind that takes longest counts: locking it says nothing about moving it.
    """
    taken = sorted(
        (r.ended_at, r.seq, r.step.verb, (r.ended_at - r.intent_at).total_seconds())
        for r in records
        if _moved(r) and r.ended_at is not None and r.intent_at is not None
    )
    by_verb: defaultdict[str, list[float]] = defaultdict(list)
    for _, _, verb, seconds in taken:
        by_verb[verb].append(max(seconds, HURRY))
    return max(by_verb.values(), key=sum, default=[])


def _moved(record: StepRecord) -> bool:
    """Whether we started it for a VM and saw it done; what failed is over sooner or later than a move."""
    is_ours = record.step.by is By.MUSTER and record.step.vm is not None and record.starts > 0
    return is_ours and record.counts and record.state is StepState.DONE

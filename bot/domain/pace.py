"""At what pace VMs are moved: how many side by side, how many begun together, how often they are looked at. Pure.

A cloud digests so many at once; more only wait inside it, each of them down (measured on Nova, 60 VMs: 20 in flight
took a fifth longer than 10). The right number differs per cloud, so it is found while working: after as many VMs as
were let in flight, their time is held against that of the round before. All is derived from the rows, so that a restart
knows it too.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from statistics import median

from bot.domain.plan import By
from bot.domain.steps import IN_FLIGHT, StepRecord, StepState

FIRST = 7
"""In flight at first, where the cloud's limit allows it: enough to keep a small cloud busy, the time from a VM's end to
the start of the next counted in (measured on Nova, two cores, 60 VMs, a client without any checks, one run each: 4, 6
and 10 in flight took 41.7, 38.7 and 42.1 s, and 10 another time 38.5 s). A cloud that takes more gets more after two
rounds."""
FLAT = 1.35
"""A round may take so many times as long per VM as the one before and still count as flat: half as many VMs more take
half as long again where the cloud is full, so that a step up beyond this wins nothing and is taken back."""
GROWN = 2.0
"""With as many in flight as before, only so many times as long makes them fewer: targets become slower as they fill up,
and fewer in flight do not make them quicker (measured on Nova, 60 VMs: falling to 6 and 4 on the way took longer)."""
CALM = 2
"""So many rounds pass after a step back before more is tried again; twice as many after the next one, and so on."""
HURRY = 1.0
"""Seconds; what is over sooner tells nothing about the cloud."""
SHARE = 1 / 6
"""A look comes after this part of what a VM takes: what ends before it holds the place of another, unnoticed."""
OFTENEST = 1 / 4
"""The part of the cloud's poll that lies between two looks at the least."""


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
    risen_from: int | None = None
    calm, rest = 0, CALM
    while len(times) >= limit:
        taken, times = median(times[:limit]), times[limit:]
        growth = taken / before if before else 1.0
        last = limit
        if growth > (FLAT if risen_from else GROWN):
            limit, calm, rest = risen_from or fewer(limit), rest, rest * 2
        elif calm:
            calm -= 1
        elif growth <= FLAT:
            limit = min(more(limit), most)
        before, risen_from = taken, last if limit > last else None
    return limit


def between_looks(records: Sequence[StepRecord], *, poll: float, now: datetime) -> float:
    """How many seconds to let pass between two looks: the less, the quicker VMs are moved, and never more than `poll`.

    Looks at a fixed distance show several VMs done at once, whose places are then taken at once, so that a cloud that
    moves VMs quickly stands idle in between (measured on Nova, 60 VMs at 4 s each: looks every 2 s left it idle a
    third of the time).

    Args:
        records: all steps of the operation.
        poll: what the cloud's settings give, in seconds.
        now: aware UTC.
    """
    moving = [r for r in records if r.state in IN_FLIGHT and _started_by_us(r)]
    if not moving:
        return poll
    youngest = min((now - r.intent_at).total_seconds() for r in moving if r.intent_at is not None)
    known = _times(records)[-FIRST:]
    takes = max(youngest, median(known) if known else 0.0)
    return min(max(takes * SHARE, poll * OFTENEST), poll)


def begun_together(coming: Sequence[StepRecord], *, limit: int) -> Sequence[StepRecord]:
    """Those of the steps whose turn it is that are begun in one round: with as many new VMs as a third of the places.

    VMs that begin together end together, and then none moves (measured on Nova, 60 VMs, 10 in flight: taken up ten at
    once, they ended ten at once, and the cloud stood idle for a second each time).

    Args:
        coming: in the order of their turns.
        limit: how many may be in flight at once.
    """
    left = -(-limit // 3)
    chosen = []
    for record in coming:
        if _begins_a_vm(record):
            if not left:
                continue
            left -= 1
        chosen.append(record)
    return chosen


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
    """Whether we saw it done; what failed is over sooner or later than a move."""
    return _started_by_us(record) and record.state is StepState.DONE


def _begins_a_vm(record: StepRecord) -> bool:
    """Whether it is the first of our steps for its VM."""
    step = record.step
    return step.by is By.MUSTER and step.vm is not None and record.counts and step.follows is None


def _started_by_us(record: StepRecord) -> bool:
    """Whether we started it for a VM."""
    is_ours = record.step.by is By.MUSTER and record.step.vm is not None and record.starts > 0
    return is_ours and record.counts

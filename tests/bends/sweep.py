"""The sweep: every read of an evening, each bend, the whole bot; what became of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.plans.plan import Plan
from bot.domain.values import Action
from tests.bends.evening import Evening
from tests.bends.nights import Night, evening, through
from tests.bends.wire import BENDS, Bend, slow

NAMES = (*BENDS, "slow")
TIMEOUT, SLOW = 2.0, 2.3  #: real seconds: how long an adapter waits, and how long a slow answer takes
MOST_SLOW = 3
"""How many answers are slow at most: each costs real time."""
AT_ONCE = 6
"""How many evenings with slow answers go on side by side: they wait for most of it."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One kind of read in one moment of an evening."""

    phase: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Bent:
    """What became of one evening with one bend."""

    read: Read
    bend: str
    answers: int  #: that were bent
    complaints: Sequence[str]
    detours: Sequence[str]

    def __str__(self) -> str:
        return f"{self.read.phase}, {self.read.kind}, {self.bend}: {'; '.join(self.complaints)}"


@dataclass(kw_only=True)
class Figures:
    """What a sweep, or a part of it, came to."""

    reads: set[Read] = field(default_factory=set)
    bends: set[str] = field(default_factory=set)
    evenings: int = 0
    answers: int = 0  #: bent
    detours: int = 0  #: evenings in which people had to ask again
    violations: list[str] = field(default_factory=list)

    def add(self, one: Bent) -> None:
        """Count one evening."""
        self.reads.add(one.read)
        self.bends.add(one.bend)
        self.evenings += 1
        self.answers += one.answers
        self.detours += bool(one.detours)
        self.violations += [str(one)] if one.complaints else []


@dataclass(kw_only=True)
class Healthy:
    """An evening without a bend: what is asked in which moment, and what the plans say."""

    reads: Sequence[Read] = ()
    plans: Mapping[Action, Plan] = field(default_factory=dict)
    detours: int = 0  #: how often people had to act though nothing was bent


async def healthy(night: Night) -> Healthy:
    """Learn from an evening without a bend."""
    async with evening(night) as one:
        await through(night, one)
        assert one.complaints == []
        reads = [Read(phase=phase, kind=kind) for phase, kinds in one.asked().items() for kind in sorted(kinds)]
        return Healthy(reads=reads, plans=one.plans, detours=len(one.detours))


async def bent(night: Night, so: Healthy, read: Read, name: str) -> Bent:
    """One evening in which this read is bent for a while."""
    is_slow = name == "slow"
    bend: Bend = slow(SLOW) if is_slow else BENDS[name]
    async with evening(night, patience=TIMEOUT) if is_slow else evening(night) as one:
        one.plans |= so.plans
        one.bend = (read.phase, read.kind, bend)
        one.most_bent = MOST_SLOW if is_slow else one.most_bent
        await through(night, one, until=read.phase.partition(" ")[0])
        return _became(read, name, one, so)


def _became(read: Read, name: str, one: Evening, so: Healthy) -> Bent:
    if one.detours and not any(one.lines):
        one.complain("what could not be known was not said")
    return Bent(
        read=read,
        bend=name,
        answers=one.wire.bent,
        complaints=tuple(one.complaints),
        detours=tuple(one.detours[so.detours :]),
    )


async def swept(night: Night, so: Healthy, combinations: Sequence[tuple[Read, str]]) -> Figures:
    """Many evenings: those with slow answers side by side, all others one after the other."""
    turns = {True: asyncio.Semaphore(AT_ONCE), False: asyncio.Semaphore(1)}

    async def one(read: Read, name: str) -> Bent:
        async with turns[name == "slow"]:
            return await bent(night, so, read, name)

    figures = Figures()
    for became in await asyncio.gather(*(one(read, name) for read, name in combinations)):
        figures.add(became)
    return figures

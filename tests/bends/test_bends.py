"""Every read of every adapter, bent in every way, with the whole bot before it.

Nothing is told done, empty, dead or safe that is not; nothing is begun twice; what cannot be known is said; and once the
bend is over the operation comes to its true end. The gate sweeps a share that each change of the product draws anew.
"""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bends.evening import MOMENTS
from tests.bends.figures import PROPERTY
from tests.bends.nights import NIGHTS
from tests.bends.sweep import NAMES, Figures, Healthy, healthy, swept

ROOT = Path(__file__).parents[2]
IN_THE_GATE = 3
"""Combinations of each night in the gate."""
PARTS = [
    (night.name, f"{action} {moment}") for night in NIGHTS.values() for action in night.actions for moment in MOMENTS
]

_healthy: dict[str, Healthy] = {}


async def known(night: str) -> Healthy:
    """The night without a bend, learnt once in a process."""
    if night not in _healthy:
        _healthy[night] = await healthy(NIGHTS[night])
    return _healthy[night]


def judged(figures: Figures, record: Callable[[str, object], None]) -> None:
    """Hand the figures on, and fail on violations."""
    record(
        PROPERTY,
        {
            "reads": sorted(f"{read.phase} {read.kind}" for read in figures.reads),
            "bends": sorted(figures.bends),
            "evenings": figures.evenings,
            "answers": figures.answers,
            "detours": figures.detours,
            "violations": len(figures.violations),
        },
    )
    assert not figures.violations, "\n".join(figures.violations)


def drawn() -> str:
    """A seed that every change of the product changes."""
    sources = sorted(path for folder in ("adapters", "bot") for path in (ROOT / folder).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


@pytest.mark.parametrize("night", NIGHTS)
async def test_a_bent_answer_is_never_more_than_what_is_so(
    night: str, record_property: Callable[[str, object], None]
) -> None:
    so = await known(night)
    some = random.Random(f"{drawn()} {night}")
    chosen = [(some.choice(so.reads), some.choice(NAMES)) for _ in range(IN_THE_GATE)]
    judged(await swept(NIGHTS[night], so, chosen), record_property)


@pytest.mark.long
@pytest.mark.timeout(900)  # dozens of evenings; half a minute on a machine that has nothing else to do
@pytest.mark.parametrize("bend", NAMES)
@pytest.mark.parametrize(("night", "phase"), PARTS)
async def test_no_bend_of_any_read_is_taken_for_more_than_what_is_so(
    night: str, phase: str, bend: str, record_property: Callable[[str, object], None]
) -> None:
    so = await known(night)
    chosen = [(read, bend) for read in so.reads if read.phase == phase]
    assert chosen, "an evening without this moment"
    judged(await swept(NIGHTS[night], so, chosen), record_property)

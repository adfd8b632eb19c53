"""One client's figures against another's on the same clouds, as means over the same seeds."""

from dataclasses import dataclass
from statistics import mean

from tests.benchmarks.pace.clients import Client, fixed, loop
from tests.benchmarks.pace.cloud import Profile

SEEDS = (1, 2, 3)
BEST_FIXED = {
    "cpu": (4, 12),
    "wait 15 s": (60, 12),
    "wait 30 s, 2 % 300 s": (60, 12),
    "200 VMs, 10 targets": (200, 12),
    "10 x slower 10-70 s": (200, 8),
    "a sick target": (60, 8),
    "wait 15 s, 2 cores": (60, 6),
    "2 cores, 10 x slower": (40, 6),
}
"""For each profile the window and the starts a second with the smallest product of makespan and downtime, without any
check and any second survey; found by `make bench-pace`, which searches anew and says so where another is better."""
WINDOWS = (4, 6, 8, 10, 15, 20, 40, 60, 100, 200)
RATES = (1, 2, 3, 4, 6, 8, 12)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """What a client took in parts of what another took."""

    makespan: float
    downtime: float
    most_unclaimed: int  #: VMs, of the one
    lost: int  #: VMs, of the one, over all seeds


def ratio(one: Client, other: Client, profile: Profile) -> Ratio:
    """One client against another on a cloud."""
    ours = [one(profile, seed) for seed in SEEDS]
    theirs = [other(profile, seed) for seed in SEEDS]
    return Ratio(
        makespan=mean(o.makespan for o in ours) / mean(o.makespan for o in theirs),
        downtime=mean(o.downtime for o in ours) / mean(o.downtime for o in theirs),
        most_unclaimed=max(o.most_unclaimed for o in ours),
        lost=sum(o.lost for o in ours),
    )


def best_fixed(profile: Profile) -> tuple[int, int]:
    """The window and rate that are best for a cloud, by search."""

    def product(pair: tuple[int, int]) -> float:
        found = ratio(fixed(*pair), loop, profile)
        return found.makespan * found.downtime

    return min(((window, rate) for window in WINDOWS for rate in RATES), key=product)

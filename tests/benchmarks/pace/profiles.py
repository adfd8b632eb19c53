"""The clouds that the pace is held to."""

from collections.abc import Callable
from math import log
from random import Random

from tests.benchmarks.pace.cloud import Profile

_P95 = 1.645  #: standard deviations of a normal distribution below which 95 % lie


def waits(median: float, p95: float, *, stuck: float = 0.0) -> Callable[[Random], float]:
    """Lognormal waits; a share of them are 300 s instead (a port that is never plugged, Nova's time-out)."""
    sigma = log(p95 / median) / _P95

    def draw(random: Random) -> float:
        wait = random.lognormvariate(log(median), sigma)
        return 300.0 if random.random() < stuck else wait

    return draw


def slowed(factor: float, *, begin: float, end: float) -> Callable[[float], float]:
    """A control plane that is so many times slower for a while."""
    return lambda now: factor if begin <= now < end else 1.0


def jitter(random: Random, _: float) -> float:
    """Neighbours that make each call one to five times as long, at random."""
    return random.uniform(1, 5)


def spells(_: Random, now: float) -> float:
    """Neighbours that make all calls of three seconds one to five times as long, at random."""
    return Random(int(now / 3)).uniform(1, 5)


CPU = Profile(
    name="cpu",
    cores=2,
    call_work=0.04,
    call_wait=0.02,
    schedule_work=0.15,
    claim_work=0.1,
    claim_wait=0.05,
    claim_each=0.004,
    build_work=0.57,
)
WAIT_15 = Profile(name="wait 15 s", build_wait=waits(15, 45))
WAIT_30 = Profile(name="wait 30 s, 2 % 300 s", build_wait=waits(30, 90, stuck=0.02))
BIG = Profile(name="200 VMs, 10 targets", vms=200, targets=10, build_wait=waits(15, 45))
OVERLOAD = Profile(name="10 x slower 10-70 s", vms=120, build_wait=waits(15, 45), slowness=slowed(10, begin=10, end=70))
OVERLOAD_40 = Profile(
    name="40 x slower 10-70 s", vms=120, build_wait=waits(15, 45), slowness=slowed(40, begin=10, end=70)
)
SICK = Profile(name="a sick target", build_wait=waits(15, 45), sick=10.0)
DEAF = Profile(name="a target that never claims", build_wait=waits(15, 45), sick=float("inf"))
SMALL = Profile(name="wait 15 s, 2 cores", cores=2, build_wait=waits(15, 45))
SMALL_OVERLOAD = Profile(
    name="2 cores, 10 x slower", vms=120, cores=2, build_wait=waits(15, 45), slowness=slowed(10, begin=10, end=70)
)
RACED = (CPU, WAIT_15, WAIT_30, BIG, OVERLOAD, SICK, SMALL, SMALL_OVERLOAD)

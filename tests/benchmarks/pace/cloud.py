"""A model of a cloud that evacuates VMs, in virtual time: deterministic for a seed, and as slow as a control plane is.

A VM: accepting call (API) → record `accepted` → scheduler and Placement → claim, one at a time per target and longer by
each server there → `pre-migrating` → build → wait for ports, volumes and boot → `done`. All work of the control plane
comes out of one pool of cores, shared evenly, the client's looks and checks too; beyond five jobs a core each further
one costs 1 % of all. A VM whose scheduling takes more than a minute (the RPC's time-out) is lost. Neighbours of the API
make accepting calls slow and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

LOST_AFTER = 60.0  #: seconds in the scheduler; oslo.messaging's `rpc_response_timeout`
LOST_COSTS = 300.0  #: seconds more that a lost VM is down, until somebody has noticed

Then = Callable[[], None]


def never_slow(_: float) -> float:
    """A control plane that is always as quick as at first."""
    return 1.0


def alone(_random: Random, _now: float) -> float:
    """An API without neighbours: each accepting call takes what it takes."""
    return 1.0


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a cloud is like. Times are seconds; work is seconds of one core."""

    name: str
    vms: int = 60
    targets: int = 3
    cores: int = 8
    call_work: float = 0.08
    call_wait: float = 0.25
    schedule_work: float = 0.12
    claim_work: float = 0.05
    claim_wait: float = 0.2
    claim_each: float = 0.012  #: more for each server on the target
    build_work: float = 0.15
    build_wait: Callable[[Random], float] = field(default=lambda _: 0.0)
    slowness: Callable[[float], float] = never_slow  #: by which the control plane's work is multiplied, at a moment
    neighbours: Callable[[Random, float], float] = alone  #: by which what a call takes is multiplied, at a moment
    sick: float = 1.0  #: by which the first target's claims are multiplied


@dataclass
class Vm:
    """One VM on its way."""

    number: int
    wait: float
    target: int | None = None
    asked_at: float | None = None
    answered: bool = False
    claimed_at: float | None = None
    done_at: float | None = None
    is_lost: bool = False

    @property
    def is_unclaimed(self) -> bool:
        """Whether it is on its way to a claim."""
        return self.asked_at is not None and self.claimed_at is None and not self.is_lost


class Simulation:
    """The cloud of a profile, with its clock."""

    def __init__(self, profile: Profile, *, seed: int) -> None:
        random = Random(seed)
        self.profile = profile
        self.now = 0.0
        self.vms = [Vm(n, profile.build_wait(random)) for n in range(profile.vms)]
        self.most_unclaimed = 0
        self._noise = Random(seed)
        self._number = count()
        self._events: list[tuple[float, int, Then]] = []
        self._pool: list[tuple[float, int, Then]] = []  # jobs by the share at which they are over
        self._share = 0.0  # what each job in the pool has got so far
        self._shared_at = 0.0
        self._claiming = [False] * profile.targets
        self._queues: list[list[Vm]] = [[] for _ in range(profile.targets)]
        self._held = [0] * profile.targets  # servers there, and on their way there

    def run(self, *, until: Callable[[], bool], longest: float = 7200.0) -> None:
        """Let time pass until a condition holds.

        Raises:
            TimeoutError: it did not within so many seconds.
        """
        while not until():
            at = self._events[0][0] if self._events else None
            pool = self._next_of_pool()
            if pool is not None and (at is None or pool <= at):
                self._share_until(pool)
                heappop(self._pool)[2]()
            elif at is not None:
                self._share_until(at)
                heappop(self._events)[2]()
            else:
                raise TimeoutError("nothing is left to happen")
            if self.now > longest:
                raise TimeoutError(f"not over after {longest:g} s")

    def after(self, seconds: float, then: Then) -> None:
        """Have something happen later."""
        heappush(self._events, (self.now + seconds, next(self._number), then))

    def work(self, seconds: float, then: Then) -> None:
        """Have something happen once it has got so many seconds of a core."""
        self._share_until(self.now)
        slow = self.profile.slowness(self.now)
        heappush(self._pool, (self._share + seconds * slow, next(self._number), then))

    def evacuate(self, vm: Vm, target: int | None, *, answered: Then) -> None:
        """Make the accepting call for a VM; None: the scheduler chooses the emptiest target."""
        vm.asked_at = self.now
        vm.target = target
        self.most_unclaimed = max(self.most_unclaimed, sum(1 for each in self.vms if each.is_unclaimed))

        def accepted() -> None:
            vm.answered = True
            answered()
            began = self.now
            self.work(self.profile.schedule_work, lambda: self._scheduled(vm, began))

        profile = self.profile
        stolen = (profile.neighbours(self._noise, self.now) - 1) * (profile.call_work + profile.call_wait)
        wait = (profile.call_wait + stolen) * profile.slowness(self.now)
        self.work(profile.call_work, lambda: self.after(wait, accepted))

    def _scheduled(self, vm: Vm, began: float) -> None:
        if self.now - began > LOST_AFTER:
            vm.is_lost = True
            vm.done_at = self.now + LOST_COSTS
            return
        if vm.target is None:
            vm.target = min(range(self.profile.targets), key=lambda n: self._held[n])
        self._held[vm.target] += 1
        self._queues[vm.target].append(vm)
        self._claim_next(vm.target)

    def _claim_next(self, target: int) -> None:
        if self._claiming[target] or not self._queues[target]:
            return
        self._claiming[target] = True
        vm = self._queues[target].pop(0)
        profile = self.profile
        wait = (profile.claim_wait + profile.claim_each * self._held[target]) * profile.slowness(self.now)
        wait *= profile.sick if target == 0 else 1.0
        if wait == float("inf"):
            return  # it claims nothing, for ever

        def claimed() -> None:
            vm.claimed_at = self.now
            self._claiming[target] = False
            self._claim_next(target)
            self.work(profile.build_work, lambda: self.after(vm.wait, lambda: self._done(vm)))

        self.work(profile.claim_work, lambda: self.after(wait, claimed))

    def _done(self, vm: Vm) -> None:
        vm.done_at = self.now

    def _rate(self) -> float:
        """Share of a core that each job gets a second."""
        jobs, cores = len(self._pool), self.profile.cores
        crowd = max(0, jobs - 5 * cores)
        return min(1.0, cores / jobs) / (1.0 + 0.01 * crowd)

    def _next_of_pool(self) -> float | None:
        if not self._pool:
            return None
        return max(self.now, self._shared_at + (self._pool[0][0] - self._share) / self._rate())

    def _share_until(self, moment: float) -> None:
        if self._pool:
            self._share += (moment - self._shared_at) * self._rate()
        self._shared_at = self.now = moment


def downtime(vms: Sequence[Vm]) -> float:
    """Mean seconds from the beginning to the end of a VM's absence."""
    return sum(vm.done_at or 0.0 for vm in vms) / len(vms)

"""Ways to empty the modelled host: the loop people use, a fixed window, a fixed rate and window, and Muster's law."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.progress.pace import Limit, MoveInFlight, Pace
from tests.benchmarks.pace.cloud import Profile, Simulation, Vm, downtime

BEFORE_THE_FIRST = 0.65  #: seconds that Muster surveys, disables and forces down, at 25 ms a call (`make bench-wait`)
CHECK_WORK = 0.03  #: of the cloud, for the look at a VM right before its start
LOOK_WORK, LOOK_EACH = 0.012, 0.0004  #: of the cloud, for a list of the migrations, and for each record in it


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evacuation took."""

    makespan: float
    downtime: float
    most_unclaimed: int
    lost: int
    starts: tuple[float, ...]  #: the moments of the calls
    lost_starts: tuple[float, ...] = ()  #: of those VMs that were lost
    stuck: int = 0  #: VMs on a target that never claims

    @classmethod
    def of(cls, cloud: Simulation) -> "Outcome":
        """Read off a cloud at the end."""
        lost = [vm for vm in cloud.vms if vm.is_lost]
        return cls(
            makespan=cloud.now,
            downtime=downtime(cloud.vms),
            most_unclaimed=cloud.most_unclaimed,
            lost=len(lost),
            starts=tuple(sorted(vm.asked_at for vm in cloud.vms if vm.asked_at is not None)),
            lost_starts=tuple(vm.asked_at for vm in lost if vm.asked_at is not None),
            stuck=sum(1 for vm in cloud.vms if vm.is_unclaimed and vm.answered),
        )


Client = Callable[[Profile, int], Outcome]


def loop(profile: Profile, seed: int) -> Outcome:
    """One accepting call after the other, none waited for: `nova host-evacuate`."""
    cloud = Simulation(profile, seed=seed)
    left = list(cloud.vms)

    def one() -> None:
        if left:
            cloud.evacuate(left.pop(0), None, answered=one)

    one()
    cloud.run(until=lambda: all(vm.done_at is not None for vm in cloud.vms))
    return Outcome.of(cloud)


def fixed(window: int, rate: float = 0.0) -> Client:
    """So many in flight until they are done, and so many begun a second at most; it knows of an end at once.

    Args:
        window: VMs in flight.
        rate: starts a second; 0: no limit.
    """

    def client(profile: Profile, seed: int) -> Outcome:
        cloud = Simulation(profile, seed=seed)
        left = list(cloud.vms)

        def fill() -> None:
            flying = sum(1 for vm in cloud.vms if vm.asked_at is not None and vm.done_at is None)
            while left and flying < window:
                cloud.evacuate(left.pop(0), None, answered=lambda: None)
                flying += 1
                if rate:
                    break
            cloud.after(1 / rate if rate else 0.1, fill)

        fill()
        cloud.run(until=lambda: all(vm.done_at is not None for vm in cloud.vms))
        return Outcome.of(cloud)

    return client


class Muster:
    """Muster's own law, asked as its engine asks it: after each look, with the figures of its rows."""

    def __init__(self, cloud: Simulation, *, most: int, quick: float, slow: float, before: float) -> None:
        self.pace = Pace()
        self.told_stale: set[str] = set()
        self._cloud = cloud
        self._most = most
        self._before = before  # seconds until the first start
        self._quick, self._slow = quick, slow  # seconds between two looks, while something is unclaimed or not
        self._left = list(cloud.vms)
        self._seen_claimed: set[int] = set()
        self._seen_done: set[int] = set()
        self._cut_for: set[int] = set()
        self._on_the_wire: dict[int, float] = {}  # since when
        self._out = 0  # unclaimed at the last choice, as the engine counts them

    def run(self) -> Outcome:
        """Empty the host."""
        self._cloud.after(self._before, self._fill)
        self._cloud.after(self._before, self._look)
        stuck_with_the_rest_done = lambda: (  # noqa: E731
            len(self._seen_done) == len(self._cloud.vms)
            or (
                bool(self.told_stale)
                and not self._left
                and all(vm.done_at or vm.is_unclaimed for vm in self._cloud.vms)
                and self._cloud.now > 300
            )
        )
        self._cloud.run(until=stuck_with_the_rest_done)
        return Outcome.of(self._cloud)

    def _moving(self) -> list[MoveInFlight]:
        now = self._cloud.now
        return [
            MoveInFlight(place=f"t{vm.target}", is_unclaimed=vm.number not in self._seen_claimed, age=now - vm.asked_at)
            for vm in self._cloud.vms
            if vm.asked_at is not None and vm.number not in self._seen_done
        ]

    def _fill(self) -> None:
        """As the engine does after each look: the VMs by turns, each with a wish, and all targets have room."""
        self._choose()
        self._out = sum(1 for m in self._moving() if m.is_unclaimed)

    def _choose(self) -> None:
        if any(self.pace.is_overdue(self._cloud.now - began) for began in self._on_the_wire.values()):
            self.pace = self.pace.cut(now=self._cloud.now)
        names = [f"t{n}" for n in range(self._cloud.profile.targets)]
        for vm in list(self._left):
            moving, now = self._moving(), self._cloud.now
            if self.pace.of_cloud(moving, most=self._most, between=self._quick, now=now) is not None:
                return
            wish = vm.number % len(names)
            targets = [*names[wish:], *names[:wish]]
            target, limit = self.pace.best_target(moving, targets, between=self._quick, now=now)
            if limit is None:
                self._left.remove(vm)
                self._start(vm, names.index(target))

    def _tell_stale(self) -> None:
        moving, now = self._moving(), self._cloud.now
        for name in {m.place for m in moving}:
            if self.pace.at_target(moving, name, between=self._quick, now=now) is Limit.STALE:
                self.told_stale.add(name)

    def _start(self, vm: Vm, target: int) -> None:
        vm.asked_at, vm.target = self._cloud.now, target

        def call() -> None:
            self._on_the_wire[vm.number] = self._cloud.now
            self._cloud.evacuate(vm, target, answered=lambda: self._answered(vm))

        self._cloud.work(CHECK_WORK, call)

    def _answered(self, vm: Vm) -> None:
        took = self._cloud.now - self._on_the_wire.pop(vm.number)
        self.pace = self.pace.answered(took, unclaimed=self._out, now=self._cloud.now)

    def _look(self) -> None:
        records = sum(1 for vm in self._cloud.vms if vm.asked_at is not None and vm.number not in self._seen_done)

        def seen() -> None:
            now = self._cloud.now
            for vm in self._cloud.vms:
                if vm.claimed_at is not None and vm.number not in self._seen_claimed:
                    self._seen_claimed.add(vm.number)
                    self.pace = self.pace.claimed(f"t{vm.target}", now=now)
                if vm.done_at is not None and vm.done_at <= now and vm.number not in self._seen_done:
                    self._seen_done.add(vm.number)
                if vm.is_lost and vm.number not in self._cut_for:
                    self._cut_for.add(vm.number)
                    self._seen_claimed.add(vm.number)
                    self.pace = self.pace.cut(now=now)
            self._tell_stale()
            self._fill()
            is_busy = bool(self._left) or any(m.is_unclaimed for m in self._moving())
            self._cloud.after(self._quick if is_busy else self._slow, self._look)

        self._cloud.work(LOOK_WORK + LOOK_EACH * records, seen)


def muster(*, most: int = 100, quick: float = 0.5, slow: float = 1.0, before: float = BEFORE_THE_FIRST) -> Client:
    """Muster, looking so often."""

    def client(profile: Profile, seed: int) -> Outcome:
        return Muster(Simulation(profile, seed=seed), most=most, quick=quick, slow=slow, before=before).run()

    return client

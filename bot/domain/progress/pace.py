"""At what pace moves are begun: as fast as the cloud takes them up, and never faster. Pure.

What is scarce while a host is emptied is the way to a target: the API, the scheduler, Placement, and the target's
claim, one at a time (read in Nova 34). A VM needs it until its record leaves `accepted`; afterwards it waits for ports,
volumes and its boot, which costs the cloud next to nothing. So what is held small is the number of moves that are
*unclaimed*: at each target by how quickly it was seen to claim, in the cloud by a window that follows the time of its
accepting calls. How many are in flight at all is limited by a net only. A live migration waits at its source in the
same way, which runs one at a time by default: one that waits there is enough.

A cloud's speed is learned while working and forgotten with the process; what is in flight stands in the rows.
docs/benchmarks.md has the model that holds this law, and what each number was tried against.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf

FIRST = 6.0
"""Unclaimed in a cloud at first; doubled by each round of good answers until the calm window is reached."""
CALM = 60.0
"""The window up to which it grows quickly; beyond, by one for each window of answers."""
MANY_ERRORS = 3
"""Calls in a row that the cloud ended with an error, from which on it is overload: one or two are a neighbour's, and
where three of ten fail by chance, one run in 37 is as long."""
LEAST = 4.0
"""The window is never cut below this."""
CUT = 0.7
"""What a cut leaves of the window."""
RECENT = 6
"""Accepting calls of which the quickest tells how busy the cloud is."""
SLOW = 3.0
"""Where it takes more than so many times the shortest time, the cloud has enough."""
QUICKEST = 0.05
"""Seconds; what is answered sooner is not told apart."""
EASE = 1.3
"""Below so many times the shortest time the cloud is at ease."""
FEW = 3
"""Unclaimed in a cloud that has enough."""
MEMORY = 6.0
"""Seconds of claims by which the speed of a place is told."""
STALE = 15.0
"""Seconds without a claim, with something to claim, after which a target gets nothing more."""
MOST_AT_TARGET = 50
"""In flight to one target at most, as a net: a nova-compute takes 64 calls at once (oslo.messaging's default)."""
RECOVERY = 10.0
"""Seconds without a cut after which the next one begins a new stretch of trouble."""
LATELY = 2.0
"""Seconds in which starts are counted where the settings limit their rate, or those of one start at that rate."""
HOLD_OFF = 1.0
"""Seconds for which nothing is begun after the cloud put a call off for being asked too often, or ended many with
errors, at the least; doubled each time that it does so again, without taking a call in between."""
MOST_HELD_OFF = 8.0
"""The same at the most where the cloud names no time: its recovery is seen within ten seconds."""
MOST_ASKED_FOR = 60.0
"""The same at the most, whatever the cloud asks for."""
PATIENCE = 300.0
"""Seconds without a call that was taken, after which the next that is put off counts as refused."""
PATIENT = 5
"""How often it must have been put off by then."""
SOON = 1 / 4
"""The part of the cloud's poll between two looks while something is to be begun or to be claimed."""
CALMLY = 1 / 2
"""The same while all that is left is to wait for ends."""


class Limit(StrEnum):
    """What keeps the next move from being begun now; see `NOTABLE` for what people are told of."""

    CLOUD = "cloud"  #: as many are in flight as the settings allow
    RATE = "rate"  #: as many were begun of late as the settings allow
    SLOW = "slow"  #: the cloud has enough to take up, and answers slowly
    WINDOW = "window"  #: the cloud has enough to take up
    CLAIMS = "claims"  #: the place has enough to take up
    TARGET = "target"  #: as many are on their way to the target as the net allows
    STALE = "stale"  #: the target claims nothing
    BUSY = "busy"  #: the cloud puts calls off, or ends one after another with an error
    PLACE = "place"  #: the cloud would refuse it now, for its place is not there


NOTABLE = frozenset({Limit.CLOUD, Limit.RATE, Limit.SLOW, Limit.TARGET, Limit.BUSY})
"""What keeps a move back besides the cloud's own healthy pace. That a target claims nothing is told by its name."""


@dataclass(frozen=True, kw_only=True)
class MoveInFlight:
    """One move that is in flight."""

    place: str  #: where it is taken up: its target, or the source of a live migration; empty: not known yet
    is_unclaimed: bool  #: its call is on the wire, or the cloud has not begun with it
    age: float = 0.0  #: seconds that it has been so
    since: float = 0.0  #: seconds since it was begun


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What is known of one cloud's speed. Moments are seconds of a monotonic clock."""

    window: float = FIRST
    calm: float = CALM
    shortest: float = inf  #: seconds of the quickest accepting call
    recent: Sequence[float] = ()  #: seconds of the last accepting calls
    usual: float = 0.0  #: the same, smoothed
    cut_at: float = -inf
    errors: int = 0  #: how many of the last calls in a row the cloud ended with an error
    held_off: int = 0  #: how often it was left alone for a while since it took the last call
    held_off_since: float = inf  #: when that began
    waits_until: float = -inf  #: nothing is begun before
    claims: Mapping[str, Sequence[float]] = field(default_factory=dict)  #: moments at which a place was seen to claim

    def answered(self, seconds: float, *, unclaimed: int, now: float) -> "Pace":
        """After an accepting call was answered.

        Args:
            seconds: that it took.
            unclaimed: moves of the cloud that are unclaimed now, this one among them.
            now: the moment.
        """
        after = replace(
            self.taken(),
            shortest=min(self.shortest, max(seconds, QUICKEST)),
            recent=(*self.recent, seconds)[-RECENT:],
            usual=self.usual + 0.3 * (seconds - self.usual) if self.usual else seconds,
        )
        if after.strain > SLOW:
            return after.cut(now=now)
        if unclaimed < self.window - 2:
            return after
        return replace(after, window=self.window + (1.0 if self.window < self.calm else 1.0 / self.window))

    def taken(self) -> "Pace":
        """After the cloud took a call, whatever that tells of its speed."""
        return replace(self, errors=0, held_off=0, held_off_since=inf)

    def is_overdue(self, seconds: float) -> bool:
        """Whether an accepting call that has been on the wire so long says that the cloud has enough."""
        return self.shortest < inf and seconds > SLOW * self.usual + 0.4

    def failed(self, *, now: float) -> "Pace":
        """After the cloud ended a call with an error: one is chance, many in a row are overload."""
        after = replace(self, errors=self.errors + 1)
        return after.hold_off(0.0, now=now) if after.errors >= MANY_ERRORS else after

    def hold_off(self, seconds: float, *, now: float) -> "Pace":
        """After the cloud put a call off, or ended many with errors; those that were on their way together count once.

        Args:
            seconds: for which it asks to be left alone; 0: it names no time.
            now: the moment.
        """
        times = self.held_off + 1 if now >= self.waits_until else self.held_off
        wait = min(max(min(HOLD_OFF * 2.0 ** min(times - 1, 9), MOST_HELD_OFF), seconds), MOST_ASKED_FOR)
        return replace(
            self.cut(now=now),
            held_off=times,
            held_off_since=min(self.held_off_since, now),
            waits_until=max(self.waits_until, now + wait),
        )

    def takes_nothing(self, *, now: float) -> bool:
        """Whether the cloud has put off whatever it was asked, for longer than anybody should wait unasked."""
        return now - self.held_off_since > PATIENCE and self.held_off >= PATIENT

    def cut(self, *, now: float) -> "Pace":
        """After a sign of overload: slow calls, a lost or refused one, a record in `error`, a 429 or 504, many 503."""
        if now - self.cut_at < max(1.0, self.usual):
            return self
        calm = max(LEAST, CUT * self.window) if now - self.cut_at > RECOVERY else self.calm
        return replace(self, window=max(LEAST, CUT * self.window), calm=calm, cut_at=now)

    def claimed(self, place: str, *, now: float) -> "Pace":
        """After a move was seen to have been taken up at a place."""
        kept = [at for at in self.claims.get(place, ()) if now - at <= MEMORY]
        return replace(self, claims={**self.claims, place: (*kept, now)})

    def speed(self, place: str, *, between: float, now: float) -> float:
        """Claims a second that a place was seen to make; the first is seen about two looks after its call."""
        claims = [at for at in self.claims.get(place, ()) if now - at <= MEMORY]
        return len(claims) / min(MEMORY, now - claims[0] + 2 * between) if claims else 0.0

    @property
    def strain(self) -> float:
        """How many times its shortest time an accepting call takes now at the least; 1 before the first.

        Neighbours of the API make single calls slow, and some are quick nevertheless. Where the cloud itself has too
        much to do, all are slow; and the first that is quick again says that it is over.
        """
        return max(1.0, min(self.recent) / self.shortest) if self.recent else 1.0

    def of_cloud(
        self, moving: Collection[MoveInFlight], *, most: int, rate: float = inf, between: float, now: float
    ) -> Limit | None:
        """What forbids to begin one more move anywhere in the cloud now; None: nothing does.

        Args:
            moving: all that is in flight in the cloud.
            most: in flight at most, by its settings.
            rate: begun a second at most, by its settings.
            between: seconds between two looks.
            now: the moment.
        """
        if len(moving) >= most:
            return Limit.CLOUD
        span = max(LATELY, 1 / rate)
        if sum(1 for m in moving if m.since < span) >= rate * span:
            return Limit.RATE
        if now < self.waits_until:
            return Limit.BUSY
        unclaimed = sum(1 for m in moving if m.is_unclaimed)
        seen_between_looks = between * sum(self.speed(place, between=between, now=now) for place in self.claims)
        if self.strain > SLOW and unclaimed >= FEW:
            return Limit.SLOW
        if unclaimed < self.window + seen_between_looks:
            return None
        return Limit.SLOW if now - self.cut_at < RECOVERY else Limit.WINDOW

    def at_place(self, moving: Collection[MoveInFlight], place: str, *, between: float, now: float) -> Limit | None:
        """What forbids to begin one more move at a place whose claims or slots it needs; None: nothing does.

        Args:
            moving: as above.
            place: as in `MoveInFlight`.
            between: as above.
            now: the moment.
        """
        unclaimed = sum(1 for m in moving if m.place == place and m.is_unclaimed)
        enough = 1 + int(self.speed(place, between=between, now=now) * between)
        return Limit.CLAIMS if unclaimed >= enough else None

    def at_target(self, moving: Collection[MoveInFlight], target: str, *, between: float, now: float) -> Limit | None:
        """The same of a target that is one of several: it may be shunned.

        It gets what it claims until a look has seen that, about two looks after the call, and one at least. While the
        cloud is at ease, two more wait at their target, so that it is never idle.
        """
        there = [m for m in moving if m.place == target]
        if any(m.is_unclaimed and m.age > STALE for m in there):
            return Limit.STALE
        if len(there) >= MOST_AT_TARGET:
            return Limit.TARGET
        unclaimed = sum(1 for m in there if m.is_unclaimed)
        claimed = self.speed(target, between=between, now=now) * 2 * between
        enough = 2 + claimed if self.strain < EASE else max(1, claimed)
        return Limit.CLAIMS if unclaimed >= enough else None

    def best_target(
        self, moving: Collection[MoveInFlight], targets: Sequence[str], *, between: float, now: float
    ) -> tuple[str, Limit | None]:
        """Where to send the next one.

        Args:
            moving: as above.
            targets: where it would find room, the best first.
            between: as above.
            now: the moment.

        Returns:
            The first target while it may have one more, else that of the others with the fewest unclaimed. Where none
            may, the first, and what forbids it.
        """
        first = self.at_target(moving, targets[0], between=between, now=now)
        if first is None:
            return targets[0], None
        there: dict[str, list[MoveInFlight]] = {target: [] for target in targets[1:]}
        for one in moving:
            if one.place in there:
                there[one.place].append(one)
        free = [t for t, mine in there.items() if self.at_target(mine, t, between=between, now=now) is None]
        if not free:
            return targets[0], first
        return min(free, key=lambda t: sum(1 for m in there[t] if m.is_unclaimed)), None


def between_looks(*, poll: float, is_busy: bool) -> float:
    """How many seconds to let pass between two looks.

    Args:
        poll: what the cloud's settings give, in seconds.
        is_busy: whether something is to be begun, or is unclaimed.
    """
    return poll * (SOON if is_busy else CALMLY)

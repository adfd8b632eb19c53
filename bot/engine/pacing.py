"""The pace of one cloud over all its operations in this process: what its calls and looks taught, and who may go next.

What is in flight is read from the rows, those of other processes too; only the speed of the cloud is kept here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import NamedTuple

from bot.domain.plans.plan import By, Step
from bot.domain.progress.pace import NOTABLE, STALE, Limit, MoveInFlight, Pace, between_looks
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState
from bot.domain.values import OperationId, StepKey

Named = tuple[OperationId, StepRecord]
"""A step record and whose it is."""


FORGOTTEN = 3
"""Polls after which an operation that found no room and did not ask again waits no more; one that has nothing in flight
looks at each."""
LATELY = 2
"""Polls for which an operation that had something to begin or unclaimed counts as one that looks often."""


class _Waiting(NamedTuple):
    """A move that is unclaimed."""

    place: str  #: as in `MoveInFlight`
    is_sent: bool  #: whether its target is one of several: not where the cloud chooses, or its source takes it up
    is_taken: bool  #: whether the cloud has it: of a call without an answer no target can be told to be slow
    since: float  #: when it was first seen so

    def age(self, now: float) -> float:
        """Seconds for which the cloud has had it."""
        return now - self.since if self.is_taken else 0.0


@dataclass
class Pacing:
    """One cloud's pace. Moments are seconds of a monotonic clock."""

    poll: float = 2.0  #: seconds between two looks, as the cloud's settings give it
    pace: Pace = field(default_factory=Pace)
    limit: Limit | None = None  #: what kept the last move from being begun, if anything did
    _told: dict[OperationId, frozenset[str]] = field(default_factory=dict)  #: of which stale targets; see `stale`
    _unclaimed: dict[tuple[OperationId, StepKey], _Waiting] = field(default_factory=dict)  #: as last seen, by anybody
    _turned_away: dict[OperationId, float] = field(default_factory=dict)  #: when it last found no room for more
    _out: int = 0  #: unclaimed at the last choice, those that were chosen then among them
    _on_the_wire: dict[StepKey, float] = field(default_factory=dict)  #: since when
    _busy: dict[OperationId, float] = field(default_factory=dict)  #: when it last had something to begin or unclaimed
    _read_at: float = -inf  #: when all that is in flight was last read
    _full_at: float = -inf  #: when the last choice found that the cloud takes no more, unless room was seen since

    def between(self, *, now: float) -> float:
        """Seconds between two looks of an operation that has something to begin or unclaimed.

        Each look is a list that the cloud has to make, so its operations share those that one alone would ask for.
        """
        return min(max(1, self.crowd(now=now)) * between_looks(poll=self.poll, is_busy=True), self.poll)

    def crowd(self, *, now: float) -> int:
        """How many operations have had something to begin or unclaimed of late."""
        return sum(1 for at in self._busy.values() if at > now - LATELY * self.poll)

    def may_take(self, whose: OperationId, waiting: Sequence[StepRecord], *, now: float) -> bool:
        """Whether the cloud may take up one of an operation's moves now, as far as this process knows.

        For certain `choose` knows, but for that all that is in flight is read in a turn on the database. That need not
        be while it was found of late that the cloud takes no more and no room was seen to be made since: then others
        leave the operation its share. Nor while each place has enough unclaimed, for more in flight makes no room.
        """
        if self.is_held_off(now=now) or self.is_full(now=now):
            self._turned_away[whose] = now
            return False
        if self._read_at <= now - self.between(now=now):
            return True  # what other processes have in flight shows after a while only
        unclaimed = [
            MoveInFlight(place=one.place, is_unclaimed=True, age=one.age(now))
            for (_, key), one in self._unclaimed.items()
            if not self._is_lost(key, one, now=now)
        ]
        alike: dict[_Places, StepRecord] = {}
        for record in waiting:
            alike.setdefault(_places(record.step), record)
        limits = [self._with_target(record, unclaimed, now=now)[1] for record in alike.values()]
        if None in limits:
            return True
        self.limit = limits[0]
        return False

    def is_full(self, *, now: float) -> bool:
        """Whether it was found of late that the cloud takes no more, and no room was seen to be made since."""
        return self._full_at > now - self.between(now=now)

    def called(self, step: Step, *, now: float) -> None:
        """The call of a step is made. What is done to a host is answered in no time, and tells nothing of VMs."""
        if is_paced(step):
            self._on_the_wire[step.key] = now

    def answered(self, step: Step, *, now: float, is_good: bool, is_over: bool = False) -> None:
        """Its answer came, or is lost, or (`is_over`) was an error of the cloud's own."""
        if not is_paced(step):
            self.pace = self.pace.taken() if is_good else self.pace
            return
        self._full_at = -inf
        began = self._on_the_wire.pop(step.key, now)
        if is_good:
            self.pace = self.pace.answered(now - began, unclaimed=self._out, now=now)
        elif is_over:
            self.pace = self.pace.failed(now=now)
        else:
            self.pace = self.pace.cut(now=now)

    def put_off(self, step: Step, seconds: float, *, now: float) -> None:
        """The cloud did not take its call, for it is asked too often, and asks to be left alone for so long."""
        self._full_at = -inf
        self._on_the_wire.pop(step.key, None)
        self.pace = self.pace.hold_off(seconds, now=now)

    def is_held_off(self, *, now: float) -> bool:
        """Whether no call at all is to be made now, also none that is not for a VM."""
        return now < self.pace.waits_until

    def is_in_trouble(self, *, now: float) -> bool:
        """Whether the cloud takes no call, whatever it is for, and not for so long yet that people must see to it."""
        return self.is_held_off(now=now) and not self.pace.takes_nothing(now=now)

    def looked(self, before: Mapping[StepKey, StepRecord], looked: Iterable[StepRecord], *, now: float) -> None:
        """A look showed what has become of moves."""
        for record in looked:
            was = before[record.key]
            if is_paced(record.step) and (record.state, record.begun_at) != (was.state, was.begun_at):
                self._full_at = -inf
            if not is_paced(record.step) or not _is_unclaimed(was) or _is_unclaimed(record):
                continue
            if record.state in {StepState.FAILED, StepState.UNKNOWN}:
                self.pace = self.pace.cut(now=now)
            else:
                self.pace = self.pace.claimed(place_of(record.step), now=now)

    def watch(self, whose: OperationId, moving: Iterable[StepRecord], *, is_left: bool, now: float) -> None:
        """Take over what one operation has in flight, in each of its rounds, whether or not anything is to be begun.

        Args:
            whose: of the operation.
            moving: its steps in flight; what others have is left as it was last seen.
            is_left: whether it has something to begin.
            now: the moment.
        """
        if any(self.pace.is_overdue(now - began) for began in self._on_the_wire.values()):
            self.pace = self.pace.cut(now=now)
        others = {named: one for named, one in self._unclaimed.items() if named[0] != whose}
        mine = self._waiting([(whose, r) for r in moving], now=now)
        self._unclaimed = others | mine
        self._busy = {by: at for by, at in self._busy.items() if at > now - LATELY * self.poll}
        if mine or is_left:
            self._busy[whose] = now

    def choose(
        self,
        whose: OperationId,
        ready: Sequence[StepRecord],
        in_flight: Sequence[Named],
        *,
        most: int,
        rate: float = inf,
        now: float,
        moment: datetime,
    ) -> Sequence[StepRecord]:
        """Those that may be started now, each with the target that is best for it now.

        Whoever sees its own moves end is the first to see the room. So while others of the cloud find none, an
        operation takes no more than its share of it: else the first would begin all it has before the next does.

        Args:
            whose: of the operation.
            ready: its steps, by turns.
            in_flight: of all operations of the cloud.
            most: in flight in the cloud at most, by its settings.
            rate: begun in the cloud a second at most, by its settings.
            now: the moment.
            moment: the same as a date, as steps bear it.
        """
        moving = self._moving(in_flight, now=now, moment=moment)
        mine = [m for (by, _), m in zip(_paced(in_flight), moving, strict=True) if by == whose]
        between = self.between(now=now)
        self._read_at = now
        self._turned_away = {by: at for by, at in self._turned_away.items() if at > now - FORGOTTEN * self.poll}
        shares = len(self._turned_away.keys() | {whose})

        def limit_of_all() -> Limit | None:
            return self.pace.of_cloud(moving, most=most, rate=rate, between=between, now=now)

        def limit_of_share() -> Limit | None:
            pace = replace(self.pace, window=self.pace.window / shares)
            fewer, slower = max(1, most // shares), rate / shares
            return pace.of_cloud(mine, most=fewer, rate=slower, between=between, now=now) if shares > 1 else None

        busy_groups = {r.step.apart for _, r in in_flight if r.step.apart}
        chosen: list[StepRecord] = []
        full = limit_of_all()
        own = full or limit_of_share()
        held_up: dict[_Places, Limit] = {}  # since the last of them was chosen
        self.limit = None
        for record in ready:
            if not is_paced(record.step):
                chosen.append(record)
                continue
            if record.step.apart and record.step.apart in busy_groups:
                continue
            places = _places(record.step)
            one, limit = record, own or held_up.get(places)
            if limit is None:
                one, limit = self._with_target(record, moving, now=now)
            if limit is not None:
                held_up[places] = limit
                self.limit = self.limit or limit
                continue
            chosen.append(one)
            moving.append(MoveInFlight(place=place_of(one.step), is_unclaimed=True))
            mine.append(moving[-1])
            full = limit_of_all()
            own = full or limit_of_share()
            held_up.clear()
            busy_groups |= {one.step.apart} if one.step.apart else set()
        self._full_at = now if full else -inf
        self._turned_away.pop(whose, None)
        if own and len(chosen) < len(ready):
            self._turned_away[whose] = now
        self._out = sum(1 for m in moving if m.is_unclaimed)
        return chosen

    def stale(self, whose: OperationId, waiting: Sequence[StepRecord], *, now: float) -> frozenset[str]:
        """Targets that take up nothing, of those that matter to an operation.

        So does one at which a VM of its own waits, and one to which the next of its VMs must go, with all others.

        Args:
            whose: of the operation.
            waiting: those of its steps that may be begun and are not, by turns.
            now: the moment.
        """
        known = self._unclaimed.items()
        old = [(by, one.place) for (by, _), one in known if one.is_sent and one.age(now) > STALE]
        places = next(({r.step.wish, *r.step.also} for r in waiting if is_paced(r.step)), set[str]())
        nowhere = places if places <= {target for _, target in old} else set[str]()
        return frozenset(nowhere | {target for by, target in old if by == whose})

    def untold(self, whose: OperationId, stale: frozenset[str]) -> frozenset[str]:
        """Those stale targets of which the people of an operation were not told yet."""
        return stale - self._told.get(whose, frozenset())

    def has_told(self, whose: OperationId, stale: frozenset[str]) -> None:
        """They were told of all of these; of one that recovers and is stale once more they are told again."""
        self._told = {by: told for by, told in (self._told | {whose: stale}).items() if told}

    def held_back(self, waiting: Sequence[StepRecord], *, now: float) -> Mapping[StepKey, Limit | None]:
        """What people are told of a limit at work, by the next move that waits; of the others that none is.

        Args:
            waiting: as above.
            now: the moment.
        """
        paced = [r for r in waiting if is_paced(r.step)]
        limit = Limit.BUSY if self.is_held_off(now=now) else self.limit if self.limit in NOTABLE else None
        return {r.key: limit if r is paced[0] else None for r in paced}

    def _with_target(
        self, record: StepRecord, moving: Sequence[MoveInFlight], *, now: float
    ) -> tuple[StepRecord, Limit | None]:
        """One of them with its target, and what forbids to start it there."""
        step, between = record.step, self.between(now=now)
        if step.waits_at:
            return record, self.pace.at_place(moving, step.waits_at, between=between, now=now)
        if not step.wish:
            return record, None
        best, limit = self.pace.best_target(moving, [step.wish, *step.also], between=between, now=now)
        return replace(record, step=replace(step, wish=best)), limit

    def _moving(self, in_flight: Sequence[Named], *, now: float, moment: datetime) -> list[MoveInFlight]:
        paced = _paced(in_flight)
        known = self._unclaimed = self._waiting(paced, now=now)
        waiting = {named: one for named, one in known.items() if not self._is_lost(named[1], one, now=now)}
        return [
            MoveInFlight(
                place=place_of(r.step),
                is_unclaimed=(whose, r.key) in waiting,
                age=waiting[whose, r.key].age(now) if (whose, r.key) in waiting else 0.0,
                since=(moment - r.intent_at).total_seconds() if r.intent_at else 0.0,
            )
            for whose, r in paced
        ]

    def _is_lost(self, key: StepKey, one: _Waiting, *, now: float) -> bool:
        """Whether nothing has come of its call for so long that it takes up no place: nobody knows whether it came."""
        return not one.is_taken and key not in self._on_the_wire and now - one.since > STALE

    def _waiting(self, moving: Iterable[Named], *, now: float) -> dict[tuple[OperationId, StepKey], _Waiting]:
        """Those of them that are unclaimed, each since it was first seen to be taken, or not to be."""
        return {
            (whose, r.key): self._known(whose, r)
            or _Waiting(
                place=place_of(r.step),
                is_sent=bool(r.step.wish and not r.step.waits_at),
                is_taken=r.state is StepState.ACCEPTED,
                since=now,
            )
            for whose, r in moving
            if is_paced(r.step) and _is_unclaimed(r)
        }

    def _known(self, whose: OperationId, record: StepRecord) -> _Waiting | None:
        """What was last seen of it, if it is so still."""
        known = self._unclaimed.get((whose, record.key))
        return known if known and known.is_taken is (record.state is StepState.ACCEPTED) else None


def is_paced(step: Step) -> bool:
    """Whether it is a call for a VM that the cloud must take up; what undoes or relieves one waits for nothing."""
    return step.by is By.MUSTER and step.vm is not None and step.tidies is None and step.relieves is None


def _paced(moving: Sequence[Named]) -> Sequence[Named]:
    return [(whose, r) for whose, r in moving if is_paced(r.step)]


def place_of(step: Step) -> str:
    """Where it is taken up, as far as that is known; empty where the cloud chooses."""
    return step.waits_at or step.wish


_Places = tuple[str, frozenset[str]]


def _places(step: Step) -> _Places:
    """Where it waits, and where it could go: of two that are alike in this, none may go where the other may not."""
    return step.waits_at, frozenset((step.wish, *step.also))


def _is_unclaimed(record: StepRecord) -> bool:
    """Whether its call is on the wire, or the cloud has not begun with it; not when the cloud ended the call itself."""
    return record.state in IN_FLIGHT and record.begun_at is None and not record.is_over

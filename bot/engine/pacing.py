"""The pace of one cloud over all its operations in this process: what its calls and looks taught, and who may go next.

What is in flight is read from the rows, those of other processes too; only the speed of the cloud is kept here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf

from bot.domain.plans.plan import By, Step
from bot.domain.progress.pace import NOTABLE, Limit, MoveInFlight, Pace
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState
from bot.domain.values import OperationId, StepKey

Named = tuple[OperationId, StepRecord]
"""A step record and whose it is."""


@dataclass
class Pacing:
    """One cloud's pace. Moments are seconds of a monotonic clock."""

    pace: Pace = field(default_factory=Pace)
    limit: Limit | None = None  #: what kept the last move from being begun, if anything did
    stale: frozenset[str] = frozenset()  #: targets that claim nothing
    newly_stale: frozenset[str] = frozenset()  #: those of them that did not count as such at the last choice
    _unclaimed: dict[tuple[OperationId, StepKey], float] = field(default_factory=dict)  #: since when
    _out: int = 0  #: unclaimed at the last choice, those that were chosen then among them
    _on_the_wire: dict[StepKey, float] = field(default_factory=dict)  #: since when
    _full_at: float = -inf  #: when the last choice found that the cloud takes no more, unless room was seen since

    def is_full(self, *, since: float) -> bool:
        """Whether it was found since that moment that the cloud takes no more, and no room was seen to be made then.

        Another operation need not ask anew: for that, all that is in flight is read in a turn on the database.
        """
        return self._full_at > since

    def called(self, step: Step, *, now: float) -> None:
        """The call of a step is made. What is done to a host is answered in no time, and tells nothing of VMs."""
        if is_paced(step):
            self._on_the_wire[step.key] = now

    def answered(self, step: Step, *, now: float, is_good: bool, is_over: bool = False) -> None:
        """Its answer came, or is lost, or (`is_over`) was an error of the cloud's own."""
        if not is_paced(step):
            return
        self._full_at = -inf
        began = self._on_the_wire.pop(step.key, now)
        if is_good:
            self.pace = self.pace.answered(now - began, unclaimed=self._out, now=now)
        elif is_over:
            self.pace = self.pace.failed(now=now)
        else:
            self.pace = self.pace.cut(now=now)

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

    def choose(
        self,
        ready: Sequence[StepRecord],
        in_flight: Sequence[Named],
        *,
        most: int,
        rate: float = inf,
        between: float,
        now: float,
        moment: datetime,
    ) -> Sequence[StepRecord]:
        """Those that may be started now, each with the target that is best for it now.

        Args:
            ready: by turns.
            in_flight: of all operations of the cloud.
            most: in flight in the cloud at most, by its settings.
            rate: begun in the cloud a second at most, by its settings.
            between: seconds between two looks.
            now: the moment.
            moment: the same as a date, as steps bear it.
        """
        self._notice_overdue(now=now)
        moving = self._moving(in_flight, now=now, moment=moment)
        busy_groups = {r.step.apart for _, r in in_flight if r.step.apart}
        chosen: list[StepRecord] = []
        full = self.pace.of_cloud(moving, most=most, rate=rate, between=between, now=now)
        held_up: dict[tuple[str, ...], Limit] = {}  # by where they could go, since the last of them was chosen
        self.limit = None
        for record in ready:
            if not is_paced(record.step):
                chosen.append(record)
                continue
            if record.step.apart and record.step.apart in busy_groups:
                continue
            places = (record.step.waits_at, record.step.wish, *record.step.also)
            one, limit = record, full or held_up.get(places)
            if limit is None:
                one, limit = self._with_target(record, moving, between=between, now=now)
            if limit is not None:
                held_up[places] = limit
                self.limit = self.limit or limit
                continue
            chosen.append(one)
            moving.append(MoveInFlight(place=place_of(one.step), is_unclaimed=True))
            full = self.pace.of_cloud(moving, most=most, rate=rate, between=between, now=now)
            held_up.clear()
            busy_groups |= {one.step.apart} if one.step.apart else set()
        self._full_at = now if full else -inf
        self._out = sum(1 for m in moving if m.is_unclaimed)
        targets = {r.step.wish for _, r in in_flight if r.step.wish and not r.step.waits_at}
        stale = frozenset(t for t in targets if self.pace.at_target(moving, t, between=between, now=now) is Limit.STALE)
        self.stale, self.newly_stale = stale, stale - self.stale
        return chosen

    def held_back(self, ready: Sequence[StepRecord], chosen: Collection[StepKey]) -> Mapping[StepKey, Limit | None]:
        """What people are told of a limit at work, by the next move that waits; of the others that none is.

        Args:
            ready: as in `choose`.
            chosen: those of them that are begun.
        """
        waiting = [r for r in ready if is_paced(r.step) and r.key not in chosen]
        limit = self.limit if self.limit in NOTABLE else None
        return {r.key: limit if r is waiting[0] else None for r in waiting}

    def _with_target(
        self, record: StepRecord, moving: Sequence[MoveInFlight], *, between: float, now: float
    ) -> tuple[StepRecord, Limit | None]:
        """One of them with its target, and what forbids to start it there."""
        step = record.step
        if step.waits_at:
            return record, self.pace.at_place(moving, step.waits_at, between=between, now=now)
        if not step.wish:
            return record, None
        best, limit = self.pace.best_target(moving, [step.wish, *step.also], between=between, now=now)
        return replace(record, step=replace(step, wish=best)), limit

    def _moving(self, in_flight: Sequence[Named], *, now: float, moment: datetime) -> list[MoveInFlight]:
        paced = [(whose, r) for whose, r in in_flight if is_paced(r.step)]
        waiting = {(whose, r.key) for whose, r in paced if _is_unclaimed(r)}
        self._unclaimed = {key: self._unclaimed.get(key, now) for key in waiting}
        return [
            MoveInFlight(
                place=place_of(r.step),
                is_unclaimed=(whose, r.key) in waiting,
                age=now - self._unclaimed.get((whose, r.key), now),
                since=(moment - r.intent_at).total_seconds() if r.intent_at else 0.0,
            )
            for whose, r in paced
        ]

    def _notice_overdue(self, *, now: float) -> None:
        if any(self.pace.is_overdue(now - began) for began in self._on_the_wire.values()):
            self.pace = self.pace.cut(now=now)


def is_paced(step: Step) -> bool:
    """Whether it is a call for a VM that the cloud must take up; what undoes or relieves one waits for nothing."""
    return step.by is By.MUSTER and step.vm is not None and step.tidies is None and step.relieves is None


def place_of(step: Step) -> str:
    """Where it is taken up, as far as that is known; empty where the cloud chooses."""
    return step.waits_at or step.wish


def _is_unclaimed(record: StepRecord) -> bool:
    """Whether its call is on the wire, or the cloud has not begun with it; not when the cloud ended the call itself."""
    return record.state in IN_FLIGHT and record.begun_at is None and not record.is_over

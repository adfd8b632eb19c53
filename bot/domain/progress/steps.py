"""The life of one step: planned → intent → accepted → done, failed, not needed or unknown. Pure.

Intent is committed before the act and the outcome after it, so a crash anywhere resumes at a look. `after_look` is the
only place where a sighting changes a step.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.cloud import Seen, Sighting
from bot.domain.counting import counted
from bot.domain.plans.plan import By, PlannedStep, Receipt, Step
from bot.domain.progress.pace import Limit
from bot.domain.values import StepKey, UserId


class StepState(StrEnum):
    """Where a step is. Who moves it on is said below each."""

    PLANNED = "planned"
    """The runner, when its phase and its turn have come. After a crash: nothing happened."""
    INTENT = "intent"
    """About to be started, or started with the answer lost. After a crash: look; never start on this alone."""
    ACCEPTED = "accepted"
    """The cloud has it. After a crash: look on."""
    DONE = "done"
    FAILED = "failed"
    NOT_NEEDED = "skipped"
    """It must not happen any more. The word is that of rows which earlier releases wrote."""
    UNKNOWN = "unknown"
    """Its fate cannot be told. A person decides; it is never started again by itself."""


ENDED = frozenset({StepState.DONE, StepState.FAILED, StepState.NOT_NEEDED, StepState.UNKNOWN})
IN_FLIGHT = frozenset({StepState.INTENT, StepState.ACCEPTED})

MAX_STARTS = 3
"""How often a step whose start demonstrably never took effect is started before a human is asked."""
MAX_ENDED_STARTS = 6
"""The same with those on whose calls nobody is at work: the cloud ended them with an error, or never got them."""
SOON = timedelta(seconds=5)
"""How long after an intent a call on which nobody is at work must have left no trace to be made again."""


AWAY = timedelta(minutes=5)
"""How long a step waits for a place that is not there before a person is asked."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """A person's word that they did what only a person can do. A look says what is true of it."""

    step: StepKey
    by: UserId
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A person's decision that a step which did not get done is not tried again; it never counts as done."""

    by: UserId
    at: datetime
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A step and what became of it."""

    step: Step
    seq: int  #: place in the plan
    state: StepState = StepState.PLANNED
    starts: int = 0  #: how many times its mutating call was about to be made
    ended_starts: int = 0  #: how many of these calls nobody was at work on any more when their answer was lost
    intent_at: datetime | None = None
    begun_at: datetime | None = None  #: since when the cloud is at it, no longer waiting for its turn there
    moved_at: datetime | None = None  #: last time the cloud made headway
    ended_at: datetime | None = None
    movement: str = ""
    sentence: str = ""
    remedy: str = ""
    raw: str = ""
    place: str = ""
    progress: float | None = None
    held_back: Limit | None = None  #: what keeps it from being begun, of the one that is next
    is_in_vain: bool = False  #: as last seen, see `Sighting`
    gave_way: bool = False  #: its last attempt was ended for the sake of others: its turn comes after theirs
    is_over: bool = False  #: nobody is at work on the call of this start: what it did, if anything, shows soon
    aside: SetAside | None = None  #: set aside, with all that its VM has left to do

    @property
    def key(self) -> StepKey:
        """The step's key."""
        return self.step.key

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state in ENDED

    @property
    def counts(self) -> bool:
        """Whether the end of the operation depends on it: of a relief, it depends on what that relieved."""
        return self.step.relieves is None

    @property
    def may_start_again(self) -> bool:
        """Whether it may be started once more where its calls left no trace, before a person is asked."""
        return self.starts - self.ended_starts < MAX_STARTS and self.starts < MAX_ENDED_STARTS

    def intend(self, mark: Mapping[str, object], *, now: datetime) -> "StepRecord":
        """The record to commit before the mutating call."""
        step = replace(self.step, before=mark)  # type: ignore[arg-type]  # marks are JSON by contract
        return replace(
            self,
            step=step,
            state=StepState.INTENT,
            starts=self.starts + 1,
            intent_at=now,
            begun_at=None,
            moved_at=now,
            held_back=None,
            is_over=False,
            sentence="",
            remedy="",
            raw="",
        )

    def accept(self, receipt: Receipt, *, now: datetime) -> "StepRecord":
        """The record to commit after the cloud took the call."""
        return replace(self, step=replace(self.step, receipt=receipt), state=StepState.ACCEPTED, moved_at=now)

    def lose(self, sentence: str, *, is_over: bool, is_excused: bool) -> "StepRecord":
        """The record to commit after the answer to the call was lost.

        Args:
            sentence: what is known of it.
            is_over: whether nobody is at work on the call any more.
            is_excused: whether it counts against no step, for all calls to the cloud meet the same.
        """
        starts = max(self.starts - is_excused, 1)
        ended = self.ended_starts + (is_over and starts == self.starts)
        return replace(self, starts=starts, ended_starts=ended, is_over=is_over, sentence=sentence)

    def end(
        self,
        state: StepState,
        *,
        now: datetime,
        sentence: str = "",
        remedy: str = "",
        raw: str = "",
    ) -> "StepRecord":
        """The record of its end."""
        return replace(self, state=state, ended_at=now, sentence=sentence, remedy=remedy, raw=raw)

    @property
    def waits_for_person(self) -> bool:
        """Whether it is somebody's turn to do it by hand."""
        return self.step.by is By.PERSON and self.state in IN_FLIGHT

    def told(self, word: Word, *, now: datetime) -> "StepRecord":
        """The record with a person's word in the place of the cloud's receipt.

        A word is headway, but never later than now nor earlier than what there was, whatever clock dated it.
        """
        receipt = Receipt(facts={"by": word.by, "at": word.at.isoformat()})
        moved_at = max(min(word.at, now), self.moved_at or word.at)
        return replace(self, step=replace(self.step, receipt=receipt), moved_at=moved_at)

    def again(self) -> "StepRecord":
        """The record of a new attempt that a person asked for."""
        return StepRecord(step=replace(self.step, before=None, receipt=None), seq=self.seq, starts=0)


def laid_out(steps: Iterable[PlannedStep]) -> list[StepRecord]:
    """The records of a plan's steps, none of which was begun."""
    return [StepRecord(step=Step.of(step), seq=seq) for seq, step in enumerate(steps)]


def latest(records: Sequence[StepRecord], *, otherwise: datetime) -> datetime:
    """The last moment that steps bear."""
    moments = (at for r in records for at in (r.intent_at, r.begun_at, r.moved_at, r.ended_at) if at is not None)
    return max(moments, default=otherwise)


def with_words(records: Sequence[StepRecord], words: Sequence[Word], *, now: datetime) -> Sequence[StepRecord]:
    """The steps, those that wait for somebody's hands with what was said of them last."""
    last = {word.step: word for word in words}
    return [r.told(last[r.key], now=now) if r.waits_for_person and r.key in last else r for r in records]


def after_look(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    """What a sighting makes of a step that has not ended.

    Never starts anything: a planned step of ours that was never started stays planned, for the runner to start.
    """
    if record.has_ended:
        return record
    seen = sighting.seen
    if seen is Seen.DONE:
        done = record.end(StepState.DONE, now=now, sentence=sighting.sentence)
        return replace(done, place=sighting.place, progress=1.0)
    if seen is Seen.FAILED:
        return _ended(record, StepState.FAILED, sighting, now=now)
    if seen in {Seen.TURNED_AWAY, Seen.GAVE_WAY}:
        begin_anew = _turned_away if seen is Seen.TURNED_AWAY else _gave_way
        return begin_anew(record, sighting, now=now)
    moved = _with_progress(record, sighting, now=now)
    if seen is Seen.UNDERWAY:
        if moved.state is not StepState.ACCEPTED:
            moved = replace(moved, state=StepState.ACCEPTED, moved_at=now)
        if moved.begun_at is None and not sighting.waits:
            moved = replace(moved, begun_at=now)
        return _out_of_patience(moved, sighting, now=now)
    if record.state is StepState.PLANNED:
        return _planned(moved, sighting, now=now)
    is_somebody_elses = record.step.by is By.MUSTER and not record.starts
    if seen is Seen.NEVER_STARTED and (record.state is StepState.INTENT or is_somebody_elses):
        return _never_took_effect(moved, sighting, now=now)
    return _out_of_patience(moved, sighting, now=now)


def _ended(
    record: StepRecord, state: StepState, sighting: Sighting, *, now: datetime, sentence: str = "", remedy: str = ""
) -> StepRecord:
    """The record of an end, in the words of what was seen where there are no better ones."""
    told, helps = sentence or sighting.sentence, remedy or sighting.remedy
    return record.end(state, now=now, sentence=told, remedy=helps, raw=sighting.raw)


def _planned(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    if sighting.not_yet:
        return _not_yet(record, sighting, now=now)
    if record.held_back is Limit.PLACE:
        record = replace(record, held_back=None)
    if sighting.seen is Seen.UNCLEAR:
        return _ended(record, StepState.UNKNOWN, sighting, now=now)
    if record.step.by is not By.MUSTER:
        return replace(record, state=StepState.ACCEPTED, intent_at=now, moved_at=now)
    return record


def _not_yet(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    """The cloud would refuse it: it waits a while for that to change, and then a person is asked."""
    since = record.moved_at if record.held_back is Limit.PLACE and record.moved_at else now
    if now - since < AWAY:
        return replace(record, held_back=Limit.PLACE, moved_at=since, sentence=sighting.not_yet)
    minutes = counted(int(AWAY.total_seconds() // 60), "minute")
    sentence = f"{sighting.not_yet} Muster waited {minutes} for it."
    return _ended(record, StepState.FAILED, sighting, now=now, sentence=sentence)


def _turned_away(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    """Its wish was refused, and the attempt is over: it may be started again, and the adapter wishes no more."""
    if not record.step.wish or record.starts >= MAX_STARTS:
        return _ended(record, StepState.FAILED, sighting, now=now)
    moved = _with_progress(record, sighting, now=now)
    return replace(moved, state=StepState.PLANNED, moved_at=now)


def _gave_way(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    """Its attempt was ended by our own order and left nothing behind: it starts anew when its turn comes again."""
    moved = _with_progress(record, sighting, now=now)
    step = replace(record.step, before=None, receipt=None)
    return replace(moved, step=step, state=StepState.PLANNED, gave_way=True, begun_at=None, moved_at=now)


def _never_took_effect(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    """An intent, or what others began, of which the cloud shows no trace: startable only after the quiet period."""
    quiet = SOON if record.is_over else record.step.quiet
    since = record.intent_at if record.starts else record.moved_at
    if since is None or now - since < min(quiet, record.step.quiet):
        return record
    if not record.may_start_again:
        sentence = f"Started {counted(record.starts, 'time')} without a trace in the cloud."
        remedy = "Check that the cloud's API takes requests, then retry."
        return _ended(record, StepState.UNKNOWN, sighting, now=now, sentence=sentence, remedy=remedy)
    return replace(record, state=StepState.PLANNED, begun_at=None)


def _with_progress(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    told = (record.movement, record.sentence, record.place, record.progress, record.is_in_vain)
    if told == (sighting.movement, sighting.sentence, sighting.place, sighting.progress, sighting.is_in_vain):
        return record
    moved_at = now if sighting.movement != record.movement else record.moved_at
    return replace(
        record,
        movement=sighting.movement,
        moved_at=moved_at,
        sentence=sighting.sentence,
        place=sighting.place,
        progress=sighting.progress,
        is_in_vain=sighting.is_in_vain,
    )


def _out_of_patience(record: StepRecord, sighting: Sighting, *, now: datetime) -> StepRecord:
    if record.moved_at is None or now - record.moved_at < record.step.patience:
        return record
    minutes = int(record.step.patience.total_seconds() // 60)
    sentence = f"No headway for {minutes} min: {sighting.sentence or sighting.seen.value}"
    remedy = sighting.remedy or "Look at it in the cloud, then retry or cancel."
    return _ended(record, StepState.UNKNOWN, sighting, now=now, sentence=sentence, remedy=remedy)


def of_host(records: Sequence[StepRecord]) -> Sequence[StepRecord]:
    """The calls that change the host itself and are in effect, or were begun and may be."""
    calls = [r for r in records if r.step.vm is None and r.step.by is By.MUSTER]
    return [r for r in calls if r.state is StepState.DONE or r.starts]

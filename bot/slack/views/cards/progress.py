"""What the step rows say about each VM and about the whole: counted, never remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.progress import fates, forecast
from bot.domain.progress.fates import ENDED, Fate
from bot.domain.progress.pace import Limit
from bot.domain.progress.steps import SetAside, StepRecord, StepState
from bot.domain.values import VmId

_WIDTH = 8


@dataclass(frozen=True, kw_only=True)
class VmProgress:
    """One VM's way through its steps."""

    vm: VmId | None
    title: str
    fate: Fate
    accepted: bool  #: the cloud took at least one call for it
    place: str = ""
    seconds: float | None = None
    share: float | None = None  #: 0..1 while under way, when the cloud tells
    sentence: str = ""
    remedy: str = ""
    aside: SetAside | None = None  #: who set it aside, and why


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where the whole stands."""

    courses: tuple[VmProgress, ...]

    def number(self, *fates: Fate) -> int:
        """How many met one of these fates."""
        return sum(1 for c in self.courses if c.fate in fates)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.courses)

    @property
    def ended(self) -> int:
        """How many will not change by themselves any more."""
        return self.number(*ENDED)

    def bar(self) -> str:
        """Done of all, in figures and as a bar."""
        done = self.number(Fate.DONE)
        filled = _WIDTH * done // self.total if self.total else 0
        return f"{done:,}/{self.total:,} {'█' * filled}{'░' * (_WIDTH - filled)}"


def of(records: Sequence[StepRecord], *, is_over: bool = False) -> Progress:
    """Count VMs by their steps; a plan without VM steps is counted by its steps.

    Args:
        records: all steps of the operation.
        is_over: whether it has ended, so that nothing waits or is under way any more.
    """
    groups = fates.each(records)
    of_vms = [group for group in groups if group[0].step.vm is not None]
    return Progress(courses=tuple(_course(group, is_over=is_over) for group in of_vms or groups))


def fate(records: Sequence[StepRecord], *, is_over: bool) -> Fate:
    """What has become of one VM, or of one step that has none; see `of`."""
    met = fates.of(records)
    return Fate.NOT_DONE if is_over and met in {Fate.WAITING, Fate.MOVING} else met


def _course(records: Sequence[StepRecord], *, is_over: bool) -> VmProgress:
    met, latest = fate(records, is_over=is_over), fates.decisive(records)
    starts = [r.intent_at for r in records if r.intent_at is not None]
    ends = [r.ended_at for r in records if r.ended_at is not None]
    seconds = (max(ends) - min(starts)).total_seconds() if met in ENDED and starts and ends else None
    return VmProgress(
        vm=records[0].step.vm,
        title=latest.step.title,
        fate=met,
        accepted=any(r.step.receipt is not None or r.state in {StepState.ACCEPTED, StepState.DONE} for r in records),
        place=next((r.place for r in reversed(records) if r.place and r.state is StepState.DONE), ""),
        seconds=seconds,
        share=latest.progress if met is Fate.MOVING else None,
        sentence=latest.sentence,
        remedy=latest.remedy,
        aside=latest.aside,
    )


_HELD_BACK = {
    Limit.SLOW: "the cloud answers slowly",
    Limit.RATE: "the settings allow no more",
    Limit.CLOUD: "as many on their way as the settings allow",
    Limit.BUSY: "the cloud takes no more calls just now",
    Limit.PLACE: "the target is not up",
    Limit.TARGET: "as many on their way as the targets take at once",
}


def held_back(records: Sequence[StepRecord], *, now: datetime) -> str:
    """Which limit keeps the next VM from being begun, and how quickly VMs are begun; empty while none does.

    Args:
        records: all steps of the operation.
        now: the time, aware and UTC.
    """
    limit = next((r.held_back for r in records if r.state is StepState.PLANNED and r.held_back), None)
    if limit is None or limit not in _HELD_BACK:
        return ""
    speed = forecast.starts_a_second(records, now=now)
    return f"{speed:.1f} starts/s: {_HELD_BACK[limit]}" if speed else _HELD_BACK[limit]

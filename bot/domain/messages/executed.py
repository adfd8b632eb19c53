"""News of what is executed, how it ended, and what is left over."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from bot.domain.messages.kind import Kind
from bot.domain.values import UserId


@dataclass(frozen=True, kw_only=True)
class ExecutionStarted:
    """It began."""

    kind: ClassVar = Kind.STARTED


@dataclass(frozen=True, kw_only=True)
class PhaseBegun:
    """A phase began."""

    kind: ClassVar = Kind.PHASE
    phase: str


@dataclass(frozen=True, kw_only=True)
class VmDone:
    """A VM is where it should be."""

    kind: ClassVar = Kind.VM_DONE
    vm: str = ""  #: its name
    title: str
    place: str = ""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """A step is done."""

    kind: ClassVar = Kind.STEP_DONE
    title: str
    vm: str | None = None
    sentence: str = ""
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class ByHandWanted:
    """A person's turn has come."""

    kind: ClassVar = Kind.BY_HAND
    title: str
    sentence: str = ""
    remedy: str = ""
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class SaidDone:
    """Somebody says that it is done."""

    kind: ClassVar = Kind.SAID_DONE
    by: UserId
    title: str


@dataclass(frozen=True, kw_only=True)
class StepFailed:
    """A step failed."""

    kind: ClassVar = Kind.STEP_FAILED
    title: str
    vm: str | None = None
    sentence: str = ""
    remedy: str = ""
    raw: str = ""


@dataclass(frozen=True, kw_only=True)
class StepUnclear:
    """What became of a step cannot be told."""

    kind: ClassVar = Kind.STEP_UNKNOWN
    title: str
    vm: str | None = None
    sentence: str = ""
    remedy: str = ""
    raw: str = ""


@dataclass(frozen=True, kw_only=True)
class AnswerLost:
    """A change of the host itself was answered in a way that does not tell whether it took effect."""

    kind: ClassVar = Kind.ANSWER_LOST
    title: str
    sentence: str = ""  #: what came instead of a good answer
    raw: str = ""
    seconds: float  #: how long nothing must be seen of it before it counts as never made
    is_made_again: bool  #: what happens then; else a person is asked


@dataclass(frozen=True, kw_only=True)
class CloudSilent:
    """The cloud does not answer, or does not tell what must be known."""

    kind: ClassVar = Kind.CLOUD_SILENT
    sentence: str = ""
    remedy: str = ""
    seconds: float
    since: datetime | None
    answers: bool = False  #: whether it does answer


@dataclass(frozen=True, kw_only=True)
class CloudBack:
    """The cloud answers again, or tells again what must be known."""

    kind: ClassVar = Kind.CLOUD_BACK
    seconds: float
    since: datetime | None
    answered: bool = False  #: whether it did answer meanwhile


@dataclass(frozen=True, kw_only=True)
class TargetsStale:
    """Targets get nothing more until they claim again."""

    kind: ClassVar = Kind.TARGET_STALE
    targets: tuple[str, ...]  #: names
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ExecutionPaused:
    """Somebody paused it."""

    kind: ClassVar = Kind.PAUSED
    by: UserId


@dataclass(frozen=True, kw_only=True)
class ExecutionResumed:
    """Somebody resumed it."""

    kind: ClassVar = Kind.RESUMED
    by: UserId


@dataclass(frozen=True, kw_only=True)
class StopAsked:
    """Somebody has it end."""

    kind: ClassVar = Kind.STOPPING
    by: UserId
    moving: str  #: what is still under way, as people count it


@dataclass(frozen=True, kw_only=True)
class RetryAsked:
    """Somebody has what failed tried again."""

    kind: ClassVar = Kind.RETRIED
    by: UserId
    what: str  #: as people count it


@dataclass(frozen=True, kw_only=True)
class VmsSetAside:
    """Somebody skipped VMs."""

    kind: ClassVar = Kind.SET_ASIDE
    by: UserId
    vms: tuple[str, ...]  #: names
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class NothingMoreBegins:
    """A window, a freeze or another operation lets nothing new begin."""

    kind: ClassVar = Kind.CLOSED
    sentence: str
    moving: str  #: what is still under way, as people count it


@dataclass(frozen=True, kw_only=True)
class PersonNeeded:
    """Nothing more can begin, and something is left undone."""

    kind: ClassVar = Kind.NEEDS_ATTENTION
    of: str = ""  #: all of them, as people count them
    done: int = 0
    failed: int = 0
    unknown: int = 0
    not_done: int = 0
    aside: int = 0
    of_host: tuple[str, ...] = ()  #: titles of what of the host itself was not done
    sentence: str = ""
    remedy: str = ""
    may_skip: bool = False


@dataclass(frozen=True, kw_only=True)
class StillWaits:
    """It has been paused, or has needed a person, for hours, and nobody went on with it."""

    kind: ClassVar = Kind.STILL_WAITS
    at: datetime  #: since when
    is_paused: bool = False


@dataclass(frozen=True, kw_only=True)
class AllVerified:
    """Every step is done; the report itself is drawn from the step rows."""

    kind: ClassVar = Kind.FINISHED
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LeftUndone:
    """It is over with something left undone."""

    kind: ClassVar = Kind.ENDED_INCOMPLETE
    by: UserId | None = None
    left: tuple[str, ...]  #: titles
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """The whole plan as a file."""

    kind: ClassVar = Kind.PLAN
    digest: str


@dataclass(frozen=True, kw_only=True)
class TimelineFile:
    """The whole story as a file, drawn from the audit."""

    kind: ClassVar = Kind.TIMELINE


@dataclass(frozen=True, kw_only=True)
class CardMoved:
    """Its card had to leave a channel."""

    kind: ClassVar = Kind.CARD_MOVED
    channel: str
    why: str  #: Slack's word


@dataclass(frozen=True, kw_only=True)
class StillOut:
    """The host of an operation that is over is still out of service, or something else is left over."""

    kind: ClassVar = Kind.LEFT_OVER
    state: str = ""  #: the cloud's words
    out: bool = True  #: of service
    still: str = ""
    seconds: float  #: since the operation's end


@dataclass(frozen=True, kw_only=True)
class BackInService:
    """Nothing is left over."""

    kind: ClassVar = Kind.LEFT_OVER_GONE
    seconds: float  #: since the operation's end


Executed: TypeAlias = (
    ExecutionStarted
    | PhaseBegun
    | VmDone
    | StepDone
    | ByHandWanted
    | SaidDone
    | StepFailed
    | StepUnclear
    | AnswerLost
    | CloudSilent
    | CloudBack
    | TargetsStale
    | ExecutionPaused
    | ExecutionResumed
    | StopAsked
    | RetryAsked
    | VmsSetAside
    | NothingMoreBegins
    | PersonNeeded
    | StillWaits
    | AllVerified
    | LeftUndone
    | PlanFile
    | TimelineFile
    | CardMoved
    | StillOut
    | BackInService
)

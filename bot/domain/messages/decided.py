"""News of what people asked for and decided, and of what they are called for."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from bot.domain.messages.kind import Kind
from bot.domain.values import UserId


@dataclass(frozen=True, kw_only=True)
class FindingsForbid:
    """Findings forbid it."""

    kind: ClassVar = Kind.BLOCKED


@dataclass(frozen=True, kw_only=True)
class CheckedAgain:
    """Somebody asked for a new survey."""

    kind: ClassVar = Kind.RECHECKED
    by: UserId
    same: bool  #: whether the plan is
    lines: tuple[str, ...] = ()  #: how it differs


@dataclass(frozen=True, kw_only=True)
class ApprovalWanted:
    """A plan waits for approval; an edited card notifies nobody, this line does."""

    kind: ClassVar = Kind.WAITING


@dataclass(frozen=True, kw_only=True)
class StartNear:
    """It starts soon."""

    kind: ClassVar = Kind.START_NEAR
    at: datetime
    is_approved: bool


@dataclass(frozen=True, kw_only=True)
class ExpiryNear:
    """It expires soon."""

    kind: ClassVar = Kind.EXPIRY_NEAR
    at: datetime
    count: int
    quorum: int


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """More people are called, for nobody decides."""

    kind: ClassVar = Kind.ESCALATED
    at: datetime  #: since when


@dataclass(frozen=True, kw_only=True)
class OneApproved:
    """Somebody approved, and more must."""

    kind: ClassVar = Kind.APPROVED
    by: UserId
    count: int
    quorum: int


@dataclass(frozen=True, kw_only=True)
class OneVouched:
    """Somebody vouched."""

    kind: ClassVar = Kind.VOUCHED
    by: UserId
    sentences: tuple[str, ...]
    count: int  #: people so far
    needed: int


@dataclass(frozen=True, kw_only=True)
class VouchWanted:
    """A second person must vouch."""

    kind: ClassVar = Kind.VOUCH_WANTED
    by: UserId  #: who vouches already
    count: int  #: people so far
    needed: int
    may_vouch: bool  #: whether whoever asked for it may be the second


@dataclass(frozen=True, kw_only=True)
class ChoiceWanted:
    """Nobody has said yet which VMs are meant; approvers are called when somebody has."""

    kind: ClassVar = Kind.CHOICE_WANTED
    may_take_all: bool = True  #: whether nothing speaks against one of them at least


@dataclass(frozen=True, kw_only=True)
class VmsChosen:
    """Somebody chose VMs."""

    kind: ClassVar = Kind.CHOSEN
    by: UserId
    chosen: int
    left: tuple[str, ...]  #: names


@dataclass(frozen=True, kw_only=True)
class QuorumReached:
    """It is approved."""

    kind: ClassVar = Kind.QUORUM
    by: UserId | None  #: whose approval was the last word
    requester: UserId
    starts_at: datetime | None = None  #: only with a start of its own


@dataclass(frozen=True, kw_only=True)
class GlassBroken:
    """Somebody goes ahead alone."""

    kind: ClassVar = Kind.GLASS_BROKEN
    by: UserId
    reason: str
    count: int
    quorum: int


@dataclass(frozen=True, kw_only=True)
class RequestRejected:
    """Somebody said no."""

    kind: ClassVar = Kind.REJECTED
    by: UserId
    requester: UserId
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestExpired:
    """Nobody decided in time."""

    kind: ClassVar = Kind.EXPIRED
    requester: UserId


@dataclass(frozen=True, kw_only=True)
class CalledOff:
    """Somebody, or Muster with a sentence, called it off before it began."""

    kind: ClassVar = Kind.CANCELLED
    by: UserId | None = None
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanChanged:
    """The plan that was approved is not the one of now."""

    kind: ClassVar = Kind.PLAN_CHANGED
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PlanShrunk:
    """The plan became smaller, and it goes on."""

    kind: ClassVar = Kind.SHRUNK
    lines: tuple[str, ...]


Decided: TypeAlias = (
    FindingsForbid
    | CheckedAgain
    | ApprovalWanted
    | StartNear
    | ExpiryNear
    | Undecided
    | OneApproved
    | OneVouched
    | VouchWanted
    | ChoiceWanted
    | VmsChosen
    | QuorumReached
    | GlassBroken
    | RequestRejected
    | RequestExpired
    | CalledOff
    | PlanChanged
    | PlanShrunk
)

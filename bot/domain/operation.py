"""An operation: its states, the events that move it, and the one table that says which event may move which state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from bot.domain.abilities import VmPlace
from bot.domain.cloud import Host, Request
from bot.domain.errors import AlreadySettled
from bot.domain.plans.plan import Plan, Vm
from bot.domain.progress.steps import Word
from bot.domain.values import Digest, Facts, OperationId, UserId


class State(StrEnum):
    """Where an operation is; each says who moves it on, and what happens if we die there."""

    CHECKING = "checking"
    """The worker surveys and plans. Died: the next worker surveys again."""
    READY = "ready"
    """Only from a dry run; a person may request approval. Died: nothing waits in memory."""
    AWAITING_APPROVAL = "awaiting approval"
    """People decide, or the clock expires it. Died: votes and expiry are rows."""
    QUEUED = "queued"
    """Approved. The worker surveys again, when its time has come, and starts it. Died: the next worker does."""
    RUNNING = "running"
    """The worker goes from step to step. Died: the next worker looks at every step in flight first."""
    PAUSED = "paused"
    """Nothing new is started; what the cloud already does is watched. A person resumes or cancels."""
    STOPPING = "stopping"
    """Cancelled while running: nothing new is started; ends when what the cloud already does has ended."""
    NEEDS_ATTENTION = "needs attention"
    """Something failed or could not be told; a person retries or closes it. It still holds the host."""
    BLOCKED = "blocked"
    """Findings forbid it. Final."""
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """Cancelled before anything was done. Final."""
    SUCCEEDED = "succeeded"
    """Every step done and verified. Final."""
    ENDED_INCOMPLETE = "ended incomplete"
    """Closed with something left undone, by a person, or when nothing is left but what people set aside. Final."""


FINAL = frozenset(
    {
        State.BLOCKED,
        State.DENIED,
        State.EXPIRED,
        State.CANCELLED,
        State.SUCCEEDED,
        State.ENDED_INCOMPLETE,
    }
)
WAITING_FOR_PEOPLE = frozenset({State.READY, State.AWAITING_APPROVAL, State.NEEDS_ATTENTION})
WORKING = frozenset({State.CHECKING, State.QUEUED, State.RUNNING, State.PAUSED, State.STOPPING})
EXECUTING = frozenset({State.RUNNING, State.PAUSED, State.STOPPING})
"""The states in which steps have rows."""
STANDS: Mapping[State, str] = {
    State.CHECKING: "is being checked",
    State.READY: "is a dry run",
    State.AWAITING_APPROVAL: "waits for approval",
    State.QUEUED: "is approved and has not begun",
    State.RUNNING: "is running",
    State.PAUSED: "is paused",
    State.STOPPING: "is stopping",
    State.NEEDS_ATTENTION: "needs a person",
    State.BLOCKED: "is forbidden by findings",
    State.DENIED: "was rejected",
    State.EXPIRED: "has expired",
    State.CANCELLED: "was cancelled",
    State.SUCCEEDED: "is done",
    State.ENDED_INCOMPLETE: "has ended incomplete",
}
"""What is said of an operation in each state: "This operation is running"."""


class Event(StrEnum):
    """What happens to an operation."""

    CHECKED = "checked"
    CHECKED_DRY = "checked as a dry run"
    FORBIDDEN = "forbidden by findings"
    APPROVAL_REQUESTED = "approval requested"
    RECHECK = "re-check asked for"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PLAN_CHANGED = "plan changed"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOP_ASKED = "stop asked for"
    STOPPED = "stopped"
    FINISHED = "finished"
    FELL_SHORT = "fell short"
    RETRIED = "retried"
    CLOSED = "closed"


TABLE: dict[tuple[State, Event], State] = {
    # a survey judged
    (State.CHECKING, Event.CHECKED): State.AWAITING_APPROVAL,
    (State.CHECKING, Event.CHECKED_DRY): State.READY,
    (State.CHECKING, Event.FORBIDDEN): State.BLOCKED,
    (State.CHECKING, Event.CANCELLED): State.CANCELLED,
    # a dry run that turned serious is surveyed again first
    (State.READY, Event.APPROVAL_REQUESTED): State.CHECKING,
    (State.READY, Event.RECHECK): State.CHECKING,
    (State.READY, Event.CANCELLED): State.CANCELLED,
    # people decide
    (State.AWAITING_APPROVAL, Event.APPROVED): State.QUEUED,
    (State.AWAITING_APPROVAL, Event.REJECTED): State.DENIED,
    (State.AWAITING_APPROVAL, Event.EXPIRED): State.EXPIRED,
    (State.AWAITING_APPROVAL, Event.CANCELLED): State.CANCELLED,
    (State.AWAITING_APPROVAL, Event.RECHECK): State.CHECKING,
    # before the first act the cloud is surveyed again
    (State.QUEUED, Event.STARTED): State.RUNNING,
    (State.QUEUED, Event.PLAN_CHANGED): State.AWAITING_APPROVAL,
    (State.QUEUED, Event.FORBIDDEN): State.BLOCKED,
    (State.QUEUED, Event.CANCELLED): State.CANCELLED,
    # execution, and how people steer it
    (State.RUNNING, Event.PAUSED): State.PAUSED,
    (State.PAUSED, Event.RESUMED): State.RUNNING,
    (State.RUNNING, Event.STOP_ASKED): State.STOPPING,
    (State.PAUSED, Event.STOP_ASKED): State.STOPPING,
    (State.STOPPING, Event.STOPPED): State.ENDED_INCOMPLETE,
    # a person does not wait for what the cloud still does
    (State.STOPPING, Event.CLOSED): State.ENDED_INCOMPLETE,
    # everything was done already when the stop arrived
    (State.STOPPING, Event.FINISHED): State.SUCCEEDED,
    (State.RUNNING, Event.FINISHED): State.SUCCEEDED,
    (State.PAUSED, Event.FINISHED): State.SUCCEEDED,
    (State.RUNNING, Event.FELL_SHORT): State.NEEDS_ATTENTION,
    (State.PAUSED, Event.FELL_SHORT): State.NEEDS_ATTENTION,
    # nothing is left but what people set aside
    (State.RUNNING, Event.CLOSED): State.ENDED_INCOMPLETE,
    (State.PAUSED, Event.CLOSED): State.ENDED_INCOMPLETE,
    # failed steps are planned again under the same approval, each looks before it acts
    (State.NEEDS_ATTENTION, Event.RETRIED): State.RUNNING,
    # while others still move
    (State.RUNNING, Event.RETRIED): State.RUNNING,
    (State.NEEDS_ATTENTION, Event.CLOSED): State.ENDED_INCOMPLETE,
}


class Choice(StrEnum):
    """What somebody decided."""

    APPROVE = "approve"
    REJECT = "reject"
    VOUCH = "vouch"
    """The requester's word for what the plan asks two people to vouch for; never an approval."""


VOUCHERS = 2
"""How many people must vouch for data loss or an unproven death; the requester may be one of them."""


class Told(StrEnum):
    """What people are told once of each asking, or of each try; stored with the operation when it is told."""

    START_NEAR = "start near"
    EXPIRY_NEAR = "expiry near"
    ESCALATED = "escalated"
    CLOSED = "closed"
    """Its window closed, or a freeze began, while it ran."""
    STILL_WAITS = "still waits"
    """It has been paused, or has needed a person, for hours; told again of the next time that it stands so."""


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One person's decision about one digest."""

    by: UserId
    choice: Choice
    digest: Digest
    at: datetime
    reason: str = ""  #: why, where they were asked
    broke_glass: bool = False  #: an approval that counts alone, by somebody whom policy lets break glass
    vouched: tuple[str, ...] = ()  #: the sentences that they ticked, having typed the host's name
    void: bool = False  #: no longer counts: another plan was put before the approvers since


@dataclass(frozen=True, kw_only=True)
class VmPlaces:
    """Where the VMs that no step was about were when they were looked for last."""

    at: datetime
    vms: tuple[VmPlace, ...]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One asked-for action on one host of one cloud, from the request to its end."""

    id: OperationId
    request: Request
    host: Host
    requested_by: UserId
    channel: str  #: where it was asked for, and where its card stands
    state: State = State.CHECKING
    dry_run: bool = False
    plan: Plan | None = field(default=None, init=False)
    digest: Digest | None = None  #: of its plan, also when that is no longer kept
    votes: tuple[Vote, ...] = ()  #: all ever cast, of superseded digests too
    drift: tuple[str, ...] = ()  #: why the plan came back to the leads, when it did
    approved_plan: Plan | None = field(default=None, init=False)  #: what the votes that started it were cast on
    rechecked_by: UserId | None = None  #: who pressed *Re-check*, until they are told what it found
    others: VmPlaces | None = None  #: of the VMs that no step was about; None: nobody has looked
    words: tuple[Word, ...] = ()  #: what people said they did by hand, oldest first
    expires_at: datetime | None = None
    starts_at: datetime | None = None  #: not started before; None: as soon as it is approved
    window: timedelta | None = None  #: how long from then on something may be started; None: open end
    zone: str = ""  #: time zone of whoever asked, for words
    asked_at: datetime | None = None  #: since when approvers are asked about it
    told: tuple[Told, ...] = ()
    approved_at: datetime | None = None  #: when the last approval turned it
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None = None  #: when the first act was allowed
    ended_at: datetime | None = None
    outcome: str = ""  #: one sentence about how it ended, for lists
    version: int = field(default=0)  #: grows with every save; the compare-and-set of the archive

    @property
    def is_live(self) -> bool:
        """Whether it holds its host: no second operation may begin there."""
        return self.state not in FINAL and not self.dry_run

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases of its plan, in order; none where there is no plan."""
        return self.plan.phases if self.plan else ()

    @property
    def vms(self) -> tuple[Vm, ...]:
        """The VMs of its plan."""
        return self.plan.vms if self.plan else ()

    @property
    def awaits_choice(self) -> bool:
        """Whether its plan takes none of the VMs that may be chosen, and nobody has said yet which are meant."""
        nobody_chose = not (self.request.is_choice or self.request.vms)
        return nobody_chose and self.plan is not None and self.plan.may_choose_none and self.plan.takes_none

    @property
    def vouches(self) -> tuple[str, ...]:
        """What its plan asks two people to vouch for."""
        return self.plan.vouches if self.plan else ()

    @property
    def approvals(self) -> tuple[Vote, ...]:
        """Approvals of the plan that is stored now, one a person."""
        first: dict[UserId, Vote] = {}
        for vote in self.votes:
            if vote.choice is Choice.APPROVE and vote.digest == self.digest and not vote.void:
                first.setdefault(vote.by, vote)
        return tuple(first.values())

    def vouched_by(self, sentence: str) -> tuple[Vote, ...]:
        """Who vouches for a sentence of the plan that is stored now, one vote a person, in whatever way they did."""
        first: dict[UserId, Vote] = {}
        for vote in self.votes:
            if vote.digest == self.digest and not vote.void and sentence in vote.vouched:
                first.setdefault(vote.by, vote)
        return tuple(first.values())

    def has_vouched(self, person: UserId) -> bool:
        """Whether this person vouches for everything that the stored plan wants vouched for."""
        return all(person in {vote.by for vote in self.vouched_by(sentence)} for sentence in self.vouches)

    @property
    def is_vouched(self) -> bool:
        """Whether two different people vouch for every sentence of the plan that wants it."""
        return all(len(self.vouched_by(sentence)) >= VOUCHERS for sentence in self.vouches)

    @property
    def broken_glass(self) -> Vote | None:
        """The vote by which somebody went ahead alone with exactly the plan that is stored now."""
        approvals = (v for v in self.votes if v.choice is Choice.APPROVE and v.digest == self.digest and not v.void)
        return next((v for v in approvals if v.broke_glass), None)

    @property
    def window_ends(self) -> datetime | None:
        """From when on nothing new is started; None: open end, or not known before the approval."""
        opens = self.starts_at or self.approved_at
        return opens + self.window if opens and self.window else None

    @property
    def waits_until(self) -> datetime | None:
        """When an approved operation's time comes; None where nothing waits for it."""
        return self.starts_at if self.state is State.QUEUED else None

    def times(self) -> Facts:
        """What of its time an approver relies on; part of the digest."""
        window = {"window_seconds": self.window.total_seconds()} if self.window else {}
        return ({"starts_at": self.starts_at.isoformat()} if self.starts_at else {}) | window

    def with_plan(self, plan: Plan, digest: Digest) -> "PlannedOperation":
        """The operation with a plan, or with another one."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.init and f.name not in {"plan", "digest"}}
        return PlannedOperation(plan=plan, digest=digest, **kept)

    def anew(self) -> Self:
        """The operation put before the approvers again: whatever was decided before counts no more."""
        return replace(self, votes=tuple(replace(vote, void=True) for vote in self.votes))

    def may(self, event: Event) -> bool:
        """Whether the table lets this event happen now."""
        return (self.state, event) in TABLE

    def after(self, event: Event, *, at: datetime) -> Self:
        """The operation after an event.

        Raises:
            AlreadySettled: the table has no such move; says what the operation is instead.
        """
        state = TABLE.get((self.state, event))
        if state is None:
            raise AlreadySettled(f"This operation {STANDS[self.state]}, so “{event}” cannot happen to it now.")
        return replace(
            self,
            state=state,
            changed_at=at,
            told=tuple(one for one in self.told if one is not Told.STILL_WAITS),
            started_at=at if event is Event.STARTED else self.started_at,
            approved_at=_approved_at(self, event, at),
            ended_at=at if state in FINAL else None,
        )


@dataclass(frozen=True, kw_only=True)
class PlannedOperation(Operation):
    """An operation with its plan: all but those not surveyed yet, and those whose plan is no longer kept."""

    plan: Plan = field()
    digest: Digest = field()  #: of the plan, and of what else an approver relies on
    approved_plan: Plan | None = None  #: what the votes that started it were cast on


def _approved_at(operation: Operation, event: Event, at: datetime) -> datetime | None:
    if event is Event.APPROVED:
        return at
    return None if event is Event.PLAN_CHANGED else operation.approved_at

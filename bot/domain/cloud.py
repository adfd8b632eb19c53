"""What Muster needs of a cloud: four verbs, their values and three errors.

The procedure of a cloud lives with that cloud, as pure data (`plan`). An adapter looks and starts; it decides nothing,
and repeats nothing but reads that failed in passing, within the time of one call. The engine knows nothing of Nova or
CloudTower.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, TypeVar

from bot.domain.plans.plan import Plan, PlannedStep, Receipt, Step
from bot.domain.redaction import redact
from bot.domain.values import Action, Facts, HostId, OperationId, StepKey, Then, VmId


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host as the cloud lists it now."""

    id: HostId  #: what the cloud's API knows it by; two hosts never share it
    name: str
    area: str = ""  #: availability zone or cluster
    state: str = ""  #: in the cloud's own words, e.g. "down, disabled"
    in_service: bool = True
    vms: int | None = None  #: VMs of any status, when the cloud tells
    note: str = ""  #: what else the cloud says about it: who closed it and why, room
    is_down: bool = False  #: the cloud itself believes that it does not live; a reason to ask, not a proof
    is_silent: bool = False  #: the cloud cannot tell how it is: neither down nor well, nor what was done to it
    down_since: datetime | None = None  #: its last sign of life, when the cloud tells
    left: str = (
        ""  #: what Muster did to its VMs and has not undone, in words: "2 VMs still locked by Muster (web-1, …)"
    )
    taken_out_by: str | None = None  #: the operation of Muster that its mark names; "": none; None: no marks here


@dataclass(frozen=True, kw_only=True)
class Left:
    """A VM as earlier operations of ours left it when they took its host out of service."""

    id: VmId
    name: str
    status: str  #: before the first of them touched it
    place: str = ""  #: name of the host where it was verified; empty: what became of it was not established


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person asked for, with the host resolved to one exact host."""

    action: Action
    cloud: str
    host: HostId
    host_name: str
    run: OperationId  #: the operation's id: adapters mark with it what they change
    reason: str = ""
    to: str = ""  #: name of a target host; empty lets the cloud's scheduler choose
    vms: tuple[str, ...] = ()  #: names or ids of the VMs meant; empty means what the cloud does by default
    is_choice: bool = False  #: `vms` are the ids that a person ticked in a list: none of them means none
    then: Then = Then.NOTHING  #: what becomes of the host's power after the last verification


def as_planned(request: Request, plan: Plan) -> Request:
    """A request whose VMs people named in their own words, with those of its plan in their place.

    A VM that has left since is no wrong name then: it is only missing.
    """
    if request.is_choice or not request.vms:
        return request
    ids = {vm.id for vm in plan.vms}
    words = {word for word in request.vms if word not in ids}
    meant = (vm.id for vm in plan.vms if vm.chosen or vm.id in request.vms or vm.name in words)
    return replace(request, vms=tuple(meant), is_choice=True)


@dataclass(frozen=True, kw_only=True)
class Books:
    """What Muster's own records say to a request: read anew for each survey, and kept by nobody else."""

    ledger: tuple[Left, ...] = ()  #: of a host that returns: the VMs that were moved away
    undoes: tuple[PlannedStep, ...] = ()  #: what earlier operations did that this one takes back
    promised: tuple[Step, ...] = ()  #: what other approved operations of the cloud still have to start


NO_BOOKS = Books()


class Seen(StrEnum):
    """What the cloud shows about a step."""

    NEVER_STARTED = "never-started"
    """Proven: the cloud shows no trace of it."""
    UNDERWAY = "underway"
    DONE = "done"
    """As wanted, verified in the cloud's own truth."""
    FAILED = "failed"
    TURNED_AWAY = "turned-away"
    """Proven: the place that was wished for did not take it, and its attempt is over. It may go elsewhere."""
    GAVE_WAY = "gave-way"
    """Proven: it was ended by our order, so that others may go first, and is as before. It may be started again."""
    UNCLEAR = "unclear"
    """The evidence contradicts itself; a human must judge."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One look at one step."""

    seen: Seen
    sentence: str = ""  #: what shows it: why it failed, what it waits for, what a person must do
    remedy: str = ""  #: what the operator can do next, when it failed or is unclear
    raw: str = ""  #: the cloud's own words, one click away
    place: str = ""  #: name of the host the VM is on now
    progress: float | None = None  #: 0..1, when the cloud tells
    movement: str = ""  #: differs whenever the cloud made headway; a step's patience counts from its last change
    waits: bool = False  #: the cloud has it, and has not begun with it: its turn there is yet to come
    not_yet: str = ""  #: of one that was never started: why the cloud would refuse it now, though soon it may not
    is_in_vain: bool = False  #: it goes on without coming nearer to its end, by the cloud's own figures
    mark: Facts = field(default_factory=dict)  #: what was there before: stored as `Step.before` with the intent


class CloudError(Exception):
    """The cloud did not do as asked.

    Args:
        sentence: what failed, on which host or VM.
        remedy: what the operator can do next.
        raw: the cloud's own words. What looks like a secret in any of these is hidden: clouds echo what they get.
    """

    def __init__(self, sentence: str, *, remedy: str = "", raw: str = "") -> None:
        self.sentence, self.remedy, self.raw = redact(sentence), redact(remedy), redact(raw)
        super().__init__(f"{self.sentence} {self.remedy}".strip())


class Refused(CloudError):
    """The cloud said no, definitely: nothing took effect."""


class Unreachable(CloudError):
    """No answer, or none that tells whether it took effect: look before anything else.

    Args:
        sentence: as in `CloudError`.
        remedy: as in `CloudError`.
        raw: as in `CloudError`.
        is_over: nobody is at work on it: whatever the call did shows by now, and nothing is to come.
        put_off: it takes no more calls just now, and did not take this one: seconds after which it wants to be asked
            again, 0 where it names none. None: it said no such thing.
    """

    def __init__(
        self, sentence: str, *, remedy: str = "", raw: str = "", is_over: bool = False, put_off: float | None = None
    ) -> None:
        super().__init__(sentence, remedy=remedy, raw=raw)
        self.is_over = is_over
        self.put_off = put_off


class PartlySeen(Unreachable):
    """A look that could be made at some of its steps alone.

    Args:
        why: what kept it from the others.
        seen: of those at which it could be made.
    """

    def __init__(self, why: Unreachable, seen: Mapping[StepKey, Sighting]) -> None:
        super().__init__(why.sentence, remedy=why.remedy, raw=why.raw)
        self.seen = seen


class NotKnown(Unreachable):
    """The cloud answers, but something that must be known cannot be found out from it: the sentence says what."""


class NotSupported(CloudError):
    """The plan asked for what this cloud cannot do: a bug, said loudly."""


S = TypeVar("S")


class Cloud(Protocol[S]):
    """One cloud. `S` is its own survey, which nobody but the adapter reads."""

    name: str
    actions: frozenset[Action]
    concurrency: int  #: VMs moved side by side at most
    rate: float  #: VMs begun a second at most; infinite: as quickly as the cloud takes them up
    poll: float  #: seconds between two looks at the most; less while VMs move quickly
    deadline: float  #: seconds after which a question about hosts, made of several calls, is given up

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        """Hosts whose name or id contains `matching` (case-insensitive; empty: all), exact matches first.

        Raises:
            Refused, Unreachable: could not ask.
        """
        ...

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> S:
        """Read everything needed to judge `request`, at one moment. Changes nothing.

        Args:
            request: what was asked.
            books: what Muster itself knows about it; the survey carries on what its judgement needs.

        Raises:
            Refused, Unreachable: could not ask.
        """
        ...

    def plan(self, request: Request, survey: S) -> Plan:
        """Judge a survey: findings, dispositions, steps. Pure."""
        ...

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        """What the cloud shows about each of `steps`; a few list calls however many they are. Reads only.

        Raises:
            PartlySeen: could not ask about some of them.
            Refused, Unreachable: could not ask.
        """
        ...

    async def start(self, step: Step) -> Receipt:
        """Make the one mutating call of `step`. Never retried inside.

        Raises:
            Refused: definitely not accepted.
            Unreachable: its fate is unknown; `look` can establish it.
        """
        ...

    async def check(self) -> Sequence[str]:
        """Complaints about reachability, rights and versions, for `muster check`; empty when all is well."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


AnyCloud: TypeAlias = Cloud[Any]
"""A cloud whose survey the holder passes back unread."""

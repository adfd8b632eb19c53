"""What the law needs of the rooms around it: a clock, a bell, an archive, and somebody who knows the people.

Leaving a unit of work without `commit` rolls it back. A state change, its audit entry and the news it causes are
one unit.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol

from bot.domain.cloud import Request
from bot.domain.messages.alarm_port import KeepsAlarms
from bot.domain.messages.copies import KeepsCopies
from bot.domain.messages.news import News
from bot.domain.operation import Operation, State
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.policy import Actor
from bot.domain.values import Facts, HostId, OperationId, UserId


class Clock(Protocol):
    """The only source of time: one for dates, which is set and stepped, and one for spans, moved on by time alone."""

    def now(self) -> datetime:
        """The date: aware UTC. The difference of two is no span, for the clock may have been set in between."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment: the difference of two, within one process, is the time that passed."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock."""
        ...


class Bell(Protocol):
    """Rung by every commit, so that worker and board wake before their next poll."""

    def ring(self) -> None:
        """Wake everyone who waits."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after so many seconds; a ring nobody waited for costs one poll."""
        ...


class Rank(IntEnum):
    """Whose transaction goes first, where they take turns."""

    ACKNOWLEDGED = 0  #: Slack waits for it, for three seconds
    PEOPLE = 1  #: what people decide and what is shown to them; and leases, on which the others hang
    BULK = 2  #: what moves VMs, what monitoring tells, and what goes because it is old


class Stale(Exception):
    """Somebody saved this operation since it was read: read again and decide again."""


class LeaseLost(Exception):
    """This worker's time with the operation is over, and another may hold it by now: stop, write nothing."""


class StoreHeld(Exception):
    """Another process uses this embedded database."""


class StoreFailed(Exception):
    """The database did not answer or take it. Nothing of the unit is stored, unless its commit was under way."""


ANSWER_AT = "answer_at"
"""In a delivery: the address at which its sender takes an answer. Kept only as long as one is owed."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Something that came in from outside, recorded before it is acted on."""

    key: str  #: the same for every repetition of the same delivery
    kind: str
    payload: Facts  #: parsed; never a token, a trigger id or a response_url
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the audit."""

    event: str
    actor: UserId | None = None  #: None: Muster itself
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A line of the audit as it was recorded."""

    at: datetime
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to work on one operation until a moment; `fence` grows with every taking."""

    operation: OperationId
    owner: str
    fence: int
    until: datetime
    version: int = field(default=0, compare=False)  #: of the operation when the lease was asserted


@dataclass(frozen=True, kw_only=True)
class Lead:
    """One taking of the lease by which a single replica speaks and ticks."""

    owner: str
    fence: int  #: grows with every taking


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """News that waits to be told."""

    id: int  #: grows; news of one operation is told in this order
    news: News
    created_at: datetime
    tries: int
    attempted_at: datetime | None  #: set before a post whose answer we have not stored: look before posting again
    channel: str = ""  #: of the card of its operation; empty while that does not stand
    thread: str = ""  #: the ts of that card


@dataclass(frozen=True, kw_only=True)
class Card:
    """The message on which an operation is shown."""

    operation: OperationId
    channel: str
    ts: str
    revision: int  #: what it shows; behind `revision_of` when it must be edited
    attempted_at: datetime | None = None  #: a first post whose answer we have not stored
    left: str = ""  #: the channel that it had to leave; empty as long as it stands where it was asked for
    why: str = ""  #: Slack's word for why it had to


class Unit(KeepsAlarms, KeepsCopies, Protocol):
    """One transaction."""

    async def commit(self) -> None:
        """Make everything since the unit began true at once, and ring the bell."""
        ...

    # what comes in -------------------------------------------------------------------------------------------
    async def receive(self, delivery: Delivery) -> bool:
        """Record a delivery; False when its key is known already."""
        ...

    async def delivery(self, key: str) -> Delivery | None:
        """A delivery that was recorded; None where there is none."""
        ...

    async def answered(self, key: str) -> None:
        """Drop the address of a delivery whose answer was told."""
        ...

    async def forget(self, key: str) -> None:
        """Remove a delivery that was not acted on, as if it had never come in; it may come in again."""
        ...

    async def settle(self, key: str, *, result: str) -> None:
        """Mark a delivery as acted on; a key that was never received is fine (tests, ticks).

        Raises:
            Stale: it was settled before, by us or another replica: leave without commit.
        """
        ...

    async def unsettled(self, *, since: datetime) -> Sequence[Delivery]:
        """Deliveries recorded after `since` and not acted on, oldest first."""
        ...

    # operations ----------------------------------------------------------------------------------------------
    async def add(self, operation: Operation, entry: Entry) -> None:
        """Store a new operation.

        Raises:
            bot.domain.errors.AlreadyUnderWay: a live operation holds this (cloud, host) or the target, or sends VMs to
                the host; names it.
        """
        ...

    async def operation(self, id: OperationId) -> Operation:
        """Read one.

        Raises:
            bot.domain.errors.UnknownOperation
        """
        ...

    async def save(self, operation: Operation, entry: Entry) -> Operation:
        """Write a changed operation with its audit entry; answers it with its new version.

        Raises:
            Stale: its version is not the stored one any more.
        """
        ...

    async def operations(
        self,
        *,
        live: bool | None = None,
        states: frozenset[State] | None = None,
        cloud: str = "",
        host: HostId | None = None,
        limit: int = 50,
    ) -> Sequence[Operation]:
        """Operations, newest first."""
        ...

    async def requests(self, cloud: str) -> Sequence[Request]:
        """What the live operations of a cloud were asked for."""
        ...

    async def overdue(self, now: datetime) -> Sequence[OperationId]:
        """Operations awaiting approval whose `expires_at` has come."""
        ...

    # steps ---------------------------------------------------------------------------------------------------
    async def lay_out(self, operation: OperationId, records: Sequence[StepRecord]) -> None:
        """Store the step rows of an approved plan, replacing any of an earlier plan."""
        ...

    async def revise(self, operation: OperationId) -> None:
        """Have its card drawn anew though nothing of it changed: it speaks of the time."""
        ...

    async def steps(self, operation: OperationId, *, alone: bool = False) -> Sequence[StepRecord]:
        """All step rows, in plan order; with `alone`, nobody else changes any of them until this unit is over."""
        ...

    async def moving_beside(self, operation: Operation) -> Sequence[tuple[OperationId, StepRecord]]:
        """Steps in flight of all other operations of its cloud; nobody else counts them until this unit is over.

        So a limit over operations holds over processes too: whoever counts waits for the intents of who counted before.
        """
        ...

    async def save_steps(self, operation: OperationId, records: Sequence[tuple[StepRecord, Entry | None]]) -> None:
        """Write changed step rows with their audit entries; progress alone (entry None) is not audited."""
        ...

    # audit and news ------------------------------------------------------------------------------------------
    async def record(self, operation: OperationId | None, entry: Entry) -> None:
        """Append an audit entry that changes no row (a refusal, an outside call)."""
        ...

    async def entries(self, operation: OperationId, *, limit: int) -> tuple[int, Sequence[Recorded]]:
        """How many lines the audit has about an operation, and the newest of them, oldest first."""
        ...

    async def tell(self, *news: News) -> None:
        """Queue news for delivery."""
        ...

    # leases --------------------------------------------------------------------------------------------------
    async def has_work(self, *, span: timedelta) -> bool:
        """Whether there is an operation that `claim` would take now."""
        ...

    async def claim(self, owner: str, *, span: timedelta) -> Lease | None:
        """Take an operation in a WORKING state whose time has come and that nobody holds, the longest waiting first."""
        ...

    async def hold(self, lease: Lease, *, span: timedelta | None = None) -> Lease:
        """Assert the lease inside this transaction, and renew it when `span` is given.

        Raises:
            LeaseLost: it is over; somebody else may have taken it since.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Give the operation back; does nothing when the lease is lost."""
        ...

    async def lead(self, owner: str, *, span: timedelta) -> Lead | None:
        """Renew the leader's lease, or take it when nobody holds it; None: somebody else does."""
        ...

    async def still_leads(self, lead: Lead) -> None:
        """Assert the leader's lease inside this transaction.

        Raises:
            LeaseLost: it is over; somebody else may have taken it since.
        """
        ...

    async def step_down(self, lead: Lead) -> None:
        """Give the leader's lease back; does nothing when it is lost."""
        ...

    # the notice board ----------------------------------------------------------------------------------------
    async def unposted(self, *, limit: int) -> Sequence[tuple[Operation, int, Card | None]]:
        """Operations whose revision (grows with every change of the operation or its steps) is ahead of their card."""
        ...

    async def keep_card(self, card: Card) -> None:
        """Store where a card stands and what it shows."""
        ...

    async def card(self, operation: OperationId) -> Card | None:
        """Where an operation's card stands."""
        ...

    async def outgoing(self, *, limit: int, put_off: Collection[int] = ()) -> Sequence[Outgoing]:
        """The next news of each lane, private notes first, then the oldest; of no lane whose next is put off."""
        ...

    async def followers(self, line: Outgoing, *, limit: int) -> Sequence[Outgoing]:
        """What waits in the lane of a line behind it, oldest first."""
        ...

    async def line(self, news: News) -> str:
        """The ts of the line that stands for news of a kind in `ONE_LINE`; empty when none does."""
        ...

    async def attempt(self, ids: Sequence[int], *, now: datetime) -> None:
        """Mark news as about to be posted."""
        ...

    async def told(self, ids: Sequence[int], *, ts: str) -> None:
        """Mark news as posted."""
        ...

    async def postpone(self, ids: Sequence[int], *, why: str) -> None:
        """Note why news could not be told, to be tried again."""
        ...

    async def give_up(self, ids: Sequence[int], *, why: str) -> None:
        """Never try again: Slack will not take it, ever (channel gone, person gone). Audited."""
        ...

    # retention -----------------------------------------------------------------------------------------------
    async def let_go(self, before: datetime, *, most: int) -> int:
        """Delete what was over before a moment, at most so much of each kind; answers how much it was."""
        ...

    async def cut_audit(self, before: datetime, *, most: int) -> int:
        """Delete the lines of the audit from before a moment, at most so many; answers how many they were."""
        ...


class Archive(Protocol):
    """The database."""

    def unit(self, rank: Rank = Rank.PEOPLE) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction that reads what is committed and writes nothing. It waits for no other one."""
        ...


class People(Protocol):
    """Who is who, asked of Slack."""

    async def actor(self, user: UserId) -> Actor:
        """A person with their standing and groups, a short cache old at most.

        Raises:
            bot.domain.errors.CouldNotAsk: Slack did not answer.
        """
        ...

    async def named(self, who: Sequence[str], *, most: int) -> Sequence[UserId]:
        """Full members that a list of user and group ids names: all, or `most` of them.

        Raises:
            bot.domain.errors.CouldNotAsk: Slack did not answer.
        """
        ...

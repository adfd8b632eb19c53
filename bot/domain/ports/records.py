"""What a unit of work takes and gives besides operations, steps, alarms and news."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.messages.news import News
from bot.domain.values import Facts, OperationId, UserId

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


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A second card of an operation, where somebody asked to see it; the thread hangs at the first one."""

    operation: OperationId
    channel: str
    person: UserId  #: who asked
    ts: str = ""
    revision: int = -1  #: what it shows
    attempted_at: datetime | None = None  #: a first post whose answer we have not stored

"""An alarm: something about a host that people should know of though nobody asked; one message until it is over."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

from bot.domain.messages.kind import Kind
from bot.domain.values import HostId, OperationId


class AlarmKind(StrEnum):
    """What an alarm is about."""

    HOST_DOWN = "host down"
    MOST_DOWN = "most hosts down"
    """So many hosts look dead at once that the observer is to be suspected first."""
    ALERT = "alert"
    """Somebody else's monitoring says so."""
    STORM = "storm"
    """So many alerts at once that one message counts them, with theirs below it."""
    LEFT_OVER = "left over"
    """A host that Muster took out of service and nobody brought back; told in the thread of that operation."""


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert of another monitoring, as a line of an alarm."""

    key: str  #: the same for the same alert, from its first firing to its end
    summary: str
    since: datetime
    is_over: bool = False


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One thing to tell, from its first sign to its end. At most one of a kind, cloud and subject is open."""

    id: str
    kind: AlarmKind
    cloud: str = ""  #: empty: no cloud of ours is known to be meant
    subject: str  #: what it is about, within its kind and cloud: a host's id, a group of alerts
    host: HostId | None = None  #: the one host it is about, when that is certain
    host_name: str = ""  #: as the cloud, or else the alert, calls it
    since: datetime  #: of the failure, where the cloud or the alert tells; else when it was first seen
    first_seen_at: datetime
    raised_at: datetime | None = None  #: when it was certain enough to be told; None: not yet
    reminded_at: datetime | None = None  #: when it was told last, for kinds that are told again
    cleared_at: datetime | None = None
    sentence: str = ""  #: what it is, or how it ended, where the kind alone does not say
    evidence: tuple[str, ...] = ()
    vms: int | None = None
    may_evacuate: bool = False  #: whether the cloud offers to evacuate the host
    operation: OperationId | None = None  #: the operation that explains it, or that left it over
    alerts: tuple[Alert, ...] = ()
    label: tuple[str, str] | None = None
    """The cloud and the host as labels of alerts name them, while which host is meant is still to be found out."""
    within: str = ""  #: the id of the alarm that counts it: its message stands below that one's
    version: int = 0  #: grows with every save; the compare-and-set of the archive

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.cleared_at is None

    @property
    def has_message(self) -> bool:
        """Whether a message of its own stands for it."""
        return self.raised_at is not None and self.kind is not AlarmKind.LEFT_OVER

    @property
    def is_untold(self) -> bool:
        """Whether it is of another monitoring and still to be told."""
        return self.is_open and self.kind is AlarmKind.ALERT and self.raised_at is None

    @property
    def sought_in(self) -> str | None:
        """The cloud in which its host is still to be found, empty for any; None: it is not sought."""
        return self.label[0] if self.is_open and self.label is not None else None

    @property
    def firing(self) -> int:
        """How many of its alerts are not over."""
        return sum(1 for alert in self.alerts if not alert.is_over)

    def cleared(self, at: datetime, sentence: str = "") -> Self:
        """The alarm once it is over."""
        return replace(self, cleared_at=at, sentence=sentence or self.sentence)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How much a storm counts of what is open."""

    alarms: int
    alerts: int
    hosts: int


@dataclass(frozen=True, kw_only=True)
class Notice:
    """The message that stands for an alarm."""

    alarm: str
    channel: str = ""
    ts: str = ""
    shown: int = -1  #: the version of the alarm that it shows
    attempted_at: datetime | None = None  #: a first post whose answer we have not stored
    is_direct: bool = False  #: as its channel takes nothing, those who may act were told of it by direct message


@dataclass(frozen=True, kw_only=True)
class AlarmUnheard:
    """An alarm, or its end, for somebody who may act and would not hear of it: its channel takes nothing."""

    kind: ClassVar = Kind.ALARM
    alarm: str
    below: tuple[str, ...] = ()  #: of a storm, the ids of those that it counts and of which nobody was told before
    goes_on: bool = False  #: whether they were told of the storm itself before

"""Private answers: why something was refused, and what somebody asked to see."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from bot.domain.messages.kind import Kind
from bot.domain.values import OperationId, UserId


@dataclass(frozen=True, kw_only=True)
class RefusalTold:
    """Why nothing was done."""

    kind: ClassVar = Kind.REFUSED
    shows: ClassVar = ""
    sentence: str
    remedy: str = ""
    ask: tuple[str, ...] = ()  #: ids of those who can do it
    link_to: OperationId | None = None
    by: tuple[str, ...] = ()  #: who settled it
    at: datetime | None = None  #: when
    stands_in: str | None = None  #: the channel of the living card


@dataclass(frozen=True, kw_only=True)
class OperationsListed:
    """Operations, a line each; or the first in full; or none, and the sentence alone."""

    kind: ClassVar = Kind.NOTED
    shows: ClassVar = "operations"
    sentence: str
    about: tuple[OperationId, ...] = ()
    in_full: bool = False


@dataclass(frozen=True, kw_only=True)
class PastListed:
    """Past operations of a host, newest first."""

    kind: ClassVar = Kind.NOTED
    shows: ClassVar = "history"
    sentence: str
    about: tuple[OperationId, ...]


@dataclass(frozen=True, kw_only=True)
class ShownHost:
    """A host, and what Muster does there."""

    cloud: str
    host: str
    state: str
    area: str = ""
    vms: int | None = None
    note: str = ""
    in_service: bool
    operation: OperationId | None = None
    action: str | None = None
    stands: str | None = None


@dataclass(frozen=True, kw_only=True)
class SilentCloud:
    """A cloud that could not be asked."""

    cloud: str
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class HostsListed:
    """Hosts of one cloud or of several."""

    kind: ClassVar = Kind.NOTED
    shows: ClassVar = "hosts"
    matching: str
    clouds: tuple[str, ...]
    rows: tuple[ShownHost, ...]
    silent: tuple[SilentCloud, ...]
    number: int  #: of them, shown or not
    is_more: bool  #: than that


@dataclass(frozen=True, kw_only=True)
class ShownLine:
    """A line of the audit, for people."""

    at: datetime
    actor: UserId | None
    event: str
    facts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AuditListed:
    """What was recorded about one operation, newest last."""

    kind: ClassVar = Kind.NOTED
    shows: ClassVar = "audit"
    operation: OperationId
    action: str
    cloud: str
    host: str
    number: int  #: of lines, shown or not
    rows: tuple[ShownLine, ...]


@dataclass(frozen=True, kw_only=True)
class ShownRule:
    """Who may do what on one cloud."""

    cloud: str
    action: str
    requesters: tuple[str, ...]
    approvers: tuple[str, ...]
    break_glass: tuple[str, ...]
    quorum: int
    self_approval: bool
    typed_confirmation: bool
    minutes: float  #: after which a request expires
    escalate_to: tuple[str, ...]
    escalate_after: float  #: minutes
    freezes: tuple[str, ...]
    frozen: str
    you: tuple[str, ...]  #: what the reader can do now, in words that follow "You can"
    impossible: str


@dataclass(frozen=True, kw_only=True)
class PolicyListed:
    """The policy of one cloud or of all."""

    kind: ClassVar = Kind.NOTED
    shows: ClassVar = "policy"
    rows: tuple[ShownRule, ...]


Answered: TypeAlias = RefusalTold | OperationsListed | PastListed | HostsListed | AuditListed | PolicyListed

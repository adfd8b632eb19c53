"""What a survey of an OpenStack cloud holds: its services, servers, moves and room, in OpenStack's own words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

Amounts: TypeAlias = Mapping[str, int]
"""Of resource classes: {"VCPU": 2, "MEMORY_MB": 4096}."""

_NEVER = datetime.min.replace(tzinfo=UTC)
ACCELERATOR = "an accelerator"
NO_PORT = "normal"  #: the kind of a port that is nothing but a virtual switch's
EVACUATION, LIVE_MIGRATION = "evacuation", "live-migration"
RESIZE = "resize"  #: asked for by a VM's owner, and confirmed or reverted by them; a cold migration is a "migration"
ABORTED = "cancelled"
_BEGINNING = {"accepted", "queued", "preparing", "pre-migrating"}
_GOING_ON = {"running", "migrating", "post-migrating", "running (completed)", "confirming", "reverting"}
OPEN = frozenset(_BEGINNING | _GOING_ON)
"""Statuses of a migration that has not come to an end."""


class Life(StrEnum):
    """What two looks show of a host that Nova calls down."""

    REPORTS = "reports"
    """Its heartbeat goes on."""
    UNTOLD = "untold"
    """Its row was written a moment ago; whether by a heartbeat, only another look can tell."""
    SILENT = "silent"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service of Nova or Cinder as its API lists it."""

    id: str
    binary: str
    host: str
    zone: str
    is_up: bool
    is_enabled: bool
    is_forced_down: bool = False
    disabled_reason: str = ""
    updated_at: datetime | None = None  #: its last heartbeat, or the last change of its record
    is_silent: bool = False  #: its cell does not answer, so that Nova knows no more than that it exists

    @property
    def state(self) -> str:
        """As people say it: "down, disabled"."""
        if self.is_silent:
            return "unknown, its cell does not answer"
        words = ["up" if self.is_up else "down"]
        words += ["forced down"] if self.is_forced_down else []
        words += [] if self.is_enabled else ["disabled"]
        return ", ".join(words)


def in_turn(rows: Iterable[Service]) -> tuple[Service, ...]:
    """The rows of one host: first the one that stands for it, which is up, or was heard of last."""
    return tuple(sorted(rows, key=lambda s: (s.is_up, s.updated_at is not None, s.updated_at or _NEVER), reverse=True))


def standing(rows: Iterable[Service]) -> tuple[Service, ...]:
    """One row for each host, in the order of the list."""
    by_host: dict[str, list[Service]] = {}
    for row in rows:
        by_host.setdefault(row.host, []).append(row)
    return tuple(in_turn(mine)[0] for mine in by_host.values())


@dataclass(frozen=True, kw_only=True)
class Server:
    """A VM as Nova shows it."""

    id: str
    name: str
    project: str
    host: str
    status: str  #: ACTIVE, SHUTOFF, ERROR, ...
    vm_state: str  #: active, stopped, error, paused, ...
    task: str | None  #: task_state
    flavor: str
    needs: Amounts  #: by its flavor
    has_local_disk: bool  #: booted from an image, or with an ephemeral or swap disk
    boots_from_volume: bool
    pinned_zone: str | None = None  #: the zone it must stay in; None too when the cloud does not tell
    fault: str = ""
    updated_at: str = ""
    created_at: str = ""
    launched_at: str = ""  #: when its guest was started anew last, by a build, a rebuild or an unshelving
    is_locked: bool = False
    has_vtpm: bool = False  #: by its flavor or its image
    has_portable_vtpm: bool = False  #: whether the secret of its vTPM is kept by its host, which newer releases move
    has_encrypted_memory: bool = False  #: by its flavor or its image (AMD SEV)
    devices: tuple[str, ...] = ()  #: what in its flavor needs a device of the host: "a PCI device"
    traits: Mapping[str, str] = field(default_factory=dict)  #: "required" or "forbidden", by trait
    scope: Mapping[str, str] = field(default_factory=dict)  #: what the aggregates of its host must say of themselves
    metadata: Mapping[str, str] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()  #: ids of those attached
    ports: frozenset[str] = frozenset()  #: kinds of its ports (vnic_type) that are more than a virtual switch
    has_page_size: bool = False  #: by its flavor
    has_amphora_port: bool = False  #: whether one of its ports is of Octavia
    has_promised_bandwidth: bool = False  #: whether one of its ports has a minimum bandwidth (QoS)
    shares: frozenset[str] = frozenset()  #: ids of the Manila shares attached
    locked_reason: str = ""  #: from 2.73 on
    node: str = ""  #: name of the hypervisor or bare-metal node that it is on
    is_found: bool = True  #: whether its host knew of its guest when that last looked
    is_off: bool = False  #: whether its guest was off when its host last told (power_state), whatever its status

    @property
    def is_shadow(self) -> bool:
        """Whether its cell is down, so that Nova shows no more than that it exists."""
        return self.status == "UNKNOWN" and not self.vm_state

    @property
    def has_accelerator(self) -> bool:
        """Whether its flavor asks for a device of Cyborg."""
        return ACCELERATOR in self.devices

    @property
    def is_live(self) -> bool:
        """Whether it has a running or paused guest, which Nova moves live."""
        return self.vm_state in {"active", "paused"}

    @property
    def is_gone(self) -> bool:
        """Whether it has been deleted, for good or not."""
        return self.status in {"DELETED", "SOFT_DELETED"} or self.vm_state in {"deleted", "soft-delete"}

    @property
    def is_restorable(self) -> bool:
        """Whether it was deleted and can still be restored: until Nova reclaims it, its disk stays where it is."""
        return self.status == "SOFT_DELETED" or self.vm_state == "soft-delete"


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of a server, as Neutron shows it."""

    server: str  #: empty: it is not a server's
    kind: str  #: vnic_type
    is_amphora_port: bool = False  #: whether Octavia made it for an amphora
    is_promised_bandwidth: bool = False  #: whether it has a minimum bandwidth (QoS) that Placement keeps account of


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A record of one move of one server."""

    id: int
    type: str
    server: str
    status: str
    source: str
    target: str | None
    created_at: str
    updated_at: str = ""
    uuid: str = ""  #: from 2.59 on; under which it holds room, too
    memory: int = 0  #: bytes to copy, where that was asked and Nova tells
    memory_left: int = 0  #: bytes of these
    memory_copied: int = 0  #: bytes copied so far, those again that changed meanwhile

    @property
    def is_open(self) -> bool:
        """Whether it has not come to an end, as far as Nova knows."""
        return self.status in OPEN


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a host may promise and has promised, by Placement."""

    capacity: Amounts
    used: Amounts
    traits: frozenset[str] = frozenset()
    largest: Amounts = field(default_factory=dict)  #: what one VM may take at most, as far as the cloud tells

    @property
    def free(self) -> Amounts:
        """What is left, by resource class; nothing where more was promised than there is (a ratio that was lowered)."""
        return {name: max(0, self.capacity[name] - self.used.get(name, 0)) for name in self.capacity}


@dataclass(frozen=True, kw_only=True)
class ServerGroup:
    """A server group."""

    id: str
    name: str
    policy: str
    members: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Used:
    """What is to be known of a volume in use besides who uses it."""

    is_encrypted: bool
    manager: str  #: without its pool; empty where the account may not see it


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A Cinder volume, by who manages it."""

    id: str
    name: str
    manager: str  #: host@backend#pool; old ones have no pool
    service: str = ""  #: uuid of the service that its record names; empty where Cinder does not say
    is_clustered: bool = False  #: served by whichever member of a cluster lives


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A Cinder backup, by the host whose cinder-backup answers for it."""

    id: str
    name: str
    host: str


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What Cinder has: all of its services, and what the host manages."""

    host: str
    names: frozenset[str] = frozenset()  #: what else Cinder calls it
    doubtful: tuple[str, ...] = ()  #: names in Cinder that may mean it or another host
    services: tuple[Service, ...] = ()
    pools: Mapping[str, str] = field(default_factory=dict)
    """Of the backends that live: full name (host@backend#pool) -> where its storage is, as its driver says it."""
    volumes: tuple[Volume, ...] = ()  #: whose manager is the host, or one of the names that were asked for besides
    backups: tuple[Backup, ...] | None = ()  #: of every host; None: nobody asked, or nobody could tell
    trouble: str = ""  #: why `cinder-manage` cannot be run, as a sentence; empty: it can, or nobody tried
    remedy: str = ""  #: against the trouble

    @property
    def here(self) -> tuple[Service, ...]:
        """Cinder's services on the host."""
        return tuple(s for s in self.services if self.is_mine(s.host))

    @property
    def managed(self) -> tuple[Volume, ...]:
        """The volumes that the host manages alone."""
        return tuple(v for v in self.volumes if self.is_mine(v.manager) and not v.is_clustered)

    def is_mine(self, manager: str) -> bool:
        """Whether a manager's name is of the host, whatever backend and pool it names."""
        return host_of(manager) in self.names | {self.host}


def host_of(manager: str) -> str:
    """The part of a manager's name that is its host: host@backend#pool."""
    return manager.partition("#")[0].partition("@")[0]


@dataclass(frozen=True, kw_only=True)
class Unanswered:
    """A question that the cloud did not answer, and that no plan waits for."""

    what: str  #: "the names of projects"
    instead: str  #: what is done without it: "their ids are shown"
    why: str  #: what the cloud said, as a sentence
    is_risk: bool = False  #: whether approvers take something upon them

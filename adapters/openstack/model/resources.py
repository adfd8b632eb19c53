"""What a survey of an OpenStack cloud holds: its services, servers, moves and room, in OpenStack's own words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from adapters.openstack.wire.versions import Microversion
from adapters.redfish.reading import PowerReading
from bot.domain.cloud import NO_BOOKS, Books
from bot.domain.listing import Listing

Amounts: TypeAlias = Mapping[str, int]
"""Of resource classes: {"VCPU": 2, "MEMORY_MB": 4096}."""

_NEVER = datetime.min.replace(tzinfo=UTC)
ACCELERATOR = "an accelerator"
NO_PORT = "normal"  #: the kind of a port that is nothing but a virtual switch's
EVACUATION, LIVE_MIGRATION = "evacuation", "live-migration"
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


@dataclass(frozen=True, kw_only=True)
class OpenStackSurvey:
    """Everything read to judge a request about one host."""

    host: str
    at: datetime
    highest: Microversion  #: that Nova offers
    services: tuple[Service, ...]  #: all of Nova
    listed: Listing[Server] = field(default_factory=Listing)  #: on the host, of any status; and whether that is all
    projects: Mapping[str, str] = field(default_factory=dict)  #: names by id, where they can be read
    groups: tuple[ServerGroup, ...] = ()
    migrations: tuple[Migration, ...] = ()  #: from or to the host, ended ones too
    room: Mapping[str, Room] | None = None  #: by host; None: Placement does not tell
    held: Mapping[str, Amounts] | None = field(default_factory=dict)
    """What each server holds on the host, by Placement; None: it does not tell."""
    aggregates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: names, by host
    tags: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """What a host's aggregates say of themselves (their metadata): by host, then by key."""
    bare_metal: frozenset[str] = frozenset()  #: names of the hosts and nodes that are of Ironic
    life: Life = Life.SILENT  #: of the host, if Nova calls it down
    movers: Mapping[str, Server | None] = field(default_factory=dict)
    """VMs of lasting records by id, wherever they are now; None: deleted; of one that is not in it nobody asked."""
    books: Books = NO_BOOKS  #: what Muster itself knows
    away: tuple[Server, ...] = ()  #: of the ledger of the books, wherever they are now but on the host
    storage: Storage | None = None  #: None: the cloud has no Cinder
    encrypted: frozenset[str] = frozenset()  #: ids of volumes attached to its servers that are encrypted
    ports_known: bool = True  #: whether Neutron, where there is one, told of the servers' ports
    shares_known: bool = True  #: whether Nova told which shares are attached to the servers
    unanswered: tuple[Unanswered, ...] = ()  #: questions that nothing depends on but accuracy
    power: PowerReading | None = None  #: off only where two readings said so; None: no BMC of the host is known
    bmc_called: tuple[str, ...] = ()
    """Where the host has no BMC: what names BMCs have that may be its own, otherwise written."""
    others: Mapping[str, PowerReading] = field(default_factory=dict)
    """The power of other hosts that look dead too, where it was asked for and so as that of the host."""

    @property
    def servers(self) -> tuple[Server, ...]:
        """On the host, of any status, as far as that is known."""
        return self.listed.items

    @cached_property
    def computes(self) -> tuple[Service, ...]:
        """Its compute services: of each host the row that stands for it."""
        return standing([s for s in self.services if s.binary == "nova-compute"])

    @cached_property
    def _by_host(self) -> Mapping[str, Service]:
        return {s.host: s for s in reversed(self.computes)}

    @cached_property
    def _by_member(self) -> Mapping[str, ServerGroup]:
        return {member: group for group in reversed(self.groups) for member in group.members}

    @cached_property
    def _by_mover(self) -> Mapping[str, Sequence[Migration]]:
        found: dict[str, list[Migration]] = {}
        for move in self.migrations:
            found.setdefault(move.server, []).append(move)
        return found

    @property
    def rows(self) -> tuple[Service, ...]:
        """The rows of the host's compute service, the one that stands for it first."""
        return in_turn([s for s in self.services if s.binary == "nova-compute" and s.host == self.host])

    @property
    def service(self) -> Service | None:
        """The compute service of the host."""
        return self._by_host.get(self.host)

    @cached_property
    def survivors(self) -> tuple[Service, ...]:
        """Compute services that the scheduler may choose for VMs."""
        others = (s for s in self.computes if s.host != self.host and s.host not in self.bare_metal)
        return tuple(s for s in others if s.is_up and s.is_enabled)

    @cached_property
    def is_bare_metal(self) -> bool:
        """Whether the host is a compute service of Ironic: of a dead one Nova may list no node any more."""
        return self.host in self.bare_metal or any(s.node in self.bare_metal for s in self.servers)

    @property
    def deserted(self) -> tuple[str, ...]:
        """Names of the host's aggregates in which no other host is in service; none when there is no other at all."""
        living = {name for s in self.survivors for name in self.aggregates.get(s.host, ())}
        return tuple(name for name in self.aggregates.get(self.host, ()) if self.survivors and name not in living)

    @cached_property
    def seen(self) -> Mapping[str, Server | None]:
        """The VMs that were asked about, by id: on the host and elsewhere; None: deleted."""
        return {**self.movers, **{s.id: s for s in self.servers}}

    def heard_of(self, host: str) -> datetime | None:
        """When a compute host was heard of last."""
        return self._by_host[host].updated_at if host in self._by_host else None

    def zone_of(self, host: str) -> str | None:
        """The availability zone of a compute host; None when Nova does not list it."""
        return self._by_host[host].zone if host in self._by_host else None

    @cached_property
    def shared(self) -> frozenset[str]:
        """Resource classes that no host has of its own, as all take them from a pool (Ceph): disk, or none."""
        rooms = [self.room[s.host] for s in self.survivors if s.host in self.room] if self.room else []
        is_pooled = bool(rooms) and not any("DISK_GB" in room.capacity for room in rooms)
        return frozenset({"DISK_GB"}) if is_pooled else frozenset()

    def needs(self, server: Server) -> Amounts:
        """What a server takes of a host: what it holds there by Placement, else what its flavor says."""
        taken = (self.held or {}).get(server.id) or server.needs
        return {name: amount for name, amount in taken.items() if name not in self.shared} if self.shared else taken

    def group_of(self, server: Server) -> ServerGroup | None:
        """The server group that a server is in."""
        return self._by_member.get(server.id)

    def moves_of(self, server: str) -> Sequence[Migration]:
        """The records of one server's moves, by its id."""
        return self._by_mover.get(server, ())

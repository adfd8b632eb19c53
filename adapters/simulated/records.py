"""What a simulated data centre is made of: plain mutable records, held and changed by `World`.

One file, though over 300 lines: they refer to each other, hold no behaviour, and are looked up together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

Deed: TypeAlias = Callable[[], object]
"""Something that happens at one moment of simulated time; what it returns is of no matter."""


class Platform(StrEnum):
    """Which platform runs a cluster."""

    OPENSTACK = "openstack"
    CLOUDTOWER = "cloudtower"


class Power(StrEnum):
    """What the guest really does, whatever a control plane believes."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUSPENDED = "SUSPENDED"
    PAUSED = "PAUSED"


class Maintenance(StrEnum):
    """CloudTower's `host_state.state`."""

    IN_USE = "IN_USE"
    ENTERING = "ENTERING_MAINTENANCE_MODE"
    IN_MAINTENANCE = "MAINTENANCE_MODE"
    REMOVING = "REMOVING"


class MoveKind(StrEnum):
    """Nova's migration types; CloudTower's moves use LIVE and COLD."""

    EVACUATION = "evacuation"
    LIVE = "live-migration"
    COLD = "migration"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """An amount of the three things that a host has to give."""

    vcpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            vcpus=self.vcpus + other.vcpus,
            memory_mb=self.memory_mb + other.memory_mb,
            disk_gb=self.disk_gb + other.disk_gb,
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            vcpus=self.vcpus - other.vcpus,
            memory_mb=self.memory_mb - other.memory_mb,
            disk_gb=self.disk_gb - other.disk_gb,
        )

    def holds(self, other: "Resources") -> bool:
        """Whether `other` fits into this amount."""
        return self.vcpus >= other.vcpus and self.memory_mb >= other.memory_mb and self.disk_gb >= other.disk_gb


@dataclass(eq=False, kw_only=True)
class Cluster:
    """A CloudTower cluster, or the one region of the OpenStack cloud."""

    id: str  #: cuid-like
    local_id: str  #: uuid
    name: str
    kind: Platform


@dataclass(kw_only=True)
class Knobs:
    """How the guests of one host behave: seconds a stage takes, and why it fails (empty: it does not)."""

    spawn_seconds: float = 0.6
    spawn_fail: str = ""
    live_seconds: float = 1.5
    live_slots: int = 1  #: Nova's max_concurrent_live_migrations, of this source
    live_fail: str = ""  #: breaks while copying memory
    precheck_fail: str = ""  #: refused by the target before anything was copied
    stop_seconds: float = 0.5
    clean_seconds: float = 3.0  #: a restarted host removes the guests that were evacuated meanwhile
    power_seconds: float = 1.0  #: until a machine that was told to power off is off


@dataclass(eq=False, kw_only=True)
class SimHost:
    """A hypervisor of either platform."""

    id: str  #: uuid: CloudTower's local_id, Nova's hypervisor id, Placement's provider
    cuid: str  #: CloudTower's id
    name: str
    cluster: Cluster
    capacity: Resources
    address: str
    started_at: datetime
    alive: bool = True
    powered: bool = True  #: what its BMC sees: a machine may be on and yet dead
    bmc_says: str = ""  #: the name that its BMC has heard of; empty: its own
    last_beat: datetime | None = None  #: of a host that is dead; None while it lives
    skew: float = 0.0  #: seconds by which the clock is ahead that stamps its heartbeats
    last_report: Sequence["SimVm"] = ()  #: the VMs that its nova-compute counted last, of a host that is dead
    knobs: Knobs = field(default_factory=Knobs)
    inbox: list[Deed] = field(default_factory=list)  #: messages that wait until it is back
    # --- OpenStack
    service_id: str  #: uuid of its nova-compute
    zone: str = "nova"
    enabled: bool = True
    disabled_reason: str | None = None
    forced_down: bool = False
    nodes: tuple[str, ...] = ()  #: uuids of bare-metal machines, where its nova-compute is one of Ironic
    changed_at: datetime | None = None  #: last change of its service's record by a person, which `updated_at` shows too
    vcpu_ratio: float = 4.0
    claim_free_at: datetime | None = None  #: nova-compute takes one claim at a time
    # --- CloudTower
    health: str = "HEALTHY"  #: HEALTHY, WARNING or ERROR, as CONNECTED_<health>
    maintenance: Maintenance = Maintenance.IN_USE
    maintenance_since: datetime | None = None
    maintenance_job: str | None = None

    @property
    def gives(self) -> Resources:
        """What may be promised of it (vCPUs are overcommitted)."""
        return Resources(
            vcpus=int(self.capacity.vcpus * self.vcpu_ratio),
            memory_mb=self.capacity.memory_mb,
            disk_gb=self.capacity.disk_gb,
        )


@dataclass(frozen=True, kw_only=True)
class Flavor:
    """A size of server."""

    id: str
    name: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Image:
    """A Glance image."""

    id: str
    name: str
    created_at: datetime
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Keystone project."""

    id: str
    name: str


@dataclass(kw_only=True)
class Fault:
    """Why Nova put a server into ERROR."""

    code: int
    message: str
    at: datetime


@dataclass(eq=False, kw_only=True)
class SimVm:
    """A guest of either platform. `power` is the truth; `state` and `task` are Nova's record of it."""

    id: str  #: uuid: Nova's server id, CloudTower's local_id
    cuid: str  #: CloudTower's id
    name: str
    host: SimHost | None
    cluster: Cluster
    vcpus: int
    memory_mb: int
    disk_gb: int = 0
    power: Power = Power.RUNNING
    created_at: datetime
    updated_at: datetime
    # --- OpenStack
    project: Project | None = None
    flavor: Flavor | None = None
    image: Image | None = None  #: None: booted from a volume
    state: str = "active"  #: vm_state: active, stopped, paused, suspended, rescued, resized, error, ...
    task: str | None = None  #: task_state
    fault: Fault | None = None
    locked_by: str | None = None  #: "admin" or "owner"
    locked_reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()  #: the kind (vnic_type) of each of its ports
    port_name: str = ""  #: of each of its ports
    promised_kbps: int = 0  #: minimum bandwidth of each of its ports (QoS)
    shares: tuple[str, ...] = ()  #: ids of the Manila shares attached
    launched_at: datetime | None = None
    # --- CloudTower
    ha: bool = True
    in_recycle_bin: bool = False
    usage: str | None = None  #: VmUsage, e.g. CLOUDTOWER
    migratable: bool = True  #: False: a device or local disk ties it to its host
    devices: tuple[str, ...] = ()  #: "gpu", "pci", "usb": why it is not
    protected: bool = False
    busy: str | None = None  #: entityAsyncStatus

    @property
    def needs(self) -> Resources:
        """What it takes of its host; a volume-backed server takes no local disk."""
        return Resources(vcpus=self.vcpus, memory_mb=self.memory_mb, disk_gb=self.disk_gb)


@dataclass(eq=False, kw_only=True)
class Move:
    """A move of one VM: Nova's migration record."""

    id: int
    uuid: str
    kind: MoveKind
    vm: SimVm
    source: SimHost
    dest: SimHost | None
    status: str
    created_at: datetime
    request_id: str
    updated_at: datetime | None = None  #: none before its first change, as a row has it
    user_id: str = ""
    project_id: str = ""
    progress: float = 0.0  #: 0..1 of the memory copied
    times_copied: float = 0.0  #: the memory of a guest that changes it as quickly
    stuck: bool = False  #: its target died in the middle: the record stays as it is
    wrecked: bool = False  #: a second evacuation broke it: blocks the return of `source` twice
    wanted_power: Power = Power.RUNNING


@dataclass(kw_only=True)
class ActionEvent:
    """One event inside a server's action."""

    event: str
    start: datetime
    finish: datetime | None = None
    result: str | None = None
    host: str | None = None
    details: str | None = None


@dataclass(kw_only=True)
class ServerAction:
    """An entry of a server's action log, tied to the API call by its request id."""

    request_id: str
    action: str
    vm_id: str
    start: datetime
    updated: datetime
    user_id: str
    project_id: str
    message: str | None = None
    events: list[ActionEvent] = field(default_factory=list)


@dataclass(kw_only=True)
class Attachment:
    """A volume in a server."""

    id: str
    vm_id: str
    device: str
    at: datetime


@dataclass(eq=False, kw_only=True)
class SimVolume:
    """A Cinder volume."""

    id: str
    name: str
    size_gb: int
    host: str  #: host@backend#pool
    service: str  #: host@backend of the service that its record names; `update_host` leaves it
    project: Project
    created_at: datetime
    status: str = "available"
    cluster: str | None = None
    bootable: bool = False
    multiattach: bool = False
    encrypted: bool = False
    type: str = "ceph"
    attachments: list[Attachment] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class SimBackup:
    """A Cinder backup. The REST API never shows its host."""

    id: str
    name: str
    volume: SimVolume
    host: str
    created_at: datetime
    status: str = "available"


@dataclass(eq=False, kw_only=True)
class CinderService:
    """cinder-volume, cinder-backup or cinder-scheduler on one host."""

    binary: str
    host: str
    enabled: bool = True
    disabled_reason: str | None = None
    location_info: str = "ceph:/etc/ceph/ceph.conf:fsid:cinder:volumes"  #: as its driver says where its storage is
    died_at: datetime | None = None


@dataclass(eq=False, kw_only=True)
class Aggregate:
    """A Nova host aggregate, mirrored into Placement."""

    id: int
    uuid: str
    name: str
    zone: str | None
    hosts: list[SimHost]
    created_at: datetime
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False, kw_only=True)
class SimServerGroup:
    """A Nova server group."""

    id: str
    name: str
    policy: str  #: affinity, anti-affinity, soft-affinity, soft-anti-affinity
    project: Project
    members: list[SimVm] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class Task:
    """A CloudTower task."""

    id: str
    description: str
    created_at: datetime
    resource_id: str | None = None
    resource_type: str | None = None
    resource_mutation: str | None = None
    status: str = "PENDING"  #: PENDING, EXECUTING, PAUSED, SUCCESSED, FAILED
    progress: float = 0.0  #: 0..1
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    result: Any = None  #: whatever the face wants to remember with it


@dataclass(frozen=True, kw_only=True)
class LoggedCall:
    """One HTTP call to a face, as the World saw it."""

    at: datetime
    face: str  #: openstack, cloudtower or redfish
    method: str
    path: str
    query: str
    body: Any  #: parsed JSON, or None; never that of a login
    status: int | None  #: None: the reply was never sent
    changes: bool  #: whether it was a mutating call (whatever came of it)

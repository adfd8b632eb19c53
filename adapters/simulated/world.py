"""The simulated data centre: one World of dictionaries, shared by its OpenStack and its CloudTower face.

Time is injected and nothing runs in the background: what will happen is a queue of deeds with a due time, and
`settle` lets everything happen that is due. The faces settle before each HTTP call, `host()`, `vm()` and every
operator's deed do too, so a clock moved by hand and a fast clock both work. While a deed runs, `world.now` is the
moment it was due, so that the timestamps are those of an uninterrupted run.

A face may add behaviour of its own with `after(seconds, deed)`; see `moves.py` for Nova's. The file is over 300 lines
because there is one World: whatever two faces and the operator share stands here, and nothing else does.
"""

import random
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from adapters.simulated.event_queue import EventQueue
from adapters.simulated.faults import CloudFaults
from adapters.simulated.records import (
    Aggregate,
    Attachment,
    CinderService,
    Cluster,
    Flavor,
    Image,
    LoggedCall,
    Move,
    MoveKind,
    Platform,
    Power,
    Project,
    Resources,
    ServerAction,
    SimBackup,
    SimHost,
    SimServerGroup,
    SimVm,
    SimVolume,
    Task,
)
from adapters.simulated.strays import StrayService

BEAT = 5.0  #: seconds between two heartbeats of a service
_CUID = "0123456789abcdefghijklmnopqrstuvwxyz"

Named = TypeVar("Named", SimHost, SimVm)


class World(EventQueue):
    """Hosts, VMs, volumes and their moves; every change goes through here or through a face.

    Args:
        now: the time, aware and UTC.
        sleep: how a face waits when a fault says that a reply is slow, in seconds.
        service_down_time: seconds without a heartbeat after which a service counts as down.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        service_down_time: float = 20.0,
    ) -> None:
        super().__init__(now)
        self._random = random.Random(7)  # two runs look alike
        self.sleep = sleep
        self.service_down_time = service_down_time
        self.faults = CloudFaults()
        self.calls: list[LoggedCall] = []  #: what the faces were asked, oldest first
        self.clusters: dict[str, Cluster] = {}  #: by cuid
        self.hosts: dict[str, SimHost] = {}  #: by uuid
        self.strays: list[StrayService] = []  #: rows of Nova's services that are listed before those of the hosts
        self.vms: dict[str, SimVm] = {}  #: by uuid
        self.tasks: dict[str, Task] = {}  #: CloudTower's, by id
        self.projects: dict[str, Project] = {}  #: by id
        self.flavors: dict[str, Flavor] = {}
        self.images: dict[str, Image] = {}
        self.volumes: dict[str, SimVolume] = {}
        self.backups: dict[str, SimBackup] = {}
        self.cinder_services: list[CinderService] = []
        self.aggregates: dict[int, Aggregate] = {}
        self.groups: dict[str, SimServerGroup] = {}
        self.moves: list[Move] = []  #: oldest first
        self.actions: list[ServerAction] = []  #: oldest first
        self.allocations: dict[str, dict[str, Resources]] = {}  #: consumer uuid -> host uuid -> amount

    # ------------------------------------------------------------------ ids

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_cuid(self) -> str:
        """An id in the form CloudTower gives: 25 characters, `c` first."""
        return "c" + "".join(self._random.choices(_CUID, k=24))

    # ------------------------------------------------------------------ looking

    def host(self, name: str) -> SimHost:
        """The host of that name, uuid or cuid.

        Raises:
            LookupError: there is none, or the name is that of several.
        """
        self.settle()
        return _called(name, self.hosts.values(), what="hosts")

    def vm(self, name: str) -> SimVm:
        """The VM of that name, uuid or cuid.

        Raises:
            LookupError: there is none, or the name is that of several.
        """
        self.settle()
        return _called(name, self.vms.values(), what="VMs")

    def hosts_of(self, kind: Platform) -> list[SimHost]:
        """All hosts of one platform, by name."""
        return sorted((h for h in self.hosts.values() if h.cluster.kind is kind), key=lambda h: h.name)

    def vms_of(self, kind: Platform) -> list[SimVm]:
        """All VMs of one platform, oldest first."""
        return [v for v in self.vms.values() if v.cluster.kind is kind]

    def vms_on(self, host: SimHost) -> list[SimVm]:
        """The VMs whose record says they are on `host`."""
        return [v for v in self.vms.values() if v.host is host]

    def last_beat(self, host: SimHost | StrayService) -> datetime:
        """When the host last reported."""
        return host.last_beat or self.beat(host.started_at)

    def beat(self, since: datetime) -> datetime:
        """The last heartbeat of something that has been alive since then."""
        elapsed = max(0.0, (self.now - since).total_seconds())
        return since + timedelta(seconds=elapsed // BEAT * BEAT)

    def is_up(self, host: SimHost | StrayService) -> bool:
        """What the control plane believes, which lags behind `host.alive` by `service_down_time`.

        Nova takes the distance to the heartbeat either way, so clocks that differ make a living host look dead.
        """
        silent = (self.now - self.last_beat(host)).total_seconds() - host.skew
        return not host.forced_down and abs(silent) <= self.service_down_time

    def used(self, host: SimHost) -> Resources:
        """What is promised of the host, including what moves hold at both ends."""
        held = (a[host.id] for a in self.allocations.values() if host.id in a)
        return sum(held, Resources())

    def room(self, host: SimHost) -> Resources:
        """What may still be promised of it."""
        return host.gives - self.used(host)

    def calls_to(self, path: str = "", *, method: str = "", face: str = "") -> list[LoggedCall]:
        """The calls seen whose path contains `path`, oldest first."""
        return [c for c in self.calls if path in c.path and method in {"", c.method} and face in {"", c.face}]

    def mutations(self) -> list[LoggedCall]:
        """The calls that asked for a change, whatever came of them; logins do not count."""
        return [c for c in self.calls if c.changes]

    def log(self, call: LoggedCall) -> None:
        """Note an HTTP call; only the newest 100,000 are kept."""
        self.calls.append(call)
        del self.calls[:-100_000]

    # ------------------------------------------------------------------ building

    def add_cluster(self, name: str, kind: Platform) -> Cluster:
        cluster = Cluster(id=self.new_cuid(), local_id=self.new_uuid(), name=name, kind=kind)
        self.clusters[cluster.id] = cluster
        return cluster

    def add_host(
        self,
        name: str,
        cluster: Cluster,
        *,
        vcpus: int = 32,
        memory_mb: int = 131072,
        disk_gb: int = 2000,
    ) -> SimHost:
        """A living host."""
        self.settle()
        host = SimHost(
            id=self.new_uuid(),
            cuid=self.new_cuid(),
            service_id=self.new_uuid(),
            name=name,
            cluster=cluster,
            capacity=Resources(vcpus=vcpus, memory_mb=memory_mb, disk_gb=disk_gb),
            address=f"10.0.{len(self.clusters)}.{11 + len(self.hosts)}",
            started_at=self.now,
        )
        self.hosts[host.id] = host
        return host

    def add_vm(
        self,
        name: str,
        host: SimHost | None,
        *,
        flavor: Flavor | None = None,
        vcpus: int = 2,
        memory_mb: int = 4096,
        disk_gb: int = 0,
        project: Project | None = None,
        image: Image | None = None,
        power: Power = Power.RUNNING,
        cluster: Cluster | None = None,
    ) -> SimVm:
        """A VM on `host`, running unless said otherwise. A flavor, if given, decides its size.

        Set any other field on the Vm that is returned.
        """
        self.settle()
        where = cluster or (host.cluster if host else next(iter(self.clusters.values())))
        vm = SimVm(
            id=self.new_uuid(),
            cuid=self.new_cuid(),
            name=name,
            host=host,
            cluster=where,
            vcpus=flavor.vcpus if flavor else vcpus,
            memory_mb=flavor.memory_mb if flavor else memory_mb,
            disk_gb=(flavor.disk_gb if image else 0) if flavor else disk_gb,
            power=power,
            created_at=self.now,
            updated_at=self.now,
            launched_at=self.now,
            project=project,
            flavor=flavor,
            image=image,
            state=_STATE[power],
        )
        self.vms[vm.id] = vm
        if host is not None:
            self.allocations[vm.id] = {host.id: vm.needs}
        return vm

    def add_volume(self, name: str, *, size_gb: int, host: str, project: Project, vm: SimVm | None = None) -> SimVolume:
        """A volume, attached to `vm` as its next device if one is given (the first one boots it)."""
        self.settle()
        volume = SimVolume(
            id=self.new_uuid(),
            name=name,
            size_gb=size_gb,
            host=host,
            service=host.partition("#")[0],
            project=project,
            created_at=self.now,
        )
        if vm is not None:
            device = f"/dev/vd{'abcdefgh'[len(self.volumes_of(vm))]}"
            volume.attachments.append(Attachment(id=self.new_uuid(), vm_id=vm.id, device=device, at=self.now))
            volume.status = "in-use"
            volume.bootable = device == "/dev/vda"
        self.volumes[volume.id] = volume
        return volume

    def volumes_by_vm(self) -> dict[str, list[SimVolume]]:
        """Attached volumes, by VM uuid."""
        found: dict[str, list[SimVolume]] = {}
        for volume in self.volumes.values():
            for held in volume.attachments:
                found.setdefault(held.vm_id, []).append(volume)
        return found

    def volumes_of(self, vm: SimVm) -> list[SimVolume]:
        """The volumes attached to a VM."""
        return self.volumes_by_vm().get(vm.id, [])

    # ------------------------------------------------------------------ an operator's deeds

    def kill_host(self, name: str) -> SimHost:
        """Pull its plug: guests stop, heartbeats end; the service counts as down only some time later."""
        host = self.hang_host(name)
        host.powered = False
        return host

    def hang_host(self, name: str) -> SimHost:
        """Its power stays on, but nothing is heard of it any more: it hangs, or is cut off."""
        host = self.host(name)
        if host.alive:
            host.last_beat = self.last_beat(host)
            host.alive, host.last_report = False, self.vms_on(host)
            for service in self._cinder_on(host):
                service.died_at = host.last_beat
        return host

    def _cinder_on(self, host: SimHost) -> list[CinderService]:
        return [s for s in self.cinder_services if s.host.partition("@")[0] == host.name]

    def revive_host(self, name: str, *, restarted: bool = True) -> SimHost:
        """Start it again: what waited for it happens now, and guests evacuated meanwhile are cleaned up.

        `restarted=False` is a host that was only cut off or frozen: it cleans nothing up.
        """
        host = self.host(name)
        if host.alive:
            return host
        host.alive, host.powered, host.last_beat, host.started_at = True, True, None, self.now
        for service in self._cinder_on(host):
            service.died_at = None
        waiting, host.inbox = host.inbox, []
        for deed in waiting:
            deed()
        if restarted:
            self.after(host.knobs.clean_seconds, lambda: self._clean_up(host))
        return host

    def _clean_up(self, host: SimHost) -> None:
        """What nova-compute does at its start: forget the guests that were evacuated from it."""
        for move in self.moves:
            if move.kind is not MoveKind.EVACUATION or move.source is not host:
                continue
            if move.wrecked and move.status == "accepted":
                move.status = "done"  # measured: only the second restart completes such a record
            elif move.status == "done":
                move.status, move.updated_at = "completed", self.now
                if move.vm.host is not host:
                    self.allocations.get(move.vm.id, {}).pop(host.id, None)

    def set_vm_state(self, name: str, state: str, *, power: Power | None = None) -> SimVm:
        """Put a VM's record into a Nova state (active, stopped, paused, suspended, rescued, error, ...)."""
        vm = self.vm(name)
        vm.state, vm.task, vm.updated_at = state, None, self.now
        vm.power = power or _POWER.get(state, vm.power)
        return vm

    def set_power(self, vm: SimVm, power: Power) -> None:
        """Start, stop or suspend a guest at once, in the record and in truth."""
        vm.power, vm.updated_at = power, self.now
        vm.state, vm.task = _STATE[power], None

    def relocate(self, vm: SimVm, host: SimHost) -> None:
        """Put a VM on another host at once, with what it holds there."""
        vm.host, vm.updated_at = host, self.now
        self.allocations[vm.id] = {host.id: vm.needs}

    def delete_vm(self, name: str) -> None:
        """Remove a VM and free what it held."""
        vm = self.vm(name)
        del self.vms[vm.id]
        self.allocations.pop(vm.id, None)
        for volume in self.volumes_of(vm):
            volume.attachments = [a for a in volume.attachments if a.vm_id != vm.id]
            volume.status = "available" if not volume.attachments else volume.status

    def new_task(self, description: str, *, resource: str | None = None, type: str = "") -> Task:
        """A CloudTower task, PENDING; the face moves it on with `after`."""
        task = Task(
            id=self.new_cuid(),
            description=description,
            created_at=self.now,
            resource_id=resource,
            resource_type=type or None,
        )
        self.tasks[task.id] = task
        return task


_STATE = {
    Power.RUNNING: "active",
    Power.STOPPED: "stopped",
    Power.SUSPENDED: "suspended",
    Power.PAUSED: "paused",
}
_POWER = {state: power for power, state in _STATE.items()}


def free_first(world: World, hosts: Iterable[SimHost]) -> list[SimHost]:
    """Hosts by the memory they have left, most first: how both platforms choose here."""
    return sorted(hosts, key=lambda h: (-world.room(h).memory_mb, h.name))


def _called(name: str, among: Iterable[Named], *, what: str) -> Named:
    found = [one for one in among if name in {one.name, one.id, one.cuid}]
    if len(found) != 1:
        raise LookupError(f"{len(found)} {what} answer to {name!r}")
    return found[0]

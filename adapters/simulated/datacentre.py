"""The data centre of the demo and of most tests: an OpenStack region with a dead host, and a CloudTower cluster.

* OpenStack: compute-1 … compute-5 in zones az-1 (1-3) and az-2 (4, 5), 40 servers. compute-2 lost its power three
  minutes ago, with 12 servers on it: nine ACTIVE, two SHUTOFF, one ERROR; there is room for all of them elsewhere.
* CloudTower: cluster `tower` with node-1 … node-4; 40 VMs on node-1, three of which cannot be migrated.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from adapters.simulated.cloudtower.state import HostAlert, Tower
from adapters.simulated.records import (
    ActionEvent,
    Aggregate,
    CinderService,
    Fault,
    Flavor,
    Image,
    Move,
    MoveKind,
    Platform,
    Power,
    Project,
    ServerAction,
    SimBackup,
    SimHost,
    SimServerGroup,
    SimVm,
)
from adapters.simulated.strays import StrayService
from adapters.simulated.world import World

DEAD = "compute-2"
_SIZES = {
    "m1.small": (1, 2048, 20),
    "m1.medium": (2, 4096, 40),
    "m1.large": (4, 8192, 80),
    "r1.xlarge": (4, 32768, 80),
}
_PROJECTS = ("shop", "payments", "data", "ops", "demo")
# name, project, flavor, boots from an image on shared storage
_ON_DEAD = (
    ("shop-web-3", "shop", "m1.medium", False),
    ("shop-web-4", "shop", "m1.medium", False),
    ("shop-api-2", "shop", "m1.large", False),
    ("redis-cart-1", "shop", "m1.medium", True),
    ("payments-api-1", "payments", "m1.large", False),
    ("payments-db-1", "payments", "r1.xlarge", False),
    ("kafka-2", "data", "m1.large", False),
    ("grafana-1", "ops", "m1.medium", True),
    ("ldap-1", "ops", "m1.small", False),
    ("ci-runner-7", "ops", "m1.large", True),
    ("legacy-billing", "payments", "m1.medium", False),
    ("report-worker-2", "data", "m1.medium", False),
)
_ELSEWHERE = {
    "compute-1": (
        *(("shop-web-1", "shop", "m1.medium"), ("shop-api-1", "shop", "m1.large")),
        *(("kafka-1", "data", "m1.large"), ("payments-api-2", "payments", "m1.large")),
        *(("prometheus-1", "ops", "m1.large"), ("dns-1", "ops", "m1.small")),
        ("etl-1", "data", "m1.medium"),
    ),
    "compute-3": (
        *(("shop-web-2", "shop", "m1.medium"), ("redis-cart-2", "shop", "m1.medium")),
        *(("kafka-3", "data", "m1.large"), ("payments-db-2", "payments", "r1.xlarge")),
        *(("ci-runner-8", "ops", "m1.large"), ("vault-1", "ops", "m1.small")),
        ("report-worker-1", "data", "m1.medium"),
    ),
    "compute-4": (
        *(("search-1", "shop", "m1.large"), ("search-2", "shop", "m1.large")),
        *(("fraud-api-1", "payments", "m1.large"), ("warehouse-1", "data", "r1.xlarge")),
        *(("gitlab-1", "ops", "r1.xlarge"), ("dns-2", "ops", "m1.small")),
        ("demo-vm-1", "demo", "m1.small"),
    ),
    "compute-5": (
        *(("search-3", "shop", "m1.large"), ("mail-relay-1", "ops", "m1.small")),
        *(("fraud-api-2", "payments", "m1.large"), ("warehouse-2", "data", "r1.xlarge")),
        *(("notebook-1", "data", "m1.large"), ("bastion-1", "ops", "m1.small")),
        ("demo-vm-2", "demo", "m1.small"),
    ),
}
_TOWER_ROLES = ("erp", "crm", "mes", "wiki", "build", "test", "vdi", "log")
_TOWER_OWNERS = ("finance", "sales", "plant", "it", "dev", "dev", "it-desktops", "it")


def build(
    now: Callable[[], datetime],
    *,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    service_down_time: float = 20.0,
    cinder_on: str = "",
) -> World:
    """The whole data centre.

    Args:
        now: the time, aware and UTC.
        sleep: how faces wait when a fault makes a reply slow.
        service_down_time: seconds of silence after which a compute service counts as down.
        cinder_on: name of a compute host that also runs cinder-volume and cinder-backup, so that volumes and
            backups must be given a new home when it dies; empty: only storage-1 and storage-2 do.
    """
    world = World(now, sleep=sleep, service_down_time=service_down_time)
    _openstack(world, cinder_on)
    _cloudtower(world)
    return world


def cloudtower(world: World, **switches: Any) -> Tower:
    """What the CloudTower of this data centre knows besides: who owns each VM, and what is wrong with node-1.

    Args:
        world: made by `build`.
        switches: fields of `Tower`.
    """
    tower = Tower(world=world, **switches)
    owners = dict(zip(_TOWER_ROLES, _TOWER_OWNERS, strict=True))
    for vm in world.vms_of(Platform.CLOUDTOWER):
        if owner := owners.get(vm.name.partition("-")[0]):
            tower.labels[vm.cuid] = {"owner": owner}
    node = world.host("node-1")
    tower.labels[node.cuid] = {"rack": "B7"}
    tower.alerts.append(HostAlert(id=world.new_cuid(), host=node, message="Fan 2 turns too slowly", severity="NOTICE"))
    return tower


def bare_openstack(world: World, *, hosts: int = 3) -> list[SimHost]:
    """An empty region: hosts `compute-1` …, the projects, flavors and an image; no server."""
    region = world.add_cluster("RegionOne", Platform.OPENSTACK)
    for name in _PROJECTS:
        project = Project(id=world.new_uuid().replace("-", ""), name=name)
        world.projects[project.id] = project
    for name, (vcpus, memory_mb, disk_gb) in _SIZES.items():
        flavor = Flavor(id=world.new_uuid(), name=name, vcpus=vcpus, memory_mb=memory_mb, disk_gb=disk_gb)
        world.flavors[flavor.id] = flavor
    image = Image(id=world.new_uuid(), name="debian-12", created_at=world.born)
    world.images[image.id] = image
    for host in ("storage-1", "storage-2"):
        _cinder_host(world, host)
    world.cinder_services.append(CinderService(binary="cinder-scheduler", host="controller-1"))
    return [world.add_host(f"compute-{n}", region) for n in range(1, hosts + 1)]


def _cinder_host(world: World, host: str) -> None:
    world.cinder_services.append(CinderService(binary="cinder-volume", host=f"{host}@ceph"))
    world.cinder_services.append(CinderService(binary="cinder-backup", host=host))


def add_server(
    world: World,
    name: str,
    host: SimHost | None,
    *,
    project: str = "shop",
    flavor: str = "m1.medium",
    from_image: bool = False,
    volume_host: str = "storage-1@ceph#ceph",
) -> SimVm:
    """An OpenStack server, booted from a volume unless `from_image`."""
    owner = next(p for p in world.projects.values() if p.name == project)
    size = next(f for f in world.flavors.values() if f.name == flavor)
    image = next(iter(world.images.values())) if from_image else None
    region = next(c for c in world.clusters.values() if c.kind is Platform.OPENSTACK)
    vm = world.add_vm(name, host, flavor=size, project=owner, image=image, cluster=region)
    if not from_image:
        world.add_volume(f"{name}-root", size_gb=size.disk_gb, host=volume_host, project=owner, vm=vm)
    world.actions.append(_creation(vm, owner))
    return vm


def crowd(world: World, host: SimHost, *, number: int, seconds: float) -> None:
    """Fill a host with small servers up to so many, and let each rebuild anywhere take so long."""
    for more in range(number - len(world.vms_on(host))):
        add_server(world, f"batch-{more + 1}", host, flavor="m1.small")
    if not host.alive:
        host.last_report = world.vms_on(host)
    for each in world.hosts_of(Platform.OPENSTACK):
        each.knobs.spawn_seconds = seconds


def add_stray(world: World, host: str, *, silent_since: datetime | None, **fields: Any) -> StrayService:
    """One more row of Nova's services: for a host that has one already, or for one that is no more.

    Args:
        world: where it is.
        host: its name.
        silent_since: its last heartbeat; None: it reports.
        fields: of the row.
    """
    stray = StrayService(service_id=world.new_uuid(), name=host, started_at=world.now, last_beat=silent_since, **fields)
    world.strays.append(stray)
    return stray


def add_record(
    world: World, vm: SimVm, kind: MoveKind, status: str, *, source: str, to: str | None, age: timedelta
) -> Move:
    """A migration record as an earlier incident has left it, with nothing behind it; the VM stays as it is.

    Args:
        world: where it is.
        vm: whose move it was.
        kind: of the move.
        status: that it stays in.
        source: name of the host that it left.
        to: name of its target; None: none was chosen.
        age: since its last change.
    """
    move = Move(
        id=len(world.moves) + 1,
        uuid=world.new_uuid(),
        kind=kind,
        vm=vm,
        source=world.host(source),
        dest=world.host(to) if to else None,
        status=status,
        created_at=world.now - age,
        updated_at=world.now - age,
        request_id="req-of-long-ago",
        stuck=True,
    )
    world.moves.append(move)
    return move


def _creation(vm: SimVm, owner: Project) -> ServerAction:
    """The first entry of a server's action log (measured on Nova 34)."""
    at = vm.created_at
    built = ActionEvent(
        event="compute__do_build_and_run_instance",
        start=at,
        finish=at,
        result="Success",
        host=vm.host.name if vm.host else None,
    )
    return ServerAction(
        request_id=f"req-{vm.id}",
        action="create",
        vm_id=vm.id,
        start=at,
        updated=at,
        user_id=owner.id,
        project_id=owner.id,
        events=[built],
    )


def _openstack(world: World, cinder_on: str) -> None:
    computes = {h.name: h for h in bare_openstack(world, hosts=5)}
    for name in ("compute-4", "compute-5"):
        computes[name].zone = "az-2"
    for name in ("compute-1", "compute-2", "compute-3"):
        computes[name].zone = "az-1"
    for number, zone in enumerate(("az-1", "az-2"), start=1):
        world.aggregates[number] = Aggregate(
            id=number,
            uuid=world.new_uuid(),
            name=f"rack-{number}",
            zone=zone,
            hosts=[h for h in computes.values() if h.zone == zone],
            created_at=world.now,
        )
    if cinder_on:
        _cinder_host(world, cinder_on)
    dead = computes[DEAD]
    volume_host = f"{cinder_on or 'storage-1'}@ceph#ceph"
    for name, project, flavor, from_image in _ON_DEAD:
        add_server(
            world,
            name,
            dead,
            project=project,
            flavor=flavor,
            from_image=from_image,
            volume_host=volume_host,
        )
    for host, servers in _ELSEWHERE.items():
        for name, project, flavor in servers:
            add_server(world, name, computes[host], project=project, flavor=flavor)
    _groups(world)
    _special_servers(world, volume_host)
    dead.alive = dead.powered = False
    dead.last_report = world.vms_on(dead)
    dead.last_beat = world.now - timedelta(minutes=3)
    for service in world.cinder_services:
        if cinder_on == DEAD and service.host.partition("@")[0] == DEAD:
            service.died_at = dead.last_beat


def _groups(world: World) -> None:
    for name, policy, prefix in (
        ("kafka", "anti-affinity", "kafka-"),
        ("shop-web", "soft-anti-affinity", "shop-web-"),
    ):
        members = [v for v in world.vms.values() if v.name.startswith(prefix)]
        owner = members[0].project
        if owner is None:
            raise ValueError(f"{prefix} belongs to no project")
        group = SimServerGroup(id=world.new_uuid(), name=name, policy=policy, project=owner, members=members)
        world.groups[group.id] = group


def _special_servers(world: World, volume_host: str) -> None:
    """Two stopped ones, one in ERROR, a data volume and a backup."""
    world.set_power(world.vm("ci-runner-7"), Power.STOPPED)
    world.set_power(world.vm("legacy-billing"), Power.STOPPED)
    broken = world.set_vm_state("report-worker-2", "error", power=Power.STOPPED)
    broken.fault = Fault(code=500, message="Failed to reboot: libvirt connection lost", at=world.now)
    database = world.vm("payments-db-1")
    if database.project is not None:
        data = world.add_volume(
            "payments-db-1-data",
            size_gb=200,
            host=volume_host,
            project=database.project,
            vm=database,
        )
        backup = SimBackup(
            id=world.new_uuid(),
            name="payments-db-1-nightly",
            volume=data,
            host=volume_host.partition("@")[0],
            created_at=world.now,
        )
        world.backups[backup.id] = backup


def _cloudtower(world: World) -> None:
    tower = world.add_cluster("tower", Platform.CLOUDTOWER)
    nodes = [world.add_host(f"node-{n}", tower, vcpus=64, memory_mb=393216, disk_gb=20000) for n in range(1, 5)]
    for number in range(40):
        role = _TOWER_ROLES[number % len(_TOWER_ROLES)]
        vm = world.add_vm(
            f"{role}-{number // len(_TOWER_ROLES) + 1}",
            nodes[0],
            vcpus=2 + 2 * (number % 2),
            memory_mb=4096 * (1 + number % 2),
            disk_gb=100,
        )
        if role == "vdi" and number < 24:
            vm.migratable, vm.devices, vm.ha = False, ("gpu",), False
        if role == "test" and number >= 24:
            world.set_power(vm, Power.STOPPED)
    for node in nodes[1:]:
        for role in ("app", "db", "cache"):
            world.add_vm(f"{role}-{node.name[-1]}", node, vcpus=4, memory_mb=8192, disk_gb=100)
    world.add_vm("cloudtower", nodes[3], vcpus=8, memory_mb=16384, disk_gb=400).usage = "CLOUDTOWER"
    world.add_vm("old-test", nodes[1], power=Power.STOPPED).in_recycle_bin = True

"""Surveys made by hand: a region of four computes whose compute-1 is dead, or is to be emptied alive."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import (
    EVACUATION,
    Backup,
    Migration,
    Room,
    Server,
    Service,
    Storage,
    Volume,
)
from adapters.openstack.model.rooms import Rooms
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.plans.entering import entering
from adapters.openstack.plans.evacuation import evacuation
from adapters.openstack.plans.leaving import returning
from adapters.openstack.plans.rehome_back import giving_back
from adapters.openstack.settings import CinderSettings, FencingSettings, OpenStackSettings
from adapters.openstack.wire.versions import Microversion
from adapters.redfish.settings import BmcSettings
from bot.domain.cloud import Books, Left, Request
from bot.domain.listing import Listing
from bot.domain.plans.plan import By, Finding, Plan, PlannedStep, Step
from bot.domain.settings.secret import Secret
from bot.domain.values import Action, Facts, HostId, OperationId
from tests.steps import steps_of

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
DEAD = "compute-1"
CINDER_MANAGE = ("cinder-manage", "--config-file", "/etc/cinder/cinder.conf")
NIGHTLY = Backup(id="id-nightly", name="nightly", host=DEAD)


def service(host: str, **changes: Any) -> Service:
    made = Service(
        id=f"service-{host}",
        binary="nova-compute",
        host=host,
        zone="az-1",
        is_up=True,
        is_enabled=True,
        updated_at=NOW - timedelta(seconds=5),
    )
    return replace(made, **changes)


def server(name: str, **changes: Any) -> Server:
    made = Server(
        id=f"id-{name}",
        name=name,
        project="p1",
        host=DEAD,
        status="ACTIVE",
        vm_state="active",
        task=None,
        flavor="m1.small",
        needs={"VCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 0},
        has_local_disk=False,
        boots_from_volume=True,
    )
    return replace(made, **changes)


def migration(id: int, name: str, status: str, target: str | None = "compute-2", **changes: Any) -> Migration:
    made = Migration(
        id=id,
        type=EVACUATION,
        server=f"id-{name}",
        status=status,
        source=DEAD,
        target=target,
        created_at="2026-11-21T01:59:00.000000",
    )
    return replace(made, **changes)


def room(vcpus: int = 100, memory_gib: int = 100, *, disabled: bool = False) -> Room:
    return Room(
        capacity={"VCPU": vcpus, "MEMORY_MB": memory_gib * 1024, "DISK_GB": 1000},
        used={"VCPU": 0, "MEMORY_MB": 0, "DISK_GB": 0},
        traits=frozenset({"COMPUTE_STATUS_DISABLED"} if disabled else ()),
    )


def here(*servers: Server, **changes: Any) -> Listing[Server]:
    """What is on the host: all of it, and Placement agrees."""
    return replace(Listing(items=servers, witness="Placement holds nothing there"), **changes)


def survey(*servers: Server, **changes: Any) -> OpenStackSurvey:
    control = [service("controller", binary=b, id=b, zone="internal") for b in ("nova-scheduler", "nova-conductor")]
    computes = [
        service(DEAD, is_up=False, updated_at=NOW - timedelta(minutes=3)),
        *(service(f"compute-{n}") for n in (2, 3, 4)),
    ]
    made = OpenStackSurvey(
        computes=Computes(host=DEAD, at=NOW, services=(*control, *computes)),
        highest=Microversion((2, 104)),
        servers=Servers(listed=here(*(servers or (server("web-1"),))), projects={"p1": "shop"}),
        rooms=Rooms(by_host={f"compute-{n}": room() for n in (2, 3, 4)}),
    )
    return altered(made, **changes)


def altered(survey: OpenStackSurvey, **changes: Any) -> OpenStackSurvey:
    """A survey with other values in its parts, by their names there."""

    def part(of: Computes | Servers | Rooms) -> Any:
        return replace(of, **{f.name: changes.pop(f.name) for f in fields(of) if f.name in changes})

    computes = part(survey.computes)
    rooms = replace(part(survey.rooms), survivors=frozenset(s.host for s in computes.survivors))
    return replace(survey, computes=computes, servers=part(survey.servers), rooms=rooms, **changes)


def volumes_with(host: str, number: int, *, manager: str = "@ceph#ceph") -> tuple[Volume, ...]:
    """Volumes that a host manages, alone."""
    return tuple(
        Volume(id=f"id-data-{n}", name=f"data-{n}", manager=f"{host}{manager}", service=f"uuid-{host}")
        for n in range(1, number + 1)
    )


def manager(host: str, binary: str = "cinder-volume", **changes: Any) -> Service:
    return service(host, binary=binary, **changes)


def cinder(**changes: Any) -> Storage:
    """Three hosts of a Ceph backend; the first of them is dead and manages two volumes and a backup."""
    made = Storage(
        host=DEAD,
        services=(
            manager(f"{DEAD}@ceph", is_up=False),
            manager(DEAD, "cinder-backup", is_up=False),
            *(manager(f"storage-{n}@ceph") for n in (10, 2)),
            *(manager(f"storage-{n}", "cinder-backup") for n in (10, 2)),
        ),
        pools={"storage-10@ceph#ceph": "", "storage-2@ceph#ceph": ""},
        volumes=volumes_with(DEAD, 2),
        backups=(NIGHTLY, replace(NIGHTLY, id="id-other", host="storage-2")),
    )
    return replace(made, **changes)


def _cinder(by: By | None) -> CinderSettings:
    runners: Mapping[By | None, Literal["local", "manual", "none"]] = {By.MUSTER: "local", By.PERSON: "manual"}
    return CinderSettings(runner=runners.get(by, "none"), command=CINDER_MANAGE)


def rehomed(storage: Storage, by: By | None = By.MUSTER) -> Plan:
    return plan(survey(storage=storage), settings=configured(cinder=_cinder(by)))


def given_back(storage: Storage, *undoes: PlannedStep) -> Plan:
    """The plan that gives back what the evacuation of `cinder()` moved, or what these steps did."""
    mine = [s for s in rehomed(cinder()).steps if s.undone_by is Action.REHOME]
    books = Books(undoes=undoes or tuple(mine))
    return giving_back(
        request(action=Action.REHOME), survey(storage=storage, books=books), configured(cinder=_cinder(By.MUSTER))
    )


def taken_over(**changes: Any) -> Storage:
    """`cinder()` after its evacuation, with its first host back: its volumes and its backup are with storage-2."""
    volumes = tuple(replace(v, manager="storage-2@ceph#ceph") for v in volumes_with(DEAD, 2))
    made = cinder(
        services=tuple(replace(s, is_up=True) for s in cinder().services),
        pools={**cinder().pools, f"{DEAD}@ceph#ceph": ""},
        volumes=volumes,
        backups=(replace(NIGHTLY, host="storage-2"),),
    )
    return replace(made, **changes)


def with_service(taken: OpenStackSurvey, host: str, **changes: Any) -> OpenStackSurvey:
    """The survey with one compute service changed."""
    return altered(
        taken, services=tuple(replace(s, **changes) if s.host == host else s for s in taken.computes.services)
    )


def request(**changes: Any) -> Request:
    made = Request(
        action=Action.EVACUATE,
        cloud="prod",
        host=HostId(DEAD),
        host_name=DEAD,
        run=OperationId("01RUN"),
    )
    return replace(made, **changes)


WITH_FENCE = FencingSettings(
    fence=True,
    redfish={DEAD: BmcSettings(url=f"https://bmc/redfish/v1/Systems/{DEAD}", password_env=Secret("muster-bmc"))},
)


def configured(**keys: Any) -> OpenStackSettings:
    """Settings with these keys, and with defaults for all others."""
    return OpenStackSettings(name="prod", kind="openstack", **keys)


def plan(
    taken: OpenStackSurvey,
    *,
    settings: OpenStackSettings | None = None,
    promised: tuple[Step, ...] = (),
    **asked: Any,
) -> Plan:
    taken = replace(taken, books=Books(promised=promised))
    return evacuation(request(**asked), taken, settings or configured())


def living(*servers: Server, **changes: Any) -> OpenStackSurvey:
    """A survey of compute-1 while it lives."""
    return with_service(survey(*servers, **changes), DEAD, is_up=True, updated_at=NOW - timedelta(seconds=5))


def enter(taken: OpenStackSurvey, *, settings: OpenStackSettings | None = None, **asked: Any) -> Plan:
    return entering(request(action=Action.ENTER, **asked), taken, settings or configured())


def back(
    taken: OpenStackSurvey,
    *,
    settings: OpenStackSettings | None = None,
    ledger: tuple[Left, ...] = (),
    promised: tuple[Step, ...] = (),
    **asked: Any,
) -> Plan:
    taken = replace(taken, books=Books(ledger=ledger, promised=promised))
    return returning(request(action=Action.EXIT, **asked), taken, settings or configured())


def finding(made: Plan, code: str) -> Finding | None:
    return next((f for f in made.findings if f.code == code), None)


def codes(made: Plan) -> set[str]:
    return {f.code for f in made.findings}


def evacuate_step(name: str = "web-1", *, before: Facts | None = None, **arguments: Any) -> Step:
    made = plan(survey(server(name)))
    step = next(s for s in steps_of(made) if s.verb == "evacuate")
    return replace(step, before=before, arguments={**step.arguments, **arguments})

"""What a survey says for and against evacuating a host: the findings about host, evidence, VMs, storage and versions.

Sentences may carry ages and numbers; codes, verdicts and VMs may not depend on a clock, for they are in the digest.
"""

from collections.abc import Iterable, Iterator, Mapping

from adapters.openstack.findings import absences, host_identity, observer, signs_of_life, special_vms
from adapters.openstack.model import migration_records
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import EVACUATION, Life, Migration, Server, Service, Storage
from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.power import is_told
from adapters.openstack.wire import versions
from adapters.openstack.wire.explanations import how_to_free
from bot.domain.counting import counted
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

RESTORABLE = (
    "was deleted and can still be restored until Nova reclaims it: its disk stays where it is. Have it restored"
    " (`openstack server restore`) or deleted for good (`openstack server delete --force`)"
)
BARE_METAL = "is a bare-metal machine of Ironic: Nova neither evacuates nor migrates that"
EVACUABLE = frozenset({"active", "stopped", "error"})


def of_host(computes: Computes, storage: Storage | None, settings: OpenStackSettings) -> Iterator[Finding]:
    """Whether the host is down, by what evidence, and whether the rest of the cloud can take over."""
    service = computes.service
    if service is None:
        yield unknown(computes)
        return
    if service.is_up and not service.is_forced_down:
        yield _host(
            "service-up",
            Verdict.BLOCKER,
            f"{computes.host} is alive: its compute service is up{signs_of_life.heard(computes, service)}.",
            f"To empty a living host, use `/maintenance enter {computes.host}`. If it has only just died, wait until"
            " Nova notices (about a minute), then check again.",
        )
    else:
        yield from signs_of_life.findings(computes, service, fence=settings.fencing.fence)
        if computes.life is not Life.REPORTS or is_told(computes):
            yield from signs_of_life.of_power(computes, fence=settings.fencing.fence)
    yield from of_bare_metal(computes)
    yield from of_cloud(computes, storage)
    if not service.is_enabled:
        yield disabled_before(service)


def unknown(computes: Computes) -> Finding:
    """That Nova has no compute service on the host."""
    return _host(
        "service-unknown",
        Verdict.BLOCKER,
        f"Nova lists no compute service on {computes.host}.",
        "Name the host as `openstack compute service list` does; Nova moves nothing from a host it forgot.",
    )


def of_bare_metal(computes: Computes) -> Iterator[Finding]:
    """That Nova can move nothing from the host, where it is one of Ironic."""
    if computes.is_bare_metal:
        yield _host(
            "bare-metal",
            Verdict.BLOCKER,
            f"{computes.host} is a compute service of Ironic: its servers are bare-metal machines, which Nova neither"
            " evacuates nor migrates. An evacuation would leave each of them in ERROR.",
            "Its machines run on while it is down, and other compute services of Ironic take them over; to service one"
            " of them, use `openstack baremetal node maintenance set`.",
        )


def disabled_before(service: Service) -> Finding:
    """That somebody has disabled the host already, and why."""
    reason = service.disabled_reason or "no reason given"
    return _host("disabled-before", Verdict.OK, f"{service.host} is disabled already ({reason}); it stays so.", "")


def of_cloud(computes: Computes, storage: Storage | None) -> Iterator[Finding]:
    """Whether the rest of the cloud can take over."""
    yield from host_identity.findings(computes, storage)
    yield from observer.findings(computes)
    if not computes.survivors:
        yield _host(
            "no-survivors",
            Verdict.BLOCKER,
            "No other compute service is up and enabled, so there is nowhere to go.",
            "Enable or repair a host, then check again.",
        )
    yield from of_control(computes)


def of_control(computes: Computes) -> Iterator[Finding]:
    """Whether Nova can place a VM at all."""
    for binary in ("nova-scheduler", "nova-conductor"):
        running = [s for s in computes.services if s.binary == binary]
        if not any(s.is_up for s in running):
            yield _host(
                f"no-{binary.removeprefix('nova-')}",
                Verdict.BLOCKER,
                f"No {binary} is up, so Nova could not place any VM.",
                f"Start {binary} on a controller, then check again.",
            )


def of_aggregates(computes: Computes) -> Iterator[Finding]:
    """Aggregates in which no other host is in service: VMs that ask for one of them will find no host."""
    for name in computes.deserted:
        yield Finding(
            code="aggregate-empty",
            verdict=Verdict.WARNING,
            topic=Topic.ROOM,
            sentence=f"No other host of the aggregate {name} is in service: VMs that must stay in it find no host.",
            remedy="Enable or add a host there, or evacuate only the others: name each with `--vm`.",
        )


def of_versions(highest: versions.Microversion, settings: OpenStackSettings) -> Iterator[Finding]:
    """Whether this release evacuates as it should."""
    if settings.stopped and highest < versions.COMES_UP_STOPPED:
        yield Finding(
            code="comes-up-running",
            verdict=Verdict.WARNING,
            topic=Topic.VERSION,
            sentence=f"VMs that ran come up running and are then stopped, one by one: this Nova"
            f" ({versions.spoken(highest)}) cannot leave them stopped as this cloud's settings ask for.",
            remedy="",
        )
    if not settings.minimum_version:
        return
    if not settings.platform_version:
        yield _version(
            Verdict.UNKNOWN,
            "platform-version",
            f"This cloud must be at least at {settings.minimum_version}, but its `platform_version` is not configured.",
            "Set `platform_version` of this cloud in Muster's settings.",
        )
    elif versions.is_below(settings.platform_version, settings.minimum_version):
        yield _version(
            Verdict.BLOCKER,
            "platform-too-old",
            f"This cloud is at {settings.platform_version}; below {settings.minimum_version} evacuation goes wrong.",
            "Upgrade the cloud, or evacuate by hand.",
        )


def of_storage(computes: Computes, storage: Storage | None, *, off: str) -> Iterator[Finding]:
    """Volumes that the host manages itself: while it is off nobody answers for them, so what uses them may hang.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        storage: what Cinder has there; None: the cloud has no Cinder.
        off: how people call the host's state meanwhile: "dead".
    """
    if storage is None:
        return
    called = sorted(storage.names)
    itself = f"itself (Cinder calls it {' and '.join(called)})" if called else "itself"
    if number := len(storage.managed):
        yield Finding(
            code="volumes-managed-here",
            verdict=Verdict.WARNING,
            topic=Topic.STORAGE,
            sentence=f"{counted(number, 'Cinder volume is', 'Cinder volumes are')} managed by {computes.host} {itself}:"
            f" while it is {off}, attaching and detaching hangs there, and VMs that use it may not start elsewhere.",
            remedy="Give them a new home with `cinder-manage volume update_host` before you approve.",
        )
    if any(s.binary == "cinder-backup" for s in storage.here):
        yield Finding(
            code="backups-managed-here",
            verdict=Verdict.WARNING,
            topic=Topic.STORAGE,
            sentence=f"{computes.host} also runs cinder-backup: while it is {off}, backups that it made cannot be"
            " restored or deleted.",
            remedy="Give them a new home with `cinder-manage backup update_backup_host`.",
        )


def reason_against(server: Server, computes: Computes, servers: Servers) -> str:
    """Why a server cannot be evacuated; empty when it can."""
    if computes.is_bare_metal:
        return f"{BARE_METAL}."
    if server.is_restorable:
        return f"{RESTORABLE}."
    if server.is_gone or server.task in {"deleting", "soft-deleting"}:
        return "is being deleted; that ends when its host is back"
    if server.vm_state not in EVACUABLE:
        return f"is {server.vm_state or server.status}: Nova does not evacuate that. {how_to_free(server.vm_state)}"
    gone = migration_records.went(server, servers.moves_of(server.id), heard=computes.heard_of(server.host))
    if gone is not None:
        return f"{migration_records.where_it_went(gone)}."
    leaving = _leaving(server, servers)
    if leaving is not None and server.task is not None:
        return (
            f"was in the middle of a {leaving.type} to {leaving.target or 'another host'} (#{leaving.id},"
            f" {leaving.status}): its guest may run there. Find out where it runs first; if not there, have its state"
            " reset (`openstack server set --state active`), then check again."
        )
    return ""


def _leaving(server: Server, servers: Servers) -> Migration | None:
    """The migration in the middle of which the host died, as far as its record tells."""
    mine = servers.moves_of(server.id)
    opened = (m for m in mine if m.is_open and m.source == server.host)
    return next(
        (m for m in opened if m.type != EVACUATION and not migration_records.is_superseded(m, mine)),
        None,
    )


def of_servers(
    meant: Iterable[Server],
    reasons: Mapping[str, str],
    computes: Computes,
    servers: Servers,
    settings: OpenStackSettings,
) -> Iterator[Finding]:
    """What is risky about evacuating each server, or why it stays behind.

    Args:
        meant: those that people chose.
        reasons: why one cannot be evacuated, by its id; empty: it can.
        computes: the hosts of the cloud, and the one that is asked about.
        servers: those on the host and those that left it, with their moves.
        settings: of the cloud.
    """
    yield from absences.of_servers(computes, servers)
    for server in meant:
        if reasons[server.id]:
            yield Finding(
                code="cannot-evacuate",
                verdict=Verdict.WARNING,
                topic=Topic.VMS,
                vm=VmId(server.id),
                sentence=f"{server.name} stays behind: it {reasons[server.id]}",
                together=f"stay behind: each of them {migration_records.alike(reasons[server.id])}",
            )
        else:
            yield from of_server(server, computes, servers, settings)
            way = special_vms.PlannedMove(verb=EVACUATE)
            yield from special_vms.of_server(server, computes, servers, way, priority_key=settings.priority_metadata)


def of_server(server: Server, computes: Computes, servers: Servers, settings: OpenStackSettings) -> Iterator[Finding]:
    """What is risky about evacuating one server."""
    vm = VmId(server.id)
    if server.has_local_disk and settings.shared_storage is not True:
        what, whose = ("its disk", "their disks")
        if server.boots_from_volume:
            what, whose = ("what is on its ephemeral and swap disks", "what is on their ephemeral and swap disks")
        if settings.shared_storage is False:
            yield Finding(
                code="disk-lost",
                verdict=Verdict.WARNING,
                topic=Topic.STORAGE,
                vm=vm,
                sentence=f"{server.name} loses {what}, which no host but {computes.host} has (this cloud's settings say"
                " that storage is not shared): Nova makes it anew, empty.",
                together=f"lose {whose}, which no host but {computes.host} has (this cloud's settings say"
                " that storage is not shared): Nova makes them anew, empty.",
                remedy="Leave out whose data matter, if the host can be repaired.",
            )
        else:
            yield Finding(
                code="disk-may-be-lost",
                verdict=Verdict.WARNING,
                topic=Topic.STORAGE,
                vm=vm,
                sentence=f"{server.name} may lose {what}: it does not run from a volume only, and nobody said whether"
                " the hosts share their storage.",
                together=f"may lose {whose}: they do not run from a volume only, and nobody said whether the hosts"
                " share their storage.",
                remedy="Set `shared_storage` of this cloud in Muster's settings.",
            )
    yield from _of_records(server, computes, servers)


def _of_records(server: Server, computes: Computes, servers: Servers) -> Iterator[Finding]:
    """Earlier moves whose records have not ended."""
    vm = VmId(server.id)
    leaving = _leaving(server, servers)
    if leaving is not None:
        yield Finding(
            code="move-open",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            vm=vm,
            sentence=f"An earlier {leaving.type} of {server.name} to {leaving.target or 'another host'} has not ended"
            f" (#{leaving.id}, {leaving.status}), though the VM is at rest: somebody had its state reset.",
            together=f"have an earlier {leaving.type} to {leaving.target or 'another host'} that has not ended, though"
            " they are at rest: somebody had their state reset.",
            remedy=f"See that no guest of theirs runs on {leaving.target or 'another host'} before you approve.",
        )
    evacuations = [m for m in servers.moves_of(server.id) if m.type == EVACUATION]
    opened = next(iter(migration_records.still_open(evacuations, {server.id: server}, now=computes.at)), None)
    if opened is not None and not migration_records.is_superseded(opened, servers.moves_of(server.id)):
        yield Finding(
            code="evacuation-open",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            vm=vm,
            sentence=f"An earlier evacuation of {server.name} has not ended (#{opened.id}, {opened.status}, to"
            f" {opened.target or 'no host yet'}): Muster waits for it, and starts no second one unless its target died"
            " with it.",
            together="have an earlier evacuation that has not ended: Muster waits for each, and starts no second one"
            " unless its target died with it.",
            remedy="If one never ends, see where its guest runs and have its state reset.",
        )


def _host(code: str, verdict: Verdict, sentence: str, remedy: str) -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.HOST, sentence=sentence, remedy=remedy)


def _version(verdict: Verdict, code: str, sentence: str, remedy: str) -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.VERSION, sentence=sentence, remedy=remedy)

"""What a survey says for and against emptying a living host: the findings about it, its place in the cloud and its VMs.

Pure. As everywhere, codes, verdicts and VMs do not depend on a clock.
"""

from collections.abc import Iterator
from datetime import timedelta

from adapters.openstack.findings import absences, evacuation, signs_of_life, special_vms
from adapters.openstack.findings.selection import blocker
from adapters.openstack.model import ages, migration_records, translate
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import EVACUATION, Life, Server, Service, Storage
from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.cloud import Request
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

_SETTLING = timedelta(minutes=1)  #: a record and its VM are read at different moments
_STUCK = timedelta(hours=1)  #: nothing that moves leaves a VM untouched for so long
_RESET = "See that its guest runs here, have its state reset (`openstack server set --state active`), then check again"
_CLEANED_UP = frozenset({"accepted", "pre-migrating", "done"})
"""Statuses of an evacuation after which nova-compute looks for a guest to delete when it starts."""
_OF_MOVES = frozenset(
    {"migrating", "rebuilding", "resize_prep", "resize_migrating", "resize_migrated", "resize_finish"}
)
_UNMOVABLE = {
    "error": "is in ERROR: Nova moves nothing in that state. Repair it, have its state reset"
    " (`openstack server set --state active`) or delete it",
    "suspended": "is suspended: Nova does not move that. Resume it, or have its owner resume it",
    "rescued": "is in rescue mode: Nova does not move that. Unrescue it first",
    "resized": "waits for its resize to be confirmed or reverted. Do that first",
    "shelved": "is shelved and still on the host. Offload it (`openstack server shelve --offload`)",
    "building": "is being built. Wait until it is ACTIVE, then check again",
}


def of_host(computes: Computes, storage: Storage | None) -> Iterator[Finding]:
    """Whether the host lives, and whether the rest of the cloud can do without it."""
    service = computes.service
    if service is None:
        yield evacuation.unknown(computes)
        return
    if not service.is_up:
        yield _not_alive(computes, service)
    else:
        sentence = f"{computes.host}'s compute service is up{signs_of_life.heard(computes, service)}."
        yield Finding(code="service-up", verdict=Verdict.OK, topic=Topic.HOST, sentence=sentence)
    yield from evacuation.of_bare_metal(computes)
    yield from evacuation.of_cloud(computes, storage)
    yield from _last_of_its_kind(computes, service)
    if not service.is_enabled:
        yield evacuation.disabled_before(service)
    yield Finding(
        code="stays-disabled",
        verdict=Verdict.OK,
        topic=Topic.HOST,
        sentence=f"{computes.host} stays disabled however this ends, also when VMs are left on it;"
        f" `/maintenance exit {computes.host}` returns it to service.",
    )


def _not_alive(computes: Computes, service: Service) -> Finding:
    host = computes.host
    if computes.life is Life.REPORTS:
        return blocker(
            "service-down",
            Topic.HOST,
            f"Nova calls {host} {service.state}, though nova-compute reports there"
            f"{signs_of_life.heard(computes, service)}: as long as it does, no VM can be moved away.",
            f"Take that back (`openstack compute service set --up {host} nova-compute`), then check again."
            if service.is_forced_down
            else f"Have the clocks of the controllers and of {host} set right, then check again.",
        )
    how = "forced down" if service.is_forced_down else f"down{signs_of_life.heard(computes, service)}"
    return blocker(
        "service-down",
        Topic.HOST,
        f"{host}'s compute service is {how}: a host that does not answer cannot give its VMs away.",
        f"If it has failed, use `/evacuate {host}`. If only nova-compute has, start it, then check again.",
    )


def _last_of_its_kind(computes: Computes, service: Service) -> Iterator[Finding]:
    """A zone or aggregate without any host in service takes no VM, not even those that must stay in it."""
    if computes.survivors and service.zone not in {s.zone for s in computes.survivors}:
        yield blocker(
            "last-in-zone",
            Topic.HOST,
            f"{computes.host} is the last host in service of the availability zone {service.zone}.",
            "Enable or repair another host of the zone, then check again.",
        )
    for name in computes.deserted:
        yield blocker(
            "last-in-aggregate",
            Topic.HOST,
            f"{computes.host} is the last host in service of the aggregate {name}.",
            "Enable, repair or add another host there, then check again.",
        )


def of_moves(computes: Computes, servers: Servers) -> Iterator[Finding]:
    """Moves underway that end on the host, or that have left something there."""
    here = {s.id for s in servers.here}
    opened = migration_records.still_open(servers.migrations, servers.seen, now=computes.at)
    coming = [m for m in opened if m.target == computes.host and m.source != computes.host]
    if coming:
        numbers = listed([f"#{m.id}" for m in coming], most=5)
        yield _vms(
            "incoming",
            f"{counted(len(coming), 'VM is on its way', 'VMs are on their way')} to {computes.host} ({numbers});"
            " the plan does not move on what arrives there.",
            "Wait until nothing is on its way, then check again.",
        )
    kept = [
        m
        for m in servers.migrations
        if m.status == "finished"
        and m.source == computes.host
        and m.server not in here
        and servers.movers.get(m.server, m) is not None
        and not migration_records.is_superseded(m, servers.moves_of(m.server))
    ]
    if kept:
        numbers = listed([f"#{m.id}" for m in kept], most=5)
        yield _vms(
            "unconfirmed",
            f"{counted(len(kept), 'VM has', 'VMs have')} left {computes.host} by a resize that is not confirmed yet"
            f" ({numbers}): what they had on disk is still there, and a revert would bring them back.",
            "Have them confirmed or reverted before the host's disks are touched.",
        )


def of_left_over(computes: Computes, servers: Servers) -> Iterator[Finding]:
    """VMs at home of which an evacuation from here is not closed: the next start of nova-compute deletes their guests.

    `ComputeManager._destroy_evacuated_instances` goes by the records alone, wherever the VM is meanwhile.
    """
    names = {s.id: s.name for s in (*servers.here, *servers.away)}
    left = [
        m
        for m in servers.migrations
        if m.type == EVACUATION and m.source == computes.host and m.status in _CLEANED_UP and m.server in names
    ]
    away = {s.id for s in servers.away}
    at_home = [m for m in left if m.status != "done" or m.server not in away]
    if at_home:
        who = listed([f"{names[m.server]} (#{m.id}, {m.status})" for m in at_home], most=5)
        yield _vms(
            "evacuation-left-over",
            f"When nova-compute on {computes.host} starts next, it deletes the guests that it finds of {who}:"
            " records of their evacuation were never closed.",
            "Before it is restarted with them there, have these records set to `error` in Nova's database.",
        )


def reason_against(server: Server, computes: Computes, servers: Servers) -> str:
    """Why a server cannot be moved off a living host; empty when it can.

    Args:
        server: the VM, on the host or, of one that returns, elsewhere.
        computes: the hosts of the cloud, and the one that is asked about.
        servers: those on the host and those that left it, with their moves.
    """
    if server.node in computes.bare_metal or (server.host == computes.host and computes.is_bare_metal):
        return evacuation.BARE_METAL
    moves = servers.moves_of(server.id)
    if server.is_restorable:
        return evacuation.RESTORABLE
    if server.is_gone or server.task in {"deleting", "soft-deleting"}:
        return "is being deleted. Wait until that has ended, then check again"
    gone = migration_records.went(server, moves, heard=computes.heard_of(server.host))
    if gone is not None and migration_records.is_at_rest(
        gone.updated_at or gone.created_at, now=computes.at, span=_SETTLING
    ):
        return migration_records.where_it_went(gone)
    opened = next((m for m in moves if m.is_open), None)
    if server.task is not None:
        return _busy(server, computes, servers, is_moving=opened is not None)
    if opened is not None and not migration_records.is_over(opened, server, moves, now=computes.at):
        return (
            f"has an earlier {opened.type} to {opened.target or 'no host yet'} that has not ended (#{opened.id},"
            f" {opened.status}). Wait for it, or see where its guest runs and have its state reset"
        )
    if server.is_live or server.vm_state == "stopped":
        return ""
    return _UNMOVABLE.get(server.vm_state, f"is {server.vm_state or server.status}: Nova does not move that")


def _busy(server: Server, computes: Computes, servers: Servers, *, is_moving: bool) -> str:
    """What is said of a VM with a task: whether to wait for its end, or whether it has ended already."""
    last = max(servers.moves_of(server.id), key=lambda m: m.id, default=None)
    if server.task in _OF_MOVES and not is_moving and last is not None and last.status in migration_records.ENDED_BADLY:
        return (
            f"still has the task {server.task}, though its {last.type} to {last.target or 'another host'} has ended"
            f" (#{last.id}, {last.status}). {_RESET}"
        )
    touched = translate.moment(server.updated_at)
    if touched is not None and computes.at - touched >= _STUCK:
        return f"has been busy ({server.task}) for {ages.spoken(computes.at - touched)} without any headway. {_RESET}"
    return f"is busy ({server.task}). Wait until that has ended, then check again"


def of_one_that_stays(server: Server, computes: Computes, reason: str) -> Finding:
    """Why a server stays on the host."""
    sentence = f"{server.name} stays on {computes.host}: it {reason}."
    together = f"stay on {computes.host}: each of them {migration_records.alike(reason)}."
    return _vms("stays-behind", sentence, "", vm=VmId(server.id), together=together)


def of_rest(computes: Computes, servers: Servers, *, left: int, staying: int) -> Iterator[Finding]:
    """Whether the host will be empty.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        servers: those on the host and those that left it, with their moves.
        left: how many VMs were left out by choice.
        staying: how many stay in all.
    """
    yield from absences.of_servers(computes, servers)
    if staying:
        whole = len(servers.here)
        why = [f"{staying - left:,} of its {counted(whole, 'VM')} cannot be moved"] if staying > left else []
        were = "was" if left == 1 else "were"
        why += [f"{left:,} of its {counted(whole, 'VM')} {were} left out by choice"] if left else []
        yield _vms(
            "will-not-be-empty",
            f"{computes.host} will not be empty: {', and '.join(why)}. It must not be powered off before they are dealt"
            " with.",
            "Ask again for all of them later."
            if left
            else "Deal with them first and check again; or approve, deal with them meanwhile, and retry the last step.",
        )


def _vms(code: str, sentence: str, remedy: str, *, vm: VmId | None = None, together: str = "") -> Finding:
    return Finding(
        code=code,
        verdict=Verdict.WARNING,
        topic=Topic.VMS,
        sentence=sentence,
        together=together,
        remedy=remedy,
        vm=vm,
    )


def of_server(
    server: Server, computes: Computes, servers: Servers, reason: str, settings: OpenStackSettings
) -> Iterator[Finding]:
    """What is risky about moving one server, or why it stays."""
    if reason:
        yield of_one_that_stays(server, computes, reason)
    else:
        yield from special_vms.of_server(
            server, computes, servers, special_vms.way_of(server), priority_key=settings.priority_metadata
        )


def of_versions(request: Request, servers: Servers, highest: Microversion) -> Iterator[Finding]:
    """Whether this Nova lets a person choose the target that they named."""
    if request.to and highest < versions.COLD_TARGET and any(s.vm_state == "stopped" for s in servers.here):
        yield blocker(
            "target-too-new",
            Topic.VERSION,
            f"This Nova ({versions.spoken(highest)}) lets nobody choose where a stopped VM goes.",
            "Ask again without a target.",
        )

"""What is special about single VMs that are moved, beyond state and disk: devices, keys, limits, turns. Pure.

Every way of moving one asks the same questions here: evacuating it, moving it off a living host, bringing it back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.openstack.model import priority
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.steps.moves import ways
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.moves.live import LIVE
from bot.domain.counting import counted
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

AFFINITY, ANTI_AFFINITY = "affinity", "anti-affinity"
_AMPHORA = "amphora-"  #: how Octavia's compute driver names every VM that it builds
_LOAD_BALANCER = "octavia-lb-"  #: and every server group that it puts them into
_OPERATORS = ("<", ">", "=", "!", "s=", "s!", "s<", "s>")
"""How a flavor's extra spec begins that is a comparison, not a word (nova/scheduler/filters/extra_specs_ops.py)."""


@dataclass(frozen=True, kw_only=True)
class PlannedMove:
    """How a VM is moved, and where it may go."""

    verb: str  #: one of `MOVES`
    home: str = ""  #: the only host that it may go to; empty: any that is left

    @property
    def is_live(self) -> bool:
        """Whether its guest goes on meanwhile."""
        return self.verb == LIVE

    @property
    def there(self) -> str:
        """Where it goes, as people say it."""
        return self.home or "a host that is left"


def way_of(server: Server, *, home: str = "") -> PlannedMove:
    """How a VM is moved between living hosts."""
    return PlannedMove(verb=ways.between_living(server), home=home)


def of_server(
    server: Server, computes: Computes, servers: Servers, way: PlannedMove, *, priority_key: str
) -> Iterator[Finding]:
    """Judge one server that is moved.

    Args:
        server: the VM.
        computes: the hosts of the cloud, and the one that is asked about.
        servers: those on the host and those that left it, with their moves.
        way: how it is moved.
        priority_key: the metadata that tells its turn; empty: none does.
    """
    if is_amphora(server, servers):
        yield _amphora(server, way)
    if server.devices:
        yield _devices(server, way)
    if server.ports:
        yield _ports(server, way)
    if server.has_promised_bandwidth:
        yield _warning(
            server,
            "promised-bandwidth",
            "has a port that is promised bandwidth: it comes up only where as much is left, which Placement's numbers"
            " here do not show.",
            "have a port that is promised bandwidth: each comes up only where as much is left, which Placement's"
            " numbers here do not show.",
            f"See that {way.there} has that bandwidth left; releases before Nova 25 refuse some such VMs.",
        )
    if server.volumes & servers.encrypted:
        yield _encrypted(server, way)
    if asked := _unmet(server, computes, way):
        where = f"{way.home} is in none" if way.home else "no host that is left is in one"
        yield _warning(
            server,
            "aggregate-bound",
            f"has a flavor that asks for an aggregate with {asked}, and {where}.",
            f"have a flavor that asks for an aggregate with {asked}, and {where}.",
            "Add a host to such an aggregate, or expect that Nova finds no host.",
            topic=Topic.ROOM,
        )
    if priority_key and priority_key in server.metadata and priority.of(server, priority_key) is None:
        bounds = f"from {priority.RANGE.start} to {priority.RANGE.stop - 1}"
        yield _warning(
            server,
            "priority-unreadable",
            f"says {priority_key} = {server.metadata[priority_key][:40]!r}, which is no whole number {bounds}:"
            " it takes its turn as if it said 0.",
            f"say of {priority_key} what is no whole number {bounds}: they take their turn as if they said 0.",
            "Have the metadata corrected.",
        )


def is_amphora(server: Server, servers: Servers) -> bool:
    """Whether Octavia made it: by its name, which may be random, by that of its server group or of a port."""
    group = servers.group_of(server)
    is_grouped = group is not None and group.name.startswith(_LOAD_BALANCER)
    return server.name.startswith(_AMPHORA) or is_grouped or server.has_amphora_port


def _amphora(server: Server, way: PlannedMove) -> Finding:
    what = (
        "built anew without its configuration drive, it may not come up, and its load balancer stays in ERROR"
        if way.verb == EVACUATE
        else "if Octavia misses its heartbeats while it moves, it takes it for dead and replaces it"
    )
    return _warning(
        server,
        "amphora",
        f"is an amphora of Octavia: {what}.",
        f"are amphorae of Octavia; of each, {what}.",
        "Leave it out and have Octavia replace it: `openstack loadbalancer failover`.",
    )


def _devices(server: Server, way: PlannedMove) -> Finding:
    what = (
        "whether it can be live-migrated depends on its device and the hypervisors; if not, it stays as it is"
        if way.is_live
        else "it comes up only where such a device is free, which Placement's numbers do not show, and Nova may lose"
        " track of the device meanwhile"
    )
    remedy = (
        "If it is refused, have its owner stop it, then retry."
        if way.is_live
        else f"See that {way.there} has one free; look at the device in the VM afterwards."
    )
    has = " and ".join(server.devices)
    return _warning(server, "needs-device", f"has {has}: {what}.", f"have {has}; of each, {what}.", remedy)


def _ports(server: Server, way: PlannedMove) -> Finding:
    kinds = ", ".join(sorted(server.ports))
    what = (
        "whether it can be live-migrated depends on Neutron and on the network cards, and its guest loses that card"
        " meanwhile"
        if way.is_live
        else "it comes up only on a host whose network card offers that"
    )
    return _warning(
        server,
        "special-port",
        f"has a port of the kind {kinds}: {what}.",
        f"have a port of the kind {kinds}; of each, {what}.",
        f"See that {way.there} has such a port free; releases before Nova 25 refuse VMs with vDPA ports.",
    )


def _encrypted(server: Server, way: PlannedMove) -> Finding:
    end = "the migration fails and it stays where it is" if way.is_live else "the VM ends in ERROR"
    return _warning(
        server,
        "encrypted-volume",
        f"has an encrypted volume: Nova reads its key as Muster's account, and without the right to it {end}.",
        f"have an encrypted volume: Nova reads its key as Muster's account, and without the right to it {end}.",
        "Give Muster's account a role that may read the project's secrets in Barbican.",
        topic=Topic.STORAGE,
    )


def of_disks(leaving: Sequence[Server], *, shared_storage: bool | None) -> Iterator[Finding]:
    """How it is known that local disks survive: Nova shows nothing of it, so only the operator can say."""
    kept = sum(1 for s in leaving if s.has_local_disk)
    if kept and shared_storage:
        yield Finding(
            code="disks-shared",
            verdict=Verdict.OK,
            topic=Topic.STORAGE,
            sentence=f"The local disks of {counted(kept, 'VM')} are kept: this cloud's settings say that the hosts"
            " share their storage (`shared_storage = true`); Muster has not seen it itself.",
        )


def of_groups(survey: OpenStackSurvey) -> Iterator[Finding]:
    """Server groups that must stay on one host: Nova moves their members one by one, so the first finds no host."""
    here = by_group(survey, survey.servers.here)
    for group in survey.servers.groups:
        together = here.get(group.id, ())
        if group.policy == AFFINITY and len(together) > 1:
            yield Finding(
                code="must-stay-together",
                verdict=Verdict.WARNING,
                topic=Topic.VMS,
                sentence=f"{', '.join(together)} must stay on one host (server group {group.name}, affinity). Nova"
                " moves them one by one, and its scheduler finds no host for the first.",
                remedy="Have them stopped and recreated elsewhere by their owner, or expect them to stay.",
            )


def by_group(survey: OpenStackSurvey, servers: Sequence[Server]) -> dict[str, list[str]]:
    """The names of some servers by the id of the server group that they are in."""
    found: dict[str, list[str]] = {}
    for server in servers:
        if (group := survey.servers.group_of(server)) is not None:
            found.setdefault(group.id, []).append(server.name)
    return found


def of_ports(servers: Servers) -> Iterator[Finding]:
    """Whether it is known what ports the servers have."""
    if not servers.ports_known:
        yield Finding(
            code="ports-unknown",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            sentence="Neutron does not say which ports the VMs have that are moved: one with a vDPA or SR-IOV port"
            " comes up only where the hardware is.",
            remedy="See that Neutron answers and that Muster's account may list all ports, then check again.",
        )


def of_shares(servers: Servers) -> Iterator[Finding]:
    """Whether it is known what shares the servers have."""
    if not servers.shares_known:
        yield Finding(
            code="shares-unknown",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            sentence="Nova does not say which of the VMs that are moved have a Manila share, and moves none that has.",
            remedy="See that Muster's account may list the shares of all servers, then check again.",
        )


def _unmet(server: Server, computes: Computes, way: PlannedMove) -> str:
    """What no aggregate says of where it may go, though the flavor asks for it (AggregateInstanceExtraSpecsFilter)."""
    plain = {key: value for key, value in server.scope.items() if not value.startswith(_OPERATORS)}
    places = [way.home] if way.home else [s.host for s in computes.survivors]
    if not plain or not places or any(_has(computes, host, plain) for host in places):
        return ""
    return " and ".join(f"{key}={value}" for key, value in sorted(plain.items()))


def _has(computes: Computes, host: str, wanted: Mapping[str, str]) -> bool:
    tags = computes.tags.get(host, {})
    return all(value in tags.get(key, frozenset()) for key, value in wanted.items())


def _warning(
    server: Server, code: str, is_said: str, of_many: str, remedy: str, *, topic: Topic = Topic.VMS
) -> Finding:
    return Finding(
        code=code,
        verdict=Verdict.WARNING,
        topic=topic,
        vm=VmId(server.id),
        sentence=f"{server.name} {is_said}",
        together=of_many,
        remedy=remedy,
    )

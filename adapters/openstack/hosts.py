"""The list of hosts, each as people are shown it: one entry for each, whatever Nova's rows are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.openstack.model import translate
from adapters.openstack.model.resources import Life, Service, in_turn
from adapters.openstack.steps import locks as lock_steps
from adapters.openstack.steps import service
from adapters.openstack.survey import nova
from adapters.openstack.survey.heartbeats import ServiceHeartbeats
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import LOCK_REASON
from bot.domain.cloud import Host, Refused, Unreachable
from bot.domain.values import HostId

Json = Mapping[str, Any]
_REPORTS = "alive all the same: its nova-compute reports"


async def hosts(
    session: Session, matching: str, heartbeats: ServiceHeartbeats, *, limit: int, locks: bool
) -> Sequence[Host]:
    """Compute hosts whose name contains `matching`; an exact match first.

    Args:
        session: the cloud.
        matching: part of a name, in any case.
        heartbeats: seen so far.
        limit: how many are wanted at most.
        locks: whether settings have VMs locked while they are moved.

    Raises:
        Refused, Unreachable: could not ask.
    """
    wanted = matching.casefold()
    rows: dict[str, list[Service]] = {}
    services = await nova.compute_services(session)
    heartbeats.note(services)
    for row in services:
        if row.binary == "nova-compute" and wanted in row.host.casefold():
            rows.setdefault(row.host, []).append(row)
    names = sorted(rows, key=lambda host: (host != matching, host.casefold() != wanted, host))[:limit]
    listed = [in_turn(rows[host]) for host in names]
    nodes, counted = await _filled(session, [first for first, *_ in listed])
    nova.check_services(services, [node for host in nodes for node in nodes[host] if wanted in host.casefold()])
    left = await _left_locked(session) if locks else {}
    shown = [
        _host(mine, nodes.get(mine[0].host, []), counted=counted.get(mine[0].host), left=left.get(mine[0].host, ""))
        for mine in listed
    ]
    reporting = {mine[0].host for mine in listed if _reports(mine[0], heartbeats)}
    return [replace(one, note=_joined(_REPORTS, one.note)) if one.name in reporting else one for one in shown]


def _bare_metal(nodes: Sequence[Json]) -> str:
    machines = len(nodes) if translate.bare_metal(nodes) else 0
    return f"bare metal (Ironic, {machines} machines): Nova moves nothing from it" if machines else ""


def _reports(service: Service, heartbeats: ServiceHeartbeats) -> bool:
    return not service.is_up and heartbeats.life(service) is Life.REPORTS


def _joined(*notes: str) -> str:
    return ", ".join(filter(None, notes))


async def _filled(
    session: Session, computes: Sequence[Service]
) -> tuple[Mapping[str, Sequence[Json]], Mapping[str, int]]:
    """The hypervisors of hosts, and how many VMs are on some; none where Nova does not tell: hosts are listed without.

    One cell that is silent keeps Nova from listing any (nova/compute/api.py, `compute_node_get_all`).
    """
    nodes: dict[str, list[Json]] = {}
    try:
        for node in await nova.hypervisors_of(session):
            nodes.setdefault(node["service"]["host"], []).append(node)
        return nodes, await _counted(session, computes, nodes)
    except (Refused, Unreachable):
        return {}, {}


async def _counted(
    session: Session, computes: Sequence[Service], nodes: Mapping[str, Sequence[Json]]
) -> Mapping[str, int]:
    """How many VMs Nova has on those hosts that are down and that somebody has dealt with since.

    A hypervisor tells what its nova-compute wrote last (`ResourceTracker._update_usage`): while that is dead, also the
    VMs that were evacuated from it.
    """
    dealt_with = [s.host for s in computes if not s.is_up and (s.is_forced_down or not s.is_enabled)]
    stale = [(host, node) for host in dealt_with for node in nodes.get(host, ()) if node.get("running_vms")]
    numbers = await session.together(*(nova.number_on(session, host, node) for host, node in stale))
    counted: dict[str, int] = {}
    for (host, _), number in zip(stale, numbers, strict=True):
        counted[host] = counted.get(host, 0) + number
    return counted


async def _left_locked(session: Session) -> Mapping[str, str]:
    """What is to be said of VMs that Muster has locked, by host."""
    if (await nova.compute_offer(session)).highest < LOCK_REASON:
        return {}
    shown = await nova.list_servers(session, {"locked": "true"}, at=LOCK_REASON, doing="list the locked servers")
    return lock_steps.left_locked(shown)


def _host(rows: Sequence[Service], nodes: Sequence[Json], *, counted: int | None, left: str) -> Host:
    """A host as people are shown it.

    Args:
        rows: of its compute service, the one that stands for it first.
        nodes: its hypervisors, as Nova's JSON has them.
        counted: VMs that Nova lists on it, if the hypervisor's own numbers do not hold any more; None: they do.
        left: what is to be said of VMs that Muster has left locked.
    """
    compute, *others = rows
    notes = (
        *(f"listed twice by Nova: another row is {other.state}" for other in others),
        _bare_metal(nodes),
        service.why_disabled(compute),
        translate.filled(nodes) if counted is None else "",
    )
    told = [number for node in nodes if isinstance(number := node.get("running_vms"), int)]
    return Host(
        id=HostId(compute.host),
        name=compute.host,
        area=compute.zone,
        state=compute.state,
        in_service=compute.is_up and compute.is_enabled,
        vms=(sum(told) if told else None) if counted is None else counted,
        note=_joined(*notes),
        is_down=not compute.is_up and not compute.is_silent,
        is_silent=compute.is_silent,
        down_since=None if compute.is_up else compute.updated_at,
        left=left,
        taken_out_by=service.marked_by(compute),
    )

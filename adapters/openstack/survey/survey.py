"""The calls of a survey: a dozen lists, whose number does not grow with the number of VMs beyond pages.

Rights come first: a non-admin's host filter is dropped in silence (measured), so a list is trusted only when the
account may list all projects and every server in it is on the host that was asked for.

No plan waits for what costs accuracy alone: names of projects (their ids are shown), what servers hold by Placement
(their flavors say what they need), hypervisors (Placement's providers of the same names stand for them), aggregates,
encryption and ports (the card says that they are not known). A plan is not made without Nova's services (is the host
dead, and is anybody there to take over), servers and migrations (what is there, and is it moving already), server
groups (members are never moved two at once), Placement's capacities (an evacuation that finds no room leaves a VM in
ERROR) and Cinder's services and volumes (what the host manages hangs without it, and so does every VM that uses it).
"""

from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from adapters.openstack.model import translate
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.names import natural
from adapters.openstack.model.resources import Room, Server, ServerGroup, Service, Unanswered
from adapters.openstack.model.rooms import Rooms
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.survey import nova, older_clouds, placement, proof, storage
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.documents import Document
from adapters.openstack.wire.endpoints import Microversions
from adapters.openstack.wire.session import OFFSET, Session
from adapters.openstack.wire.versions import FLAVORS, GROUPS, OLDEST, SERVICES, spoken, up_to
from bot.domain.cloud import Refused, Unreachable

T = TypeVar("T")
_NO_PROJECTS = Unanswered(what="what projects are called", instead="their ids are shown", why="")
_NO_ALLOCATIONS = Unanswered(
    what="what the host's VMs hold of it by Placement", instead="what their flavors say is counted instead", why=""
)
_NO_HYPERVISORS = Unanswered(
    what="which hypervisors Nova has",
    instead="hosts are matched with Placement's providers by their names",
    why="",
)
_NOT_ROOMY = Unanswered(
    what="how much room the hosts have that Placement's summaries leave out", instead="none is counted there", why=""
)
_FEW = 16  #: hosts that are asked for one by one
_NO_AGGREGATES = Unanswered(
    what="which host aggregates there are",
    instead="whether a VM must stay in one, and whether the host is the last of one, is not known",
    why="",
    is_risk=True,
)


async def take(
    session: Session,
    host: str,
    *,
    at: datetime,
    rehomes: bool = False,
    runner: CommandRunner | None = None,
    managers: Collection[str] = (),
) -> OpenStackSurvey:
    """Read everything about one host.

    Args:
        session: the cloud.
        host: its exact name in Nova.
        at: the time it is.
        rehomes: whether its volumes may get another manager.
        runner: how `cinder-manage` is run for that; None: not by Muster.
        managers: full names of others whose volumes are wanted too.

    Raises:
        Refused, Unreachable: something could not be read.
    """
    offer = await nova.compute_offer(session)
    services = await nova.compute_services(session)  # a member gets 403 here, before any list is trusted
    await _must_answer_for(session, host, services)
    hosts = {s.host for s in services if s.binary == "nova-compute"}
    said: list[Unanswered] = []
    servers, hypervisors, groups, migrations, aggregates, candidates, projects, cinder = await session.together(
        nova.servers_on(session, host),
        _hypervisors(session, services, host, said),
        _groups(session, offer),
        nova.migrations_of(session, {"host": host}),
        _or(_aggregates(session), said, _NO_AGGREGATES),
        placement.candidates(session),
        _or(_projects(session), said, _NO_PROJECTS),
        storage.take(session, host, hosts=hosts, is_asked=rehomes, runner=runner, besides=managers),
    )
    held, rooms = await session.together(
        _or(proof.allocations_of(session, translate.provider_of(host, hypervisors)), said, _NO_ALLOCATIONS),
        _room(session, host, candidates, hypervisors, services, said),
    )
    listed = await proof.told(session, host, servers, held=held, hypervisors=hypervisors, migrations=migrations)
    servers = await older_clouds.with_flavors(session, listed.items) if offer.highest < FLAVORS else listed.items
    listed = replace(listed, items=_in_order(servers, with_scopes=aggregates is not None))
    computes = Computes(
        host=host,
        at=session.time_there(at),
        services=tuple(services),
        aggregates=translate.aggregates_by_host(aggregates or ()),
        tags=translate.tags_by_host(aggregates or ()),
        bare_metal=translate.bare_metal(hypervisors, host=host, servers=listed.items),
    )
    return OpenStackSurvey(
        computes=computes,
        highest=offer.highest,
        servers=Servers(listed=listed, projects=projects or {}, groups=tuple(groups), migrations=tuple(migrations)),
        rooms=Rooms(
            by_host=rooms,
            survivors=frozenset(s.host for s in computes.survivors),
            held=held,
        ),
        storage=cinder,
        unanswered=tuple(said),
    )


async def _hypervisors(
    session: Session, services: Sequence[Service], host: str, said: list[Unanswered]
) -> Sequence[Mapping[str, Any]]:
    """The hypervisors by the uuids of their providers.

    One cell that is silent keeps Nova from listing any (nova/compute/api.py, `compute_node_get_all`). Then Placement's
    providers stand for them, which mostly bear their names; a host that none bears the name of has no room to offer.
    """
    try:
        hypervisors = await nova.hypervisors_of(session)
    except Unreachable as error:
        found = await older_clouds.providers(session, {s.host for s in services if s.binary == "nova-compute"})
        if not any(h["service"]["host"] == host for h in found):
            raise
        said.append(replace(_NO_HYPERVISORS, why=error.sentence))
        return found
    nova.check_services(services, hypervisors)
    is_old = (await nova.compute_offer(session)).highest < SERVICES
    return await older_clouds.with_providers(session, hypervisors) if is_old else hypervisors


def _in_order(servers: Sequence[Server], *, with_scopes: bool) -> tuple[Server, ...]:
    """Servers by their names; without what they ask of aggregates where those are not known."""
    ordered = sorted(servers, key=lambda s: (natural(s.name), s.id))
    return tuple(ordered if with_scopes else (replace(s, scope={}) for s in ordered))


async def _must_answer_for(session: Session, host: str, services: Sequence[Service]) -> None:
    """That Nova knows about the host what it says.

    Raises:
        Unreachable: its cell does not answer; or the list of services leaves it out.
        Refused
    """
    mine = [s for s in services if s.host == host and s.binary == "nova-compute"]
    if any(s.is_silent for s in mine):
        raise nova.cell_is_silent(host)
    if not mine:
        await proof.service_is_gone(session, host)


async def _or(reading: Coroutine[Any, Any, T | None], said: list[Unanswered], unless: Unanswered) -> T | None:
    """What was read; None where it was not, and then it is said."""
    try:
        return await reading
    except (Refused, Unreachable) as error:
        said.append(replace(unless, why=error.sentence))
        return None


async def _groups(session: Session, offer: Microversions) -> Sequence[ServerGroup]:
    """All server groups. Their pages go by offset."""
    return await session.pages(
        "compute",
        "/os-server-groups",
        "server_groups",
        made=translate.group,
        microversion=up_to(GROUPS, offer.highest),
        params={"all_projects": "True"},
        marker=OFFSET,
        doing="list server groups",
    )


async def _aggregates(session: Session) -> Sequence[Mapping[str, Any]]:
    page = await session.get("compute", "/os-aggregates", microversion=spoken(OLDEST), doing="list host aggregates")
    return page.each("aggregates", translate.aggregate)


async def _room(
    session: Session,
    host: str,
    candidates: Document | None,
    hypervisors: Sequence[Mapping[str, Any]],
    services: Sequence[Service],
    said: list[Unanswered],
) -> Mapping[str, Room] | None:
    """Room by host; None when there is no Placement.

    Summaries are of hosts with any memory left, so a full one is missing there as one is that got lost on the way: the
    hosts in service that are missing are asked for one by one, as long as they are few, and the surveyed one always.
    """
    if candidates is None:
        return await placement.rooms(session, hypervisors)
    told = candidates.told("provider_summaries", candidates, lambda c: translate.rooms(c, hypervisors))
    up = {s.host for s in services if s.binary == "nova-compute" and s.is_up and s.is_enabled} - told.keys() - {host}
    full = _of({host} - told.keys(), hypervisors)
    missing = _of(up, hypervisors) if len(up) <= _FEW else []
    own, others = await session.together(
        _or(placement.rooms(session, full), [], _NOT_ROOMY),  # what its servers take is told by what they hold
        _or(placement.rooms(session, missing), said, _NOT_ROOMY),
    )
    return {**told, **(own or {}), **(others or {})}


def _of(hosts: Collection[str], hypervisors: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [h for h in hypervisors if str((h.get("service") or {}).get("host") or "") in hosts]


async def _projects(session: Session) -> Mapping[str, str]:
    """Names of projects by id."""
    found = await session.get("identity", "/projects", doing="list projects")
    return dict(found.each("projects", lambda p: (str(p["id"]), str(p["name"]))))

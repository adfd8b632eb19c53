"""The lists of Nova that surveys and looks are made of, each as it came: whether one is whole, `proof` finds out."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from adapters.openstack.model import translate
from adapters.openstack.model.resources import Migration, Server, Service
from adapters.openstack.wire.endpoints import Microversions
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import (
    MIGRATIONS,
    OLDEST,
    PAGES,
    SERVERS,
    SERVICES,
    SHADOWS,
    Microversion,
    spoken,
    up_to,
)
from bot.domain.cloud import Refused, Unreachable
from bot.domain.counting import listed

_NAMED = 5
_NEWEST = 250
"""Records on a page where the newest are wanted: more than most operations make; 0.1 s of Nova's CPU."""
_ADMIN = "Give Muster's account the admin role on this cloud, then run `muster check`."
ITS_CELL = "Check the cell's database and message queue (`nova-manage cell_v2 list_cells`)."
_DELETED = {"soft_deleted": "True"}
"""Servers that were deleted and wait to be reclaimed are listed too (nova/db/main/api.py, `soft_deleted`)."""


def cell_is_silent(what: str) -> Unreachable:
    """The error that a cell of Nova does not answer.

    Args:
        what: a host, a server or a list that cannot be told of.
    """
    return Unreachable(
        f"The cell of Nova that {what} belongs to does not answer, so what is there is not known.",
        remedy=ITS_CELL,
    )


async def compute_offer(session: Session) -> Microversions:
    """The microversions of Nova.

    Raises:
        Refused: there is no Nova, or one too old for Muster.
        Unreachable: could not ask.
    """
    offer = await session.offer("compute")
    if offer is None:
        raise Refused(
            "The cloud's catalog has no Nova in this region.",
            remedy="Check `region_name` and `interface` of this cloud in clouds.yaml.",
        )
    if offer.highest < OLDEST:
        raise Refused(
            f"This cloud's Nova offers microversions up to {spoken(offer.highest)}; Muster needs {spoken(OLDEST)}.",
            remedy="Muster works with Nova from Mitaka (2016) on.",
        )
    return offer


def check_services(services: Sequence[Service], hypervisors: Sequence[Mapping[str, Any]]) -> None:
    """Hold Nova's list of all services against its hypervisors, which it never shows without their service.

    Nova answers by services of its own, so a list without a single one is not whole either.

    Raises:
        Unreachable: the list lacks some; who is not in it is not therefore unknown, down or gone.
    """
    known = {s.host for s in services if s.binary == "nova-compute"}
    unlisted = sorted({str(h["service"]["host"]) for h in hypervisors} - known)
    if services and not unlisted:
        return
    named = f"no compute service of {listed(unlisted, most=_NAMED)}, and a hypervisor there"
    told = named if unlisted else "not even one of its own services"
    raise Unreachable(
        f"Nova's list of services is not whole: it shows {told}.",
        remedy="Ask again in a minute; if it stays so, look at Nova's API and its cells.",
    )


async def compute_services(session: Session, *, host: str = "") -> Sequence[Service]:
    """Nova's services: all of them, or the compute service of a host.

    From 2.69 on those of a cell that does not answer are listed too, with no more than that they are there
    (nova/compute/api.py, `_service_get_all_cells`).

    Raises:
        Unreachable: the cell of that host does not answer.
        Refused
    """
    nova = await compute_offer(session)
    params = {"binary": "nova-compute", "host": host} if host else {}
    found = await session.get(
        "compute",
        "/os-services",
        microversion=up_to(SHADOWS, nova.highest),
        params=params,
        doing="list compute services",
    )
    services = [s for s in found.each("services", translate.service) if not host or s.host == host]
    if host and any(s.is_silent for s in services):
        raise cell_is_silent(host)
    return services


async def servers_on(session: Session, host: str, *, at: Microversion = SERVERS) -> Sequence[Server]:
    """Every server of any status and project that Nova lists on a host, the deleted ones that can be restored too.

    Args:
        session: the cloud.
        host: its exact name in Nova.
        at: as in `list_servers`.

    Raises:
        Refused: the cloud dropped the host filter, so what it listed means nothing.
        Unreachable: a cell of Nova did not answer, so the list is not whole.
    """
    servers = await list_servers(session, {"host": host}, at=at, doing=f"list the servers on {host}")
    if any(server.is_shadow for server in servers):
        raise Unreachable(
            f"A cell of Nova does not answer, so the list of servers on {host} is not whole.", remedy=ITS_CELL
        )
    others = [server for server in servers if server.host != host]
    if others and all(server.host.casefold() == host.casefold() for server in others):
        raise Refused(
            f"Nova lists {others[0].name} on {others[0].host} where {host} was asked for: one name in two spellings.",
            remedy="See whether that is one host; if so, have its VMs' host written alike in Nova's database, then"
            " check again.",
        )
    if others:
        raise Refused(
            f"The cloud did not restrict the list of servers to {host}: Muster's account may not filter by host.",
            remedy=_ADMIN,
        )
    return servers


async def number_on(session: Session, host: str, hypervisor: Mapping[str, Any]) -> int:
    """How many servers of any status and project are on a host; from 2.53 on its hypervisor names them.

    There is no filter that Nova could drop, and to name them costs it less than a third of listing them (measured on
    Nova 34, 20 servers: 45 ms and 154 ms of CPU).

    Args:
        session: the cloud.
        host: its exact name in Nova.
        hypervisor: of that host, as Nova's JSON has it.

    Raises:
        Refused, Unreachable: as `servers_on`.
    """
    nova = await compute_offer(session)
    if nova.highest < SERVICES:
        return len(await servers_on(session, host))
    found = await session.get(
        "compute",
        f"/os-hypervisors/{hypervisor['id']}",
        microversion=spoken(SERVICES),
        params={"with_servers": "true"},
        doing=f"count the servers on {host}",
    )
    return found.one("hypervisor", lambda h: len(h.get("servers", [])))


async def list_servers(
    session: Session,
    filters: Mapping[str, str],
    *,
    only: Collection[str] | None = None,
    at: Microversion = SERVERS,
    doing: str,
) -> Sequence[Server]:
    """Servers of all projects.

    Args:
        session: the cloud.
        filters: the query.
        only: ids of those that are wanted of a list that may be long: no other is read; None: all.
        at: the microversion, or the highest that the cloud offers below it. What 2.96 tells of each server costs Nova
            two thirds more than what 2.69 does (measured on Nova 34).
        doing: as in `Session.get`.
    """
    nova = await compute_offer(session)
    found = await session.pages(
        "compute",
        "/servers/detail",
        "servers",
        made=lambda row: translate.server(row) if only is None or row["id"] in only else None,
        microversion=up_to(at, nova.highest),
        params={"all_tenants": "1", **_DELETED, **filters},
        doing=doing,
    )
    return [server for server in found if server is not None]


async def migrations_of(
    session: Session, filters: Mapping[str, str], *, since: datetime | None = None
) -> Sequence[Migration]:
    """Migration records of any status.

    From 2.59 on Nova lists them newest first, so those of the last days need no pages of years. Its `changes-since`
    would not do: a record that nobody has changed yet, such as an order that waits, bears no date of a change and is
    in no such list (nova/db/main/api.py, `_get_query_nova_resource_by_changes_time`).

    Args:
        session: the cloud.
        filters: the query.
        since: all records are listed that began then or later, and any others; None: all there are.
    """
    nova = await compute_offer(session)
    bounds: dict[str, Any] = {"size": _NEWEST, "until": partial(_reach, since)} if since is not None else {}
    return await session.pages(
        "compute",
        "/os-migrations",
        "migrations",
        made=translate.migration,
        microversion=up_to(MIGRATIONS, nova.highest),
        params=filters,
        marker="uuid" if nova.highest >= MIGRATIONS else "",
        doing="list migrations",
        **bounds,
    )


def _reach(since: datetime, listed: Sequence[Migration]) -> bool:
    """Whether a page goes back to before a moment, and shows that it is sorted; else nobody knows what comes behind."""
    began = [translate.moment(m.created_at) for m in listed]
    told = [moment for moment in began if moment is not None]
    return len(told) == len(began) and told == sorted(told, reverse=True) and told[-1] < since


async def hypervisors_of(session: Session) -> Sequence[Mapping[str, Any]]:
    """All hypervisors, as Nova's JSON has them."""
    nova = await compute_offer(session)
    return await session.pages(
        "compute",
        "/os-hypervisors/detail",
        "hypervisors",
        made=translate.hypervisor,
        microversion=up_to(SERVICES, nova.highest),
        marker="id" if nova.highest >= PAGES else "",
        doing="list hypervisors",
    )

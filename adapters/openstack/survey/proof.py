"""Whether what Nova lists on a host is all there is, and who else says so: absence in a list is no proof.

Nova answers 200 with less than the truth: it leaves out the servers of a cell that is silent (`[api]
list_records_by_skipping_down_cells`, on by default), and any filter and any page limit turn the placeholders off that
it has for them from 2.69 on (nova/api/openstack/compute/servers.py, `_is_cell_down_supported`). So a second witness is
asked. Placement has a database of its own: whatever holds room on the host is there, or is proven to be elsewhere or
deleted. Where it does not tell, the hypervisor's own list: it goes by no filter, and is read in the host's cell, so
that it fails where the cell is silent (nova/api/openstack/compute/hypervisors.py).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from adapters.openstack.model import translate
from adapters.openstack.model.names import natural
from adapters.openstack.model.resources import Amounts, Migration, Server
from adapters.openstack.survey import nova, older_clouds
from adapters.openstack.survey import servers as server_reads
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import NAMES, SERVERS, SERVICES, up_to
from bot.domain.cloud import CloudError, Refused, Unreachable
from bot.domain.counting import listed
from bot.domain.listing import Listing

_NAMED = 5  #: so many VMs are named in a sentence


async def allocations_of(session: Session, provider: str | None) -> Mapping[str, Amounts] | None:
    """What each consumer holds of a host's provider; None where there is no Placement, or no one provider.

    Raises:
        Refused, Unreachable: could not ask; or Placement has lost it.
    """
    if provider is None or await session.offer("placement") is None:
        return None
    found = await session.get(
        "placement",
        f"/resource_providers/{provider}/allocations",
        doing="read what the servers of the host hold",
    )
    return found.one("allocations", translate.allocations)


async def allocations_on(
    session: Session, host: str, hypervisors: Sequence[Mapping[str, Any]]
) -> Mapping[str, Amounts] | None:
    """The same of a host; None also where Placement has lost its provider: then its hypervisor is the witness.

    Raises:
        Unreachable: could not ask.
    """
    try:
        return await allocations_of(session, translate.provider_of(host, hypervisors))
    except Refused:
        return None


async def told(
    session: Session,
    host: str,
    servers: Sequence[Server],
    *,
    held: Mapping[str, Amounts] | None,
    hypervisors: Sequence[Mapping[str, Any]],
    migrations: Sequence[Migration],
) -> Listing[Server]:
    """What Nova lists on a host, with what else was found there, whether that is all, and who agrees.

    Those that a witness names and the list does not are asked for one by one, a few of them if the first are there.

    Args:
        session: the cloud.
        host: its exact name in Nova.
        servers: that Nova lists on it.
        held: what each consumer holds of the host's provider, by Placement; None: it does not tell.
        hypervisors: all of Nova's.
        migrations: to and from the host; they hold room too.
    """
    shown = Listing(items=tuple(servers))
    known = {s.id for s in servers} | {m.uuid for m in migrations}
    mine = [h for h in hypervisors if h["service"]["host"] == host]
    try:
        if held is not None:
            rest = held.keys() - known
            witness = "Placement holds nothing there" if not held else "what Placement holds there is of no other VM"
        else:
            named = await _by_hypervisors(session, mine)
            rest, witness = (named or set()) - known, "" if named is None else "its hypervisor names no other"
        found = await server_reads.find(session, rest, at=SERVERS)
    except CloudError as error:
        return shown.lacking(error.sentence)
    return _compared(host, shown, found, migrations).agreed(witness)


def _compared(
    host: str, shown: Listing[Server], found: server_reads.Found, migrations: Sequence[Migration]
) -> Listing[Server]:
    """The list with those that it left out."""
    here = [s for s in found.servers.values() if s.host == host]
    if here:
        gap = f"Nova's list of the servers on {host} leaves out {_named(here)}, which Nova itself has there."
        return Listing(items=(*shown.items, *here)).lacking(gap)
    moving = {m.server for m in migrations}
    coming = [s for s in found.servers.values() if s.task is not None and s.id not in moving]
    if coming:
        return shown.lacking(
            f"{_named(coming)} may be on the way to {host}: busy, with room there, and no migration told."
        )
    return shown


async def _by_hypervisors(session: Session, mine: Sequence[Mapping[str, Any]]) -> set[str] | None:
    """The ids of the servers that the hypervisors of a host name; None: they do not tell."""
    highest = (await nova.compute_offer(session)).highest
    if highest < SERVICES:  # they only count
        return set() if mine and all(h.get("running_vms") == 0 for h in mine) else None
    found: set[str] = set()
    for hypervisor in mine:
        document = await session.get(
            "compute",
            f"/os-hypervisors/{hypervisor['id']}",
            microversion=up_to(NAMES, highest),
            params={"with_servers": "true"},
            doing=f"ask the hypervisor {hypervisor['hypervisor_hostname']} for its servers",
        )
        found |= document.one("hypervisor", lambda h: _uuids(h, is_always_told=highest >= NAMES))
    return found if mine else None


def _uuids(hypervisor: Mapping[str, Any], *, is_always_told: bool) -> set[str]:
    servers = hypervisor["servers"] if is_always_told else hypervisor.get("servers", [])
    return {str(server["uuid"]) for server in servers}


async def service_is_gone(session: Session, host: str) -> None:
    """That Nova has no compute service on a host because somebody deleted it, and not because a list was short.

    Nova deletes the host's provider with its service (nova/api/openstack/compute/services.py, `delete`), in Placement's
    own database; the hypervisors are of Nova's. A provider may bear the host's full name.

    Raises:
        Refused, Unreachable: could not ask; or one of the two still has the host.
    """
    hypervisors = await nova.hypervisors_of(session)
    if any(h["service"]["host"] == host for h in hypervisors) or await older_clouds.providers(session, {host}):
        raise Unreachable(
            f"Nova's list of services leaves out {host}, which is still known as a hypervisor: its cell may be silent.",
            remedy=nova.ITS_CELL,
        )


def _named(servers: Collection[Server]) -> str:
    return listed(sorted((s.name for s in servers), key=natural), most=_NAMED)

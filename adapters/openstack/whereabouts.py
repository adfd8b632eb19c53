"""Where servers are that may be on any host: a few by their ids, many by the lists of the hosts they should be on."""

from collections.abc import Collection, Mapping, Sequence

from adapters.openstack import older, records, translate
from adapters.openstack.errors import Missing
from adapters.openstack.session import Session
from adapters.openstack.survey import compute_offer, list_servers, servers_on
from adapters.openstack.things import Migration, Server
from adapters.openstack.versions import FLAVORS, SERVICES, Microversion, up_to
from bot.domain.cloud import Left, Unreachable

_MOVERS = 20  #: VMs of lasting records that are asked for at most
_KEPT = frozenset({"finished", "done"})
"""Statuses of moves that have ended and that keep something at their source."""
FEW = 5
"""So many VMs are asked for one by one; for more, servers are listed: a list of details costs Nova by the server."""


async def of(session: Session, left: Sequence[Left], *, besides: Collection[str]) -> tuple[Server, ...]:
    """The servers of a ledger as they are now, in its order; without those that Nova knows no more.

    The number of calls grows with the number of hosts they were left on, not with the number of servers.

    Args:
        session: the cloud.
        left: the ledger.
        besides: ids of servers that need not be looked for.

    Raises:
        Refused, Unreachable: could not ask.
    """
    missing = {one.id: one for one in left if one.id not in besides}
    found: dict[str, Server] = {}
    if len(missing) > FEW:
        hosts = sorted({one.place for one in missing.values() if one.place})
        for servers in await session.together(*(servers_on(session, host) for host in hosts)):
            found |= {s.id: s for s in servers if s.id in missing}
    rest = missing.keys() - found.keys()
    if len(rest) > FEW:
        everywhere = await list_servers(session, {}, doing="list all servers")
        found |= {s.id: s for s in everywhere if s.id in rest}
    else:
        found |= await one_by_one(session, rest)
    left_over = [found[id] for id in missing if id in found and not found[id].is_gone]
    is_old = (await compute_offer(session)).highest < FLAVORS
    return tuple(await older.with_flavors(session, left_over) if is_old else left_over)


async def of_movers(
    session: Session, moves: Sequence[Migration], here: Sequence[Server]
) -> Mapping[str, Server | None]:
    """The VMs of records that have not ended for good, by id: those that are here, and the others wherever they are.

    Of VMs that have moved since, and well, nobody needs to know. More than some are not asked for: of one that is not
    in the answer anything may be so.

    Args:
        session: the cloud.
        moves: records from and to a host, read before its servers were.
        here: the servers on it.

    Returns:
        A server; None: Nova knows it no more.

    Raises:
        Refused, Unreachable: could not ask.
    """
    seen: dict[str, Server | None] = {s.id: s for s in here}
    lasting = (m for m in moves if (m.is_open or m.status in _KEPT) and not records.is_superseded(m, moves))
    strange = sorted({m.server for m in lasting if m.server not in seen})[:_MOVERS]
    found = await one_by_one(session, strange)
    return seen | {id: found.get(id) for id in strange}


async def one_by_one(session: Session, ids: Collection[str], *, at: Microversion = SERVICES) -> dict[str, Server]:
    """A few servers by their ids; without those that Nova knows no more.

    Args:
        session: the cloud.
        ids: of the servers.
        at: the microversion, or the highest that the cloud offers below it.

    Raises:
        Unreachable: a cell of Nova does not answer, so that nothing can be told of one of them.
    """
    microversion = up_to(at, (await compute_offer(session)).highest) if ids else ""
    found = await session.together(*(_one(session, server_id, microversion) for server_id in sorted(ids)))
    if any(s is not None and s.is_shadow for s in found):
        raise Unreachable(
            "A cell of Nova does not answer, so a server in it cannot be looked at.",
            remedy="Check the cell's database and message queue (`nova-manage cell_v2 list_cells`).",
        )
    return {s.id: s for s in found if s is not None}


async def _one(session: Session, server_id: str, at: str) -> Server | None:
    """A server by its id; None when Nova knows it no more."""
    try:
        document = await session.get("compute", f"/servers/{server_id}", microversion=at, doing="look at a server")
    except Missing:
        return None
    return document.one("server", translate.server)

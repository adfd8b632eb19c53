"""Where servers are that may be on any host: a few by their ids, many by lists; deleted is who is proven to be.

A list proves presence alone. Who is in none is asked for by id, and only Nova's 404 of that very server means that it
was deleted (nova/compute/api.py, `_get_instance`): a server in a cell that does not answer is `UNKNOWN` there from 2.69
on, and an error 500 before.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from adapters.openstack.model import migration_records, translate
from adapters.openstack.model.resources import Migration, Server
from adapters.openstack.survey import older_clouds
from adapters.openstack.survey.nova import cell_is_silent, compute_offer, list_servers, servers_on
from adapters.openstack.wire.errors import Missing
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import FLAVORS, SHADOWS, Microversion, up_to
from bot.domain.abilities import VmPlace
from bot.domain.cloud import CloudError, Left, Unreachable
from bot.domain.counting import counted
from bot.domain.values import VmId

_MOVERS = 20  #: VMs of lasting records that are asked for at most
_KEPT = frozenset({"finished", "done"})
"""Statuses of moves that have ended and that keep something at their source."""
FEW = 5
"""So many VMs are asked for one by one; for more, servers are listed: a list of details costs Nova by the server."""
MOST = 500
"""So many that no list shows are asked for one by one at most, and those only when the first of them are gone."""


class Found(NamedTuple):
    """Each server that was asked for is in the one or in the other."""

    servers: dict[str, Server]  #: by id, wherever they are
    gone: frozenset[str] = frozenset()  #: Nova knows them no more, and said so of each


async def of(session: Session, left: Sequence[Left], *, besides: Collection[str]) -> tuple[Server, ...]:
    """The servers of a ledger as they are now, in its order; without those that were deleted.

    The number of calls grows with the number of hosts they were left on, not with the number of servers.

    Args:
        session: the cloud.
        left: the ledger.
        besides: ids of servers that need not be looked for.

    Raises:
        Refused, Unreachable: could not ask, or could not find out where each of them is.
    """
    missing = {one.id: one.place for one in left if one.id not in besides}
    listed = await _where_they_were(session, missing)
    found = listed | (await find(session, missing.keys() - listed.keys())).servers
    left_over = [found[id] for id in missing if id in found and not found[id].is_gone]
    is_old = (await compute_offer(session)).highest < FLAVORS
    return tuple(await older_clouds.with_flavors(session, left_over) if is_old else left_over)


async def _where_they_were(session: Session, last: Mapping[VmId, str]) -> dict[str, Server]:
    """Of many servers those that are still on the hosts that they were on, by one list of each; of a few none."""
    if len(last) <= FEW:
        return {}
    hosts = sorted({host for host in last.values() if host})
    lists = await session.together(*(servers_on(session, host) for host in hosts))
    return {s.id: s for servers in lists for s in servers if s.id in last}


async def places(session: Session, last: Mapping[VmId, str]) -> Sequence[VmPlace]:
    """Where each of some servers is; what cannot be told of one hides nothing of the others.

    Args:
        session: the cloud.
        last: by server the name of the host that it was on.

    Raises:
        Refused, Unreachable: could not list those of their hosts.
    """
    there = await _where_they_were(session, last)
    rest = sorted(last.keys() - there.keys())
    parts = [{id} for id in rest] if len(rest) <= FEW else [set(rest)]
    found, gone, why = dict(there), set[str](), dict[str, str]()
    for part in parts:
        try:
            seen = await find(session, part)
        except CloudError as error:
            why |= dict.fromkeys(part, error.sentence)
        else:
            found |= seen.servers
            gone |= seen.gone

    def place(id: VmId) -> VmPlace:
        server = found.get(id)
        if id in gone or (server is not None and server.is_gone):
            return VmPlace(vm=id, is_gone=True)
        return VmPlace(vm=id, host=server.host) if server is not None else VmPlace(vm=id, unknown=why[id])

    return [place(id) for id in last]


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
    lasting = (m for m in moves if (m.is_open or m.status in _KEPT) and not migration_records.is_superseded(m, moves))
    strange = sorted({m.server for m in lasting if m.server not in seen})[:_MOVERS]
    found = (await one_by_one(session, strange)).servers
    return seen | {id: found.get(id) for id in strange}


async def find(session: Session, ids: Collection[str], *, at: Microversion = SHADOWS) -> Found:
    """Each of some servers: where it is, or that it was deleted.

    Args:
        session: the cloud.
        ids: of the servers.
        at: the microversion, or the highest that the cloud offers below it.

    Raises:
        Unreachable: that cannot be told of one of them; or lists leave out what Nova has.
        Refused
    """
    listed: dict[str, Server] = {}
    if len(ids) > FEW:
        everywhere = await list_servers(session, {}, at=at, doing="list all servers")
        listed = {s.id: s for s in everywhere if s.id in ids}
    first, rest = _parted(ids - listed.keys())
    found = await one_by_one(session, first, at=at)
    if rest and any(not s.is_gone for s in found.servers.values()):
        name = next(s.name for s in found.servers.values() if not s.is_gone)
        raise Unreachable(
            f"Nova's lists leave out {name} and {counted(len(first) + len(rest) - 1, 'more VM')}, though Nova has it:"
            " where they are could not be found out.",
            remedy="A cell of Nova may be silent: check its database and message queue (`nova-manage cell_v2"
            " list_cells`).",
        )
    if len(rest) > MOST:
        raise Unreachable(
            f"Nova no longer lists {counted(len(first) + len(rest), 'VM')}: too many to ask about each whether it was"
            " deleted.",
            remedy="Find out who deleted them (`openstack server show …`), or whether a cell of Nova is silent.",
        )
    others = await one_by_one(session, rest, at=at)
    return Found(listed | found.servers | others.servers, found.gone | others.gone)


def _parted(ids: Collection[str]) -> tuple[list[str], list[str]]:
    return sorted(ids)[:FEW], sorted(ids)[FEW:]


async def one_by_one(session: Session, ids: Collection[str], *, at: Microversion = SHADOWS) -> Found:
    """A few servers by their ids.

    Args:
        session: the cloud.
        ids: of the servers.
        at: as in `find`.

    Raises:
        Unreachable: a cell of Nova does not answer, so that nothing can be told of one of them.
        Refused
    """
    microversion = up_to(at, (await compute_offer(session)).highest) if ids else ""
    asked = sorted(ids)
    found = await session.together(*(_one(session, server_id, microversion) for server_id in asked))
    by_id = dict(zip(asked, found, strict=True))
    return Found({i: s for i, s in by_id.items() if s is not None}, frozenset(i for i, s in by_id.items() if s is None))


async def _one(session: Session, server_id: str, at: str) -> Server | None:
    """A server by its id; None when Nova knows it no more.

    Raises:
        Unreachable: its cell does not answer; or what was answered is of another.
        Refused
    """
    path, doing = f"/servers/{server_id}", f"look at the server {server_id}"
    try:
        document = await session.get("compute", path, microversion=at, doing=doing)
    except Missing as gone:
        if server_id not in gone.raw:  # "Instance … could not be found." (nova/exception.py, InstanceNotFound)
            raise Unreachable(gone.sentence, remedy="Muster asks again.", raw=gone.raw) from gone
        return None
    server: Server = document.one("server", translate.server)
    if server.id != server_id:
        raise document.strange(f"it is of the server {server.id}")
    if server.is_shadow:
        raise cell_is_silent(f"the server {server_id}")
    return server

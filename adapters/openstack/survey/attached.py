"""What is attached to servers that are moved, beyond their records: special ports, Manila shares, encrypted volumes.

Where Neutron or Nova does not tell, the plan goes on without, and the card says so. Ports are asked for by host; shares
by server, but only of those that can have one (nova/virt/hardware.py, `check_shares_supported`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from adapters.openstack.model import translate
from adapters.openstack.model.resources import NO_PORT, Port, Server, Unanswered, Used
from adapters.openstack.model.rooms import Rooms
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.survey import storage
from adapters.openstack.wire.errors import Missing
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import SHARES, spoken
from bot.domain.cloud import Refused, Unreachable

_FILE_BACKED = "COMPUTE_MEM_BACKING_FILE"
_NO_ENCRYPTION = Unanswered(
    what="which of the attached volumes are encrypted",
    instead="a VM with such a volume may not come up where Muster's account may not read its key",
    why="",
    is_risk=True,
)
_FIELDS = ["id", "name", "device_id", "binding:vnic_type", "resource_request"]


async def to_those_here(session: Session, survey: OpenStackSurvey) -> OpenStackSurvey:
    """The survey with what is attached to the servers on its host.

    Raises:
        Unreachable: Cinder's lists of the host's volumes contradict each other.
    """
    servers, told = await _with_attachments(session, survey, survey.servers.here)
    listed = replace(told.servers.listed, items=servers)
    return replace(told, servers=replace(told.servers, listed=listed))


async def to_those_away(session: Session, survey: OpenStackSurvey) -> OpenStackSurvey:
    """The survey with what is attached to the servers that may come back to its host.

    Raises:
        Refused, Unreachable: as above.
    """
    servers, told = await _with_attachments(session, survey, survey.servers.away)
    return replace(told, servers=replace(told.servers, away=servers))


async def _with_attachments(
    session: Session, survey: OpenStackSurvey, servers: Sequence[Server]
) -> tuple[tuple[Server, ...], OpenStackSurvey]:
    volumes = frozenset[str]().union(*(s.volumes for s in servers))
    ports, shares, used = await session.together(
        _ports(session, sorted({s.host for s in servers})),
        _shares(session, [s.id for s in servers if _may_share(s, survey.rooms)] if survey.highest >= SHARES else []),
        _in_use(session, volumes),
    )
    encrypted = frozenset(id for id in volumes if id in used.volumes and used.volumes[id].is_encrypted)
    storage.must_be_whole(survey.storage, used.volumes)
    told = replace(
        survey,
        servers=replace(
            survey.servers, encrypted=encrypted, ports_known=ports is not None, shares_known=shares is not None
        ),
        unanswered=(*survey.unanswered, *used.unanswered),
    )
    return tuple(_attached(s, ports or {}, shares or {}) for s in servers), told


class _InUse(NamedTuple):
    """The volumes in use, or that Cinder did not tell."""

    volumes: Mapping[str, Used]
    unanswered: tuple[Unanswered, ...] = ()


async def _in_use(session: Session, attached: frozenset[str]) -> _InUse:
    try:
        return _InUse(await storage.in_use(session, attached))
    except (Refused, Unreachable) as error:
        return _InUse({}, (replace(_NO_ENCRYPTION, why=error.sentence),))


def _attached(server: Server, ports: Mapping[str, Sequence[Port]], shares: Mapping[str, frozenset[str]]) -> Server:
    mine = ports.get(server.id, ())
    return replace(
        server,
        ports=frozenset(port.kind for port in mine) - {NO_PORT},
        has_amphora_port=any(port.is_amphora_port for port in mine),
        has_promised_bandwidth=any(port.is_promised_bandwidth for port in mine),
        shares=shares.get(server.id, frozenset()),
    )


async def _ports(session: Session, hosts: Sequence[str]) -> Mapping[str, Sequence[Port]] | None:
    """The ports on some hosts, by server; None when Neutron does not tell, which forbids nothing."""
    try:
        if not hosts or await session.offer("network") is None:
            return {}
        lists = await session.together(*(_ports_on(session, host) for host in hosts))
    except (Refused, Unreachable):
        return None
    by_server: dict[str, list[Port]] = {}
    for port in (port for ports in lists for port in ports):
        by_server.setdefault(port.server, []).append(port)
    return by_server


async def _ports_on(session: Session, host: str) -> Sequence[Port]:
    return await session.pages(
        "network",
        "/ports",
        "ports",
        made=translate.port,
        params={"binding:host_id": host, "fields": _FIELDS},
        doing=f"list the ports on {host}",
    )


def _may_share(server: Server, rooms: Rooms) -> bool:
    """Whether Nova would have let a share be attached to it: by its flavor, or by what its host can do."""
    room = (rooms.by_host or {}).get(server.host)
    return server.has_page_size or room is None or _FILE_BACKED in room.traits


async def _shares(session: Session, ids: Sequence[str]) -> Mapping[str, frozenset[str]] | None:
    """The Manila shares of some servers; None when Nova does not tell, which forbids nothing."""
    try:
        found = await session.together(*(_shares_of(session, id) for id in ids))
    except (Refused, Unreachable):
        return None
    return dict(zip(ids, found, strict=True))


async def _shares_of(session: Session, id: str) -> frozenset[str]:
    path, doing = f"/servers/{id}/shares", "list the shares of a server"
    try:
        document = await session.get("compute", path, microversion=spoken(SHARES), doing=doing)
    except Missing:  # deleted meanwhile
        return frozenset()
    return frozenset(document.each("shares", lambda share: str(share["share_id"]), by="share_id"))

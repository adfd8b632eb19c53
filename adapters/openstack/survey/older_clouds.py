"""What older clouds, and those of which a cell is silent, tell in other ways.

That is flavors before Nova 2.47, the hosts' providers before 2.53 (Pike), and room before Placement 1.27 (Rocky). The
number of calls grows with hosts and flavors, never with VMs.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from adapters.openstack.model import translate
from adapters.openstack.model.resources import Room, Server
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import TRAITS, spoken

_OLDEST = "2.25"
_PLACEMENT = "1.0"


async def with_flavors(session: Session, servers: Sequence[Server]) -> Sequence[Server]:
    """Servers with what their flavors say. Of a flavor that was deleted meanwhile nobody tells any more.

    Args:
        session: of a Nova below 2.47, which tells no more of a server's flavor than its id.
        servers: with their flavors' ids.
    """
    used = sorted({s.flavor for s in servers if s.flavor})
    listed = await session.pages(
        "compute",
        "/flavors/detail",
        "flavors",
        made=translate.flavor,
        microversion=_OLDEST,
        params={"is_public": "None"},
        doing="list flavors",
    )
    known = {id: flavor for id, flavor in listed if id in used}
    extra = await session.together(*(_extra_specs(session, id) for id in known))
    flavors = {id: {**known[id], "extra_specs": specs} for id, specs in zip(known, extra, strict=True)}
    return [translate.with_flavor(s, flavors[s.flavor]) if s.flavor in flavors else s for s in servers]


async def _extra_specs(session: Session, flavor: str) -> Mapping[str, Any]:
    found = await session.get(
        "compute", f"/flavors/{flavor}/os-extra_specs", microversion=_OLDEST, doing="read what flavors demand"
    )
    specs: Mapping[str, Any] = found.one("extra_specs", dict)
    return specs


async def with_providers(session: Session, hypervisors: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Hypervisors by the uuids of their providers, as from 2.53 on, instead of by Nova's numbers.

    Args:
        session: of a Nova below 2.53.
        hypervisors: as it lists them. Their providers bear the same names.
    """
    if await session.offer("placement") is None:
        return hypervisors
    uuids = await _providers(session)
    return [{**h, "id": uuids.get(str(h["hypervisor_hostname"]), h["id"])} for h in hypervisors]


async def providers(session: Session, hosts: Collection[str]) -> Sequence[Mapping[str, Any]]:
    """Placement's providers as Nova would list the hypervisors that they stand for: by their full or short names.

    Args:
        session: of a Nova that does not list its hypervisors.
        hosts: of its compute services.
    """
    if await session.offer("placement") is None:
        return ()
    named = await _providers(session)
    mine = {name: name if name in hosts else name.partition(".")[0] for name in named}
    return [
        {"id": named[name], "hypervisor_hostname": name, "service": {"host": host}}
        for name, host in mine.items()
        if host in hosts
    ]


async def _providers(session: Session) -> Mapping[str, str]:
    """The uuids of all providers, by their names."""
    found = await session.get("placement", "/resource_providers", microversion=_PLACEMENT, doing="list providers")
    return dict(found.each("resource_providers", lambda p: (str(p["name"]), str(p["uuid"])), by="uuid"))


async def rooms(session: Session, hypervisors: Sequence[Mapping[str, Any]]) -> Mapping[str, Room] | None:
    """Room by host, asked for one by one; None when there is no Placement.

    Args:
        session: of a Placement that summarises nothing (below 1.27), or whose summaries leave these hosts out.
        hypervisors: by the uuids of their providers.
    """
    if await session.offer("placement") is None:
        return None
    hosts = {str((h.get("service") or {}).get("host") or ""): str(h["id"]) for h in hypervisors}
    found = await session.together(*(_room(session, provider) for provider in hosts.values()))
    return dict(zip(hosts, found, strict=True))


async def _room(session: Session, provider: str) -> Room:
    doing, path = "read how much room hosts have", f"/resource_providers/{provider}"
    has, uses, traits = await session.together(
        session.get("placement", f"{path}/inventories", microversion=_PLACEMENT, doing=doing),
        session.get("placement", f"{path}/usages", microversion=_PLACEMENT, doing=doing),
        _traits(session, path),
    )
    return Room(
        capacity=has.one("inventories", translate.capacity),
        used=uses.one("usages", translate.amounts),
        traits=traits,
        largest=has.one("inventories", translate.largest),
    )


async def _traits(session: Session, path: str) -> frozenset[str]:
    """What a provider can do; nothing where Placement is too old to tell (below 1.6)."""
    placement = await session.offer("placement")
    if placement is None or placement.highest < TRAITS:
        return frozenset()
    found = await session.get(
        "placement", f"{path}/traits", microversion=spoken(TRAITS), doing="read how much room hosts have"
    )
    return found.one("traits", lambda names: frozenset(str(name) for name in names))

"""The providers of Placement and how much room they have: of all in one call, or of each where that leaves it out.

Before Placement 1.27 (Rocky) nothing tells of all. The number of calls grows with hosts, never with VMs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.openstack.model import translate
from adapters.openstack.model.resources import Room
from adapters.openstack.wire.documents import Document
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import SUMMARIES, TRAITS, TREES, spoken, up_to

_OLDEST = "1.0"


async def providers(session: Session) -> Mapping[str, str]:
    """The uuids of all providers, by their names."""
    found = await session.get("placement", "/resource_providers", microversion=_OLDEST, doing="list providers")
    return dict(found.each("resource_providers", lambda p: (str(p["name"]), str(p["uuid"])), by="uuid"))


async def candidates(session: Session) -> Document | None:
    """Capacity and use of every host with any memory left, in one call; None when Placement is absent or too old."""
    placement = await session.offer("placement")
    if placement is None or placement.highest < SUMMARIES:
        return None
    return await session.get(
        "placement",
        "/allocation_candidates",
        microversion=up_to(TREES, placement.highest),
        params={"resources": "MEMORY_MB:1"},
        doing="read how much room hosts have",
    )


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
        session.get("placement", f"{path}/inventories", microversion=_OLDEST, doing=doing),
        session.get("placement", f"{path}/usages", microversion=_OLDEST, doing=doing),
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

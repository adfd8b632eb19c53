"""What older clouds, and those of which a cell is silent, tell in other ways.

That is flavors before Nova 2.47, and the hosts' providers before 2.53 (Pike). The number of calls grows with flavors,
never with VMs.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from adapters.openstack.model import translate
from adapters.openstack.model.resources import Server
from adapters.openstack.survey import placement
from adapters.openstack.wire.session import Session

_OLDEST = "2.25"


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
    uuids = await placement.providers(session)
    return [{**h, "id": uuids.get(str(h["hypervisor_hostname"]), h["id"])} for h in hypervisors]


async def providers(session: Session, hosts: Collection[str]) -> Sequence[Mapping[str, Any]]:
    """Placement's providers as Nova would list the hypervisors that they stand for: by their full or short names.

    Args:
        session: of a Nova that does not list its hypervisors.
        hosts: of its compute services.
    """
    if await session.offer("placement") is None:
        return ()
    named = await placement.providers(session)
    mine = {name: name if name in hosts else name.partition(".")[0] for name in named}
    return [
        {"id": named[name], "hypervisor_hostname": name, "service": {"host": host}}
        for name, host in mine.items()
        if host in hosts
    ]

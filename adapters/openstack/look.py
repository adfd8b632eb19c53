"""The calls behind a look: a few lists per host, however many steps are asked about.

The migrations are read before the servers: an evacuation that Nova takes up in between shows itself by the server's
task, so "never started" cannot be told of it by mistake.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.openstack import evacuate, service, translate
from adapters.openstack.errors import Missing
from adapters.openstack.plan import DISABLE, FORCE_DOWN, REBUILD
from adapters.openstack.session import Session
from adapters.openstack.survey import compute_services, list_servers, migrations_of, servers_on
from adapters.openstack.things import EVACUATION, Migration, Server
from bot.domain.cloud import NotSupported, Sighting
from bot.domain.plan import Step
from bot.domain.values import StepKey

_FEW = 5
"""So many VMs that vanished without an evacuation are asked for one by one; for more, all servers are listed."""
_SKEW = timedelta(minutes=5)  #: between the clocks of the cloud's own controllers, generously


async def at(session: Session, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """What the cloud shows about each step.

    Raises:
        NotSupported: a step is not of this adapter.
        Refused, Unreachable: could not ask.
    """
    unknown = [s.verb for s in steps if s.verb not in {DISABLE, FORCE_DOWN, REBUILD}]
    if unknown:
        raise NotSupported(f"This cloud knows no step called {unknown[0]}.")
    seen: dict[StepKey, Sighting] = {}
    for host in sorted({str(s.arguments["host"]) for s in steps}):
        mine = [s for s in steps if s.arguments["host"] == host]
        seen |= await _at_service(session, host, [s for s in mine if s.verb != REBUILD])
        seen |= await _at_servers(session, host, [s for s in mine if s.verb == REBUILD])
    return seen


async def _at_service(session: Session, host: str, steps: Sequence[Step]) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    by_id = {s.id: s for s in await compute_services(session, host=host)}
    judge = {DISABLE: service.disabled, FORCE_DOWN: service.forced_down}
    return {step.key: judge[step.verb](step, by_id.get(step.target)) for step in steps}


async def _at_servers(session: Session, host: str, steps: Sequence[Step]) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    ids = {s.target for s in steps}
    records = await migrations_of(session, {"source_compute": host, "migration_type": EVACUATION})
    mine = [m for m in records if m.server in ids and m.source == host and m.type == EVACUATION]
    servers = {s.id: s for s in await servers_on(session, host)}
    missing = ids - servers.keys()
    if missing:
        servers |= await _elsewhere(session, missing, [m for m in mine if m.server in missing])
    return {
        step.key: evacuate.sighting(step, servers.get(step.target), [m for m in mine if m.server == step.target])
        for step in steps
    }


async def _elsewhere(session: Session, missing: set[str], moved_by: Sequence[Migration]) -> dict[str, Server]:
    """Servers that are not on the host any more, wherever they are.

    Those that were evacuated have changed since their migration began, by the cloud's own clocks.
    """
    found: dict[str, Server] = {}
    began = [t for t in (translate.moment(m.created_at) for m in moved_by) if t is not None]
    if began:
        since = (min(began) - _SKEW).strftime("%Y-%m-%dT%H:%M:%SZ")
        changed = await list_servers(session, {"changes-since": since}, doing="list the servers that moved")
        found = {s.id: s for s in changed if s.id in missing}
    rest = missing - found.keys()
    if len(rest) > _FEW:
        everywhere = await list_servers(session, {}, doing="list all servers")
        return found | {s.id: s for s in everywhere if s.id in rest}
    for server_id in sorted(rest):
        server = await _one(session, server_id)
        if server is not None:
            found[server_id] = server
    return found


async def _one(session: Session, server_id: str) -> Server | None:
    """A server by its id; None when Nova knows it no more."""
    try:
        document = await session.get(
            "compute", f"/servers/{server_id}", microversion="2.53", doing="find a server that left"
        )
    except Missing:
        return None
    return translate.server(document["server"])

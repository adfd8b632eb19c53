"""The ways in which VMs are moved, and which of them one goes that leaves a living host. Pure."""

from collections.abc import Iterator, Mapping

from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps.moves import cold, evacuate, live
from adapters.openstack.steps.moves.method import MoveMethod
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import PlannedStep

METHODS: Mapping[str, MoveMethod] = {
    evacuate.EVACUATE: evacuate.METHOD,
    live.LIVE: live.METHOD,
    cold.COLD: cold.METHOD,
}
MOVES = frozenset(METHODS)
"""The verbs of the steps that move a VM."""


def between_living(server: Server) -> str:
    """The verb of the move of a VM from one living host to another."""
    return live.LIVE if server.is_live else cold.COLD


def steps(
    server: Server,
    servers: Servers,
    highest: Microversion,
    settings: OpenStackSettings,
    *,
    to: str,
    phase: str,
    exactly: bool = False,
) -> Iterator[PlannedStep]:
    """What moves one VM. A cold migration is confirmed before the next VM moves, for it holds room at both ends.

    Args:
        server: the VM, running, paused or stopped.
        servers: those on the host and those that left it, with their moves.
        highest: the newest microversion of Nova.
        settings: of the cloud.
        to: the host that it shall go to; empty: the scheduler's choice.
        phase: of the plan.
        exactly: whether it counts only on `to`.
    """
    way = live.steps if server.is_live else cold.steps
    return way(server, servers, highest, settings, to=to, phase=phase, exactly=exactly)

"""The ways in which VMs are moved, and which of them one goes that leaves a living host. Pure."""

from collections.abc import Iterator, Mapping

from adapters.openstack.model.resources import Server
from adapters.openstack.steps.moves import cold, evacuate, live
from adapters.openstack.steps.moves.method import MoveMethod, Relocation
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


def steps(server: Server, relocation: Relocation) -> Iterator[PlannedStep]:
    """What moves one VM, which runs, is paused or is stopped, to another living host."""
    return live.steps(server, relocation) if server.is_live else cold.steps(server, relocation)

"""Live migrations: of running and paused VMs, to another living host, with a deadline. Made, begun and recognised."""

from collections.abc import Iterator

from adapters.openstack.model import priority
from adapters.openstack.model.resources import Server
from adapters.openstack.steps import vms
from adapters.openstack.steps.family import NovaCall, action
from adapters.openstack.steps.moves import deadlines
from adapters.openstack.steps.moves.method import LONG, MoveMethod, Relocation
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import PlannedStep, Step

LIVE = "live-migrate"
METHOD = MoveMethod(
    noun="live migration",
    done="live-migrated",
    begun=frozenset({"migrating"}),
    stages={None: "verifying", "migrating": "its memory is being copied"},
    left="its host",
    stays="It is",
)


def microversion(highest: Microversion) -> str:
    """The microversion of a live migration: one at which nobody can force it past the scheduler."""
    return versions.up_to(versions.UNFORCED, highest)


def steps(server: Server, relocation: Relocation) -> Iterator[PlannedStep]:
    """What moves one VM that runs or is paused, and what keeps its deadline."""
    move = vms.move(
        LIVE,
        server,
        relocation.servers,
        to=relocation.to,
        microversion=microversion(relocation.highest),
        wanted=(server.status,),
        phase=relocation.phase,
        priority=priority.turn(server, relocation.settings.priority_metadata),
        waits_at=server.host,
        patience=LONG,
        quiet=relocation.settings.quiet,
        exactly=relocation.exactly,
    )
    yield move
    yield from deadlines.steps(move, server, relocation.settings)


def call(step: Step) -> NovaCall:
    """The action of Nova that begins it."""
    return action(step, {"os-migrateLive": {"host": step.arguments["to"] or None, "block_migration": "auto"}})

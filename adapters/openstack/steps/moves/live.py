"""Live migrations: of running and paused VMs, to another living host, with a deadline. Made, begun and recognised."""

from collections.abc import Iterator

from adapters.openstack.model import priority
from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import vms
from adapters.openstack.steps.family import NovaCall, action
from adapters.openstack.steps.moves import relief
from adapters.openstack.steps.moves.method import LONG, MoveMethod
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
    """What moves one VM that runs or is paused, and what keeps its deadline; see `ways.steps`."""
    move = vms.move(
        LIVE,
        server,
        servers,
        to=to,
        microversion=microversion(highest),
        wanted=(server.status,),
        phase=phase,
        priority=priority.turn(server, settings.priority_metadata),
        waits_at=server.host,
        patience=LONG,
        quiet=settings.quiet,
        exactly=exactly,
    )
    yield move
    yield from relief.steps(move, server, settings)


def call(step: Step) -> NovaCall:
    """The action of Nova that begins it."""
    return action(step, {"os-migrateLive": {"host": step.arguments["to"] or None, "block_migration": "auto"}})

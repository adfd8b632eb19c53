"""The steps that move a VM between living hosts: one call for a running one, two for a stopped one. Pure.

A live migration has a deadline, and steps that keep it.
"""

from collections.abc import Iterator
from datetime import timedelta

from adapters.openstack.model import priority
from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import deadline, verbs, vms
from adapters.openstack.steps.emptied import TO_BE_CONFIRMED
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import PlannedStep

_PATIENCE = timedelta(hours=1)
"""A VM with much memory migrates for long without any headway that a list shows."""


def live_microversion(highest: Microversion) -> str:
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
    turn = priority.turn(server, settings.priority_metadata)
    if server.is_live:
        live = vms.move(
            verbs.LIVE,
            server,
            servers,
            to=to,
            microversion=live_microversion(highest),
            wanted=(server.status,),
            phase=phase,
            priority=turn,
            patience=_PATIENCE,
            quiet=settings.quiet,
            exactly=exactly,
        )
        yield live
        yield from deadline.reliefs(live, server, settings)
        return
    microversion = versions.up_to(versions.COLD_TARGET, highest)
    move = vms.move(
        verbs.COLD,
        server,
        servers,
        to=to,
        microversion=microversion,
        wanted=(TO_BE_CONFIRMED, server.status),
        phase=phase,
        priority=turn,
        patience=_PATIENCE,
        quiet=settings.quiet,
        exactly=exactly,
    )
    yield move
    yield vms.move(
        verbs.CONFIRM,
        server,
        servers,
        to=to if exactly else "",
        microversion=microversion,
        wanted=(server.status,),
        phase=phase,
        priority=priority.BEFORE_ALL,
        patience=timedelta(minutes=15),
        quiet=settings.quiet,
        follows=move.key,
        exactly=exactly,
    )

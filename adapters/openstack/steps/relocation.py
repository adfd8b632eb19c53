"""The steps that move a VM between living hosts: one call for a running one, two for a stopped one. Pure.

A live migration has a deadline, and steps that keep it.
"""

from collections.abc import Iterator
from datetime import timedelta

from adapters.openstack.model import priority
from adapters.openstack.model.resources import Server
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import deadline, verbs, vms
from adapters.openstack.steps.emptied import TO_BE_CONFIRMED
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import Step

_PATIENCE = timedelta(hours=1)
"""A VM with much memory migrates for long without any headway that a list shows."""


def live_microversion(highest: Microversion) -> str:
    """The microversion of a live migration: one at which nobody can force it past the scheduler."""
    return versions.up_to(versions.UNFORCED, highest)


def steps(
    server: Server, survey: OpenStackSurvey, settings: OpenStackSettings, *, to: str, phase: str, exactly: bool = False
) -> Iterator[Step]:
    """What moves one VM. A cold migration is confirmed before the next VM moves, for it holds room at both ends.

    Args:
        server: the VM, running, paused or stopped.
        survey: of the cloud.
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
            survey,
            to=to,
            microversion=live_microversion(survey.highest),
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
    microversion = versions.up_to(versions.COLD_TARGET, survey.highest)
    move = vms.move(
        verbs.COLD,
        server,
        survey,
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
        survey,
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

"""Evacuations: Nova rebuilds a VM of a dead host on another one. Made, begun, and held back once the host lives."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model import priority
from adapters.openstack.model.resources import Life, Server, Service, in_turn
from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import evidence, service, vms
from adapters.openstack.steps.family import Access, NovaCall, action
from adapters.openstack.steps.moves.method import MoveMethod
from adapters.openstack.survey import nova, proof
from adapters.openstack.wire import versions
from bot.domain.cloud import Sighting
from bot.domain.plans.plan import PlannedStep, Step
from bot.domain.values import StepKey

EVACUATE = "evacuate"
METHOD = MoveMethod(
    noun="evacuation",
    done="evacuated",
    begun=frozenset({"rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"}),
    stages={
        None: "verifying",
        "rebuilding": "being prepared",
        "rebuild_block_device_mapping": "attaching its volumes",
        "rebuild_spawning": "starting",
        "powering-off": "stopping again, as it was",
    },
    left="the dead host",
    stays="Its record is",
    as_planned=False,
)


def turn(server: Server, settings: OpenStackSettings) -> int:
    """By what its metadata say, where a key is configured; among equals those that ran come first."""
    return 2 * priority.turn(server, settings.priority_metadata) + (1 if server.vm_state == "active" else 0)


def step(
    server: Server,
    servers: Servers,
    settings: OpenStackSettings,
    *,
    to: str,
    wishes: Sequence[str],
    microversion: str,
    phase: str,
) -> PlannedStep:
    """The step that evacuates a VM.

    Args:
        server: the VM.
        servers: those on the host and those that left it, with their moves.
        settings: of the cloud.
        to: the host that a person named; empty: none.
        wishes: where it would go best, the best first; empty: that is left to the scheduler.
        microversion: to call with.
        phase: of the plan.
    """
    made = vms.move(
        EVACUATE,
        server,
        servers,
        to=to,
        microversion=microversion,
        wanted=_wanted(server, microversion),
        phase=phase,
        priority=turn(server, settings),
        patience=timedelta(minutes=30),
        quiet=settings.quiet,
    )
    return replace(made, wish=wishes[0], also=tuple(wishes[1:])) if wishes else made


def _wanted(server: Server, microversion: str) -> tuple[str, ...]:
    """The statuses that count as evacuated: as it was; from 2.95 stopped.

    One in ERROR comes up either way, and so does a stopped one that a first try has put into ERROR.
    """
    if server.vm_state in {"error", "stopped"}:
        return ("ACTIVE", "SHUTOFF")
    if versions.leaves_stopped(microversion):
        return ("SHUTOFF",)
    return ("ACTIVE",)


def call(step: Step) -> NovaCall:
    """The action of Nova that begins it, to whom was named or wished for."""
    to = step.arguments["to"] or evidence.wish(step)
    return action(step, {"evacuate": {"host": to} if to else {}})


async def service_of(access: Access, host: str) -> Service | None:
    """The compute service of a host from which evacuations may be about to begin; None where it is gone.

    Raises:
        Refused, Unreachable: could not ask, or the list of services leaves it out.
    """
    found = in_turn(await nova.compute_services(access.session, host=host))
    if not found:
        await proof.service_is_gone(access.session, host)
    access.heartbeats.note(found)
    return next(iter(found), None)


def while_dead(
    access: Access, due: Sequence[Step], seen: Mapping[StepKey, Sighting], row: Service | None
) -> dict[StepKey, Sighting]:
    """The evacuations that are about to begin: none does once the host reports. Their marks say when it did last.

    Args:
        access: knows when the host was heard of before.
        due: evacuations of which there is no trace.
        seen: of each of them.
        row: the compute service of their host; None: it is gone.
    """
    if row is None:
        return {}
    is_alive = row.is_up or access.heartbeats.life(row) is Life.REPORTS

    def judged(step: Step) -> Sighting:
        sighting = seen[step.key]
        mark = {**sighting.mark, **service.heard(row)}
        if not (is_alive or service.has_beaten(step.before, row)):
            return replace(sighting, mark=mark)
        return replace(service.lives(row, f"{step.arguments['name']} is not evacuated.", mark), place=sighting.place)

    return {s.key: judged(s) for s in due}

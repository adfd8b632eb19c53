"""A VM in a plan: its row, and the steps that move it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from bot.domain.plans.plan import Disposition, PlannedStep, Vm
from bot.domain.values import StepKey, VmId


def row(
    server: Server,
    servers: Servers,
    disposition: Disposition,
    notes: Iterable[str],
    *,
    loses_disk: bool = False,
    chosen: bool | None = None,
) -> Vm:
    """The VM as approvers see it.

    Args:
        server: the VM.
        servers: those on the host and those that left it, with their moves.
        disposition: what is done to it.
        notes: what people should know of it.
        loses_disk: whether what is done costs its local disk.
        chosen: whether it is among those meant; None: nobody can choose it.
    """
    return Vm(
        id=VmId(server.id),
        name=server.name,
        project=servers.projects.get(server.project, server.project),
        status=server.status,
        size=server.flavor,
        disposition=disposition,
        note="; ".join(notes),
        loses_disk=loses_disk,
        chosen=chosen,
    )


def remarks(server: Server, servers: Servers) -> Iterator[str]:
    """What people should know of a VM that is moved."""
    if server.is_locked:
        yield f"locked: {server.locked_reason}" if server.locked_reason else "locked"
    group = servers.group_of(server)
    if group is not None:
        yield f"server group {group.name} ({group.policy})"


def move(
    verb: str,
    server: Server,
    servers: Servers,
    *,
    to: str,
    microversion: str,
    wanted: Sequence[str],
    phase: str,
    priority: int = 0,
    patience: timedelta,
    quiet: timedelta,
    waits_at: str | None = None,
    follows: StepKey | None = None,
    exactly: bool = False,
) -> PlannedStep:
    """A step that moves a VM or ends its move.

    Args:
        verb: of a family of steps.
        server: the VM.
        servers: those on the host and those that left it, with their moves.
        to: the target that was asked for; empty: the scheduler's choice.
        microversion: to call with.
        wanted: the statuses in which the VM counts as well, afterwards.
        phase: of the plan.
        priority: as in `PlannedStep`.
        patience: as in `PlannedStep`.
        quiet: as in `PlannedStep`.
        waits_at: as in `PlannedStep`; None: its target.
        follows: the step that it ends; such a one waits for nobody else of its server group.
        exactly: whether it counts only on `to`; else anywhere but on the host it is on now.
    """
    group = servers.group_of(server)
    return PlannedStep(
        key=key(verb, server),
        phase=phase,
        verb=verb,
        target=server.id,
        title=f"{verb} {server.name}",
        vm=VmId(server.id),
        arguments={
            "host": server.host,
            "name": server.name,
            "to": to,
            "microversion": microversion,
            "wanted": list(wanted),
            "needs": {name: amount for name, amount in server.needs.items() if amount},
            **({"exactly": True} if exactly else {}),
        },
        follows=follows,
        apart=group.id if group and follows is None else "",
        waits_at=to if waits_at is None else waits_at,
        priority=priority,
        patience=patience,
        quiet=quiet,
    )


def key(verb: str, server: Server) -> StepKey:
    """The key of a step about a VM."""
    return StepKey(f"{verb}:{server.id}")

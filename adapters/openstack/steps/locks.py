"""What is done around the move of a VM: locked before it, stopped again after it, unlocked in the end.

A lock with our reason keeps its owner from acting on a VM that is on its way (masakari bug 1693728); admins may act all
the same. Only what bears our operation's reason is unlocked, and that whatever became of the move. Nova itself puts a
stopped VM back, but not one that was in ERROR and off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Server
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import evidence, service, vms, witness
from adapters.openstack.steps.family import Access, Family, NovaCall, action, by_nova
from adapters.openstack.survey import nova
from adapters.openstack.survey import servers as server_reads
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.cloud import Request, Seen, Sighting
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import PlannedStep, Step
from bot.domain.values import Facts, StepKey, VmId

LOCK, UNLOCK, STOP = "lock", "unlock", "stop"
_PATIENCE = timedelta(minutes=10)
_OFF = ": moved off "
_NAMES = 5  #: so many VMs are named in a sentence


def stopped_after(server: Server, *, microversion: str, stopped: bool) -> bool:
    """Whether an evacuated VM must be stopped, because Nova will not do it, or not where a first try has failed.

    A stopped one is rebuilt stopped, so that the step mostly finds nothing to do. But where that fails it is left in
    ERROR, and what is in ERROR comes up running at the second try.

    Args:
        server: the VM as it was.
        microversion: it is evacuated with.
        stopped: whether the cloud's settings want VMs left stopped.
    """
    if server.vm_state == "error":
        return stopped or server.is_off
    if server.vm_state == "stopped":
        return True
    return stopped and server.vm_state == "active" and not versions.leaves_stopped(microversion)


def stop(move: PlannedStep, server: Server) -> PlannedStep:
    """The step that stops a VM once its move is done."""
    made = _step(STOP, f"stop {server.name}", move, server, microversion=versions.spoken(versions.SERVICES))
    return replace(made, follows=move.key)


def locked(
    steps: Sequence[PlannedStep],
    server: Server,
    request: Request,
    computes: Computes,
    highest: Microversion,
    settings: OpenStackSettings,
) -> list[PlannedStep]:
    """The steps that move a VM, between one that locks it and one that unlocks it, where settings ask for that.

    One that is locked already stays as it is: it is somebody's lock.
    """
    if not settings.lock_vms or server.is_locked or highest < versions.LOCK_REASON:
        return list(steps)
    first, *rest = steps
    last = [s for s in steps if s.relieves is None][-1]
    at = versions.spoken(versions.LOCK_REASON)
    reason = f"{service.MARK}{request.run}{_OFF}{computes.host}"
    lock = _step(LOCK, f"lock {server.name}", first, server, microversion=at, reason=reason)
    unlock = _step(UNLOCK, f"unlock {server.name}", first, server, microversion=at, reason=reason)
    return [
        lock,
        replace(first, follows=lock.key),
        *rest,
        replace(unlock, follows=last.key, tidies=lock.key),
    ]


def left_locked(servers: Sequence[Server]) -> Mapping[str, str]:
    """What is to be said of VMs that are still locked by Muster, by the host that they were moved off.

    Args:
        servers: those that are locked, by whomever.
    """
    names: dict[str, list[str]] = {}
    for server in servers:
        if server.locked_reason.startswith(service.MARK) and _OFF in server.locked_reason:
            names.setdefault(server.locked_reason.partition(_OFF)[2], []).append(server.name)
    return {
        host: f"{counted(len(found), 'VM')} still locked by Muster ({listed(sorted(found), most=_NAMES)})"
        for host, found in names.items()
    }


def _step(
    verb: str, title: str, move: PlannedStep, server: Server, *, microversion: str, reason: str = ""
) -> PlannedStep:
    """A step of the same phase, turn and host as the move; it keeps no server group waiting."""
    arguments: Facts = {"host": move.arguments["host"], "name": server.name, "microversion": microversion}
    return PlannedStep(
        key=vms.key(verb, server),
        phase=move.phase,
        verb=verb,
        target=server.id,
        title=title,
        vm=VmId(server.id),
        arguments={**arguments, "reason": reason} if reason else arguments,
        priority=move.priority,
        patience=_PATIENCE,
        quiet=move.quiet,
    )


def call(step: Step) -> NovaCall:
    """The action of Nova that a step asks for."""
    bodies: Mapping[str, Mapping[str, Facts | None]] = {
        LOCK: {"lock": {"locked_reason": step.arguments.get("reason")}},
        UNLOCK: {"unlock": None},
        STOP: {"os-stop": None},
    }
    return action(step, bodies[step.verb])


# ---------------------------------------------------------------------- evidence


def sighting(step: Step, server: Server | None) -> Sighting:
    """Judge one step of this family.

    Args:
        step: one of it.
        server: the VM as Nova shows it now; None: Nova knows it no more.
    """
    if server is None or server.is_gone:
        return evidence.deleted(server, str(step.arguments["name"]))
    return _stopping(step, server) if step.verb == STOP else _locking(step, server)


def _locking(step: Step, server: Server | None) -> Sighting:
    name, reason = step.arguments["name"], str(step.arguments["reason"])
    locked_for = server.locked_reason if server is not None and server.is_locked else None
    if locked_for is None:
        sentence = f"{name} is not locked."
    elif locked_for == reason:
        sentence = f"{name} is locked by Muster."
    else:
        sentence = f"{name} is locked by somebody else ({locked_for or 'no reason given'}); that stays."
    is_so = locked_for is not None if step.verb == LOCK else locked_for != reason
    return Sighting(
        seen=Seen.DONE if is_so else Seen.NEVER_STARTED,
        sentence=sentence,
        place=server.host if server is not None else "",
        mark={"locked_for": locked_for},
    )


def _stopping(step: Step, server: Server) -> Sighting:
    name = step.arguments["name"]
    raw, mark = evidence.raw(server, None), {"status": server.status, "task": server.task}
    if server.task is not None:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{name} is busy ({server.task}).",
            raw=raw,
            place=server.host,
            movement=f"{server.status} {server.task}",
            mark=mark,
        )
    if server.status in {"SHUTOFF", "ACTIVE"}:
        seen = Seen.DONE if server.status == "SHUTOFF" else Seen.NEVER_STARTED
        sentence = f"{name} is on {server.host}, {server.status}."
        return Sighting(seen=seen, sentence=sentence, raw=raw, place=server.host, mark=mark)
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{name} is {server.status} on {server.host}, so it was not stopped.",
        remedy="Bring it into the state it should have, then retry: Muster only looks again.",
        raw=raw,
        place=server.host,
        mark=mark,
    )


async def look(access: Access, host: str, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """Of many VMs those that are locked are listed; that one is not locked is seen of itself, not of its absence."""
    of_locks = [s for s in steps if s.verb != STOP]
    locked: dict[str, Server] = {}
    if len(of_locks) > server_reads.FEW:
        asked, doing = {"locked": "true"}, "list the locked servers"
        shown = await nova.list_servers(access.session, asked, at=versions.LOCK_REASON, doing=doing)
        locked = {s.id: s for s in shown}
    rest = {s.target for s in steps if s.verb == STOP or s.target not in locked}
    found = await server_reads.find(access.session, rest, at=versions.LOCK_REASON)
    servers = locked | found.servers
    strange = await witness.missing(access.session, host, [s for s in steps if s.target in found.gone])
    return {s.key: witness.sighting(s) if s.key in strange else sighting(s, servers.get(s.target)) for s in steps}


FAMILY = Family(starts=dict.fromkeys((LOCK, UNLOCK, STOP), by_nova(call)), look=look)

"""Entering maintenance: the one mutating call, and what hosts, tasks and VMs show about each step.

The proof that a lost call was taken is never the clock and never a second call: the host's state, its maintenance job
and its newest tasks are stored before the intent (`Sighting.mark`) and compared afterwards. Whether CloudTower refuses
a second call is not documented, so a repeat counts as unsafe until all three show nothing.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.cloudtower import plan, read, translate
from adapters.cloudtower.client import Client
from adapters.cloudtower.translate import TowerHost, TowerTask, TowerVm
from bot.domain.cloud import NotSupported, Seen, Sighting
from bot.domain.plan import Disposition, Receipt, Step
from bot.domain.values import Facts, Json, StepKey

GRACE = timedelta(minutes=5)
"""After a task has ended: how long CloudTower's pictures of host and VMs may lag behind (it syncs every 20-30 s)."""
SYNC = timedelta(seconds=60)
"""After a task has failed: how long until what has moved by then is surely shown where it is."""
_NOT_OFF: Json = ["RUNNING", "SUSPENDED", "UNKNOWN"]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a few list calls showed at one moment."""

    now: datetime
    hosts: Mapping[str, TowerHost] = field(default_factory=dict)
    tasks: Mapping[str, TowerTask] = field(default_factory=dict)  #: those of receipts, by id
    newest: Mapping[str, Sequence[TowerTask]] = field(default_factory=dict)  #: by host id, newest first
    vms: Sequence[TowerVm] = ()  #: those that steps are about
    awake: Mapping[str, Sequence[TowerVm]] = field(default_factory=dict)  #: by host id: VMs on it that are not off
    prechecks: AbstractSet[str] = frozenset()  #: ids of tasks that are prechecks of ours


async def start(client: Client, step: Step) -> Receipt:
    """Enter maintenance with exactly the VMs of the step to be shut down.

    Raises:
        Refused, Unreachable, NotSupported
    """
    if step.verb != plan.ENTER:
        raise NotSupported(f"{client.name} cannot do {step.verb!r}.")
    stops = step.arguments.get("shutdown_vms")
    data: Facts = {"shutdown_vms": list(stops)} if isinstance(stops, list | tuple) and stops else {}
    answer = await client.act("/enter-maintance-mode", {"where": {"host_id": _host_id(step)}, "data": data})
    return Receipt(id=translate.task_id(answer))


async def look(
    client: Client, steps: Sequence[Step], *, now: datetime, prechecks: AbstractSet[str]
) -> Mapping[StepKey, Sighting]:
    """One sighting per step, from a number of calls that does not grow with the number of VMs.

    Raises:
        Refused, Unreachable
    """
    seen = await _observe(client, steps, now=now, prechecks=prechecks)
    enters = {_host_id(step): _of_enter(step, seen) for step in steps if step.verb == plan.ENTER}
    moved = sum(1 for step in steps if step.verb == plan.VERIFY_VM and _is_settled(step, seen))
    sightings: dict[StepKey, Sighting] = {}
    for step in steps:
        if step.verb == plan.ENTER:
            sightings[step.key] = enters[_host_id(step)]
        elif step.verb == plan.VERIFY_VM:
            sightings[step.key] = _of_vm(step, seen, enters.get(_host_id(step)), moved=moved)
        elif step.verb == plan.VERIFY_HOST:
            sightings[step.key] = _of_host(step, seen)
        else:
            raise NotSupported(f"{client.name} knows no step {step.verb!r}.")
    return sightings


async def _observe(client: Client, steps: Sequence[Step], *, now: datetime, prechecks: AbstractSet[str]) -> Observed:
    ids = sorted({_host_id(step) for step in steps})
    hosts = {h.id: h for h in await read.hosts(client, {"id_in": ids}, expect=len(ids))}
    receipts = sorted({s.receipt.id for s in steps if s.receipt and s.receipt.id})
    tasks = {t.id: t for t in await read.tasks(client, {"id_in": receipts})} if receipts else {}
    newest = {}
    for host_id in ids:
        either = [host_id, hosts[host_id].local_id] if host_id in hosts else [host_id]
        newest[host_id] = await read.tasks(client, {"resource_id_in": either})
    called = [s.target for s in steps if s.verb == plan.VERIFY_VM]
    verified = sorted({_host_id(s) for s in steps if s.verb == plan.VERIFY_HOST})
    return Observed(
        now=now,
        hosts=hosts,
        tasks=tasks,
        newest=newest,
        vms=await read.vms_called(client, called) if called else (),
        awake={one: await read.vms(client, {"host": {"id": one}, "status_in": _NOT_OFF}) for one in verified},
        prechecks=prechecks,
    )


def _host_id(step: Step) -> str:
    host_id = step.arguments.get("host_id")
    if not isinstance(host_id, str) or not host_id:
        raise NotSupported(f"Step {step.key} names no host.")
    return host_id


# ---------------------------------------------------------------------- the call itself


def _of_enter(step: Step, seen: Observed) -> Sighting:
    host = seen.hosts.get(_host_id(step))
    if host is None:
        return Sighting(seen=Seen.UNCLEAR, sentence="CloudTower does not list the host any more.")
    mark = _mark(host, seen.newest.get(host.id, ()))
    task = _task_of(step, seen)
    movement = f"{host.mode} {task.id} {task.status} {task.progress}" if task else host.mode
    if task is not None and task.status == "FAILED":
        return _failed(host, task, seen, mark=mark)
    if host.mode == translate.IN_MAINTENANCE and (task is None or task.has_ended):
        return Sighting(seen=Seen.DONE, sentence=f"{host.name} is in maintenance.", mark=mark)
    if host.mode in {translate.ENTERING, translate.IN_MAINTENANCE}:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=_underway(host, task),
            progress=task.progress if task else None,
            movement=movement,
            mark=mark,
        )
    if host.mode != translate.IN_USE:
        return Sighting(seen=Seen.UNCLEAR, sentence=f"{host.name} is {host.mode}.", movement=movement, mark=mark)
    if step.receipt is not None:
        return _accepted(host, task, seen, movement=movement, mark=mark)
    return _unanswered(step, host, task, movement=movement, mark=mark)


def _mark(host: TowerHost, tasks: Sequence[TowerTask]) -> Facts:
    """What there is now, by which later looks recognise what came of the call."""
    created = max((t.created for t in tasks), default="")
    return {"state": host.mode, "job": host.job, "tasks": [t.id for t in tasks], "newest": created}


def _task_of(step: Step, seen: Observed) -> TowerTask | None:
    """The task of the receipt; without one, the newest task of the host that was not there before the intent."""
    if step.receipt is not None and step.receipt.id:
        return seen.tasks.get(step.receipt.id)
    if step.before is None:
        return None
    known = step.before.get("tasks")
    known_ids = set(known) if isinstance(known, list | tuple) else set()
    newest = str(step.before.get("newest") or "")
    return next(
        (
            task
            for task in seen.newest.get(_host_id(step), ())
            if task.id not in known_ids
            and task.created >= newest
            and task.id not in seen.prechecks
            and not _is_precheck(task)
        ),
        None,
    )


def _is_precheck(task: TowerTask) -> bool:
    words = task.words.casefold().replace("-", "").replace(" ", "")
    return "precheck" in words or "预检查" in words


def _underway(host: TowerHost, task: TowerTask | None) -> str:
    if task is None:
        return f"{host.name} is entering maintenance."
    if task.status == "PAUSED":
        return f"{host.name} is entering maintenance; its task is paused in CloudTower."
    if task.status == "PENDING":
        return f"{host.name} waits in CloudTower's queue of tasks."
    if task.status == "SUCCESSED":
        return f"The task succeeded; waiting until {host.name} shows as in maintenance."
    by = f" (task by {task.by})" if task.by else ""
    return f"{host.name} is entering maintenance{by}."


def _failed(host: TowerHost, task: TowerTask, seen: Observed, *, mark: Facts) -> Sighting:
    """The task failed; that is the verdict once the VMs are shown where they are, so that theirs is true as well."""
    why = translate.why_failed(task)
    if task.finished is not None and seen.now - task.finished < SYNC:
        sentence = f"The task failed ({why}); waiting until CloudTower shows where the VMs are."
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, movement=f"{host.mode} {task.id} FAILED", mark=mark)
    where = {
        translate.IN_USE: f"{host.name} is in use again.",
        translate.ENTERING: f"{host.name} still shows as entering maintenance.",
        translate.IN_MAINTENANCE: f"{host.name} is in maintenance nevertheless.",
    }.get(host.mode, f"{host.name} is {host.mode}.")
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"Entering maintenance failed: {why}. {where}",
        remedy="Clear the cause in CloudTower, then retry. VMs that moved or were shut down stay as they are now.",
        raw=task.error_message,
    )


def _accepted(host: TowerHost, task: TowerTask | None, seen: Observed, *, movement: str, mark: Facts) -> Sighting:
    """The call was answered, and the host still shows as in use."""
    if task is not None and task.status == "SUCCESSED" and task.finished and seen.now - task.finished > GRACE:
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"The task succeeded, but {host.name} is in use: it has left maintenance again, or never entered.",
            remedy="Look at the host in CloudTower, then retry.",
        )
    sentence = "CloudTower took the call; its task is not listed yet." if task is None else _underway(host, task)
    progress = task.progress if task else None
    return Sighting(seen=Seen.UNDERWAY, sentence=sentence, progress=progress, movement=movement, mark=mark)


def _unanswered(step: Step, host: TowerHost, task: TowerTask | None, *, movement: str, mark: Facts) -> Sighting:
    """Nothing was answered, if anything was asked, and the host shows as in use."""
    trace = ""
    if task is not None:
        trace = f"A task began on {host.name} since the call ({task.status}) and may be it."
    elif step.before is not None and step.before.get("job") != host.job:
        trace = f"{host.name} has another maintenance job than before the call."
    if not trace:
        return Sighting(seen=Seen.NEVER_STARTED, sentence=f"{host.name} is in use.", movement=movement, mark=mark)
    remedy = "Look at the host's tasks in CloudTower: did it enter and leave maintenance?"
    return Sighting(seen=Seen.UNCLEAR, sentence=trace, remedy=remedy, movement=movement, mark=mark)


# ---------------------------------------------------------------------- its consequences


def _of_vm(step: Step, seen: Observed, call: Sighting | None, *, moved: int) -> Sighting:
    vm = _vm_of(step, seen)
    if _is_settled(step, seen):
        return _settled(step, vm)
    host = seen.hosts.get(_host_id(step))
    mode = host.mode if host else ""
    name = host.name if host else "The host"
    now = f"is {vm.status} on {vm.host or 'no host'}" if vm else "is not shown by CloudTower"
    if call is not None and call.seen is Seen.FAILED:
        return Sighting(seen=Seen.FAILED, sentence=f"It {now}. {call.sentence}", remedy=call.remedy, raw=call.raw)
    if mode == translate.IN_MAINTENANCE:
        if vm is None and step.arguments.get("is_seen") is False:
            sentence = f"CloudTower shows no more of it than that {name} is in maintenance, where no VM runs."
            return Sighting(seen=Seen.DONE, sentence=sentence)
        if _has_settled_down(_host_id(step), seen):
            remedy = "Look at the VM in CloudTower."
            return Sighting(seen=Seen.FAILED, sentence=f"It {now}, although {name} is in maintenance.", remedy=remedy)
    movement = f"{call.movement if call else mode} {moved} {now}"
    if mode in {translate.ENTERING, translate.IN_MAINTENANCE} or (call and call.seen is Seen.UNDERWAY):
        return Sighting(seen=Seen.UNDERWAY, sentence=f"It {now}.", place=vm.host if vm else "", movement=movement)
    if call is None:
        remedy = "Put the host into maintenance first: the VMs follow."
        return Sighting(seen=Seen.FAILED, sentence=f"It {now}: {name} is not entering maintenance.", remedy=remedy)
    return Sighting(seen=Seen.NEVER_STARTED, sentence=f"Waits for {name} to enter maintenance.", movement=movement)


def _vm_of(step: Step, seen: Observed) -> TowerVm | None:
    return next((vm for vm in seen.vms if vm.is_called(step.target)), None)


def _is_settled(step: Step, seen: Observed) -> bool:
    """Whether a VM is as the plan wants it: off, or running on another host."""
    vm = _vm_of(step, seen)
    if vm is None:
        return False
    is_elsewhere = vm.host_id not in {"", _host_id(step)} and vm.status == "RUNNING"
    return is_elsewhere or (step.arguments.get("disposition") == Disposition.SHUT_DOWN and vm.status == "STOPPED")


def _settled(step: Step, vm: TowerVm | None) -> Sighting:
    place = vm.host if vm else ""
    if vm is not None and vm.status == "STOPPED":
        return Sighting(seen=Seen.DONE, sentence="It is shut down.", place=place)
    if step.arguments.get("disposition") == Disposition.SHUT_DOWN:
        return Sighting(seen=Seen.DONE, sentence=f"It was not shut down: it runs on {place}.", place=place)
    return Sighting(seen=Seen.DONE, sentence=f"It runs on {place}.", place=place)


def _has_settled_down(host_id: str, seen: Observed) -> bool:
    """Whether the host has been in maintenance for so long that no picture of its VMs can be an old one."""
    ends = [t.finished for t in seen.newest.get(host_id, ()) if t.finished]
    since = max(ends, default=seen.hosts[host_id].since)
    return since is not None and seen.now - since > GRACE


def _of_host(step: Step, seen: Observed) -> Sighting:
    host = seen.hosts.get(_host_id(step))
    if host is None:
        return Sighting(seen=Seen.UNDERWAY, sentence="CloudTower does not list the host.")
    awake = seen.awake.get(host.id, ())
    if host.mode == translate.IN_MAINTENANCE and not awake:
        return Sighting(seen=Seen.DONE, sentence=f"{host.name} is in maintenance and no VM runs on it.")
    if host.mode == translate.IN_MAINTENANCE:
        some = ", ".join(vm.name for vm in awake[:5])
        more = f" and {len(awake) - 5} more" if len(awake) > 5 else ""
        sentence = f"{host.name} is in maintenance, but CloudTower still shows VMs that are not off: {some}{more}."
    else:
        sentence = f"{host.name} is {host.mode}, not in maintenance."
    remedy = "Look at the host in CloudTower before touching its hardware."
    return Sighting(seen=Seen.UNDERWAY, sentence=sentence, remedy=remedy, movement=f"{host.mode} {len(awake)}")

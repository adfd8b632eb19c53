"""What hosts, tasks and VMs show about the steps of a course. Pure.

The proof that a lost call was taken is never the clock and never a second call: the host's state, its maintenance job
and its newest tasks are stored before the intent (`Sighting.mark`) and compared afterwards. Whether CloudTower refuses
a second call is not documented, so a repeat counts as unsafe until all three show nothing.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta

from adapters.cloudtower.steps import course
from adapters.cloudtower.steps.course import Passage
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerHost, TowerTask, TowerVm
from bot.domain.cloud import Seen, Sighting
from bot.domain.counting import counted, listed
from bot.domain.listing import Listing
from bot.domain.plans.plan import Disposition, Step
from bot.domain.values import Facts

GRACE = timedelta(minutes=5)
"""After a task has ended: how long CloudTower's pictures of host and VMs may lag behind (it syncs every 20-30 s)."""
SYNC = timedelta(seconds=60)
"""After a task has failed: how long until what has moved by then is surely shown where it is."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What a few list calls showed at one moment."""

    ended: Mapping[str, timedelta] = field(
        default_factory=dict
    )  #: by id of a task: since when it is seen to have ended
    shown: Mapping[str, timedelta] = field(default_factory=dict)  #: by host id: since when it is seen in its state
    hosts: Mapping[str, TowerHost] = field(default_factory=dict)
    tasks: Mapping[str, TowerTask] = field(default_factory=dict)  #: those of receipts, by id
    newest: Mapping[str, Sequence[TowerTask]] = field(default_factory=dict)  #: by host id, newest first
    vms: Sequence[TowerVm] = ()  #: those that steps are about
    awake: Mapping[str, Listing[TowerVm]] = field(default_factory=dict)  #: by host id: VMs on it that are not off
    prechecks: AbstractSet[str] = frozenset()  #: ids of tasks that are prechecks of ours


# ---------------------------------------------------------------------- the call itself


def of_call(step: Step, seen: Observed) -> Sighting:
    """The sighting of the step that enters or leaves maintenance."""
    way = course.of(step)
    host = seen.hosts.get(course.host_id(step))
    if host is None:
        return Sighting(seen=Seen.UNCLEAR, sentence="CloudTower does not list the host any more.")
    trace = mark(host, seen.newest.get(host.id, ()))
    task = task_of(step, seen)
    movement = f"{host.mode} {task.id} {task.status} {task.progress}" if task else host.mode
    if task is not None and task.status == "FAILED":
        return _failed(way, host, task, seen, mark=trace)
    if host.mode == way.goal and (task is None or task.has_ended) and (host.is_mode_told or task is not None):
        return Sighting(seen=Seen.DONE, sentence=f"{host.name} is {way.done}.", mark=trace)
    is_between = host.mode in way.through or host.mode == way.goal
    is_ours = step.receipt is not None or (task is not None and not task.has_ended)
    if is_between or (way is course.EXIT and is_ours and host.mode not in {way.origin, "REMOVING"}):
        progress = task.progress if task else None
        sentence = _underway(way, host, task)
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, progress=progress, movement=movement, mark=trace)
    if host.mode != way.origin:
        return Sighting(
            seen=Seen.UNCLEAR,
            sentence=f"{host.name} is {translate.mode_said(host.mode)}.",
            movement=movement,
            mark=trace,
        )
    if step.receipt is not None:
        return _accepted(way, host, task, seen, movement=movement, mark=trace)
    return _unanswered(way, step, host, task, movement=movement, mark=trace)


def mark(host: TowerHost, tasks: Sequence[TowerTask]) -> Facts:
    """What there is now, by which later looks recognise what came of the call."""
    created = max((t.created for t in tasks), default="")
    return {"state": host.mode, "job": host.job, "tasks": [t.id for t in tasks], "newest": created}


def task_of(step: Step, seen: Observed) -> TowerTask | None:
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
            for task in seen.newest.get(course.host_id(step), ())
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


def _underway(way: Passage, host: TowerHost, task: TowerTask | None) -> str:
    if task is None:
        return f"{host.name} is {way.doing}."
    if task.status == "PAUSED":
        return f"{host.name} is {way.doing}; its task is paused in CloudTower."
    if task.status == "PENDING":
        return f"{host.name} waits in CloudTower's queue of tasks."
    if task.status == "SUCCESSED":
        return f"The task succeeded; waiting until {host.name} shows as {way.done}."
    by = f" (task by {task.by})" if task.by else ""
    return f"{host.name} is {way.doing}{by}."


def _failed(way: Passage, host: TowerHost, task: TowerTask, seen: Observed, *, mark: Facts) -> Sighting:
    """The task failed; that is the verdict once the VMs are shown where they are, so that theirs is true as well."""
    why = translate.why_failed(task)
    if seen.ended[task.id] < SYNC:
        sentence = f"The task failed ({why}); waiting until CloudTower shows where the VMs are."
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, movement=f"{host.mode} {task.id} FAILED", mark=mark)
    where = {
        translate.IN_USE: f"{host.name} is in use.",
        translate.ENTERING: f"{host.name} still shows as entering maintenance.",
        translate.IN_MAINTENANCE: f"{host.name} is in maintenance.",
    }.get(host.mode, f"{host.name} is {translate.mode_said(host.mode)}.")
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{way.doing.capitalize()} failed: {why}. {where}",
        remedy="Clear the cause in CloudTower, then retry. VMs that were moved, stopped or started stay as they are.",
        raw=task.error_message,
    )


def _accepted(
    way: Passage, host: TowerHost, task: TowerTask | None, seen: Observed, *, movement: str, mark: Facts
) -> Sighting:
    """The call was answered, and the host still shows as before."""
    if task is not None and task.status == "SUCCESSED" and seen.ended[task.id] > GRACE:
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"The task succeeded, but {host.name} is not {way.done}: it went back again, or never got there.",
            remedy="Look at the host in CloudTower, then retry.",
        )
    sentence = "CloudTower took the call; its task is not listed yet." if task is None else _underway(way, host, task)
    progress = task.progress if task else None
    return Sighting(seen=Seen.UNDERWAY, sentence=sentence, progress=progress, movement=movement, mark=mark)


def _unanswered(
    way: Passage, step: Step, host: TowerHost, task: TowerTask | None, *, movement: str, mark: Facts
) -> Sighting:
    """Nothing was answered, if anything was asked, and the host shows as before."""
    trace = ""
    if task is not None:
        trace = f"A task began on {host.name} since the call ({task.status.lower()}) and may be it."
    elif step.before is not None and step.before.get("job") != host.job:
        trace = f"{host.name} has a different maintenance job than before the call."
    if not trace:
        sentence = f"{host.name} is not {way.doing}."
        return Sighting(seen=Seen.NEVER_STARTED, sentence=sentence, movement=movement, mark=mark)
    remedy = "Look at the host's tasks in CloudTower: did it enter or leave maintenance?"
    return Sighting(seen=Seen.UNCLEAR, sentence=trace, remedy=remedy, movement=movement, mark=mark)


# ---------------------------------------------------------------------- its consequences


def of_vm(step: Step, seen: Observed, call: Sighting | None, *, settled: int) -> Sighting:
    """The sighting of one VM.

    Args:
        step: its verification.
        seen: what was read.
        call: the sighting of the call that brings it about, when that is among the steps looked at.
        settled: how many VMs of this look are as wanted: headway of one is headway of all.
    """
    way = course.of(step)
    vm = _vm_of(step, seen)
    if vm is not None and is_settled(step, seen):
        return Sighting(seen=Seen.DONE, sentence=_how_settled(step, vm), place=vm.host)
    host = seen.hosts.get(course.host_id(step))
    mode = host.mode if host else ""
    name = host.name if host else "The host"
    now = f"is {vm.status} on {vm.host or 'no host'}" if vm else _unshown(step, seen)
    is_over = mode == way.goal and (call is None or call.seen is not Seen.UNDERWAY)
    has_failed = call is not None and call.seen is Seen.FAILED
    if step.arguments.get("disposition") == Disposition.LEAVE and (is_over or has_failed):
        return Sighting(seen=Seen.DONE, sentence=f"It {now}.", place=vm.host if vm else "")
    if call is not None and call.seen is Seen.FAILED:
        return Sighting(seen=Seen.FAILED, sentence=f"It {now}. {call.sentence}", remedy=call.remedy, raw=call.raw)
    is_unseen = vm is None and way is course.ENTER and step.arguments.get("is_seen") is False
    if is_over and is_unseen and _is_empty(course.host_id(step), seen):
        sentence = f"All that CloudTower shows of it is that {name} is in maintenance, where no VM runs."
        return Sighting(seen=Seen.DONE, sentence=sentence)
    if is_over and _has_settled_down(course.host_id(step), seen):
        remedy = "Look at the VM in CloudTower."
        return Sighting(seen=Seen.FAILED, sentence=f"It {now}, although {name} is {way.done}.", remedy=remedy)
    movement = f"{call.movement if call else mode} {settled} {now}"
    if mode == way.goal or mode in way.through or (call is not None and call.seen is Seen.UNDERWAY):
        return Sighting(seen=Seen.UNDERWAY, sentence=f"It {now}.", place=vm.host if vm else "", movement=movement)
    if call is None:
        sentence = f"It {now}: {name} is not {way.doing}."
        return Sighting(seen=Seen.FAILED, sentence=sentence, remedy="Retry for the host: its VMs follow.")
    return Sighting(seen=Seen.NEVER_STARTED, sentence=f"Waits until {name} is {way.doing}.", movement=movement)


def _vms_of(step: Step, seen: Observed) -> Sequence[TowerVm]:
    """The VMs that a step may mean: one, unless CloudTower shows none or several of that id in the host's cluster."""
    called = [vm for vm in seen.vms if vm.is_called(step.target)]
    host = seen.hosts.get(course.host_id(step))
    return called if host is None else [vm for vm in called if vm.may_be_in(host.cluster_id)]


def _vm_of(step: Step, seen: Observed) -> TowerVm | None:
    """The VM that a step means; None where that is not beyond doubt."""
    found = _vms_of(step, seen)
    return found[0] if len(found) == 1 else None


def _unshown(step: Step, seen: Observed) -> str:
    """Why a step's VM is not known, as the end of a sentence."""
    several = len(_vms_of(step, seen))
    return (
        f"is shown {counted(several, 'time')} by CloudTower, under one id" if several else "is not shown by CloudTower"
    )


def is_settled(step: Step, seen: Observed) -> bool:
    """Whether a VM is as the plan wants it."""
    vm = _vm_of(step, seen)
    if vm is None:
        return False
    is_here = vm.host_id == course.host_id(step)
    match step.arguments.get("disposition"):
        case Disposition.SHUT_DOWN:
            return vm.status == "STOPPED" or (vm.status == "RUNNING" and not is_here and bool(vm.host_id))
        case Disposition.LIVE_MIGRATE:
            return vm.status == "RUNNING" and not is_here and bool(vm.host_id)
        case Disposition.POWER_ON:
            return vm.status == "RUNNING"
        case Disposition.MIGRATE_BACK:
            return is_here and vm.status == ("RUNNING" if step.arguments.get("runs") is True else "STOPPED")
    return False


def _how_settled(step: Step, vm: TowerVm) -> str:
    if vm.status == "STOPPED":
        return f"It is off, on {vm.host}." if course.of(step) is course.EXIT else "It is shut down."
    if step.arguments.get("disposition") == Disposition.SHUT_DOWN:
        return f"It was not shut down: it runs on {vm.host}."
    return f"It runs on {vm.host}."


def _has_settled_down(host_id: str, seen: Observed) -> bool:
    """Whether the host has been where it is for so long that no picture of its VMs can be an old one."""
    ends = [seen.ended[t.id] for t in seen.newest.get(host_id, ()) if t.has_ended]
    return min(ends, default=seen.shown[host_id]) > GRACE


def of_host(step: Step, seen: Observed) -> Sighting:
    """The sighting of the last step: the host is where it should be, and empty or usable."""
    way = course.of(step)
    host = seen.hosts.get(course.host_id(step))
    if host is None:
        return Sighting(seen=Seen.UNDERWAY, sentence="CloudTower does not list the host.")
    if host.mode != way.goal:
        problem = f"{host.name} is {translate.mode_said(host.mode)}, not {way.done}."
    elif way is course.ENTER and not _is_empty(host.id, seen):
        problem = f"{host.name} is in maintenance, but {_not_empty(host.id, seen)}"
    elif way is course.EXIT and not host.is_connected:
        problem = f"{host.name} is in use, but {translate.said(host.status)}."
    else:
        good = "in maintenance and no VM runs on it" if way is course.ENTER else "in use and connected"
        return Sighting(seen=Seen.DONE, sentence=f"{host.name} is {good}.")
    remedy = "Look at the host in CloudTower before touching its hardware." if way is course.ENTER else ""
    count = len(seen.awake[host.id].items) if host.id in seen.awake else 0
    return Sighting(seen=Seen.UNDERWAY, sentence=problem, remedy=remedy, movement=f"{host.mode} {count}")


def _is_empty(host_id: str, seen: Observed) -> bool:
    """Whether it is proven that no VM runs on a host."""
    return host_id in seen.awake and seen.awake[host_id].is_proven_empty


def _not_empty(host_id: str, seen: Observed) -> str:
    """Why a host does not count as empty, as the end of a sentence."""
    awake = seen.awake.get(host_id, Listing[TowerVm]())
    if awake.items:
        some = listed([vm.name for vm in awake.items], most=5)
        return f"CloudTower still shows VMs that are not off: {some}."
    return f"whether VMs run on it could not be found out. {awake.gap or 'Nothing but one list shows that none does.'}"

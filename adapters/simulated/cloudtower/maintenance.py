"""What a simulated CloudTower does with a host: precheck, enter, exit and power, as tasks that take time and can fail.

The order inside a task, its words and its error codes are not documented anywhere (sheet §12); where nothing is known
this one is the stricter: a VM that must be shut down and is not in the list makes entering fail, what has moved by
then stays moved, and a second call on a host that is entering is refused.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from adapters.simulated.cloudtower.query import BadQuery, Row
from adapters.simulated.cloudtower.state import Moved, PrecheckMood, PrecheckTask, Tower
from adapters.simulated.faults import Break
from adapters.simulated.records import Maintenance, MoveKind, Power, SimHost, SimVm, Task

MOST_VMS = 150
_CLOSED = {Maintenance.ENTERING, Maintenance.IN_MAINTENANCE}


def failure(code: str, message: str) -> str:
    """A task's error text, nested as the vendor's own clients met it (CAPE PR 63)."""
    inner = json.dumps({"data": {}, "ec": code, "error": {"msg": message}}, ensure_ascii=False)
    return f"Cannot unwrap Ok value of Result.Err.\r\ncode: {code}\r\nmessage: {inner}"


def begin(tower: Tower, task: Task) -> Task:
    """Let a new task execute soon."""

    def execute() -> None:
        task.status, task.started_at = "EXECUTING", tower.world.now

    if tower.hides_fresh_tasks:
        tower.fresh.add(task.id)
    tower.world.after(tower.task_seconds, execute)
    return task


def end(tower: Tower, task: Task, *, code: str = "", message: str = "") -> None:
    """End a task, as failed when a code is given."""
    task.finished_at = tower.world.now
    task.status = "FAILED" if code else "SUCCESSED"
    task.progress = task.progress if code else 1.0
    if code:
        task.error_code, task.error_message = code, failure(code, message)


def must_stop(host: SimHost, vms: list[SimVm]) -> list[SimVm]:
    """The VMs of a host that only a shutdown can get out of the way."""
    return [vm for vm in vms if vm.host is host and vm.power is Power.RUNNING and not vm.migratable]


# ------------------------------------------------------------------ precheck


def precheck(tower: Tower, host: SimHost) -> Task:
    """Begin the precheck of a host."""
    world = tower.world
    # its description does not say "precheck": nobody knows the real one
    task = begin(tower, world.new_task(f"Check host {host.name} for maintenance", resource=host.cuid, type="Host"))
    entry = PrecheckTask(host=host)
    tower.prechecks[task.id] = entry

    def answer() -> None:
        if tower.precheck is PrecheckMood.FAILS:
            end(tower, task, code="MAINTENANCE_MODE_PRECHECK_FAILED", message="storage network is abnormal")
        elif tower.precheck is PrecheckMood.SAYS_NO:
            end(tower, task)
        elif why := _forbidden(tower, host):
            end(tower, task, code="MAINTENANCE_MODE_PRECHECK_FAILED", message=why)
        else:
            end(tower, task)
            entry.done = True
            entry.shutdown = [vm.id for vm in must_stop(host, world.vms_on(host))]

    if tower.precheck is not PrecheckMood.NEVER:
        world.after(tower.task_seconds + tower.precheck_seconds, answer)
    return task


def _forbidden(tower: Tower, host: SimHost) -> str:
    """Why the precheck says no (sheet §8), or an empty text."""
    vms = tower.world.vms_on(host)
    if peer := next((h for h in tower.peers(host) if h.maintenance in _CLOSED), None):
        return f"host {peer.name} is in maintenance mode"
    if vm := next((v for v in vms if v.power is Power.SUSPENDED or v.state == "unknown"), None):
        return f"VM {vm.name} is suspended or unknown"
    if len(vms) > MOST_VMS:
        return f"more than {MOST_VMS} VMs"
    free = [tower.free_memory(h) for h in tower.open_hosts(tower.peers(host))]
    stops = must_stop(host, vms)
    moving = [v.memory_mb * 2**20 for v in vms if v.power is Power.RUNNING and v not in stops]
    for need in sorted(moving, reverse=True):
        place = max(range(len(free)), key=free.__getitem__, default=None)
        if place is None or free[place] < need:
            return "memory of the other hosts is not sufficient"
        free[place] -= need
    return ""


def precheck_result(tower: Tower, task_id: str) -> Row:
    entry = tower.prechecks.get(task_id)
    if entry is None:
        raise BadQuery(f"task {task_id} is not a precheck of maintenance mode")
    listed: list[Any] = list(entry.shutdown)
    return {
        "done": entry.done,
        "shutdownVms": listed if tower.shutdown_as_strings else [{"vm_uuid": u} for u in listed],
    }


# ------------------------------------------------------------------ enter


@dataclass(eq=False, kw_only=True)
class Entering:
    """One host on its way into maintenance: VMs move in a few lanes, the listed ones are shut down."""

    tower: Tower
    host: SimHost
    task: Task
    stops: set[str]  #: uuids
    waiting: deque[SimVm] = field(default_factory=deque)
    busy: int = 0
    total: int = 1
    handled: int = 0
    error: tuple[str, str] | None = None

    def go(self) -> None:
        world = self.tower.world
        self.tower.host_changes(self.host)
        self.host.maintenance = Maintenance.ENTERING
        self.host.maintenance_since, self.host.maintenance_job = world.now, world.new_uuid()
        self.tower.moved[self.host.cuid] = []
        missing = [vm.name for vm in must_stop(self.host, world.vms_on(self.host)) if vm.id not in self.stops]
        if missing:
            self._break("VM_NOT_MIGRATABLE", f"VM {missing[0]} can not be migrated")
        running = [vm for vm in world.vms_on(self.host) if vm.power is Power.RUNNING]
        self.waiting = deque(sorted(running, key=lambda vm: vm.id not in self.stops))
        self.total = max(1, len(running))
        self._next()

    def _next(self) -> None:
        while self.waiting and self.busy < self.tower.lanes and self.error is None:
            vm = self.waiting.popleft()
            if vm.host is not self.host or vm.power is not Power.RUNNING:
                self.handled += 1
                continue
            self.busy += 1
            if vm.id in self.stops:
                self._stop(vm)
            else:
                self._move(vm)
        self.task.progress = min(0.99, self.handled / self.total)
        if self.busy == 0 and (self.error is not None or not self.waiting):
            self._finish()

    def _stop(self, vm: SimVm) -> None:
        if vm.name in self.tower.stubborn:
            self.tower.world.after(self.tower.shutdown_timeout, lambda: self._timed_out(vm))
        else:
            self.tower.world.after(self.host.knobs.stop_seconds, lambda: self._stopped(vm))

    def _timed_out(self, vm: SimVm) -> None:
        self._break("JOB_VM_SHUTDOWN_TIMEOUT", f"shutdown of VM {vm.name} timed out: the guest does not react")
        self._done()

    def _stopped(self, vm: SimVm) -> None:
        self.tower.vm_changes(vm)
        self.tower.world.set_power(vm, Power.STOPPED)
        self._remember(vm, "stopped", None)
        self._done()

    def _move(self, vm: SimVm) -> None:
        world = self.tower.world
        need = vm.memory_mb * 2**20
        open_hosts = [
            h for h in self.tower.open_hosts(self.tower.peers(self.host)) if self.tower.free_memory(h) >= need
        ]
        none = world.faults.for_move(MoveKind.LIVE, vm, to="", how={Break.NO_HOST})
        if none is not None or not open_hosts:
            self._break("NO_AVAILABLE_HOST", f"no host can take VM {vm.name}")
            self._done()
            return
        target = open_hosts[0]
        fault = world.faults.for_move(MoveKind.LIVE, vm, to=target.name, how={Break.HANG, Break.PRECHECK, Break.SPAWN})
        if fault is not None and fault.how is Break.HANG:
            return
        reason = fault.reason if fault else self.host.knobs.live_fail
        world.after(self.host.knobs.live_seconds, lambda: self._arrived(vm, target, reason))

    def _arrived(self, vm: SimVm, target: SimHost, reason: str) -> None:
        if reason:
            self._break("JOB_VM_MIGRATE_FAILED", f"migration of VM {vm.name} failed: {reason}")
        else:
            self.tower.vm_changes(vm)
            self.tower.world.relocate(vm, target)
            self._remember(vm, "live", target)
        self._done()

    def _remember(self, vm: SimVm, how: str, to: SimHost | None) -> None:
        self.tower.moved[self.host.cuid].append(Moved(vm=vm, how=how, to=to))

    def _break(self, code: str, message: str) -> None:
        self.error = self.error or (code, message)

    def _done(self) -> None:
        self.busy -= 1
        self.handled += 1
        self._next()

    def _finish(self) -> None:
        self.tower.host_changes(self.host)
        if self.error is not None:
            self.host.maintenance = Maintenance.IN_USE
            end(self.tower, self.task, code=self.error[0], message=self.error[1])
            return
        for vm in self.tower.world.vms_on(self.host):
            homes = self.tower.open_hosts(self.tower.peers(self.host))
            if vm.power is Power.STOPPED and vm.ha and homes and vm.id not in self.stops:
                self.tower.vm_changes(vm)
                self.tower.world.relocate(vm, homes[0])
                self._remember(vm, "offline", homes[0])
        self.host.maintenance = Maintenance.IN_MAINTENANCE
        end(self.tower, self.task)


def enter(tower: Tower, host: SimHost, shutdown: list[str]) -> Task:
    """Begin to enter maintenance.

    Raises:
        BadQuery: refused; nothing happened.
    """
    if host.maintenance is not Maintenance.IN_USE:
        raise BadQuery(f"host {host.name} is {host.maintenance.value}")
    if peer := next((h for h in tower.peers(host) if h.maintenance in _CLOSED), None):
        raise BadQuery(f"host {peer.name} of the cluster is in maintenance mode")
    if not host.alive:
        raise BadQuery(f"host {host.name} is not connected")
    here = {vm.id for vm in tower.world.vms_on(host)}
    if strange := [uuid for uuid in shutdown if uuid not in here]:
        raise BadQuery(f"VM {strange[0]} is not on host {host.name}")
    task = begin(tower, tower.world.new_task(f"Host {host.name} to maintenance", resource=host.cuid, type="Host"))
    tower.host_changes(host)
    host.maintenance = Maintenance.ENTERING
    entering = Entering(tower=tower, host=host, task=task, stops=set(shutdown))
    tower.world.after(tower.task_seconds, entering.go)
    return task

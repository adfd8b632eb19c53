"""How servers move, start and stop in the simulated Nova: the courses that its conductor and computes run.

A course is a generator: it yields the seconds of simulated time that its next stage takes, or the host whose
answer it waits for. The stages, statuses and ways to fail are those measured on Nova 34 (live, in this order):
evacuation `accepted → pre-migrating → done`, live migration `accepted → preparing → running → completed`,
cold migration `pre-migrating → migrating → post-migrating → finished → confirmed`.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeAlias

from adapters.simulated.faults import Break
from adapters.simulated.openstack.identity import Caller
from adapters.simulated.records import (
    ActionEvent,
    Fault,
    Move,
    MoveKind,
    Platform,
    Power,
    ServerAction,
    SimHost,
    SimVm,
)
from adapters.simulated.world import World, free_first

Course: TypeAlias = Iterator[float | SimHost]
NO_HOST = "No valid host was found. "
CONTROLLER = "controller-1"  #: where conductor and scheduler run
RPC_TIMEOUT = 60.0  #: seconds until a compute gives up on another one that died
_CLAIM_SECONDS = 0.3
_CLAIM_PER_SERVER = 0.015  #: measured: a claim reads the allocation of every server on the target
_EVACUATING = {"accepted", "pre-migrating"}


class Conductor:
    """Moves, starts and stops servers of the World. The API has checked the request already."""

    def __init__(self, world: World) -> None:
        self.world = world

    # ------------------------------------------------------------------ choosing

    def choose(
        self, vm: SimVm, kind: MoveKind, target: SimHost | None = None, *, forced: bool = False
    ) -> SimHost | None:
        """The scheduler: a host that is up, enabled, has room and suits the server group; the emptiest.

        A `forced` target (old microversions) is only asked for room.
        """
        order = self.world.faults.for_move(kind, vm, to=target.name if target else "", how={Break.NO_HOST})
        if order is not None:
            return None
        hosts = [target] if target else self.world.hosts_of(Platform.OPENSTACK)
        fit = [
            h
            for h in hosts
            if h is not vm.host
            and self.world.room(h).holds(vm.needs)
            and (forced or (h.enabled and self.world.is_up(h) and self._suits_group(vm, h)))
        ]
        return free_first(self.world, fit)[0] if fit else None

    def _suits_group(self, vm: SimVm, host: SimHost) -> bool:
        for group in self.world.groups.values():
            if vm not in group.members:
                continue
            places = {m.host for m in group.members if m is not vm and m.host is not None}
            if group.policy == "anti-affinity" and host in places:
                return False
            if group.policy == "affinity" and places and host not in places:
                return False
        return True

    # ------------------------------------------------------------------ records

    def act(self, vm: SimVm, action: str, caller: Caller) -> ServerAction:
        """Open an entry in the server's action log."""
        entry = ServerAction(
            request_id=caller.request_id,
            action=action,
            vm_id=vm.id,
            start=self.world.now,
            updated=self.world.now,
            user_id=caller.user_id,
            project_id=caller.project_id,
        )
        self.world.actions.append(entry)
        return entry

    def note(self, entry: ServerAction, event: str, host: SimHost | None, error: str = "") -> None:
        """Note a finished event under an entry."""
        entry.updated = self.world.now
        entry.events.append(
            ActionEvent(
                event=event,
                start=self.world.now,
                finish=self.world.now,
                result="Error" if error else "Success",
                host=host.name if host else CONTROLLER,
                details=error or None,
            )
        )

    def record(self, kind: MoveKind, vm: SimVm, dest: SimHost | None, caller: Caller) -> Move:
        """Open a migration record.

        Raises:
            ValueError: the server is on no host.
        """
        if vm.host is None:
            raise ValueError(f"{vm.name} is on no host")
        move = Move(
            id=len(self.world.moves) + 1,
            uuid=self.world.new_uuid(),
            kind=kind,
            vm=vm,
            source=vm.host,
            dest=dest,
            status="accepted",
            created_at=self.world.now,
            request_id=caller.request_id,
            user_id=caller.user_id,
            project_id=caller.project_id,
            wanted_power=vm.power,
        )
        self.world.moves.append(move)
        return move

    def become(self, move: Move, status: str) -> None:
        """The record's next status."""
        move.status, move.updated_at = status, self.world.now

    def show(self, vm: SimVm, state: str, task: str | None) -> None:
        """The server's next state and task."""
        vm.state, vm.task, vm.updated_at = state, task, self.world.now

    def break_down(self, vm: SimVm, message: str) -> None:
        """The server goes to ERROR and says why."""
        self.show(vm, "error", None)
        vm.fault = Fault(code=500, message=message, at=self.world.now)

    def release(self, consumer: str, host: SimHost) -> None:
        """Give back what a consumer held on a host."""
        self.world.allocations.get(consumer, {}).pop(host.id, None)

    def run(self, course: Course) -> None:
        """Let a course go on until it must wait."""
        for wait in course:
            if isinstance(wait, SimHost):
                if wait.alive:
                    continue
                wait.inbox.append(lambda: self.run(course))
            else:
                self.world.after(wait, lambda: self.run(course))
            return

    # ------------------------------------------------------------------ evacuation

    def evacuate(
        self, vm: SimVm, target: SimHost | None, caller: Caller, *, leave_stopped: bool, forced: bool = False
    ) -> Move:
        """Rebuild a server of a dead host elsewhere.

        A second one while the first runs is accepted too, and wrecks the server's record (measured).

        Args:
            vm: the server.
            target: the host asked for; None: the scheduler's choice.
            caller: who asks.
            leave_stopped: from microversion 2.95 the server is not started there.
            forced: the scheduler is not asked about the target.
        """
        wrecks = any(
            m.vm is vm
            and m.kind is MoveKind.EVACUATION
            and m.status in _EVACUATING
            and not (m.stuck or m.wrecked)
            and (m.dest is None or m.dest.alive)
            for m in self.world.moves
        )
        move = self.record(MoveKind.EVACUATION, vm, target, caller)
        entry = self.act(vm, "evacuate", caller)
        was = vm.state
        self.show(vm, was, "rebuilding")
        if wrecks:
            move.wrecked = True
            why = f"Conflict updating instance {vm.id}. Expected: {{'task_state': ['rebuilding']}}."
            why += " Actual: {'task_state': 'rebuild_spawning'}"
            self._finish(entry, "compute_rebuild_instance", target, why)
        else:
            stays_stopped = was == "stopped" or (leave_stopped and was != "error")
            move.wanted_power = Power.STOPPED if stays_stopped else Power.RUNNING
            self.run(self._evacuation(move, target, entry, forced=forced))
        return move

    def _evacuation(self, move: Move, target: SimHost | None, entry: ServerAction, *, forced: bool) -> Course:
        vm = move.vm
        yield 0.2
        dest = self.choose(vm, move.kind, target, forced=forced)
        if dest is None:
            self.become(move, "error")
            self._finish(entry, "conductor_rebuild_instance", None, NO_HOST)
            self.break_down(vm, NO_HOST)
            return
        self.note(entry, "conductor_rebuild_instance", None)
        move.dest = dest
        self.world.allocations.setdefault(vm.id, {})[dest.id] = vm.needs
        yield dest
        if self.world.faults.of_move(move, {Break.HANG}):
            return
        yield self._claim(dest)
        if move.source.nodes:
            self._fail(move, dest, entry, "Instance evacuate is not supported.")  # of Ironic
            return
        self.become(move, "pre-migrating")
        self.show(vm, vm.state, "rebuild_block_device_mapping")
        unserved = self._unserved_volume(vm)
        if unserved:
            yield RPC_TIMEOUT
            self._fail(move, dest, entry, f"Volume {unserved} could not be attached: Gateway Time-out (HTTP 504)")
            return
        yield 0.1
        self.show(vm, vm.state, "rebuild_spawning")
        yield dest.knobs.spawn_seconds
        if not dest.alive:
            move.stuck = True  # measured: pre-migrating for ever, also after the target is back
            return
        order = self.world.faults.of_move(move, {Break.SPAWN})
        if order or dest.knobs.spawn_fail:
            reason = order.reason if order else dest.knobs.spawn_fail
            self._fail(move, dest, entry, f"Failed to deploy instance: {reason}")
            return
        yield from self._land(move, dest, entry)

    def _fail(self, move: Move, dest: SimHost, entry: ServerAction, message: str) -> None:
        """The target could not rebuild the server: it is in ERROR, on its old host."""
        self.become(move, "failed")
        self.release(move.vm.id, dest)
        self._finish(entry, "compute_rebuild_instance", dest, message)
        self.break_down(move.vm, message)

    def _unserved_volume(self, vm: SimVm) -> str:
        """A volume whose cinder-volume is dead: nobody answers when it is to be attached elsewhere.

        Not measured: operators' accounts of evacuations before the volumes had a new home tell it.
        """
        dead = {s.host for s in self.world.cinder_services if s.died_at is not None}
        if not dead:
            return ""
        return next((v.id for v in self.world.volumes_of(vm) if v.host.partition("#")[0] in dead), "")

    def _land(self, move: Move, dest: SimHost, entry: ServerAction) -> Course:
        """The guest runs on the target; its record follows, with the moments that mislead."""
        vm = move.vm
        vm.power, vm.launched_at, vm.fault = Power.RUNNING, self.world.now, None
        if move.wanted_power is Power.STOPPED:
            self.show(vm, "active", "powering-off")
            yield dest.knobs.stop_seconds
            vm.power = Power.STOPPED
        self.show(vm, "active" if vm.power is Power.RUNNING else "stopped", None)
        yield 0.15  # no task, and still the old host
        vm.host, vm.updated_at = dest, self.world.now
        self.become(move, "done")
        self._finish(entry, "compute_rebuild_instance", dest)
        if any(m.wrecked and m.vm is vm and m.status == "accepted" for m in self.world.moves):
            self.show(vm, "error", "rebuilding")

    def _claim(self, dest: SimHost) -> float:
        """Seconds until the target's turn at its claims has come and this one is through."""
        start = max(self.world.now, dest.claim_free_at or self.world.now)
        takes = _CLAIM_SECONDS + _CLAIM_PER_SERVER * len(self.world.vms_on(dest))
        dest.claim_free_at = start + timedelta(seconds=takes)
        return (dest.claim_free_at - self.world.now).total_seconds()

    def _finish(self, entry: ServerAction, event: str, host: SimHost | None, error: str = "") -> None:
        self.note(entry, event, host, error)
        if error:
            entry.message = "Error"

    # ------------------------------------------------------------------ power

    def stop(self, vm: SimVm, caller: Caller) -> None:
        self._power(vm, "stop", "powering-off", Power.STOPPED, caller)

    def start(self, vm: SimVm, caller: Caller) -> None:
        self._power(vm, "start", "powering-on", Power.RUNNING, caller)

    def reboot(self, vm: SimVm, caller: Caller) -> None:
        self._power(vm, "reboot", "rebooting", Power.RUNNING, caller)

    def _power(self, vm: SimVm, action: str, task: str, wanted: Power, caller: Caller) -> None:
        entry = self.act(vm, action, caller)
        self.show(vm, vm.state, task)

        def course() -> Course:
            host = vm.host
            if host is None:
                return
            yield host  # of a dead host: hangs in this task until it is back
            yield host.knobs.stop_seconds
            if vm.task == task:
                self.world.set_power(vm, wanted)
                self.note(entry, f"compute_{action}_instance", host)

        self.run(course())

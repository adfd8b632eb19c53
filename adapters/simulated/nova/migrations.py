"""Live and cold migration in the simulated Nova, with the ways measured in which they fail."""

from adapters.simulated.faults import Break
from adapters.simulated.nova.moves import NO_HOST, RPC_TIMEOUT, Conductor, Course
from adapters.simulated.openstack.identity import Caller
from adapters.simulated.records import Move, MoveKind, Power, ServerAction, SimHost, SimVm

_SLICES = 5  #: how often a live migration looks whether it was aborted, and reports progress
_IN_A_SLOT = {"preparing", "running", "post-migrating"}
_QUEUE_SECONDS = 0.1  #: between two looks of a waiting one whether its turn has come


class Migrations:
    """Live and cold migrations of living hosts. The API has checked the request already."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._world = conductor.world
        self._forced: set[int] = set()
        self._endless: dict[int, Course] = {}  #: what is left to do of copies that never end by themselves

    # ------------------------------------------------------------------ live

    def live(self, vm: SimVm, target: SimHost | None, caller: Caller, *, wait: bool) -> Move:
        """Start a live migration.

        Args:
            vm: the server.
            target: the host asked for; None: the scheduler's choice.
            caller: who asks.
            wait: ask the scheduler now (before microversion 2.34), so that the record is `error` at once
                if there is no host; else that shows only later.
        """
        move = self._conductor.record(MoveKind.LIVE, vm, target, caller)
        entry = self._conductor.act(vm, "live-migration", caller)
        self._conductor.show(vm, vm.state, "migrating")
        self._conductor.run(self._live(move, target, entry, wait=wait))
        return move

    def _live(self, move: Move, target: SimHost | None, entry: ServerAction, *, wait: bool) -> Course:
        vm, see = move.vm, self._conductor
        if not wait:
            yield 0.2
        dest = self._scheduled(move, target, entry)
        if dest is None:
            return
        if wait:
            yield 0.2
        if not dest.alive:
            yield RPC_TIMEOUT
        order = self._world.faults.of_move(move, {Break.PRECHECK})
        refusal = order.reason if order else dest.knobs.precheck_fail
        if refusal or not dest.alive:
            self._give_up(move, "error")
            why = f"Migration pre-check error: {refusal or 'timed out waiting for a reply'}"
            see.note(entry, "compute_check_can_live_migrate_destination", dest, why)
            entry.message = "Error"
            return
        see.note(entry, "compute_check_can_live_migrate_destination", dest)
        self._world.allocations[move.uuid] = {move.source.id: vm.needs}
        self._world.allocations[vm.id] = {dest.id: vm.needs}
        see.become(move, "queued")
        yield from self._turn(move)
        if move.status != "queued":
            return
        see.become(move, "preparing")
        yield move.source
        yield 0.3
        if move.status != "preparing":
            return
        see.become(move, "running")
        yield from self._copy(move, dest, entry)

    def _turn(self, move: Move) -> Course:
        """Wait until the source has a slot for it; those that came before have theirs first."""

        def ahead() -> int:
            mine = (m for m in self._world.moves if m.kind is MoveKind.LIVE and m.source is move.source)
            return sum(1 for m in mine if m.status in _IN_A_SLOT or (m.status == "queued" and m.id < move.id))

        while move.status == "queued" and ahead() >= move.source.knobs.live_slots:
            yield _QUEUE_SECONDS

    def _copy(self, move: Move, dest: SimHost, entry: ServerAction) -> Course:
        if self._world.faults.of_move(move, {Break.HANG}):
            # its memory changes faster than it is copied: more is copied for ever, and the same is left
            move.progress, move.updated_at = 1 - 1 / _SLICES, self._world.now
            self._endless[move.id] = self._copied(move, dest, entry)
            pause = max(1.0, dest.knobs.live_seconds / _SLICES)
            while move.status == "running" and move.id in self._endless:
                yield pause
                move.times_copied += pause / max(dest.knobs.live_seconds, pause)
            return
        for part in range(1, _SLICES + 1):
            if move.id not in self._forced:
                yield dest.knobs.live_seconds / _SLICES
            yield move.source
            if move.status != "running":
                return  # aborted
            if not dest.alive:
                yield RPC_TIMEOUT
                self._strand(move, dest)
                return
            move.progress, move.updated_at = part / _SLICES, self._world.now
        yield from self._copied(move, dest, entry)

    def _copied(self, move: Move, dest: SimHost, entry: ServerAction) -> Course:
        """The copy is there: the guest goes on running on its new host."""
        vm, see = move.vm, self._conductor
        order = self._world.faults.of_move(move, {Break.SPAWN})
        if order or dest.knobs.live_fail:
            # measured: the action log shows only success; the record is the only witness
            self._give_up(move, "failed")
            see.note(entry, "compute_live_migration", move.source)
            return
        vm.host = dest
        see.show(vm, vm.state, None)
        see.note(entry, "compute_live_migration", move.source)
        yield 0.2  # a moment with the new host and the record still `running`
        see.become(move, "completed")
        self._world.allocations.pop(move.uuid, None)

    def _strand(self, move: Move, dest: SimHost) -> None:
        """The target died in the middle: the server is ACTIVE on it, and in ERROR once it is back."""
        vm = move.vm
        vm.host = dest
        self._conductor.become(move, "error")
        self._conductor.show(vm, vm.state, None)
        self._world.allocations.pop(move.uuid, None)
        dest.inbox.append(lambda: self._conductor.break_down(vm, "Instance not found on the host"))

    def _scheduled(self, move: Move, target: SimHost | None, entry: ServerAction) -> SimHost | None:
        """Where the scheduler sends it; None: it is given up, for no host is valid."""
        dest = self._conductor.choose(move.vm, move.kind, target)
        if dest is None:
            self._give_up(move, "error")
            self._conductor.note(entry, "conductor_migrate_server", None, NO_HOST)
            entry.message = "Error"
        else:
            move.dest = dest
        return dest

    def _give_up(self, move: Move, status: str) -> None:
        """Back to how it was; no fault is shown."""
        self._conductor.become(move, status)
        self._conductor.show(move.vm, move.vm.state, None)
        self._world.allocations.pop(move.uuid, None)
        self._world.allocations[move.vm.id] = {move.source.id: move.vm.needs}

    def abort(self, move: Move) -> None:
        """Abort a live migration; `cancelled` 0.4 s later."""

        def cancel() -> None:
            if move.status in {"running", "preparing", "queued"}:
                self._give_up(move, "cancelled")

        self._world.after(0.4, cancel)

    def force_complete(self, move: Move) -> None:
        """Let the copy end now: the guest is paused, or fetches the rest from its new host."""
        self._forced.add(move.id)
        if endless := self._endless.pop(move.id, None):
            self._conductor.run(endless)

    # ------------------------------------------------------------------ cold

    def cold(self, vm: SimVm, target: SimHost | None, caller: Caller) -> Move:
        """Start a cold migration: ends in VERIFY_RESIZE on the new host."""
        move = self._conductor.record(MoveKind.COLD, vm, target, caller)
        entry = self._conductor.act(vm, "migrate", caller)
        self._conductor.show(vm, vm.state, "resize_prep")
        self._conductor.run(self._cold(move, target, entry))
        return move

    def _cold(self, move: Move, target: SimHost | None, entry: ServerAction) -> Course:
        vm, see = move.vm, self._conductor
        was = vm.state
        yield 0.2
        dest = self._scheduled(move, target, entry)
        if dest is None:
            return
        self._world.allocations[move.uuid] = {move.source.id: vm.needs}
        self._world.allocations[vm.id] = {dest.id: vm.needs}
        see.become(move, "pre-migrating")
        yield dest
        see.show(vm, was, "resize_migrating")
        see.become(move, "migrating")
        yield move.source
        yield move.source.knobs.stop_seconds
        see.show(vm, was, "resize_migrated")
        see.become(move, "post-migrating")
        yield dest
        vm.host = dest
        see.show(vm, was, "resize_finish")
        order = self._world.faults.of_move(move, {Break.SPAWN})
        yield dest.knobs.spawn_seconds
        if order or dest.knobs.spawn_fail:
            message = order.reason if order else dest.knobs.spawn_fail
            see.become(move, "error")
            see.note(entry, "compute_finish_resize", dest, message)
            entry.message = "Error"
            see.break_down(vm, message)
            return
        see.become(move, "finished")
        see.note(entry, "compute_finish_resize", dest)
        see.show(vm, "resized", None)

    def waiting_for_confirmation(self, vm: SimVm) -> Move | None:
        """The cold migration of the server that has finished and is neither confirmed nor reverted."""
        found = [m for m in self._world.moves if m.vm is vm and m.kind is MoveKind.COLD]
        return found[-1] if found and found[-1].status == "finished" else None

    def confirm(self, move: Move, caller: Caller) -> None:
        """Keep the server where it is now."""
        self._settle(move, "confirmResize", "confirming", "confirmed", caller)

    def revert(self, move: Move, caller: Caller) -> None:
        """Bring the server back to where it was."""
        self._conductor.show(move.vm, "resized", "resize_reverting")
        self._settle(move, "revertResize", "reverting", "reverted", caller)

    def _settle(self, move: Move, action: str, during: str, end: str, caller: Caller) -> None:
        vm, see = move.vm, self._conductor
        entry = see.act(vm, action, caller)
        see.become(move, during)

        def course() -> Course:
            yield move.source
            yield 0.3
            self._world.allocations.pop(move.uuid, None)
            if end == "reverted":
                self._world.relocate(vm, move.source)
            see.show(vm, "stopped" if move.wanted_power is Power.STOPPED else "active", None)
            see.become(move, end)
            see.note(entry, f"compute_{during}_resize", move.source)

        see.run(course())

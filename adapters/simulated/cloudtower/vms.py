"""What a simulated CloudTower does with single VMs: migrate, shut down, power off, start; one task for each VM."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from adapters.simulated.cloudtower.maintenance import begin, end
from adapters.simulated.cloudtower.query import BadQuery
from adapters.simulated.cloudtower.state import Tower
from adapters.simulated.records import Maintenance, Power, SimHost, SimVm, Task

Operation: TypeAlias = Callable[[Tower, SimVm, SimHost | None], Task]


def operate(
    tower: Tower, vms: Sequence[SimVm], operation: Operation, target: SimHost | None
) -> list[tuple[Task, SimVm]]:
    """Begin an operation on each VM.

    Raises:
        BadQuery: refused; nothing happened to any of them.
    """
    if locked := next((vm for vm in vms if vm.busy), None):
        raise BadQuery(f"Resource [VM-{locked.cuid}] locked")
    if target is not None and target.maintenance is not Maintenance.IN_USE:
        raise BadQuery(f"host {target.name} is {target.maintenance.value}")
    return [(operation(tower, vm, target), vm) for vm in vms]


def migrate(tower: Tower, vm: SimVm, target: SimHost | None) -> Task:
    task = _task(tower, f"Migrate VM {vm.name}", vm)
    peers = [target] if target else tower.open_hosts(tower.peers(vm.host)) if vm.host else []
    fit = [h for h in peers if h is not vm.host and tower.free_memory(h) >= vm.memory_mb * 2**20]

    def arrive() -> None:
        if not vm.migratable or not fit:
            end(tower, task, code="JOB_VM_MIGRATE_FAILED", message=f"VM {vm.name} can not be migrated")
            return
        tower.vm_changes(vm)
        tower.world.relocate(vm, fit[0])
        end(tower, task)

    tower.world.after(vm.host.knobs.live_seconds if vm.host else 1.0, arrive)
    return task


def shut_down(tower: Tower, vm: SimVm, target: SimHost | None) -> Task:
    del target
    task = _task(tower, f"Shut down VM {vm.name}", vm)
    if vm.name in tower.stubborn:
        why = "the guest does not react"
        tower.world.after(tower.shutdown_timeout, lambda: end(tower, task, code="JOB_VM_SHUTDOWN_TIMEOUT", message=why))
        return task
    tower.world.after(1.0, lambda: _set(tower, task, vm, Power.STOPPED))
    return task


def power_off(tower: Tower, vm: SimVm, target: SimHost | None) -> Task:
    del target
    task = _task(tower, f"Power off VM {vm.name}", vm)
    tower.world.after(0.5, lambda: _set(tower, task, vm, Power.STOPPED))
    return task


def start(tower: Tower, vm: SimVm, target: SimHost | None) -> Task:
    task = _task(tower, f"Start VM {vm.name}", vm)
    home = target or vm.host

    def on() -> None:
        if home is None or home.maintenance is not Maintenance.IN_USE:
            end(tower, task, code="HOST_IN_MAINTENANCE", message="its host is in maintenance mode")
            return
        if home is not vm.host:
            tower.vm_changes(vm)
            tower.world.relocate(vm, home)
        _set(tower, task, vm, Power.RUNNING)

    tower.world.after(1.0, on)
    return task


def _task(tower: Tower, description: str, vm: SimVm) -> Task:
    return begin(tower, tower.world.new_task(description, resource=vm.cuid, type="Vm"))


def _set(tower: Tower, task: Task, vm: SimVm, power: Power) -> None:
    tower.vm_changes(vm)
    tower.world.set_power(vm, power)
    end(tower, task)

"""The simulated CloudTower's high availability: what becomes of the VMs of a host that fails.

The vendor publishes neither the tasks' words nor the timing; here a failure is noticed after a few seconds, and each VM
with HA is restarted by a task of its own on the emptiest host that has room. VMs without HA stay down.
"""

from adapters.simulated.cloudtower.maintenance import begin, end
from adapters.simulated.cloudtower.state import Tower
from adapters.simulated.records import Power, SimHost, SimVm, Task

NOTICE_SECONDS = 5.0
RESTART_SECONDS = 20.0


def fail_host(tower: Tower, name: str) -> SimHost:
    """Pull a host's plug and let HA do its work."""
    host = tower.world.kill_host(name)
    running = [vm for vm in tower.world.vms_on(host) if vm.power is Power.RUNNING]

    def notice() -> None:
        for vm in running:
            if vm.ha:
                _restart(tower, vm)
            else:
                tower.world.set_power(vm, Power.STOPPED)

    tower.world.after(NOTICE_SECONDS, notice)
    return host


def _restart(tower: Tower, vm: SimVm) -> None:
    task = begin(tower, tower.world.new_task(f"HA rebuild VM {vm.name}", resource=vm.cuid, type="Vm"))
    tower.world.after(RESTART_SECONDS, lambda: _arrive(tower, task, vm))


def _arrive(tower: Tower, task: Task, vm: SimVm) -> None:
    homes = tower.open_hosts(tower.peers(vm.host)) if vm.host else []
    fit = [h for h in homes if tower.free_memory(h) >= vm.memory_mb * 2**20]
    if not fit:
        end(tower, task, code="NO_AVAILABLE_HOST", message=f"no host can take VM {vm.name}")
        return
    tower.vm_changes(vm)
    tower.world.relocate(vm, fit[0])
    end(tower, task)

"""How a simulated CloudTower returns a host to service, and switches its power: from what entering has remembered."""

from adapters.simulated.cloudtower.maintenance import begin, end
from adapters.simulated.cloudtower.query import BadQuery, Row
from adapters.simulated.cloudtower.state import Moved, Tower
from adapters.simulated.records import Maintenance, Power, SimHost, Task

REBOOT_SECONDS = 30.0
_LISTS = {"stopped": "shutDownVms", "live": "liveMigrateVms", "offline": "offlineMigrateVms"}


def exit_precheck(tower: Tower, host: SimHost) -> Row:
    """The three lists of VMs that entering moved or stopped; deleted ones are gone from them."""
    if host.maintenance is not Maintenance.IN_MAINTENANCE:
        raise BadQuery(f"host {host.name} is not in maintenance mode")
    lists: Row = {"shutDownVms": [], "liveMigrateVms": [], "offlineMigrateVms": []}
    for moved in tower.moved.get(host.cuid, ()):
        if moved.vm.id in tower.world.vms:
            lists[_LISTS[moved.how]].append(_entry(moved, host))
    return lists


def _entry(moved: Moved, host: SimHost) -> Row:
    vm = moved.vm
    place = vm.host.name if vm.host else ""
    reason = ""
    if vm.host is not (moved.to or host):
        reason = f"VM has been moved to host {place}"
    elif (vm.power is Power.RUNNING) is not (moved.how == "live"):
        reason = f"VM is {vm.power.value.lower()} now"
    return {
        "vm_uuid": vm.id,
        "vm_name": vm.name,
        "vm_state": vm.power.value.lower(),
        "vm_ha": vm.ha,
        "state": "done",
        "target_host_name": place,
        "verify": {"changed": bool(reason), "reason": reason},
    }


def leave(tower: Tower, host: SimHost, *, power_on: list[str], live_back: list[str], offline_back: list[str]) -> Task:
    """Begin to leave maintenance; while it lasts the host shows as in maintenance, for there is no other word.

    Raises:
        BadQuery: refused; nothing happened.
    """
    if host.maintenance is not Maintenance.IN_MAINTENANCE:
        raise BadQuery(f"host {host.name} is not in maintenance mode")
    if not host.alive:
        raise BadQuery(f"host {host.name} is not connected")
    known = {m.vm.id for m in tower.moved.get(host.cuid, ())} & tower.world.vms.keys()
    if strange := [uuid for uuid in (*power_on, *live_back, *offline_back) if uuid not in known]:
        raise BadQuery(f"VM {strange[0]} was not changed by the maintenance of host {host.name}")
    task = begin(tower, tower.world.new_task(f"Host {host.name} from maintenance", resource=host.cuid, type="Host"))
    todo = [*((u, "back") for u in (*live_back, *offline_back)), *((u, "on") for u in power_on)]
    total = max(1, len(todo))

    def work() -> None:
        if not todo:
            tower.host_changes(host)
            host.maintenance, host.maintenance_job, host.maintenance_since = Maintenance.IN_USE, None, None
            tower.moved.pop(host.cuid, None)
            end(tower, task)
            return
        uuid, what = todo.pop(0)
        vm = tower.world.vms.get(uuid)
        if vm is None:
            end(tower, task, code="VM_NOT_FOUND", message=f"VM {uuid} does not exist")
            return
        tower.vm_changes(vm)
        if what == "on":
            tower.world.set_power(vm, Power.RUNNING)
        else:
            tower.world.relocate(vm, host)
        task.progress = 1 - len(todo) / total
        tower.world.after(host.knobs.spawn_seconds if what == "on" else host.knobs.live_seconds, work)

    tower.world.after(tower.task_seconds, work)
    return task


def switch_power(tower: Tower, host: SimHost, *, action: str, force: bool) -> Task:
    """Begin to power a host off or to reboot it.

    Raises:
        BadQuery: refused; nothing happened.
    """
    world = tower.world
    if action not in {"poweroff", "reboot"}:
        raise BadQuery(f"action {action} is neither poweroff nor reboot")
    if host.maintenance is not Maintenance.IN_MAINTENANCE and not force:
        raise BadQuery(f"host {host.name} is not in maintenance mode")
    if any((vm.usage or "").startswith("CLOUDTOWER") and vm.power is Power.RUNNING for vm in world.vms_on(host)):
        raise BadQuery(f"CloudTower runs on host {host.name}")
    if host.name == tower.attached_to:
        raise BadQuery(f"the cluster is attached through host {host.name}")
    task = begin(tower, world.new_task(f"Power of host {host.name}: {action}", resource=host.cuid, type="Host"))

    def on() -> None:
        world.revive_host(host.id)

    def off() -> None:
        for vm in world.vms_on(host):
            tower.vm_changes(vm)
            world.set_power(vm, Power.STOPPED)
        world.kill_host(host.id)
        if action == "reboot":
            world.after(REBOOT_SECONDS, on)
        end(tower, task)

    world.after(tower.task_seconds + 1.0, off)
    return task

"""The simulated CloudTower's objects as its API shows them: hosts, VMs, clusters, tasks, alerts, labels, the user.

Every required field of the OpenAPI document 4.6.0 is there, also those nobody reads, so that the official SDK and a
JSON schema accept the replies.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from adapters.simulated.cloudtower.query import QueryTable, Row
from adapters.simulated.cloudtower.state import USERNAME, HostAlert, Tower
from adapters.simulated.records import Cluster, Maintenance, Platform, Power, SimHost, SimVm, Task

USER_ID = "cmuster0000000000000000000"
_COLUMNS = {  # what can be filtered and sorted by; `host_state` cannot (sheet §0)
    "Host": "id local_id name management_ip hypervisor_ip status state entityAsyncStatus total_memory_bytes"
    " allocatable_memory_bytes vm_num running_vm_num stopped_vm_num suspended_vm_num model os_version",
    "Vm": "id local_id name status ha vcpu memory internal in_recycle_bin vm_usage protected vm_tools_status"
    " entityAsyncStatus local_created_at description firmware ips node_ip",
    "Cluster": "id local_id name connect_state hypervisor ip host_num type version",
    "Task": "id status progress description error_code error_message resource_id resource_type resource_mutation"
    " started_at finished_at local_created_at internal",
    "Alert": "id message cause impact solution severity ended local_create_time local_start_time local_end_time",
    "Label": "id key value createdAt",
}
_HOST_ZEROES = (
    *("failure_data_space", "hdd_data_capacity", "hdd_disk_count", "nic_count", "os_memory_bytes"),
    *("pmem_dimm_capacity", "pmem_dimm_count", "pmem_disk_count", "ssd_data_capacity", "ssd_disk_count"),
    *("total_data_capacity", "used_data_space", "cpu_hz_per_core", "total_cpu_hz"),
)


class Tables:
    """What can be asked of one tower, as of now; each table is made when it is first needed."""

    def __init__(self, tower: Tower) -> None:
        self._tower = tower
        self._made: dict[str, QueryTable] = {}

    def hosts(self) -> QueryTable:
        return self._table(
            "Host",
            lambda: [host_row(self._tower, h) for h in self._tower.hosts()],
            relations={"cluster": self.clusters},
            lists={"vms": self.vms, "labels": self.labels},
        )

    def vms(self) -> QueryTable:
        return self._table(
            "Vm",
            lambda: [vm_row(self._tower, v) for v in self._tower.vms()],
            relations={"cluster": self.clusters, "host": self.hosts},
            lists={"labels": self.labels},
        )

    def clusters(self) -> QueryTable:
        return self._table("Cluster", lambda: [cluster_row(self._tower, c) for c in _clusters(self._tower)])

    def tasks(self) -> QueryTable:
        world = self._tower.world
        homes = {vm.cuid: vm.cluster for vm in world.vms.values()} | {h.cuid: h.cluster for h in self._tower.hosts()}
        return self._table(
            "Task",
            lambda: [task_row(self._tower, t, homes.get(t.resource_id or "")) for t in world.tasks.values()],
            relations={"cluster": self.clusters},
        )

    def alerts(self) -> QueryTable:
        return self._table(
            "Alert",
            lambda: [alert_row(self._tower, a) for a in self._tower.alerts],
            relations={"host": self.hosts},
        )

    def labels(self) -> QueryTable:
        return self._table("Label", lambda: label_rows(self._tower))

    def _table(
        self,
        name: str,
        make: Callable[[], list[Row]],
        *,
        relations: dict[str, Callable[[], QueryTable]] | None = None,
        lists: dict[str, Callable[[], QueryTable]] | None = None,
    ) -> QueryTable:
        if name not in self._made:
            self._made[name] = QueryTable(
                name=name,
                rows=make(),
                columns=frozenset(_COLUMNS[name].split()),
                relations=relations or {},
                lists=lists or {},
            )
        return self._made[name]


def host_row(tower: Tower, host: SimHost) -> Row:
    vms = [vm for vm in tower.vms() if tower.seen(vm)[1] is host]
    counted = [vm for vm in tower.world.vms_of(Platform.CLOUDTOWER) if tower.seen(vm)[1] is host]
    powers = [tower.seen(vm)[0] for vm in counted]
    mode = tower.mode(host)
    total = host.capacity.memory_mb * 2**20
    row: Row = {
        "id": host.cuid,
        "local_id": host.id,
        "name": host.name,
        "cluster": _cluster_ref(host.cluster),
        "management_ip": host.address,
        "hypervisor_ip": host.address,
        "status": f"CONNECTED_{host.health}" if host.alive else "CONNECTED_ERROR",
        "state": "IN_USE",
        "host_state": _host_state(host, mode),
        "entityAsyncStatus": None,
        "total_memory_bytes": total,
        "allocatable_memory_bytes": tower.free_memory(host),
        "running_pause_vm_memory_bytes": total - tower.free_memory(host),
        "provisioned_memory_bytes": sum(vm.memory_mb for vm in vms) * 2**20,
        "provisioned_cpu_cores": sum(vm.vcpus for vm in vms),
        "total_cpu_cores": host.capacity.vcpus,
        "vm_num": len(counted),  # as the cluster has it: also those that the user may not see
        "running_vm_num": powers.count(Power.RUNNING),
        "stopped_vm_num": powers.count(Power.STOPPED),
        "suspended_vm_num": powers.count(Power.SUSPENDED),
        "vms": [{"id": vm.cuid, "name": vm.name} for vm in vms],
        "labels": _labels_of(tower, host.cuid),
        "chunk_id": "1",
        "compatible_cpu_models": [],
        "cpu_brand": "Simulated",
        "cpu_model": "Simulated",
        "cpu_fan_speed": [],
        "cpu_temperature_celsius": [],
        "lsm_cap_disk_safe_umount": False,
        "model": "Simulated",
        "nested_virtualization": False,
        "os_version": "6.2.0",
    }
    row |= dict.fromkeys(_HOST_ZEROES, 0)
    if _at_least(tower, (4, 7)):
        row["connect_status"] = "CONNECTED" if host.alive else "DISCONNECTED"
        row["merged_status"] = _merged(host)
    return row


def _merged(host: SimHost) -> str:
    if not host.alive:
        return "DISCONNECTED"
    return "HEALTHY" if host.health == "HEALTHY" else "UNUSUAL"


def _host_state(host: SimHost, mode: Maintenance) -> Row | None:
    """Null for a host that was never in maintenance."""
    if mode is Maintenance.IN_USE and host.maintenance_job is None:
        return None
    return {
        "state": mode.value,
        "maintenance_job_id": host.maintenance_job or "",
        "enter_maintenance_time": moment(host.maintenance_since) or "",
    }


def vm_row(tower: Tower, vm: SimVm) -> Row:
    power, host = tower.seen(vm)
    devices = {name: [{"id": f"{name}-0", "name": name}] for name in vm.devices}
    return {
        "id": vm.cuid,
        "local_id": vm.id,
        "name": vm.name,
        "status": "UNKNOWN" if vm.state == "unknown" else ("RUNNING" if power is Power.PAUSED else power.value),
        "ha": vm.ha,
        "host": {"id": host.cuid, "name": host.name, "management_ip": host.address} if host else None,
        "cluster": _cluster_ref(vm.cluster),
        "vcpu": vm.vcpus,
        "cpu": {"cores": vm.vcpus, "sockets": 1},
        "memory": vm.memory_mb * 2**20,
        "internal": False,
        "in_recycle_bin": vm.in_recycle_bin,
        "vm_usage": vm.usage,
        "protected": vm.protected,
        "vm_tools_status": "NOT_INSTALLED",
        "entityAsyncStatus": vm.busy,
        "gpu_devices": devices.get("gpu", []),
        "pci_nics": devices.get("pci", []),
        "usb_devices": devices.get("usb", []),
        "labels": _labels_of(tower, vm.cuid),
        "local_created_at": moment(vm.created_at),
        "clock_offset": "UTC",
        "cpu_model": "cluster_default",
        "description": "",
        "firmware": "BIOS",
        "ips": "",
        "nested_virtualization": False,
        "node_ip": host.address if host else "",
        "out_uninstall_usb": [],
        "win_opt": False,
    }


def cluster_row(tower: Tower, cluster: Cluster) -> Row:
    hosts = [h for h in tower.hosts() if h.cluster is cluster]
    return {
        "id": cluster.id,
        "local_id": cluster.local_id,
        "name": cluster.name,
        "architecture": "X86_64",
        "connect_state": "CONNECTED",
        "hypervisor": "ELF",
        "dns": [],
        "ntp_servers": [],
        "ip": next((h.address for h in hosts if h.name == tower.attached_to), "10.255.0.10"),
        "host_num": len(hosts),
        "recover_data_size": 0,
        "recommended_cpu_models": [],
        "total_cpu_models": [],
        "type": "SMTX_OS",
        "version": "6.2.0",
    }


def task_row(tower: Tower, task: Task, cluster: Cluster | None) -> Row:
    def by_its_clock(at: datetime | None) -> str | None:
        return moment(at + tower.clock_ahead if at else None)

    return {
        "id": task.id,
        "status": task.status,
        "progress": task.progress,
        "description": task.description,
        "error_code": task.error_code,
        "error_message": task.error_message,
        "resource_id": task.resource_id,
        "resource_type": task.resource_type,
        "resource_mutation": task.resource_mutation,
        "started_at": by_its_clock(task.started_at),
        "finished_at": by_its_clock(task.finished_at),
        "local_created_at": by_its_clock(task.created_at),
        "steps": [],
        "cluster": _cluster_ref(cluster) if cluster else None,
        "user": {"id": USER_ID, "name": USERNAME},
        "internal": False,
        "args": {},
        "snapshot": "{}",
    }


def alert_row(tower: Tower, alert: HostAlert) -> Row:
    at = moment(tower.world.born)
    return {
        "id": alert.id,
        "local_id": alert.id,
        "message": alert.message,
        "cause": "",
        "impact": "",
        "solution": "",
        "severity": alert.severity,
        "ended": alert.ended,
        "host": {"id": alert.host.cuid, "name": alert.host.name, "management_ip": alert.host.address},
        "labels": {},
        "local_create_time": at,
        "local_start_time": at,
        "local_update_time": at,
        "local_end_time": at if alert.ended else "",
        "threshold": 0,
        "value": 0,
    }


def label_rows(tower: Tower) -> list[Row]:
    pairs = sorted({(k, v) for labels in tower.labels.values() for k, v in labels.items()})
    at = moment(tower.world.born)
    return [{"id": _label_id(k, v), "key": k, "value": v, "createdAt": at} for k, v in pairs]


def user_row(tower: Tower) -> Row:
    return {
        "id": USER_ID,
        "username": USERNAME,
        "name": USERNAME,
        "display_username": USERNAME,
        "internal": False,
        "role": tower.role,
        "source": "LOCAL",
    }


def moment(at: datetime | None) -> str | None:
    """As JavaScript writes times: milliseconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z" if at else None


def _clusters(tower: Tower) -> list[Cluster]:
    return [c for c in tower.world.clusters.values() if c.kind is Platform.CLOUDTOWER]


def _cluster_ref(cluster: Cluster) -> dict[str, Any]:
    return {"id": cluster.id, "name": cluster.name}


def _labels_of(tower: Tower, id: str) -> list[Row]:
    return [{"id": _label_id(k, v), "key": k, "value": v} for k, v in sorted(tower.labels.get(id, {}).items())]


def _label_id(key: str, value: str) -> str:
    return f"label-{key}-{value}"


def _at_least(tower: Tower, least: tuple[int, int]) -> bool:
    parts = tower.version.split(".")
    return (int(parts[0]), int(parts[1])) >= least

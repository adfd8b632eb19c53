"""How the simulated Nova shows servers, migrations and actions at each microversion. Pure: records in, JSON out."""

import hashlib
from collections.abc import Sequence
from typing import Any

from adapters.simulated.openstack.http import Context, iso, iso_micro
from adapters.simulated.records import ActionEvent, Move, MoveKind, Power, ServerAction, SimHost, SimVm, SimVolume
from adapters.simulated.world import World

_RESIZING = dict.fromkeys(("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), "RESIZE")
_REBUILDING = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")
_STATUSES: dict[str, tuple[str, dict[str, str]]] = {
    "active": (
        "ACTIVE",
        {"migrating": "MIGRATING", "rebooting": "REBOOT", **_RESIZING, **_REBUILDING},
    ),
    "building": ("BUILD", {}),
    "stopped": ("SHUTOFF", {**_RESIZING, **_REBUILDING}),
    "resized": ("VERIFY_RESIZE", {"resize_reverting": "REVERT_RESIZE"}),
    "paused": ("PAUSED", {"migrating": "MIGRATING"}),
    "suspended": ("SUSPENDED", {}),
    "rescued": ("RESCUE", {}),
    "error": ("ERROR", _REBUILDING),
    "soft-delete": ("SOFT_DELETED", {}),
    "shelved": ("SHELVED", {}),
    "shelved_offloaded": ("SHELVED_OFFLOADED", {}),
}
STATUSES = {s for default, tasks in _STATUSES.values() for s in (default, *tasks.values())}
_POWER_STATES = {Power.RUNNING: 1, Power.PAUSED: 3, Power.STOPPED: 4, Power.SUSPENDED: 4}
_WITH_PROGRESS = {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"}
LIVE_IN_PROGRESS = {"queued", "preparing", "running", "post-migrating"}


def status(vm: SimVm) -> str:
    """Nova's status of a server, from its vm_state and task_state."""
    default, by_task = _STATUSES.get(vm.state, ("UNKNOWN", {}))
    return by_task.get(vm.task or "", default)


def host_id(vm: SimVm, host: str | None) -> str:
    """What a member sees of a host: a hash that differs per project."""
    if not host:
        return ""
    project = vm.project.id if vm.project else ""
    return hashlib.sha224(f"{project}{host}".encode()).hexdigest()


def brief(vm: SimVm, base: str) -> dict[str, Any]:
    """A server in `GET /servers`."""
    return {"id": vm.id, "name": vm.name, "links": links(base, "servers", vm.id)}


def minimal(vm: SimVm, base: str) -> dict[str, Any]:
    """A server in a cell that does not answer, from 2.69 on (api-guide, "Handling Down Cells")."""
    project = vm.project.id if vm.project else ""
    shown = {"id": vm.id, "status": "UNKNOWN", "tenant_id": project, "created": iso(vm.created_at)}
    return {**shown, "links": links(base, "servers", vm.id)}


def server(
    world: World, vm: SimVm, asked: Context, base: str, *, volumes: Sequence[SimVolume], alone: bool
) -> dict[str, Any]:
    """A server in full.

    Args:
        world: where it lives.
        vm: the server.
        volumes: what is attached to it.
        asked: by whom and at which microversion.
        base: the service's address, for links.
        alone: whether it is shown alone (`GET /servers/{id}`) rather than in a list.
    """
    minor, shown_status = asked.version, status(vm)
    shown: dict[str, Any] = {**brief(vm, base), **_always(vm, base, minor)}
    shown["os-extended-volumes:volumes_attached"] = [
        {"id": v.id} if minor < 3 else {"id": v.id, "delete_on_termination": False} for v in volumes
    ]
    if shown_status == "ERROR" and vm.fault is not None:
        shown["fault"] = {"code": vm.fault.code, "created": iso(vm.fault.at), "message": vm.fault.message}
    if shown_status in _WITH_PROGRESS:
        shown["progress"] = 0
    if asked.is_admin:
        shown.update(_for_admins(world, vm, minor))
    shown.update(_newer(world, vm, asked, alone=alone))
    return shown


def _always(vm: SimVm, base: str, minor: int) -> dict[str, Any]:
    """What every microversion and everybody sees."""
    project = vm.project.id if vm.project else ""
    return {
        "status": status(vm),
        "tenant_id": project,
        "user_id": project,
        "metadata": dict(vm.metadata),
        "hostId": host_id(vm, vm.host.name if vm.host else None),
        "image": {"id": vm.image.id, "links": links(base, "images", vm.image.id)} if vm.image else "",
        "flavor": _flavor(vm, minor, base),
        "created": iso(vm.created_at),
        "updated": iso(vm.updated_at),
        "addresses": {},
        "accessIPv4": "",
        "accessIPv6": "",
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": vm.host.zone if vm.host else "",
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": iso_micro(vm.launched_at),
        "OS-SRV-USG:terminated_at": None,
        "OS-EXT-STS:task_state": vm.task,
        "OS-EXT-STS:vm_state": vm.state,
        "OS-EXT-STS:power_state": _POWER_STATES[vm.power],
    }


def _for_admins(world: World, vm: SimVm, minor: int) -> dict[str, Any]:
    host = vm.host.name if vm.host else None
    shown: dict[str, Any] = {
        "host": host,
        "instance_name": f"instance-{int(vm.id[:8], 16):08x}",
        "hypervisor_hostname": _node(world, vm),
    }
    if minor >= 3:
        shown |= {
            "hostname": vm.name,
            "kernel_id": "",
            "launch_index": 0,
            "ramdisk_id": "",
            "reservation_id": f"r-{vm.id[:8]}",
            "root_device_name": "/dev/vda",
            "user_data": None,
        }
    named = {f"OS-EXT-SRV-ATTR:{name}": value for name, value in shown.items()}
    if minor >= 16:
        named["host_status"] = _host_status(world, vm.host)
    return named


def _node(world: World, vm: SimVm) -> str | None:
    """The hypervisor, or the bare-metal machine that the server is."""
    if vm.host is None or not vm.host.nodes:
        return vm.host.name if vm.host else None
    return vm.host.nodes[world.vms_on(vm.host).index(vm) % len(vm.host.nodes)]


def _host_status(world: World, host: SimHost | None) -> str:
    if host is None:
        return ""
    if host.forced_down:
        return "DOWN"
    if not host.enabled:
        return "MAINTENANCE"
    return "UP" if world.is_up(host) else "UNKNOWN"


def _newer(world: World, vm: SimVm, asked: Context, *, alone: bool) -> dict[str, Any]:
    """What later microversions added."""
    added: dict[int, tuple[str, Any]] = {
        9: ("locked", vm.locked_by is not None),
        19: ("description", None),
        26: ("tags", []),
        63: ("trusted_image_certificates", None),
        73: ("locked_reason", vm.locked_reason),
        96: ("pinned_availability_zone", None),
        100: ("scheduler_hints", {}),
    }
    shown = {name: value for since, (name, value) in added.items() if asked.version >= since}
    if asked.version >= 71 and alone:
        shown["server_groups"] = [g.id for g in world.groups.values() if vm in g.members]
    if asked.version >= 90 and not asked.is_admin:
        shown["OS-EXT-SRV-ATTR:hostname"] = vm.name
    if asked.version >= 98 and vm.image is not None:
        image = {**dict(vm.image.properties)}
        shown["image"] = {"id": vm.image.id, "links": [], "properties": image}
    return shown


def _flavor(vm: SimVm, minor: int, base: str) -> dict[str, Any]:
    if vm.flavor is None:
        return {}
    if minor < 47:
        return {"id": vm.flavor.id, "links": links(base, "flavors", vm.flavor.id)}
    return {
        "original_name": vm.flavor.name,
        "vcpus": vm.flavor.vcpus,
        "ram": vm.flavor.memory_mb,
        "disk": vm.flavor.disk_gb,
        "ephemeral": 0,
        "swap": 0,
        "extra_specs": dict(vm.flavor.extra),
    }


def links(base: str, collection: str, id: str) -> list[dict[str, str]]:
    """Where a thing is."""
    return [
        {"rel": "self", "href": f"{base}/v2.1/{collection}/{id}"},
        {"rel": "bookmark", "href": f"{base}/{collection}/{id}"},
    ]


def migration(move: Move, minor: int, base: str) -> dict[str, Any]:
    """A record in `GET /os-migrations`."""
    shown: dict[str, Any] = {
        "id": move.id,
        "instance_uuid": move.vm.id,
        "source_compute": move.source.name,
        "source_node": move.source.name,
        "dest_compute": move.dest.name if move.dest else None,
        "dest_node": move.dest.name if move.dest and move.status != "accepted" else None,
        "dest_host": move.dest.address if move.dest and move.status != "accepted" else None,
        "status": move.status,
        "created_at": iso_micro(move.created_at),
        "updated_at": iso_micro(move.updated_at),
        "old_instance_type_id": 1 if move.kind is not MoveKind.EVACUATION else None,
        "new_instance_type_id": 1 if move.kind is not MoveKind.EVACUATION else None,
    }
    if minor >= 23:
        shown["migration_type"] = move.kind.value
        if move.kind is MoveKind.LIVE and move.status in LIVE_IN_PROGRESS:
            shown["links"] = links(base, f"servers/{move.vm.id}/migrations", str(move.id))
    return shown | _whose(move, minor)


def _whose(move: Move, minor: int) -> dict[str, Any]:
    """What later microversions say of a record: which it is, and who asked for it."""
    which = {"uuid": move.uuid} if minor >= 59 else {}
    return which | ({"user_id": move.user_id, "project_id": move.project_id} if minor >= 80 else {})


def live_migration(move: Move, minor: int) -> dict[str, Any]:
    """A record in `GET /servers/{id}/migrations`."""
    total = move.vm.memory_mb * 1024 * 1024
    done = int(total * move.progress)
    shown: dict[str, Any] = {
        "id": move.id,
        "server_uuid": move.vm.id,
        "source_compute": move.source.name,
        "source_node": move.source.name,
        "dest_compute": move.dest.name if move.dest else None,
        "dest_node": move.dest.name if move.dest else None,
        "dest_host": move.dest.address if move.dest else None,
        "status": move.status,
        "created_at": iso_micro(move.created_at),
        "updated_at": iso_micro(move.updated_at),
        "memory_total_bytes": total,
        "memory_processed_bytes": max(done, int(total * move.times_copied)) or None,
        "memory_remaining_bytes": total - done or None,
        "disk_total_bytes": None,
        "disk_processed_bytes": None,
        "disk_remaining_bytes": None,
    }
    return shown | _whose(move, minor)


def action(entry: ServerAction, minor: int) -> dict[str, Any]:
    """An entry of a server's action log."""
    shown: dict[str, Any] = {
        "action": entry.action,
        "instance_uuid": entry.vm_id,
        "request_id": entry.request_id,
        "user_id": entry.user_id,
        "project_id": entry.project_id,
        "start_time": iso_micro(entry.start),
        "message": entry.message,
    }
    if minor >= 58:
        shown["updated_at"] = iso_micro(entry.updated)
    return shown


def event(noted: ActionEvent, vm: SimVm, asked: Context) -> dict[str, Any]:
    """An event of an action; only admins see hosts and tracebacks."""
    shown: dict[str, Any] = {
        "event": noted.event,
        "start_time": iso_micro(noted.start),
        "finish_time": iso_micro(noted.finish),
        "result": noted.result,
    }
    if asked.is_admin:
        shown["traceback"] = None if noted.details is None else f"Traceback: {noted.details}"
    if asked.version >= 62:
        if asked.is_admin:
            shown["host"] = noted.host
        shown["hostId"] = host_id(vm, noted.host)
    if asked.version >= 84:
        shown["details"] = noted.details
    return shown

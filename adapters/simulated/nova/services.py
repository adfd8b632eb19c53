"""Compute services and hypervisors of the simulated Nova."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from adapters.simulated.nova.moves import CONTROLLER
from adapters.simulated.nova.schemas import check_query, check_service_update, truth
from adapters.simulated.openstack.http import ApiError, context, iso_micro, json_body, page
from adapters.simulated.records import MoveKind, Platform, SimHost
from adapters.simulated.strays import StrayService
from adapters.simulated.world import World

CONTROL_SERVICES = (("nova-scheduler", CONTROLLER), ("nova-conductor", CONTROLLER))
_SERVICES = "os_compute_api:os-services"
_CPU = {
    "arch": "x86_64",
    "model": "Cascadelake-Server",
    "vendor": "Intel",
    "features": ["avx2", "sse4.2"],
    "topology": {"cores": 16, "threads": 2, "sockets": 1},
}


class Services:
    """Handlers about the hosts as Nova sees them; only admins may ask."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._control_ids = {host_binary: world.new_uuid() for host_binary in CONTROL_SERVICES}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2.1/os-services", self._services),
            web.put("/v2.1/os-services/{id}", self._update_service),
            web.get("/v2.1/os-hypervisors", self._hypervisors),
            web.get("/v2.1/os-hypervisors/detail", self._hypervisors),
            web.get("/v2.1/os-hypervisors/{id}", self._hypervisor),
        ]

    def _hosts(self) -> list[SimHost]:
        return self.world.hosts_of(Platform.OPENSTACK)

    def _must_answer(self) -> None:
        """Hypervisors and single services are looked for cell by cell: one that is silent fails them all.

        As nova/compute/api.py does it (`compute_node_get_all`, `compute_node_get`, `_find_service_in_cell`).
        """
        if self.world.faults.silent:
            raise ApiError(500, "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/")

    def _rows(self) -> list[SimHost | StrayService]:
        return [*self.world.strays, *self._hosts()]

    # ------------------------------------------------------------------ services

    async def _services(self, request: web.Request) -> web.Response:
        asked = context(request)
        if asked.version >= 75:
            check_query(request, {"host", "binary"})
        asked.must_be_admin(f"{_SERVICES}:list")
        shown = [
            self._control(number, binary, host, asked.version)
            for number, (binary, host) in enumerate(CONTROL_SERVICES, start=1)
        ]
        silent = self.world.faults.silent
        shown += [self._service(row, asked.version) for row in self._rows() if row.name not in silent]
        if asked.version >= 69:  # nova/compute/api.py, _service_get_all_cells
            shown += [{"binary": "nova-compute", "host": host, "status": "UNKNOWN"} for host in sorted(silent)]
        for name in ("host", "binary"):
            if name in request.query:
                shown = [s for s in shown if s[name] == request.query[name]]
        return web.json_response({"services": shown})

    def _control(self, number: int, binary: str, host: str, minor: int) -> dict[str, Any]:
        shown = {
            "id": self._control_ids[binary, host] if minor >= 53 else number,
            "binary": binary,
            "host": host,
            "zone": "internal",
            "status": "enabled",
            "state": "up",
            "updated_at": iso_micro(self.world.beat(self.world.born)),
            "disabled_reason": None,
        }
        return {**shown, "forced_down": False} if minor >= 11 else shown

    def _service(self, host: SimHost | StrayService, minor: int) -> dict[str, Any]:
        shown = {
            "id": host.service_id if minor >= 53 else self._number(host),
            "binary": "nova-compute",
            "host": host.name,
            "zone": host.zone,
            "status": "enabled" if host.enabled else "disabled",
            "state": "up" if self.world.is_up(host) else "down",
            "updated_at": iso_micro(self._updated_at(host)),
            "disabled_reason": host.disabled_reason,
        }
        return {**shown, "forced_down": host.forced_down} if minor >= 11 else shown

    def _updated_at(self, host: SimHost | StrayService) -> datetime:
        """When its record changed last: by a heartbeat or by an API call. Liveness goes by heartbeats alone."""
        beat = self.world.last_beat(host) + timedelta(seconds=host.skew)
        return max(beat, host.changed_at or beat)

    def _number(self, host: SimHost | StrayService) -> int:
        """The id of a service and a hypervisor before 2.53."""
        if isinstance(host, StrayService):
            return len(CONTROL_SERVICES) + 1 + len(self._hosts()) + self.world.strays.index(host)
        return len(CONTROL_SERVICES) + 1 + self._hosts().index(host)

    async def _update_service(self, request: web.Request) -> web.Response:
        asked, body = context(request), await json_body(request)
        wanted = request.match_info["id"]
        check_service_update(body, asked.version)
        self._must_answer()
        if asked.version >= 53:
            _check_uuid(wanted)
        asked.must_be_admin(f"{_SERVICES}:update")
        if asked.version >= 53:
            return self._update(wanted, body, asked.version)
        return self._act(wanted, body, asked.version)

    def _update(self, id: str, body: dict[str, Any], minor: int) -> web.Response:
        """`PUT /os-services/{uuid}` from 2.53."""
        for (binary, _), control in self._control_ids.items():
            if control == id:
                raise _not_compute(binary)
        host = next((h for h in self._rows() if h.service_id == id), None)
        if host is None:
            raise ApiError(404, f"Service {id} could not be found.")
        status, reason = body.get("status"), body.get("disabled_reason")
        if reason and status == "enabled":
            raise ApiError(400, "Specifying 'disabled_reason' with status 'enabled' is invalid.")
        if status is None and "forced_down" not in body:
            raise ApiError(400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.")
        was = _record(host)
        if "forced_down" in body:
            self._force(host, down=truth(body["forced_down"]))
        if status is not None:
            host.enabled, host.disabled_reason = status == "enabled", reason
        self._note_change(host, was)
        return web.json_response({"service": self._service(host, minor)})

    def _act(self, action: str, body: dict[str, Any], minor: int) -> web.Response:
        """`PUT /os-services/{action}` before 2.53."""
        if action not in {"enable", "disable", "disable-log-reason", "force-down"} or (
            action == "force-down" and minor < 11
        ):
            raise ApiError(404, "Unknown action")
        if body["binary"] != "nova-compute":
            raise _not_compute(body["binary"])
        name, reason = body["host"], body.get("disabled_reason")
        if action == "disable-log-reason" and reason is None:
            raise ApiError(400, "Missing disabled reason field")
        if action == "force-down" and "forced_down" not in body:
            raise ApiError(400, "Missing forced_down field")
        host = next((h for h in self._hosts() if h.name == name), None)
        if host is None:
            raise ApiError(404, f"Host '{name}' is not mapped to any cell")
        shown: dict[str, Any] = {"host": name, "binary": "nova-compute"}
        was = _record(host)
        if action == "force-down":
            self._force(host, down=truth(body["forced_down"]))
            self._note_change(host, was)
            shown["forced_down"] = host.forced_down
            return web.json_response({"service": shown})
        host.enabled = action == "enable"
        host.disabled_reason = reason if action == "disable-log-reason" else None
        self._note_change(host, was)
        shown["status"] = "enabled" if host.enabled else "disabled"
        if host.disabled_reason:
            shown["disabled_reason"] = host.disabled_reason
        return web.json_response({"service": shown})

    def _note_change(self, host: SimHost | StrayService, was: tuple[object, ...]) -> None:
        """To write down what is there already writes no row (SQLAlchemy), so `updated_at` stays."""
        if _record(host) != was:
            host.changed_at = self.world.now

    def _force(self, host: SimHost | StrayService, *, down: bool) -> None:
        """Set or clear forced_down; it cannot be cleared while evacuations of the host are `done`."""
        open_records = any(
            m.source is host and m.kind is MoveKind.EVACUATION and m.status == "done" for m in self.world.moves
        )
        if not down and open_records:
            raise ApiError(
                400,
                f"Unable to force up host {host.name} as `done` evacuation migration records remain associated"
                " with the host. Ensure the compute service has been restarted, allowing these records to move"
                " to `completed` before retrying this request.",
            )
        host.forced_down = down

    # ------------------------------------------------------------------ hypervisors

    async def _hypervisors(self, request: web.Request) -> web.Response:
        asked, detail = context(request), request.path.endswith("/detail")
        asked.must_be_admin(f"os_compute_api:os-hypervisors:{'list-detail' if detail else 'list'}")
        self._must_answer()
        hosts: Sequence[SimHost] = self._hosts()
        pattern = request.query.get("hypervisor_hostname_pattern") if asked.version >= 53 else None
        if pattern is not None:
            hosts = [h for h in hosts if pattern in h.name]
            if not hosts:
                raise ApiError(404, f"No hypervisor matching '{pattern}' could be found.")
        servers = _with_servers(request)
        shown = [
            view for h in hosts for view in self._views(h, self._view(h, asked.version, detail=detail, servers=servers))
        ]
        if asked.version < 33 or pattern is not None:
            return web.json_response({"hypervisors": shown})
        part, links = page(request, shown)
        return web.json_response({"hypervisors": part, **({"hypervisors_links": links} if links else {})})

    async def _hypervisor(self, request: web.Request) -> web.Response:
        asked, wanted = context(request), request.match_info["id"]
        asked.must_be_admin("os_compute_api:os-hypervisors:show")
        if asked.version >= 53:
            _check_uuid(wanted)
        servers = _with_servers(request)
        self._must_answer()
        for host in self._hosts():
            if wanted == (host.id if asked.version >= 53 else str(self._number(host))):
                return web.json_response({"hypervisor": self._view(host, asked.version, detail=True, servers=servers)})
        raise ApiError(404, f"Hypervisor with ID '{wanted}' could not be found.")

    def _views(self, host: SimHost, shown: dict[str, Any]) -> list[dict[str, Any]]:
        """One hypervisor for each host, and for each bare-metal machine, which has nothing to share out."""
        if not host.nodes:
            return [shown]
        nothing: dict[str, Any] = {
            name: 0 for name in shown if name.startswith(("vcpus", "memory", "local", "running"))
        }
        nothing |= {name: None for name in shown if name.startswith(("free_", "disk_"))}
        ironic = {**nothing, "hypervisor_type": "ironic", "hypervisor_version": 1} if "hypervisor_type" in shown else {}
        return [{**shown, **ironic, "id": node, "hypervisor_hostname": node} for node in host.nodes]

    def _view(self, host: SimHost, minor: int, *, detail: bool, servers: bool) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": host.id if minor >= 53 else self._number(host),
            "hypervisor_hostname": host.name,
            "state": "up" if self.world.is_up(host) else "down",
            "status": "enabled" if host.enabled else "disabled",
        }
        if detail:
            shown |= {
                "hypervisor_type": "QEMU",
                "hypervisor_version": 8002002,
                "host_ip": host.address,
                "service": {
                    "id": host.service_id if minor >= 53 else self._number(host),
                    "host": host.name,
                    "disabled_reason": host.disabled_reason,
                },
            }
            shown |= {"uptime": None} if minor >= 88 else self._capacity(host, minor)
        here = self.world.vms_on(host) if servers else []
        if here or (servers and minor >= 75):
            shown["servers"] = [{"name": v.name, "uuid": v.id} for v in here]
        return shown

    def _capacity(self, host: SimHost, minor: int) -> dict[str, Any]:
        """What hypervisors told before 2.88: as nova-compute has last written it (ResourceTracker._update_usage)."""
        here = self.world.vms_on(host) if host.alive else host.last_report
        memory, disk = sum(v.memory_mb for v in here), sum(v.disk_gb for v in here)
        return {
            "vcpus": host.capacity.vcpus,
            "vcpus_used": sum(v.vcpus for v in here),
            "memory_mb": host.capacity.memory_mb,
            "memory_mb_used": memory + 512,
            "free_ram_mb": host.capacity.memory_mb - memory - 512,
            "local_gb": host.capacity.disk_gb,
            "local_gb_used": disk,
            "free_disk_gb": host.capacity.disk_gb - disk,
            "disk_available_least": host.capacity.disk_gb - disk,
            "current_workload": 0,
            "running_vms": len(here),
            "cpu_info": _CPU if minor >= 28 else json.dumps(_CPU),
        }


def _record(host: SimHost | StrayService) -> tuple[object, ...]:
    """What people change in a row of the services."""
    return host.enabled, host.disabled_reason, host.forced_down


def _check_uuid(text: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F-]{32,36}", text):
        raise ApiError(400, f"Invalid uuid {text}")


def _with_servers(request: web.Request) -> bool:
    """Whether `with_servers` is asked for, which 2.53 brought."""
    return context(request).version >= 53 and truth(request.query.get("with_servers", "false"))


def _not_compute(binary: str) -> ApiError:
    return ApiError(400, f"Updating a {binary} service is not supported. Only nova-compute services can be updated.")

"""Cinder of the simulated cloud: volumes, services, backups (whose host it never shows), types, attachments."""

from typing import Any

from aiohttp import web

from adapters.simulated.openstack.http import ApiError, Context, context, iso_micro, page
from adapters.simulated.records import Attachment, CinderService, SimBackup, SimVolume
from adapters.simulated.world import World

_PAGING = {"limit", "marker", "offset", "sort", "sort_key", "sort_dir", "with_count"}
_MEMBERS_MAY = {
    *("name", "status", "metadata", "bootable", "migration_status", "availability_zone", "group_id"),
    *("size", "created_at", "updated_at", "consumes_quota", "all_tenants"),
}
_ONE_TYPE = "8c7a1b4e-6d0f-4f6e-9a55-0c4f0a3d2b11"


class Cinder:
    """Handlers of the block storage API."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._service_ids: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        found = [web.get("/", self._versions), web.get("/v3", self._version), web.get("/v3/", self._version)]
        for path, handler in (
            ("/volumes", self._list),
            ("/volumes/detail", self._detail),
            ("/volumes/{id}", self._show),
            ("/os-services", self._services),
            ("/scheduler-stats/get_pools", self._pools),
            ("/backups", self._backups),
            ("/backups/detail", self._backups),
            ("/backups/{id}", self._backup),
            ("/attachments", self._attachments),
            ("/attachments/detail", self._attachments),
            ("/types", self._types),
            ("/types/{id}", self._type),
            ("/snapshots", self._snapshots),
            ("/snapshots/detail", self._snapshots),
        ):
            found.append(web.get(f"/v3{path}", handler))
            found.append(web.get(f"/v3/{{project:[0-9a-f]{{32}}}}{path}", handler))
        return found

    def _document(self, request: web.Request) -> dict[str, Any]:
        return {
            "id": "v3.0",
            "status": "CURRENT",
            "version": "3.71",
            "min_version": "3.0",
            "updated": "2023-08-31T00:00:00Z",
            "links": [{"rel": "self", "href": f"{request.url.origin()}/volume/v3/"}],
            "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
        }

    async def _versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": [self._document(request)]}, status=300)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": [self._document(request)]})

    # ------------------------------------------------------------------ volumes

    async def _list(self, request: web.Request) -> web.Response:
        shown = [{"id": v.id, "name": v.name, "links": []} for v in self._matching(request)]
        return self._page(request, "volumes", shown)

    async def _detail(self, request: web.Request) -> web.Response:
        asked = context(request)
        return self._page(request, "volumes", [self._view(v, asked) for v in self._matching(request)])

    def _page(self, request: web.Request, name: str, items: list[dict[str, Any]]) -> web.Response:
        if not request.query.get("limit", "0").isdecimal():
            raise ApiError(400, "limit param must be an integer")
        marker = request.query.get("marker")
        if marker is not None and marker not in {str(i["id"]) for i in items}:
            raise ApiError(404, f"{name.removesuffix('s').capitalize()} {marker} could not be found.")
        shown, links = page(request, items)
        body: dict[str, Any] = {name: shown}
        if links:
            body[f"{name}_links"] = links
        return web.json_response(body)

    async def _show(self, request: web.Request) -> web.Response:
        asked, wanted = context(request), request.match_info["id"]
        volume = self.world.volumes.get(wanted)
        if volume is None or not (asked.is_admin or volume.project is asked.login.project):
            raise ApiError(404, f"Volume {wanted} could not be found.")
        return web.json_response({"volume": self._view(volume, asked)})

    def _matching(self, request: web.Request) -> list[SimVolume]:
        """Measured: a member who sends `host` is refused; for an admin it matches exactly or up to @ or #."""
        asked = context(request)
        wanted = _filters(request, _MEMBERS_MAY)
        volumes = list(self.world.volumes.values())
        volumes = _of_projects(asked, wanted, volumes)
        for name, value in wanted.items():
            if name == "host":
                volumes = [v for v in volumes if _on_host(v, value)]
            elif name in {"name", "status", "id"}:
                volumes = [v for v in volumes if getattr(v, name) == value]
            elif name == "bootable":
                volumes = [v for v in volumes if str(v.bootable).lower() == value.lower()]
        volumes.sort(key=lambda v: (v.created_at, v.id), reverse=True)
        return volumes

    def _view(self, volume: SimVolume, asked: Context) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": volume.id,
            "name": volume.name,
            "description": None,
            "status": volume.status,
            "size": volume.size_gb,
            "availability_zone": "nova",
            "created_at": iso_micro(volume.created_at),
            "updated_at": iso_micro(volume.created_at),
            "volume_type": volume.type,
            "snapshot_id": None,
            "source_volid": None,
            "metadata": {},
            "links": [],
            "user_id": volume.project.id,
            "bootable": str(volume.bootable).lower(),
            "encrypted": volume.encrypted,
            "replication_status": None,
            "consistencygroup_id": None,
            "multiattach": volume.multiattach,
            "attachments": [self._attachment(volume, a, asked) for a in volume.attachments],
            "os-vol-tenant-attr:tenant_id": volume.project.id,
        }
        return {**shown, **self._newer(volume, asked), **(_for_admins(volume, asked) if asked.is_admin else {})}

    def _newer(self, volume: SimVolume, asked: Context) -> dict[str, Any]:
        """What later microversions added."""
        added: dict[int, dict[str, Any]] = {
            13: {"group_id": None},
            48: {"service_uuid": self._service_uuid(volume.service), "shared_targets": False},
            63: {"volume_type_id": _ONE_TYPE},
            65: {"consumes_quota": True},
        }
        return {name: value for since, new in added.items() if asked.version >= since for name, value in new.items()}

    def _service_uuid(self, service: str) -> str:
        return self._service_ids.setdefault(service, self.world.new_uuid())

    def _attachment(self, volume: SimVolume, held: Attachment, asked: Context) -> dict[str, Any]:
        vm = self.world.vms.get(held.vm_id)
        host = vm.host.name if vm and vm.host and asked.is_admin else None
        return {
            "id": volume.id,
            "attachment_id": held.id,
            "volume_id": volume.id,
            "server_id": held.vm_id,
            "host_name": host,
            "device": held.device,
            "attached_at": iso_micro(held.at),
        }

    async def _attachments(self, request: web.Request) -> web.Response:
        asked = context(request)
        if asked.version < 27:
            raise ApiError(404, "The resource could not be found.")
        wanted = _filters(request, {"volume_id", "status", "instance_id", "attach_status", "all_tenants"})
        shown = [
            {"id": a.id, "volume_id": v.id, "instance": a.vm_id, "status": "attached", "attach_mode": "rw"}
            for v in _of_projects(asked, wanted, list(self.world.volumes.values()))
            for a in v.attachments
            if wanted.get("volume_id") in {None, v.id} and wanted.get("instance_id") in {None, a.vm_id}
        ]
        return self._page(request, "attachments", shown)

    # ------------------------------------------------------------------ services, backups, types

    async def _services(self, request: web.Request) -> web.Response:
        asked = context(request)
        if not asked.is_admin:
            raise ApiError(403, "Policy doesn't allow volume_extension:services:index to be performed.")
        shown = [self._service(s, asked.version) for s in self.world.cinder_services]
        host, binary = request.query.get("host"), request.query.get("binary")
        return web.json_response(
            {
                "services": [
                    s
                    for s in shown
                    if binary in {None, s["binary"]} and host in {None, s["host"], s["host"].partition("@")[0]}
                ]
            }
        )

    def _service(self, service: CinderService, minor: int) -> dict[str, Any]:
        last = service.died_at or self.world.beat(self.world.born)
        is_up = self._is_up(service)
        shown: dict[str, Any] = {
            "binary": service.binary,
            "host": service.host,
            "zone": "nova",
            "status": "enabled" if service.enabled else "disabled",
            "state": "up" if is_up else "down",
            "updated_at": iso_micro(last),
            "disabled_reason": service.disabled_reason,
        }
        if service.binary == "cinder-volume":
            shown |= {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
        if minor >= 7:
            shown["cluster"] = None
        if minor >= 49 and service.binary == "cinder-volume":
            shown["backend_state"] = "up" if is_up else "down"
        return shown

    async def _pools(self, request: web.Request) -> web.Response:
        """The pools of the backends whose service is up: one each, called like the backend."""
        if not context(request).is_admin:
            raise ApiError(403, "Policy doesn't allow scheduler_extension:scheduler_stats:get_pools to be performed.")
        detail = request.query.get("detail", "").lower() in {"1", "true"}
        pools: list[dict[str, Any]] = []
        for service in self.world.cinder_services:
            if service.binary == "cinder-volume" and self._is_up(service):
                name = f"{service.host}#{service.host.partition('@')[2]}"
                said = {"location_info": service.location_info, "pool_name": name.partition("#")[2]}
                pools.append({"name": name, "capabilities": said} if detail else {"name": name})
        return web.json_response({"pools": pools})

    def _is_up(self, service: CinderService) -> bool:
        last = service.died_at or self.world.beat(self.world.born)
        return (self.world.now - last).total_seconds() <= self.world.service_down_time

    async def _backups(self, request: web.Request) -> web.Response:
        asked = context(request)
        wanted = _filters(request, {"name", "status", "volume_id", "all_tenants"})
        backups = [
            b
            for b in self.world.backups.values()
            if b.volume in _of_projects(asked, wanted, [b.volume])
            and wanted.get("volume_id") in {None, b.volume.id}
            and wanted.get("status") in {None, b.status}
            and wanted.get("name") in {None, b.name}
        ]
        return self._page(request, "backups", [_backup(b) for b in backups])

    async def _backup(self, request: web.Request) -> web.Response:
        asked, wanted = context(request), request.match_info["id"]
        backup = self.world.backups.get(wanted)
        if backup is None or not (asked.is_admin or backup.volume.project is asked.login.project):
            raise ApiError(404, f"Backup {wanted} could not be found.")
        return web.json_response({"backup": _backup(backup)})

    async def _types(self, request: web.Request) -> web.Response:
        return web.json_response({"volume_types": [_volume_type(context(request))]})

    async def _type(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        if wanted not in {_ONE_TYPE, "default"}:
            raise ApiError(404, f"Volume type {wanted} could not be found.")
        return web.json_response({"volume_type": _volume_type(context(request))})

    async def _snapshots(self, _request: web.Request) -> web.Response:
        return web.json_response({"snapshots": []})


def _for_admins(volume: SimVolume, asked: Context) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "os-vol-host-attr:host": volume.host,
        "os-vol-mig-status-attr:migstat": None,
        "os-vol-mig-status-attr:name_id": None,
        "migration_status": None,
    }
    shown |= {"provider_id": None} if asked.version >= 21 else {}
    return shown | ({"cluster_name": volume.cluster} if asked.version >= 61 else {})


def _filters(request: web.Request, members_may: set[str]) -> dict[str, str]:
    """The filters of a list. Measured: from 3.31 a member's unknown one is refused, before it is dropped silently.

    Raises:
        ApiError: 400.
    """
    asked = context(request)
    wanted = {k: v for k, v in request.query.items() if k not in _PAGING}
    unknown = sorted(set(wanted) - members_may)
    if asked.is_admin or not unknown:
        return wanted
    if asked.version >= 31:
        raise ApiError(400, f"Invalid filters {','.join(unknown)} are found in query options.")
    return {k: v for k, v in wanted.items() if k in members_may}


def _of_projects(asked: Context, wanted: dict[str, str], volumes: list[SimVolume]) -> list[SimVolume]:
    """Only an admin who says `all_tenants` sees other projects."""
    if asked.is_admin and wanted.get("all_tenants", "").lower() in {"1", "true"}:
        project = wanted.get("project_id")
        return [v for v in volumes if project in {None, v.project.id}]
    return [v for v in volumes if v.project is asked.login.project]


def _on_host(volume: SimVolume, wanted: str) -> bool:
    return volume.host == wanted or volume.host.startswith((f"{wanted}@", f"{wanted}#"))


def _backup(backup: SimBackup) -> dict[str, Any]:
    return {
        "id": backup.id,
        "name": backup.name,
        "description": None,
        "status": backup.status,
        "size": backup.volume.size_gb,
        "object_count": 0,
        "availability_zone": "nova",
        "container": "volumebackups",
        "created_at": iso_micro(backup.created_at),
        "updated_at": iso_micro(backup.created_at),
        "fail_reason": None,
        "volume_id": backup.volume.id,
        "links": [],
        "is_incremental": False,
        "has_dependent_backups": False,
        "snapshot_id": None,
        "data_timestamp": iso_micro(backup.created_at),
    }


def _volume_type(asked: Context) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": _ONE_TYPE,
        "name": "ceph",
        "description": None,
        "is_public": True,
        "extra_specs": {},
        "os-volume-type-access:is_public": True,
    }
    return {**shown, "qos_specs_id": None} if asked.is_admin else shown

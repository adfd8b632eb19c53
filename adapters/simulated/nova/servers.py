"""Reading servers from the simulated Nova: lists with their filters and pages, one server, its action log, flavors."""

import re
from datetime import datetime
from typing import Any

from aiohttp import web

from adapters.simulated.nova import views
from adapters.simulated.nova.schemas import check_query, check_server_query
from adapters.simulated.openstack.http import ApiError, Context, context, moment, page
from adapters.simulated.records import Flavor, Platform, SimVm
from adapters.simulated.world import World

_MEMBERS_MAY = {"reservation_id", "name", "status", "image", "flavor", "ip", "changes-since"}
_MEMBERS_MAY_83 = {"availability_zone", "task_state", "vm_state", "power_state", "user_id"}
_PAGING = {"limit", "marker", "sort_key", "sort_dir", "all_tenants"}
_KNOWN = (
    _MEMBERS_MAY
    | _MEMBERS_MAY_83
    | _PAGING
    | {
        *("host", "node", "uuid", "project_id", "tenant_id", "deleted", "ip6", "locked", "tags"),
        *("tags-any", "not-tags", "not-tags-any", "changes-before", "created_at", "launched_at"),
        *("terminated_at", "progress", "hostname", "key_name", "config_drive", "auto_disk_config"),
        *("image_ref", "instance_name", "kernel_id", "ramdisk_id", "launch_index", "root_device_name"),
        *("access_ip_v4", "access_ip_v6", "display_name", "display_description", "description"),
        *("disable_terminate", "launched_on", "locked_by", "root_gb", "ephemeral_gb", "memory_mb"),
        *("vcpus", "user_data", "cell_name", "cleaned", "default_swap_device", "hidden", "vm_mode"),
        *("default_ephemeral_device", "created-since", "shutdown_terminate", "soft_deleted"),
    }
)


class SilentCell(ApiError):
    """The database of a server's cell is away: whatever is asked or ordered about it fails."""

    def __init__(self, vm: SimVm) -> None:
        super().__init__(500, "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/")
        self.vm = vm


class ServersApi:
    """Handlers that read servers."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2.1/servers", self._list),
            web.get("/v2.1/servers/detail", self._detail),
            web.get("/v2.1/servers/{id}", self._show),
            web.get("/v2.1/servers/{id}/os-instance-actions", self._actions),
            web.get("/v2.1/servers/{id}/os-instance-actions/{request_id}", self._action),
            web.get("/v2.1/servers/{id}/os-volume_attachments", self._attachments),
            web.get("/v2.1/servers/{id}/os-interface", self._interfaces),
            web.get("/v2.1/servers/{id}/shares", self._shares),
            web.get("/v2.1/flavors", self._flavors),
            web.get("/v2.1/flavors/detail", self._flavors),
            web.get("/v2.1/flavors/{id}", self._flavor),
            web.get("/v2.1/flavors/{id}/os-extra_specs", self._extra_specs),
        ]

    def find(self, request: web.Request) -> SimVm:
        """The server that a path names, if the caller may see it.

        Raises:
            ApiError: 404.
            SilentCell: its cell does not answer.
        """
        asked, wanted = context(request), request.match_info["id"]
        vm = self.world.vms.get(wanted)
        if vm is not None and self._is_silent(vm):
            raise SilentCell(vm)
        mine = vm is not None and (asked.is_admin or vm.project is asked.login.project)
        if vm is None or vm.cluster.kind is not Platform.OPENSTACK or not mine:
            raise ApiError(404, f"Instance {wanted} could not be found.")
        return vm

    def _is_silent(self, vm: SimVm) -> bool:
        return vm.host is not None and vm.host.name in self.world.faults.silent

    # ------------------------------------------------------------------ servers

    async def _list(self, request: web.Request) -> web.Response:
        return self._answer(request, detail=False)

    async def _detail(self, request: web.Request) -> web.Response:
        return self._answer(request, detail=True)

    def _answer(self, request: web.Request, *, detail: bool) -> web.Response:
        asked, base = context(request), f"{request.url.origin()}/compute"
        if asked.version >= 75:
            check_server_query(request, _KNOWN)
        vms = self._matching(request, asked, "detail" if detail else "index")
        hidden = [views.minimal(v, base) for v in vms if self._is_silent(v)] if _shows_silent_cells(request) else []
        vms = [v for v in vms if not self._is_silent(v)]  # [api] list_records_by_skipping_down_cells, on by default
        vms.sort(key=lambda v: (v.created_at, v.id), reverse=True)
        if request.query.get("sort_key") in {"display_name", "name", "uuid", "id"}:
            by_id = request.query["sort_key"] in {"uuid", "id"}
            vms.sort(
                key=lambda v: v.id if by_id else v.name,
                reverse=request.query.get("sort_dir", "desc") == "desc",
            )
        ids, links = page(request, [{"id": v.id} for v in vms])
        here = {v.id: v for v in vms}
        volumes = self.world.volumes_by_vm()
        shown = [
            views.server(self.world, here[i["id"]], asked, base, volumes=volumes.get(i["id"], []), alone=False)
            if detail
            else views.brief(here[i["id"]], base)
            for i in ids
        ]
        body: dict[str, Any] = {"servers": [*hidden, *shown]}
        if links:
            body["servers_links"] = links
        return web.json_response(body)

    def _matching(self, request: web.Request, asked: Context, policy: str) -> list[SimVm]:
        """The servers of a list. A member's filters that only admins may use are dropped silently (measured)."""
        wanted = dict(request.query)
        if not asked.is_admin:
            may = _MEMBERS_MAY | _PAGING | (_MEMBERS_MAY_83 if asked.version >= 83 else set())
            wanted = {k: v for k, v in wanted.items() if k in may}
        vms = self.world.vms_of(Platform.OPENSTACK)
        if _all_tenants(wanted.get("all_tenants")):
            asked.must_be_admin(f"os_compute_api:servers:{policy}:get_all_tenants")
            project = wanted.get("project_id") or wanted.get("tenant_id")
        else:
            project = asked.login.project.id
        if project:
            vms = [v for v in vms if v.project and v.project.id == project]
        statuses = {s.upper() for s in request.query.getall("status", [])}
        if statuses and not statuses & views.STATUSES:
            if asked.version >= 38:
                raise ApiError(400, "Invalid status value")
            return []
        since = moment(request, "changes-since")
        before = moment(request, "changes-before") if asked.version >= 66 else None
        return [v for v in vms if _matches(v, wanted, statuses) and _was_changed(v, since=since, before=before)]

    async def _show(self, request: web.Request) -> web.Response:
        base = f"{request.url.origin()}/compute"
        try:
            vm = self.find(request)
        except SilentCell as silent:
            if context(request).version < 69:
                raise
            return web.json_response({"server": views.minimal(silent.vm, base)})
        volumes = self.world.volumes_of(vm)
        shown = views.server(self.world, vm, context(request), base, volumes=volumes, alone=True)
        return web.json_response({"server": shown})

    # ------------------------------------------------------------------ what belongs to one

    async def _actions(self, request: web.Request) -> web.Response:
        asked, vm = context(request), self.find(request)
        entries = [views.action(e, asked.version) for e in self.world.actions if e.vm_id == vm.id]
        entries.reverse()
        if asked.version < 58:
            return web.json_response({"instanceActions": entries})
        check_query(request, {"limit", "marker", "changes-since", "changes-before"})
        shown, links = page(request, entries, key="request_id", missing="Marker {} could not be found.")
        body: dict[str, Any] = {"instanceActions": shown}
        if links:
            body["links"] = links
        return web.json_response(body)

    async def _action(self, request: web.Request) -> web.Response:
        asked, vm = context(request), self.find(request)
        wanted = request.match_info["request_id"]
        for entry in self.world.actions:
            if entry.vm_id == vm.id and entry.request_id == wanted:
                shown = views.action(entry, asked.version)
                if asked.is_admin or asked.version >= 51:
                    shown["events"] = [views.event(e, vm, asked) for e in reversed(entry.events)]
                return web.json_response({"instanceAction": shown})
        raise ApiError(404, f"Action for request_id {wanted} on instance {vm.id} not found")

    async def _attachments(self, request: web.Request) -> web.Response:
        asked, vm = context(request), self.find(request)
        shown = []
        for volume in self.world.volumes_of(vm):
            held = next(a for a in volume.attachments if a.vm_id == vm.id)
            entry: dict[str, Any] = {
                "volumeId": volume.id,
                "serverId": vm.id,
                "device": held.device,
            }
            if asked.version < 89:
                entry["id"] = volume.id
            if asked.version >= 70:
                entry["tag"] = None
            if asked.version >= 79:
                entry["delete_on_termination"] = False
            if asked.version >= 89:
                entry |= {"attachment_id": held.id, "bdm_uuid": held.id}
            shown.append(entry)
        return web.json_response({"volumeAttachments": shown})

    async def _interfaces(self, request: web.Request) -> web.Response:
        self.find(request)
        return web.json_response({"interfaceAttachments": []})

    async def _shares(self, request: web.Request) -> web.Response:
        """From 2.97 on (nova/api/openstack/compute/server_shares.py)."""
        if context(request).version < 97:
            raise ApiError(404, "The resource could not be found.")
        shown = [{"share_id": id, "status": "active", "tag": id} for id in self.find(request).shares]
        return web.json_response({"shares": shown})

    # ------------------------------------------------------------------ flavors

    async def _flavors(self, request: web.Request) -> web.Response:
        detail = request.path.endswith("detail")
        shown = [
            self._show_flavor(f, request) if detail else self._brief_flavor(f, request)
            for f in self.world.flavors.values()
        ]
        return web.json_response({"flavors": page(request, shown)[0]})

    async def _flavor(self, request: web.Request) -> web.Response:
        return web.json_response({"flavor": self._show_flavor(self._named_flavor(request), request)})

    async def _extra_specs(self, request: web.Request) -> web.Response:
        return web.json_response({"extra_specs": dict(self._named_flavor(request).extra)})

    def _named_flavor(self, request: web.Request) -> Flavor:
        wanted = request.match_info["id"]
        flavor = self.world.flavors.get(wanted)
        if flavor is None:
            raise ApiError(404, f"Flavor {wanted} could not be found.")
        return flavor

    def _brief_flavor(self, flavor: Flavor, request: web.Request) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": flavor.id,
            "name": flavor.name,
            "links": views.links(f"{request.url.origin()}/compute", "flavors", flavor.id),
        }
        return {**shown, "description": None} if context(request).version >= 55 else shown

    def _show_flavor(self, flavor: Flavor, request: web.Request) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "vcpus": flavor.vcpus,
            "ram": flavor.memory_mb,
            "disk": flavor.disk_gb,
            "swap": "" if context(request).version < 75 else 0,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "os-flavor-access:is_public": True,
            **self._brief_flavor(flavor, request),
        }
        if context(request).version < 102:
            shown |= {"OS-FLV-DISABLED:disabled": False, "rxtx_factor": 1.0}
        if context(request).version >= 61:
            shown["extra_specs"] = dict(flavor.extra)
        return shown


def _all_tenants(text: str | None) -> bool:
    if text is None:
        return False
    if text.lower() in {"", "1", "t", "true", "on", "y", "yes"}:
        return True
    if text.lower() in {"0", "f", "false", "off", "n", "no"}:
        return False
    raise ApiError(
        400,
        f"Unrecognized value '{text}', acceptable values are:"
        " '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'",
    )


def _shows_silent_cells(request: web.Request) -> bool:
    """Whether servers of silent cells are shown at all: from 2.69, without any filter, order or page."""
    return context(request).version >= 69 and set(request.query) <= {"all_tenants"}


def _was_changed(vm: SimVm, *, since: datetime | None, before: datetime | None) -> bool:
    """Whether it was changed last between two moments, both included; Nova keeps that in whole seconds."""
    at = vm.updated_at.replace(microsecond=0)
    return (since is None or at >= since) and (before is None or at <= before)


def _says_yes(wanted: dict[str, str], name: str) -> bool:
    return wanted.get(name, "").lower() in {"1", "t", "true", "on", "y", "yes"}


def _matches(vm: SimVm, wanted: dict[str, str], statuses: set[str]) -> bool:
    """Whether a server passes the filters. `name` is a pattern, everything else is equality."""
    if statuses and views.status(vm) not in statuses:
        return False
    is_left_out = not {"changes-since", "changes-before"} & wanted.keys() and not _says_yes(wanted, "soft_deleted")
    if vm.state == "soft-delete" and is_left_out and not _says_yes(wanted, "deleted"):
        return False
    host = vm.host.name if vm.host else None
    facts = {
        "host": host,
        "node": host,
        "uuid": vm.id,
        "vm_state": vm.state,
        "task_state": vm.task,
        "flavor": vm.flavor.id if vm.flavor else None,
        "image": vm.image.id if vm.image else None,
        "availability_zone": vm.host.zone if vm.host else None,
        "locked": str(vm.locked_by is not None).lower(),
    }
    if "name" in wanted and not re.search(wanted["name"], vm.name):
        return False
    return all(wanted[name].lower() == (fact or "").lower() for name, fact in facts.items() if name in wanted)

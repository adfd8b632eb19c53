"""The little of Glance and Neutron that clients of a compute cloud ask for: images, and ports without networks."""

from typing import Any

from aiohttp import web

from adapters.simulated.openstack.http import ApiError, context, iso, page
from adapters.simulated.records import Image, Platform, SimVm
from adapters.simulated.world import World

_NO_FILTERS = {"fields", "limit", "marker"}
_COLLECTIONS = "networks|subnets|floatingips|security-groups|routers|agents|extensions"


class Glance:
    """Handlers that read images."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._versions),
            web.get("/versions", self._versions),
            web.get("/v2/images", self._images),
            web.get("/v2/images/{id}", self._image),
        ]

    async def _versions(self, request: web.Request) -> web.Response:
        links = [{"rel": "self", "href": f"{request.url.origin()}/image/v2/"}]
        return web.json_response({"versions": [{"id": "v2.17", "status": "CURRENT", "links": links}]}, status=300)

    async def _images(self, request: web.Request) -> web.Response:
        wanted = request.query.get("name")
        shown, _ = page(request, [_image(i) for i in self.world.images.values() if wanted in {None, i.name}])
        return web.json_response({"images": shown, "first": "/v2/images", "schema": "/v2/schemas/images"})

    async def _image(self, request: web.Request) -> web.Response:
        found = self.world.images.get(request.match_info["id"])
        if found is None:
            raise ApiError(404, f"No image found with ID {request.match_info['id']}")
        return web.json_response(_image(found))


class Neutron:
    """Handlers that find no networks, and the few ports that tests gave to servers."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._versions),
            web.get("/v2.0", self._versions),
            web.get("/v2.0/", self._versions),
            web.get("/v2.0/ports", self._ports),
            web.get(f"/v2.0/{{collection:{_COLLECTIONS}}}", self._nothing),
        ]

    async def _versions(self, request: web.Request) -> web.Response:
        links = [{"rel": "self", "href": f"{request.url.origin()}/network/v2.0/"}]
        return web.json_response({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})

    async def _ports(self, request: web.Request) -> web.Response:
        """Only admins see where a port is bound; `fields` narrows each (Neutron API v2, List ports)."""
        asked, wanted = context(request), request.query
        shown = []
        for vm in self.world.vms_of(Platform.OPENSTACK):
            if not asked.is_admin and vm.project is not asked.login.project:
                continue
            host = vm.host.name if vm.host else ""
            for number, kind in enumerate(vm.ports):
                port = {"id": f"{vm.id[:-4]}{number:04}", "device_id": vm.id, "device_owner": "compute:nova"}
                port["name"] = vm.port_name
                port |= {"binding:vnic_type": kind} | (_for_admins(vm, host) if asked.is_admin else {})
                if all(port.get(name) == value for name, value in wanted.items() if name not in _NO_FILTERS):
                    shown.append(port)
        shown, links = page(request, shown)
        named = [{k: v for k, v in port.items() if k in wanted.getall("fields", list(port))} for port in shown]
        return web.json_response({"ports": named} | ({"ports_links": links} if links else {}))

    async def _nothing(self, request: web.Request) -> web.Response:
        return web.json_response({request.match_info["collection"].replace("-", "_"): []})


def _for_admins(vm: SimVm, host: str) -> dict[str, Any]:
    """Where a port is bound, and what it asks of Placement (extension port-resource-request-groups)."""
    asks = {"NET_BW_EGR_KILOBIT_PER_SEC": vm.promised_kbps}
    group = {
        "id": f"group-{vm.id}",
        "required": ["CUSTOM_PHYSNET_PUBLIC", "CUSTOM_VNIC_TYPE_NORMAL"],
        "resources": asks,
    }
    request = {"request_groups": [group], "same_subtree": [group["id"]]} if vm.promised_kbps else None
    return {"binding:host_id": host, "resource_request": request}


def _image(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "name": image.name,
        "status": "active",
        "visibility": "public",
        "container_format": "bare",
        "disk_format": "raw",
        "created_at": iso(image.created_at),
        "updated_at": iso(image.created_at),
        "size": 1024,
        "min_disk": 0,
        "min_ram": 0,
        "protected": False,
        "tags": [],
        "self": f"/v2/images/{image.id}",
        "file": f"/v2/images/{image.id}/file",
        "schema": "/v2/schemas/image",
        **dict(image.properties),
    }

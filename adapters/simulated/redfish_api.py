"""The Redfish face of the simulated data centre: the BMCs of its hosts, on one port as in a blade chassis.

    async with redfish_api.serve(world) as url:
        ...  # the machine of compute-2 is f"{url}/redfish/v1/Systems/compute-2", user root, password muster-bmc

It answers what `sushy` asks, as DSP0266 lays down: an open service root, basic authentication for all else, errors in
Redfish's own shape, and one action. As on hardware (and in sushy-tools' fake driver) power does not change at once, and
what a machine is already cannot be asked of it: some BMCs answer that with an error, which a client must survive.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import encode_basic_auth, web
from aiohttp.typedefs import Handler

from adapters.simulated.middleware import front, served
from adapters.simulated.openstack.http import ApiError
from adapters.simulated.records import Platform, SimHost
from adapters.simulated.world import World

FACE = "redfish"
USERNAME, PASSWORD = "root", "muster-bmc"
_ROOT = "/redfish/v1"
_RESETS = ("On", "ForceOff", "GracefulShutdown", "ForceRestart")


def system_path(host: str) -> str:
    """The path of a host's machine."""
    return f"{_ROOT}/Systems/{host}"


def systems(world: World, url: str) -> dict[str, str]:
    """The addresses of the machines of OpenStack's hosts, by host, where `url` is that of this face."""
    return {host.name: url + system_path(host.name) for host in world.hosts_of(Platform.OPENSTACK)}


def app(world: World) -> web.Application:
    """The whole face as one application."""
    machines = _Machines(world)
    root = web.Application(
        middlewares=[
            front(
                world,
                face=FACE,
                changes=lambda r: r.method not in {"GET", "HEAD"},
                is_login=lambda _: False,
                refusal=lambda _, status, message: _refusal(status, message),
            ),
            _door,
        ]
    )
    root.add_routes(
        [
            web.get("/redfish", _versions),
            web.get(_ROOT, _service_root),
            web.get(f"{_ROOT}/", _service_root),
            web.get(f"{_ROOT}/Systems", machines.collection),
            web.get(f"{_ROOT}/Systems/{{host}}", machines.system),
            web.post(f"{_ROOT}/Systems/{{host}}/Actions/ComputerSystem.Reset", machines.reset),
        ]
    )
    return root


@asynccontextmanager
async def serve(world: World, *, port: int = 0) -> AsyncIterator[str]:
    """Serve the face on 127.0.0.1 and yield its address.

    Args:
        world: the data centre behind it.
        port: 0: a free one.
    """
    async with served(app(world), port=port) as url:
        yield url


@web.middleware
async def _door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only the service root is open; what goes wrong is worded as Redfish does."""
    if request.path not in {"/redfish", _ROOT, f"{_ROOT}/"} and not _may_enter(request):
        refused = _refusal(401, "There is no valid session established with the implementation.")
        refused.headers["WWW-Authenticate"] = 'Basic realm="redfish"'
        return refused
    try:
        response = await handler(request)
    except ApiError as error:
        return _refusal(error.status, error.message)
    except web.HTTPNotFound:
        return _refusal(404, f"The resource at the URI {request.path} was not found.")
    response.headers["OData-Version"] = "4.0"
    return response


def _may_enter(request: web.Request) -> bool:
    return request.headers.get("Authorization") == encode_basic_auth(USERNAME, PASSWORD)


def _refusal(status: int, message: str) -> web.Response:
    code = "Base.1.8.GeneralError"
    detail = {"MessageId": code, "Message": message, "Severity": "Critical", "Resolution": "None."}
    error = {"code": code, "message": message, "@Message.ExtendedInfo": [detail]}
    return web.json_response({"error": error}, status=status)


async def _versions(_: web.Request) -> web.Response:
    return web.json_response({"v1": f"{_ROOT}/"})


async def _service_root(_: web.Request) -> web.Response:
    return web.json_response(
        {
            "@odata.id": f"{_ROOT}/",
            "@odata.type": "#ServiceRoot.v1_9_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": "1.11.0",
            "Systems": {"@odata.id": f"{_ROOT}/Systems"},
        }
    )


async def _reset_type(request: web.Request) -> str:
    """The kind of reset that a request asks for.

    Raises:
        ApiError: it asks for none.
    """
    try:
        wanted = (await request.json())["ResetType"]
    except (ValueError, LookupError, TypeError):
        raise ApiError(400, "The action Reset requires the parameter ResetType.") from None
    if wanted not in _RESETS:
        raise ApiError(400, f"The value {wanted} for the property ResetType is not in the list of acceptable values.")
    return str(wanted)


class _Machines:
    """The ComputerSystems, one for each host, by its name."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _host(self, request: web.Request) -> SimHost:
        name = request.match_info["host"]
        found = next((h for h in self.world.hosts.values() if h.name == name), None)
        if found is None:
            raise ApiError(404, f"The requested resource of type ComputerSystem named {name} was not found.")
        return found

    async def collection(self, _: web.Request) -> web.Response:
        members = [{"@odata.id": system_path(h.name)} for h in self.world.hosts.values()]
        return web.json_response(
            {
                "@odata.id": f"{_ROOT}/Systems",
                "@odata.type": "#ComputerSystemCollection.ComputerSystemCollection",
                "Name": "Computer System Collection",
                "Members@odata.count": len(members),
                "Members": members,
            }
        )

    async def system(self, request: web.Request) -> web.Response:
        host = self._host(request)
        path = system_path(host.name)
        shown: dict[str, Any] = {
            "@odata.id": path,
            "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
            "Id": host.name,
            "UUID": host.id,
            "Name": "System",
            "HostName": host.bmc_says or host.name,
            "PowerState": "On" if host.powered else "Off",
            "Boot": {"BootSourceOverrideEnabled": "Disabled"},
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": f"{path}/Actions/ComputerSystem.Reset",
                    "ResetType@Redfish.AllowableValues": list(_RESETS),
                }
            },
        }
        return web.json_response(shown)

    async def reset(self, request: web.Request) -> web.Response:
        host, wanted = self._host(request), await _reset_type(request)
        if host.powered is (wanted == "On"):
            raise ApiError(409, f"The requested resource is already {'on' if host.powered else 'off'}.")
        self.world.after(host.knobs.power_seconds, lambda: self._switch(host, wanted))
        return web.Response(status=204)

    def _switch(self, host: SimHost, wanted: str) -> None:
        if wanted != "On":
            self.world.kill_host(host.id)
        if wanted in {"On", "ForceRestart"}:
            self.world.revive_host(host.id)

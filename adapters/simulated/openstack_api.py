"""The OpenStack face of the simulated data centre: one port, a path prefix per service, real status codes.

    async with openstack_api.serve(world) as url:
        ...  # auth_url is f"{url}/identity", users admin / demo / reader, password muster-demo, domain Default

It speaks Keystone v3, Nova 2.1 … 2.104, Placement 1.0 … 1.39, Cinder 3.0 … 3.71, and the little of Glance and
Neutron that clients ask for. What it answers follows what was measured on, or read in, Nova 34 and its fellows.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.simulated import cinder_manage
from adapters.simulated.middleware import front, served
from adapters.simulated.nova.actions import Actions
from adapters.simulated.nova.groupings import Groupings
from adapters.simulated.nova.migration_records import MigrationRecords
from adapters.simulated.nova.migrations import Migrations
from adapters.simulated.nova.moves import Conductor
from adapters.simulated.nova.servers import ServersApi
from adapters.simulated.nova.services import Services
from adapters.simulated.openstack import placement as openstack_placement
from adapters.simulated.openstack.http import (
    ServedMicroversions,
    no_such_path,
    nova_refusal,
    service,
    unauthorized,
)
from adapters.simulated.openstack.identity import Keystone
from adapters.simulated.openstack.images_and_ports import Glance, Neutron
from adapters.simulated.openstack.placement import Placement
from adapters.simulated.openstack.volume import Cinder
from adapters.simulated.world import World

FACE = "openstack"


@dataclass(frozen=True, kw_only=True)
class Release:
    """The highest minor versions that a release of OpenStack speaks."""

    nova: int = 104
    placement: int = 39


OCATA = Release(nova=42, placement=4)
"""The last release (2017) below 2.53. https://docs.openstack.org/nova/latest/reference/api-microversion-history.html"""
KEYSTONE = web.AppKey("keystone", Keystone)
_CINDER = ServedMicroversions(service="volume", major=3, lowest=0, highest=71)
_LOGIN = "/identity/v3/auth/tokens"


def app(world: World, *, keystone: Keystone | None = None, release: Release | None = None) -> web.Application:
    """The whole face as one application.

    Args:
        world: the data centre behind it.
        keystone: who may log in; None: the usual users.
        release: what it speaks; None: of 2025.
    """
    keystone, release = keystone or Keystone(world), release or Release()
    root = web.Application(middlewares=[door(world)])
    root[KEYSTONE] = keystone
    _mount(root, "/identity", web.Application(), keystone.routes())
    _add_controller(root, world)
    nova = _nova(world, keystone, release.nova)
    for prefix, one, routes in (
        ("/compute", *nova),
        ("/placement", *_placement(world, keystone, release.placement)),
        ("/volume", *_cinder(world, keystone)),
        ("/image", *_glance(world, keystone)),
        ("/network", *_neutron(world, keystone)),
    ):
        _mount(root, prefix, one, routes)
    return root


def door(world: World) -> Middleware:
    """What every call to the face passes: the log, and ordered faults."""
    return front(
        world,
        face=FACE,
        changes=lambda r: r.method not in {"GET", "HEAD"} and not r.path.startswith("/identity"),
        is_login=lambda r: r.method == "POST" and r.path == _LOGIN,
        refusal=_refused_by_order,
    )


@asynccontextmanager
async def serve(
    world: World, *, port: int = 0, keystone: Keystone | None = None, release: Release | None = None
) -> AsyncIterator[str]:
    """Serve the face on 127.0.0.1 and yield its address; `auth_url` is that plus `/identity`.

    Args:
        world: the data centre behind it.
        port: 0: a free one.
        keystone: who may log in; None: the usual users.
        release: what it speaks; None: of 2025.
    """
    async with served(app(world, keystone=keystone, release=release), port=port) as url:
        yield url


def _add_controller(root: web.Application, world: World) -> None:
    """The controller's command line, which is no API: see `cinder_manage.main`."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(cinder_manage.answer_to(world, await request.json()))

    root.router.add_get(cinder_manage.CONTROLLER_PATH, handler)
    root.router.add_post(cinder_manage.CONTROLLER_PATH, handler)


def _mount(root: web.Application, prefix: str, one: web.Application, routes: list[web.RouteDef]) -> None:
    """Put a service under its prefix; its root answers with and without the last slash."""
    one.add_routes(routes)
    for route in routes:
        if route.path == "/":
            one.router.add_route(route.method, "", route.handler)
    root.add_subapp(prefix, one)


def _refused_by_order(request: web.Request, status: int, message: str) -> web.Response:
    if status == 401:
        return unauthorized(str(request.url.origin()))
    if request.path.startswith("/placement"):
        return openstack_placement.refusal(status, message, 0, "")
    return nova_refusal(status, message)


def _nova(world: World, keystone: Keystone, highest: int) -> tuple[web.Application, list[web.RouteDef]]:
    servers, conductor = ServersApi(world), Conductor(world)
    migrations = Migrations(conductor)
    versions = ServedMicroversions(
        service="compute", major=2, lowest=1, highest=highest, legacy_header="X-OpenStack-Nova-API-Version"
    )
    routes = [
        *_nova_versions(versions),
        *servers.routes(),
        *Actions(servers, conductor, migrations).routes(),
        *MigrationRecords(servers, conductor, migrations).routes(),
        *Services(world).routes(),
        *Groupings(world).routes(),
    ]
    open_paths = {"/compute", "/compute/", "/compute/v2.1", "/compute/v2.1/"}
    middleware = service(keystone, nova_refusal, versions, open_paths=open_paths, refuse_path=no_such_path)
    return web.Application(middlewares=[middleware]), routes


def _nova_versions(versions: ServedMicroversions) -> list[web.RouteDef]:
    """The documents that tell which microversions there are."""

    def document(request: web.Request) -> dict[str, Any]:
        return {
            "id": "v2.1",
            "status": "CURRENT",
            "version": versions.text(versions.highest),
            "min_version": versions.text(versions.lowest),
            "updated": "2025-07-04T12:00:00Z",
            "links": [
                {"rel": "self", "href": f"{request.url.origin()}/compute/v2.1/"},
                {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
            ],
        }

    async def all_of_them(request: web.Request) -> web.Response:
        return web.json_response({"versions": [document(request)]})

    async def one(request: web.Request) -> web.Response:
        media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
        return web.json_response({"version": {**document(request), "media-types": [media]}})

    return [web.get("/", all_of_them), web.get("/v2.1", one), web.get("/v2.1/", one)]


def _placement(world: World, keystone: Keystone, highest: int) -> tuple[web.Application, list[web.RouteDef]]:
    versions = ServedMicroversions(service="placement", major=1, lowest=0, highest=highest)
    refuse = partial(openstack_placement.refusal, highest=highest)
    middleware = service(keystone, refuse, versions, open_paths={"/placement", "/placement/"})
    return web.Application(middlewares=[middleware]), Placement(world, highest=highest).routes()


def _cinder(world: World, keystone: Keystone) -> tuple[web.Application, list[web.RouteDef]]:
    open_paths = {"/volume", "/volume/", "/volume/v3", "/volume/v3/"}
    middleware = service(keystone, nova_refusal, _CINDER, open_paths=open_paths, refuse_path=no_such_path)
    return web.Application(middlewares=[middleware]), Cinder(world).routes()


def _glance(world: World, keystone: Keystone) -> tuple[web.Application, list[web.RouteDef]]:
    open_paths = {"/image", "/image/", "/image/versions"}
    middleware = service(keystone, nova_refusal, None, open_paths=open_paths)
    return web.Application(middlewares=[middleware]), Glance(world).routes()


def _neutron(world: World, keystone: Keystone) -> tuple[web.Application, list[web.RouteDef]]:
    open_paths = {"/network", "/network/", "/network/v2.0", "/network/v2.0/"}
    middleware = service(keystone, nova_refusal, None, open_paths=open_paths)
    return web.Application(middlewares=[middleware]), Neutron(world).routes()

"""Stands between a client and the real services: notes every call, and lets ordered faults happen to it.

The services are reached under the paths of the simulated face, so its door (log and faults) serves here too. Addresses
in their answers (catalog, versions, links) are turned into those under which they are reached here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from adapters.simulated import openstack_api
from adapters.simulated.middleware import served
from adapters.simulated.world import World
from tests.openstack.lab.settings import Port, Settings

PATHS = {
    "identity": Port.KEYSTONE,
    "compute": Port.NOVA,
    "placement": Port.PLACEMENT,
    "image": Port.GLANCE,
    "volume": Port.CINDER,
    "network": Port.NEUTRON,
}
_OF_THE_CONNECTION = {
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "accept-encoding",
}  #: headers that concern one connection only


@asynccontextmanager
async def standing_between(world: World, settings: Settings) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 and yield the address; Keystone is at that plus `/identity`.

    Args:
        world: where calls are noted and faults are ordered; nothing else of it counts.
        settings: of the real services.
    """
    async with aiohttp.ClientSession() as http:

        async def pass_on(request: web.Request) -> web.Response:
            path = request.match_info["service"]
            real = settings.url(PATHS[path])
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _OF_THE_CONNECTION}
            address = URL(f"{real}{request.raw_path.removeprefix(f'/{path}')}", encoded=True)
            async with http.request(
                request.method, address, data=await request.read() or None, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text()
                for one, port in PATHS.items():
                    text = text.replace(settings.url(port), f"{request.url.origin()}/{one}")
                kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _OF_THE_CONNECTION)
                return web.Response(status=answer.status, body=text.encode(), headers=kept)

        app = web.Application(middlewares=[openstack_api.door(world)])
        app.router.add_route("*", f"/{{service:{'|'.join(PATHS)}}}{{rest:.*}}", pass_on)
        async with served(app) as url:
            yield url

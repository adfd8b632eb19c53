"""A dead host that has a BMC."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from adapters.openstack.settings import FencingSettings
from adapters.redfish.bmcs import Bmc, Bmcs
from adapters.redfish.settings import BmcSettings
from adapters.simulated import redfish_api
from bot.domain.settings.secret import Secret
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena


@asynccontextmanager
async def fenced(*, fence: bool = True, **entry: Any) -> AsyncIterator[OpenStackArena]:
    """The dead compute-1 of the contract's region, with a BMC."""
    async with openstack_arena(vms=2) as arena, redfish_api.serve(arena.world) as url:
        name = arena.host.name
        bmc = Bmc(**{"url": url + redfish_api.system_path(name), "username": "root", "password": "muster-bmc"} | entry)
        bmcs = Bmcs({name: bmc}, now=arena.clock.now, timeout=30)
        its = BmcSettings(url=url + redfish_api.system_path(name), password_env=Secret("muster-bmc"))
        fencing = FencingSettings(fence=fence, redfish={name: its})
        async with adapter(arena.address, arena.clock, bmcs=bmcs, fencing=fencing) as cloud:
            yield replace(arena, cloud=cloud)

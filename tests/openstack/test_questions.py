"""The simulated OpenStack against the real one: wherever both can be asked the same question, they answer alike."""

import asyncio
from functools import partial

from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.twin import differences, twin
from tests.simulated import openstack_wire as wire

SOURCE, TARGET = "compute-1", "compute-3"
MOVE = {"host": TARGET, "block_migration": "auto"}


async def test_the_simulated_cloud_answers_as_the_real_one(cloud: Cloud) -> None:
    real = await asyncio.to_thread(moved, cloud)
    async with wire.region(partial(twin, on=SOURCE, servers=("vm",))) as region:
        assert (await region.act("vm", "os-migrateLive", MOVE)).status == 202
        await region.move_ends("vm")
        found = await differences(region, cloud, {"vm": real})
    assert not found, "\n".join(found)


def moved(cloud: Cloud) -> str:
    """The id of a real server that was live-migrated."""
    (booted,) = cloud.boot(1, on=SOURCE)
    cloud.act(booted["id"], "os-migrateLive", MOVE)
    until(
        "it to move", lambda: [m for m in cloud.migrations(SOURCE, kind=None) if m["status"] == "completed"], seconds=60
    )
    return str(booted["id"])

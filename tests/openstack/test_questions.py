"""The simulated OpenStack against the real one: wherever both can be asked the same question, they answer alike."""

import asyncio
from functools import partial

from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD
from tests.openstack.twin import twin
from tests.simulated import openstack_questions as questions
from tests.simulated import openstack_wire as wire

SOURCE, TARGET = "compute-1", "compute-3"
MOVE = {"host": TARGET, "block_migration": "auto"}


async def test_the_simulated_cloud_answers_as_the_real_one(cloud: Cloud) -> None:
    real = questions.Cloud(auth_url=cloud.auth_url, password=PASSWORD, server=await asyncio.to_thread(moved, cloud))
    async with wire.region(partial(twin, on=SOURCE, servers=("vm",))) as region:
        vm = region.world.vm("vm")
        assert (await region.act("vm", "os-migrateLive", MOVE)).status == 202
        await region.move_ends("vm")
        simulated = questions.Cloud(auth_url=f"{region.url}/identity/v3", password=wire.PASSWORD, server=vm.id)
        found = await questions.differences(simulated, real)
    assert not found, "\n".join(found)


def moved(cloud: Cloud) -> str:
    """The id of a real server that was live-migrated."""
    (booted,) = cloud.boot(1, on=SOURCE)
    cloud.act(booted["id"], "os-migrateLive", MOVE)
    until(
        "it to move", lambda: [m for m in cloud.migrations(SOURCE, kind=None) if m["status"] == "completed"], seconds=60
    )
    return str(booted["id"])

"""What every cloud promises to the house, asked of the real services: each case of `tests/contract/test_cloud.py`.

A door on loopback stands between the adapter and the services: it counts the calls, and loses answers when ordered to.
While the host is dead, the simulated cloud is held to the real one about its servers as well.
"""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from tests.adapters.simulated import openstack_wire as wire
from tests.adapters.simulated.openstack_questions import OF_A_DEAD_HOST
from tests.contract.clouds import ArenaOf
from tests.contract.test_cloud import *  # noqa: F403 - a case that is added there is asked here too
from tests.openstack.arena import DEAD, LIVING, dead_host, living_host
from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.twin import differences, twin

POOL = 18  #: what all cases together take away from the dead host, and a few
SPARE = {"host": "compute-3"}
ARENAS = {"openstack": dead_host, "openstack-enter": living_host}
PARAMETERS = ("openstack", pytest.param("openstack-enter", marks=pytest.mark.slow))


@pytest.fixture(scope="module", autouse=True)
def _one_dead_host(cloud: Cloud) -> Iterator[None]:
    """One host dies for all cases, and the other is quick; everything is put right behind them."""
    cloud.turn_knobs(LIVING, lm_seconds=0.3)
    cloud.boot(POOL, on=DEAD, name="waiting")
    cloud.kill_compute(DEAD)
    cloud.wait_for_service(DEAD, "down")
    yield
    cloud.tidy()


@pytest.fixture(autouse=True)
def _empty_and_whole() -> None:
    """Not after each test, as elsewhere: a case goes on with what the one before it has left."""


@pytest.fixture(params=PARAMETERS)
def arena_of(request: pytest.FixtureRequest, cloud: Cloud) -> ArenaOf:
    """Opens arenas on the dead host, and in the slow tier on the living one too, which is filled again for each case."""
    return partial(ARENAS[request.param], cloud)


async def test_the_simulated_cloud_answers_as_the_real_one_about_the_servers_of_a_dead_host(cloud: Cloud) -> None:
    moved, waiting = await asyncio.to_thread(one_evacuated, cloud)
    async with wire.region(partial(twin, on=DEAD)) as region:
        await region.fall_silent(DEAD)
        assert (await region.act("vm-1", "evacuate", SPARE, at="2.90")).status == 200
        await region.move_ends("vm-1")
        found = await differences(region, cloud, {"vm-1": moved, "vm-2": waiting}, questions=OF_A_DEAD_HOST)
    assert not found, "\n".join(found)


def one_evacuated(cloud: Cloud) -> tuple[str, str]:
    """The id of a server that is evacuated from the dead host, and of one that waits there."""
    moved, waiting, *_ = (server["id"] for server in cloud.servers(on=DEAD))
    cloud.act(moved, "evacuate", SPARE)
    until("it to be evacuated", lambda: cloud.server(moved)["OS-EXT-SRV-ATTR:host"] != DEAD, seconds=60)
    until("it to be at rest", lambda: cloud.server(moved)["OS-EXT-STS:task_state"] is None, seconds=60)
    return moved, waiting

"""What every cloud promises of a host that returns, asked of the real services: each case of test_return.py.

What `tests/contract/test_cloud.py` promises of any plan is asked of them by test_contract.py, of hosts that are emptied:
a host that returns waits for three heartbeats in each of its cases.
"""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from tests.adapters.simulated import openstack_wire as wire
from tests.adapters.simulated.openstack_questions import OF_A_RETURNED_HOST
from tests.contract import test_return as contract
from tests.contract.clouds import ReturnOf
from tests.contract.test_return import *  # noqa: F403 - a case that is added there is asked here too
from tests.openstack.arena import LIVING, TARGET, emptied_host, revived_host
from tests.openstack.cloud import Cloud
from tests.openstack.twin import differences, twin


@pytest.fixture(scope="module", autouse=True)
def _quick_moves(cloud: Cloud) -> Iterator[None]:
    """Every host is quick; everything is put right behind all cases."""
    for host in cloud.computes:
        cloud.turn_knobs(host, lm_seconds=0.3)
    yield
    cloud.tidy()


@pytest.fixture(autouse=True)
def _empty_and_whole() -> None:
    """Not after each test, as elsewhere: a case goes on with what the one before it has left."""


@pytest.fixture
def return_of(cloud: Cloud) -> ReturnOf:
    """Opens arenas on a host that Muster has put into maintenance."""
    return partial(emptied_host, cloud)


async def test_after_an_evacuation_too_exactly_the_chosen_come_back_and_both_clouds_tell_alike(cloud: Cloud) -> None:
    """One case stands for all: to kill a host, to evacuate it and to start it again takes most of a minute."""
    await contract.test_exactly_the_chosen_come_back_and_the_others_are_not_touched(partial(revived_host, cloud))
    back, stayed = await asyncio.to_thread(one_back_and_one_away, cloud)
    async with wire.region(partial(twin, on=LIVING)) as region:
        await one_of_two_returns(region)
        found = await differences(region, cloud, {"vm-1": back, "vm-2": stayed}, questions=OF_A_RETURNED_HOST)
    assert not found, "\n".join(found)


async def one_of_two_returns(region: wire.Region) -> None:
    """What the contract's case does, in the simulated cloud: evacuated, started again, and one VM brought back."""
    await region.fall_silent(LIVING)
    for name in ("vm-1", "vm-2"):
        assert (await region.act(name, "evacuate", {"host": TARGET}, at="2.90")).status == 200
        await region.move_ends(name)
    region.world.revive_host(LIVING)
    await region.clock.pass_time(60)
    assert (await region.act("vm-1", "os-migrateLive", {"host": LIVING, "block_migration": "auto"})).status == 202
    await region.move_ends("vm-1")


def one_back_and_one_away(cloud: Cloud) -> tuple[str, str]:
    """The ids of two servers that were evacuated: one that has come back, and one that has not."""
    evacuated = {record["instance_uuid"] for record in cloud.migrations(LIVING)}
    mine = [server for server in cloud.servers() if server["id"] in evacuated]
    back, *_ = (server["id"] for server in mine if server["OS-EXT-SRV-ATTR:host"] == LIVING)
    stayed, *_ = (server["id"] for server in mine if server["OS-EXT-SRV-ATTR:host"] != LIVING)
    return back, stayed

"""What every cloud promises to the house, asked of the real services: each case of `tests/contract/test_cloud.py`.

A door on loopback stands between the adapter and the services: it counts the calls, and loses answers when ordered to.
"""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.contract.clouds import ArenaOf
from tests.contract.test_cloud import *  # noqa: F403 - a case that is added there is asked here too
from tests.openstack.arena import DEAD, LIVING, dead_host, living_host
from tests.openstack.cloud import Cloud

POOL = 20  #: what all cases together take away from the dead host, and a few
ARENAS = {"openstack": dead_host, "openstack-enter": living_host}


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


@pytest.fixture(params=sorted(ARENAS))
def arena_of(request: pytest.FixtureRequest, cloud: Cloud) -> ArenaOf:
    """Opens arenas on the dead host and on the living one in turn."""
    return partial(ARENAS[request.param], cloud)

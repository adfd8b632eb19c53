"""A simulated region for the tests of what it answers."""

from collections.abc import AsyncIterator

import pytest

from adapters.simulated.datacentre import build
from tests.adapters.simulated.openstack_wire import Region, region


@pytest.fixture
async def cloud() -> AsyncIterator[Region]:
    async with region(lambda clock: build(clock.now)) as one:
        yield one

from collections.abc import AsyncIterator

import pytest

from tests.adapters.cloudtower.bench import Bench, bench


@pytest.fixture
async def tower() -> AsyncIterator[Bench]:
    async with bench() as made:
        yield made

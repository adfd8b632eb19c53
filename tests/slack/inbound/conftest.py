"""A bot's door for the tests of what comes in from Slack."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.slack.house import House, opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        yield made

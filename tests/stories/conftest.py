from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Workspace and clouds are up; `stage.start_bot()` starts the bot."""
    async with staged(tmp_path) as stage:
        yield stage

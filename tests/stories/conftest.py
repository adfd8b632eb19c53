from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories import ledger
from tests.stories.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Workspace and clouds are up; `stage.start_bot()` starts the bot. However a story ends, its books must balance."""
    async with staged(tmp_path, forks=True) as stage:
        yield stage
        if stage.process is not None and stage.process.returncode is None:
            await stage.kill_bot()
        assert ledger.complaints(stage.folder / "muster.db", stage.world.mutations()) == []

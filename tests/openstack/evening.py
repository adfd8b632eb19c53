"""An evening on call with a real OpenStack: what the people of a test type and click, and what its own client shows."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.openstack.cloud import Cloud, Record
from tests.openstack.lab.settings import PASSWORD
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

SLOW = 120.0  #: seconds; what the cloud does on a busy machine


@dataclass(kw_only=True)
class Evening:
    """A bot, the people who talk to it, and a cloud."""

    stage: Stage
    cloud: Cloud

    async def ask(self, command: str) -> None:
        """Alice types a command; a new card comes of it."""
        cards = len(self.stage.cards())
        await self.stage.workspace.type_command(ALICE, OPS, command)
        await self.stage.until(lambda: len(self.stage.cards()) > cards, what=f"a card for {command}")

    async def approve(self) -> None:
        """Bob approves the newest card, once its plan is there."""
        await self.stage.card_says("Waiting for approval", seconds=SLOW)
        await self.stage.workspace.click(BOB, self.stage.card, label="Approve")

    async def servers(self) -> list[Record]:
        """All servers as the `openstack` client lists them."""
        listed: list[Record] = await asyncio.to_thread(
            self.cloud.cli_json, "server", "list", "--all-projects", "--long"
        )
        return listed

    async def places(self, ids: Collection[str]) -> dict[str, str]:
        """Where the `openstack` client shows these servers, by their names; all of them must be ACTIVE."""
        mine = [s for s in await self.servers() if s["ID"] in ids]
        assert {s["Status"] for s in mine} == {"ACTIVE"}, mine
        return {s["Name"]: s["Host"] for s in mine}

    async def dies(self, host: str) -> None:
        """End a compute as a power failure does, and wait until Nova knows."""
        await asyncio.to_thread(self.cloud.kill_compute, host)
        await asyncio.to_thread(self.cloud.wait_for_service, host, "down")


@asynccontextmanager
async def evening(folder: Path, cloud: Cloud, *, terms: str = "") -> AsyncIterator[Evening]:
    """A running bot over the real cloud.

    Args:
        folder: for its settings, database and log.
        cloud: the real one.
        terms: a line of TOML for the cloud's own table.
    """
    async with staged(folder, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        text = stage.config.read_text()
        stage.config.write_text(text.replace('cloud = "prod"\n', f'cloud = "prod"\n{terms}\n'))
        await stage.start_bot()
        yield Evening(stage=stage, cloud=cloud)

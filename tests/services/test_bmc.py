"""Power read from and taken by a BMC that nobody here wrote, as the person in Slack sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.services import bmc
from tests.services.bmc import Emulator
from tests.stories import ledger
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

DEAD = "compute-2"


@asynccontextmanager
async def governed(
    folder: Path, url: str, *, password: str = bmc.PASSWORD, fence: bool = False
) -> AsyncIterator[Stage]:
    """The stage, with the dead host's power in the hands of a BMC at an address."""
    async with staged(folder) as stage:
        bmc.put_in_charge(stage, url, host=DEAD, password=password, fence=fence)
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
        yield stage
        assert "password-of" not in stage.log()
        await stage.kill_bot()
        assert ledger.complaints(stage.folder / "muster.db", stage.world.mutations()) == []


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Emulator]:
    async with bmc.running(tmp_path, power="On") as emulator:
        yield emulator


async def test_power_off_is_read_and_is_proof(tmp_path: Path) -> None:
    async with bmc.running(tmp_path, power="Off") as off, governed(tmp_path, off.url) as stage:
        await stage.card_says("Waiting for approval")
        assert "The power of compute-2 is off, read twice by Redfish." in stage.card.plain
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("12 of 12 done and verified", seconds=90)
        assert off.resets() == 0


async def test_power_on_is_read_and_forbids(tmp_path: Path, on: Emulator) -> None:
    async with governed(tmp_path, on.url) as stage:
        await stage.card_says("Blocked")
        assert "The power of compute-2 is ON although Nova reports it as down." in stage.card.plain
    assert await on.power() == "On"


async def test_a_host_that_hangs_is_powered_off_seen_to_be_off_and_then_evacuated(tmp_path: Path, on: Emulator) -> None:
    async with governed(tmp_path, on.url, fence=True) as stage:
        await stage.card_says("Waiting for approval")
        assert "power compute-2 off by its BMC" in stage.card.plain
        assert (await on.power(), on.resets()) == ("On", 0)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("12 of 12 done and verified", seconds=120)
        assert (await on.power(), on.resets()) == ("Off", 1)


async def test_a_wrong_password_is_said_and_the_death_is_not_proven(tmp_path: Path, on: Emulator) -> None:
    async with governed(tmp_path, on.url, password="password-of-another") as stage:
        await stage.card_says("0 of 2 vouched for")
        assert "The BMC of compute-2 does not accept Muster's credentials." in stage.card.plain


async def test_a_bmc_that_does_not_answer_is_said_and_the_death_is_not_proven(tmp_path: Path) -> None:
    async with governed(tmp_path, f"http://127.0.0.1:{free_port()}/redfish/v1/Systems/{bmc.SYSTEM}") as stage:
        await stage.card_says("0 of 2 vouched for")
        assert "The BMC of compute-2 did not answer" in stage.card.plain

"""The disk of an embedded database is full while VMs move: people are told, nothing is begun, and it goes on by itself."""

import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stories.health import says
from tests.stories.small_disk import SmallDisk, small_disk
from tests.stories.stage import ALICE, BOB, INCIDENT, OPS, Stage, second_by_second, staged


@asynccontextmanager
async def moving(tmp_path: Path) -> AsyncIterator[tuple[Stage, SmallDisk]]:
    """A bot whose database is on a small disk, in the middle of an evacuation."""
    folder = tmp_path / "disk"
    folder.mkdir()
    async with small_disk(folder, mebibytes=4) as disk, staged(tmp_path) as made:
        text = re.sub(r"(\[store\]\nurl = ).*", rf'\1"sqlite:///{folder}/muster.db"', made.config.read_text())
        made.config.write_text(text.replace('poll = "1s"', 'poll = "1s"\nconcurrency = 4'))
        stage = replace(made, within=disk.within)
        try:
            yield stage, disk
        finally:
            if stage.process is not None and stage.process.returncode is None:
                await stage.kill_bot()


async def begin(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.until(stage.evacuated, what="the first VM")


def intended(disk: SmallDisk, copies: Path) -> set[str]:
    """The targets of the steps that were begun as far as the database knows, which nobody disturbs."""
    shutil.copytree(disk.seen_from_here, copies, ignore=shutil.ignore_patterns("ballast", "*-shm"))
    with closing(sqlite3.connect(copies / "muster.db")) as connection:
        keys = connection.execute("SELECT key FROM step WHERE state <> 'planned'").fetchall()
    return {str(key).partition(":")[2] for (key,) in keys}


async def hears_of(stage: Stage, *words: str, seconds: float = 60) -> None:
    """Wait until the one message about it in the incident channel says so, though nothing can be stored."""

    def says_so() -> bool:
        said = [m.plain for m in stage.workspace.channel_messages(INCIDENT) if "Muster on" in m.plain]
        return len(said) == 1 and all(word in said[0] for word in words)

    await stage.until(says_so, seconds=seconds, what=f"the incident channel says {words}")


async def comes_to_its_end(stage: Stage) -> None:
    """Everything once, as if nothing had happened."""
    await stage.card_says("12 of 12 done and verified", seconds=120)
    await stage.until(lambda: stage.thread_says("Done: everything was verified"), what="its end")
    assert [vm for vm, times in Counter(stage.evacuated()).items() if times > 1] == []
    assert [line for line, times in Counter(stage.thread()).items() if times > 1] == []


@pytest.mark.long
async def test_a_disk_that_is_full_for_a_while_is_told_begins_nothing_and_leaves_no_trace(tmp_path: Path) -> None:
    async with moving(tmp_path) as (stage, disk):
        address = stage.listens()
        await begin(stage)
        disk.fill()
        await says(address + "/readyz", 503, "takes nothing: the disk is full")
        assert set(stage.evacuated()) <= intended(disk, tmp_path / "copies")
        began = len(stage.evacuated())
        await says(address + "/healthz", 200)
        shown = await stage.workspace.type_command(ALICE, OPS, "/muster list")
        assert "nothing was noted and nothing is done" in shown.text
        assert (await stage.workspace.click(ALICE, stage.card, label="Pause")).error
        assert len(stage.evacuated()) == began < 12
        await hears_of(stage, "is unwell", "its database takes nothing: the disk is full", seconds=120)
        assert len(stage.evacuated()) == began
        disk.make_room()
        await says(address + "/readyz", 200, seconds=10)
        await hears_of(stage, "is well again")
        await comes_to_its_end(stage)
        assert not stage.thread_says("Paused")
        told = stage.log()
        assert told.count("the database fails") == told.count("the database is well again") == 1, told
        assert "waits for Slack" not in told
        assert "[error" not in told


@pytest.mark.long
async def test_a_bot_that_was_killed_on_a_full_disk_says_so_at_its_start_and_goes_on_once_there_is_room(
    tmp_path: Path,
) -> None:
    async with moving(tmp_path) as (stage, disk):
        await begin(stage)
        disk.fill()
        await stage.kill_bot()
        await stage.launch_bot()
        assert stage.process is not None
        assert await second_by_second(stage.process.wait, seconds=60) == 1
        assert stage.log().splitlines()[-1].endswith("database or disk is full")
        assert "Traceback" not in stage.log()
        disk.make_room()
        await stage.start_bot()
        await comes_to_its_end(stage)

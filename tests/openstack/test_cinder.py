"""Volumes and backups of a dead host get a new manager by the real cinder-manage over a real SSH server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.openstack.cloud import Cloud, Record
from tests.openstack.lab.settings import PASSWORD
from tests.openstack.storage import Storage, sshd
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

DEAD = "compute-2"
OLD, NEW = f"{DEAD}@fake#fake", "storage-1@fake#fake"
VOLUMES = 3


@pytest.fixture
def storage(cloud: Cloud) -> Iterator[Storage]:
    """The compute that is to die manages volumes and a backup as well."""
    made = Storage(cloud, DEAD)
    try:
        made.start()
        made.fill(volumes=VOLUMES)
        yield made
    finally:
        made.start()
        made.tidy()


@asynccontextmanager
async def bot(cloud: Cloud, storage: Storage, folder: Path) -> AsyncIterator[Stage]:
    """A running bot that runs `cinder-manage` over SSH."""
    with sshd(cloud, folder) as lines:
        cinder = f"{lines}command = {json.dumps(storage.command)}"
        async with staged(folder, auth_url=cloud.auth_url, password=PASSWORD, cinder=cinder) as stage:
            await stage.start_bot()
            yield stage


async def test_volumes_and_backups_are_rehomed_over_ssh_before_the_vms_move_and_go_back_by_a_click(
    cloud: Cloud, storage: Storage, tmp_path: Path
) -> None:
    assert set((await asyncio.to_thread(storage.managers)).values()) == {OLD}
    assert set((await asyncio.to_thread(storage.backup_hosts)).values()) == {DEAD}
    old_service = await asyncio.to_thread(storage.services_in_records)
    booted = await asyncio.to_thread(cloud.boot, 2, on=DEAD)
    async with bot(cloud, storage, tmp_path) as stage:
        await asyncio.to_thread(cloud.kill_compute, DEAD)
        await asyncio.to_thread(storage.kill)
        await asyncio.to_thread(cloud.wait_for_service, DEAD, "down")
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
        await stage.card_says("Waiting for approval", seconds=90)
        for word in (f"{VOLUMES} volumes", NEW, f"1 backup ({DEAD}-nightly)"):
            assert word in stage.card.plain
        assert set((await asyncio.to_thread(storage.managers)).values()) == {OLD}

        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("2 of 2 done and verified", seconds=300)
        await stage.until(lambda: stage.thread_says("Done: everything was verified"), what="the end in the thread")
        story = "\n".join(stage.thread())
        assert "Re-home volumes" in story
        assert f"(0 before, {VOLUMES} now)" in story
        await _read_back(cloud, storage, booted, old_service)

        # and back, once Cinder lives there again
        await asyncio.to_thread(storage.start)
        await stage.workspace.click(ALICE, stage.card, label="Move Volumes Back")
        await stage.until(lambda: len(stage.cards()) == 2, what="a card for the way back")
        await stage.card_says("Waiting for approval", seconds=90)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("3 of 3 done and verified", seconds=200)

    assert set((await asyncio.to_thread(storage.managers)).values()) == {OLD}
    assert set((await asyncio.to_thread(storage.backup_hosts)).values()) == {DEAD}
    assert await asyncio.to_thread(storage.services_in_records) == old_service


async def _read_back(cloud: Cloud, storage: Storage, booted: list[Record], old_service: set[str]) -> None:
    """By two clients, and by cinder-manage for what they do not show."""
    managers = await asyncio.to_thread(storage.managers)
    assert managers == {f"{DEAD}-data-{n}": NEW for n in range(1, VOLUMES + 1)}
    assert await asyncio.to_thread(storage.listed_by_cinder, DEAD) == set()
    assert await asyncio.to_thread(storage.listed_by_cinder, "storage-1@fake") == set(managers)
    assert await asyncio.to_thread(storage.backup_hosts) == {f"{DEAD}-nightly": "storage-1"}
    new_service = await asyncio.to_thread(storage.services_in_records)
    assert len(new_service) == 1
    assert not new_service & old_service
    assert {cloud.server(s["id"])["OS-EXT-SRV-ATTR:host"] for s in booted} & {DEAD} == set()


async def test_a_manager_that_cinder_does_not_list_is_refused_before_anything_is_run(
    cloud: Cloud, storage: Storage, tmp_path: Path
) -> None:
    wrong = f"{DEAD}@typo#fake"
    await asyncio.to_thread(storage.rename, OLD, wrong)  # it is taken in silence
    assert set((await asyncio.to_thread(storage.managers)).values()) == {wrong}
    try:
        async with bot(cloud, storage, tmp_path) as stage:
            await asyncio.to_thread(cloud.kill_compute, DEAD)
            await asyncio.to_thread(cloud.wait_for_service, DEAD, "down")
            await stage.workspace.type_command(ALICE, OPS, f"/evacuate check prod/{DEAD}")
            await stage.card_says("Dry run", seconds=90)
            assert f"Cinder lists no service {DEAD}@typo" in stage.card.plain
            assert wrong not in stage.card.plain.partition("Plan")[2]
        assert set((await asyncio.to_thread(storage.managers)).values()) == {wrong}
    finally:
        await asyncio.to_thread(storage.rename, wrong, OLD)

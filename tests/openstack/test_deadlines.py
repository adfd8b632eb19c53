"""Live migrations of a real Nova that take too long: aborted or forced at their deadline, read back independently."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

HOST = "compute-1"


@asynccontextmanager
async def approved(cloud: Cloud, folder: Path, late: str, *, terms: str = "concurrency = 1") -> AsyncIterator[Stage]:
    """An approved way into maintenance, mostly one VM at a time, each of which may take eight seconds."""
    async with staged(folder, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        terms = f'{terms}\n\n[clouds.migration]\ndeadline = "8s"\nlate = "{late}"\n\n[clouds.fencing.redfish]'
        stage.config.write_text(stage.config.read_text().replace("\n[clouds.fencing.redfish]", terms, 1))
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, f"/maintenance enter prod/{HOST}")
        await stage.card_says("Waiting for approval", seconds=60)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        yield stage


async def shown(cloud: Cloud, *words: str) -> list[dict[str, str]]:
    """What the openstack command lists."""
    listed: list[dict[str, str]] = await asyncio.to_thread(cloud.cli_json, *words)
    return listed


async def live_migrations(cloud: Cloud) -> dict[str, str]:
    """The status of the last live migration of each VM away from the host, by the VM's id."""
    listed = await shown(cloud, "server", "migration", "list", "--host", HOST, "--type", "live-migration")
    return {m["Server UUID"]: m["Status"] for m in sorted(listed, key=lambda m: int(m["Id"]))}


async def test_a_migration_that_hangs_is_aborted_at_its_deadline_while_others_go_and_goes_when_it_is_retried(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=HOST)
    cloud.turn_knobs(HOST, lm_seconds=300)
    async with approved(cloud, tmp_path, "abort") as stage:
        await asyncio.to_thread(
            until,
            "a live migration to run",
            lambda: [m for m in cloud.migrations(HOST, kind="live-migration") if m["status"] == "running"],
            seconds=60,
            pause=0.2,
        )
        cloud.turn_knobs(HOST, lm_seconds=1)  # those that begin from now on
        await stage.card_says("Needs a person", seconds=120)
        await stage.until(lambda: stage.thread_says("Needs a person"), what="the end in the thread")
        why, _ = stage.thread_says("it was aborted at its deadline of 8 s")  # as it failed, and in the report
        assert f"It is still on {HOST}, ACTIVE" in why

        ended = await live_migrations(cloud)
        assert sorted(ended.values()) == ["cancelled", "completed", "completed"]
        (aborted,) = [server for server, status in ended.items() if status == "cancelled"]
        servers = {s["ID"]: s for s in await shown(cloud, "server", "list", "--all-projects", "--long")}
        assert {server for server, s in servers.items() if s["Host"] == HOST} == {aborted}
        assert {s["Status"] for s in servers.values()} == {"ACTIVE"}
        events = [e["Action"] for e in await shown(cloud, "server", "event", "list", aborted)]
        assert events.count("live_migration_cancel") == 1

        await stage.workspace.click(BOB, stage.card, label="Retry Failed")
        await stage.card_says("3 of 3 done and verified", seconds=120)
    assert set((await live_migrations(cloud)).values()) == {"completed"}
    assert cloud.servers(on=HOST) == []
    assert {s["id"] for s in cloud.servers()} == {s["id"] for s in booted}


async def test_a_migration_that_hangs_in_the_only_slot_lets_the_others_go_first_and_goes_after_them(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=HOST)
    cloud.turn_knobs(HOST, lm_seconds=300)
    async with approved(cloud, tmp_path, "requeue", terms="") as stage:
        await asyncio.to_thread(
            until,
            "a live migration to run",
            lambda: [m for m in cloud.migrations(HOST, kind="live-migration") if m["status"] == "running"],
            seconds=60,
            pause=0.2,
        )
        (first,) = [m for m in cloud.migrations(HOST, kind="live-migration") if m["status"] == "running"]
        cloud.turn_knobs(HOST, lm_seconds=1)  # those that begin from now on
        await stage.card_says("3 of 3 done and verified", seconds=180)
        await stage.until(lambda: stage.thread_says("let others go before"), what="it is told")
    moves = sorted(cloud.migrations(HOST, kind="live-migration"), key=lambda m: int(m["id"]))
    assert [m["status"] for m in moves].count("completed") == 3
    hung = [m for m in moves if m["instance_uuid"] == first["instance_uuid"]]
    assert [m["status"] for m in hung] == ["cancelled", "completed"]
    assert hung[-1] is moves[-1]
    events = [e["Action"] for e in await shown(cloud, "server", "event", "list", str(first["instance_uuid"]))]
    assert events.count("live_migration_cancel") == 1
    assert cloud.servers(on=HOST) == []
    assert {s["id"] for s in cloud.servers()} == {s["id"] for s in booted}


async def test_a_migration_that_hangs_is_forced_to_complete_and_verified(cloud: Cloud, tmp_path: Path) -> None:
    (booted,) = await asyncio.to_thread(cloud.boot, 1, on=HOST)
    cloud.turn_knobs(HOST, lm_seconds=300)
    async with approved(cloud, tmp_path, "force-complete") as stage:
        await stage.card_says("1 of 1 done and verified", seconds=120)
        await stage.until(lambda: stage.thread_says("force the live migration of"), what="it is told")
    assert await live_migrations(cloud) == {booted["id"]: "completed"}
    events = [e["Action"] for e in await shown(cloud, "server", "event", "list", booted["id"])]
    assert events.count("live_migration_force_complete") == 1
    assert cloud.server(booted["id"])["status"] == "ACTIVE"
    assert cloud.servers(on=HOST) == []

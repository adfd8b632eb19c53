"""Planned work on a compute of a real OpenStack: emptied from Slack, read back by the command line, and returned."""

import asyncio
from pathlib import Path

from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD
from tests.stories.stage import ALICE, BOB, OPS, staged

HOST = "compute-1"


async def test_a_living_compute_is_emptied_from_slack_and_returned_to_service(cloud: Cloud, tmp_path: Path) -> None:
    booted = await asyncio.to_thread(cloud.boot, 5, on=HOST)
    stopped = booted[-1]["id"]
    await _stop(cloud, stopped)
    async with staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        await stage.start_bot()

        await stage.workspace.type_command(ALICE, OPS, f"/maintenance enter prod/{HOST} --reason 'new memory'")
        await stage.card_says("Waiting for approval", seconds=60)
        assert "5 VMs" in stage.card.plain
        assert not cloud.migrations(HOST, kind="live-migration")
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("5 of 5 done and verified", seconds=120)
        await stage.until(lambda: stage.thread_says("safe to power off"), what="it is called safe")

        # read back independently
        listed = await asyncio.to_thread(cloud.cli_json, "server", "list", "--all-projects", "--long")
        assert {s["ID"] for s in listed} == {s["id"] for s in booted}
        assert HOST not in {s["Host"] for s in listed}
        assert {s["ID"]: s["Status"] for s in listed} == {
            s["id"]: "SHUTOFF" if s["id"] == stopped else "ACTIVE" for s in booted
        }
        assert sorted(m["instance_uuid"] for m in cloud.migrations(HOST, kind="live-migration")) == sorted(
            s["id"] for s in booted if s["id"] != stopped
        )
        (cold,) = cloud.migrations(HOST, kind="migration")
        assert (cold["instance_uuid"], cold["status"]) == (stopped, "confirmed")
        assert await _service(cloud) == ("disabled", "up")
        assert "muster run=" in cloud.service(HOST)["disabled_reason"]

        # and back
        await stage.workspace.type_command(ALICE, OPS, f"/maintenance exit prod/{HOST}")
        await stage.until(lambda: len(stage.cards()) == 2, what="a second card")
        await stage.card_says("Waiting for approval", seconds=60)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("done and verified", seconds=60)

    assert await _service(cloud) == ("enabled", "up")
    assert {s["id"] for s in cloud.servers(on=HOST)} == set()


async def test_a_vm_that_does_not_leave_keeps_the_host_from_being_called_safe_until_it_has_left(
    cloud: Cloud, tmp_path: Path
) -> None:
    staying, stopped = await asyncio.to_thread(cloud.boot, 2, on=HOST)
    await _stop(cloud, stopped["id"])
    for other in cloud.computes:
        if other != HOST:
            cloud.turn_knobs(other, lm_check_fail="CPU incompatible")
    async with staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, f"/maintenance enter prod/{HOST}")
        await stage.card_says("Waiting for approval", seconds=60)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("Retry Failed", seconds=120)
        await stage.until(lambda: stage.thread_says("is not empty"), what="the thread says what is left")
        (why,) = stage.thread_says("was not live-migrated")
        assert "CPU incompatible" in why, "Nova shows it in the action log alone"
        assert stage.thread_says(f"{HOST} is not empty: 1 VM is still on it: {staying['name']} (ACTIVE)")
        assert not stage.thread_says("safe to power off")
        assert cloud.server(staying["id"])["status"] == "ACTIVE"
        assert [s["id"] for s in cloud.servers(on=HOST)] == [staying["id"]]
        assert await _service(cloud) == ("disabled", "up")

        for other in cloud.computes:
            cloud.turn_knobs(other, lm_check_fail="")
        await stage.workspace.click(BOB, stage.card, label="Retry Failed")
        await stage.card_says("2 of 2 done and verified", seconds=120)
        await stage.until(lambda: stage.thread_says("safe to power off"), what="it is called safe")
    assert cloud.servers(on=HOST) == []


async def test_a_compute_that_was_evacuated_returns_only_once_it_has_removed_its_old_guests(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=HOST)
    await asyncio.to_thread(cloud.stop_compute, HOST)
    await asyncio.to_thread(cloud.wait_for_service, HOST, "down")
    async with staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{HOST}")
        await stage.card_says("Waiting for approval", seconds=60)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("3 of 3 done and verified", seconds=120)

        # dead as it is, it does not return
        await stage.workspace.type_command(ALICE, OPS, f"/maintenance exit prod/{HOST}")
        await stage.until(lambda: len(stage.cards()) == 2, what="a second card")
        await stage.card_says("Blocked", seconds=60)
        assert "has not yet removed the old guests of 3 VMs" in stage.card.plain
        assert cloud.service(HOST)["forced_down"]

        # its process starts, which removes them; it is still forced down and disabled
        await asyncio.to_thread(cloud.start_compute, HOST)
        assert cloud.service(HOST)["forced_down"]
        await stage.workspace.type_command(ALICE, OPS, f"/maintenance exit prod/{HOST}")
        await stage.until(lambda: len(stage.cards()) == 3, what="a third card")
        await stage.card_says("Waiting for approval", seconds=60)
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says("done and verified", seconds=90)

    assert await _service(cloud) == ("enabled", "up")
    assert not cloud.service(HOST)["forced_down"]
    assert {m["status"] for m in cloud.migrations(HOST)} == {"completed"}
    assert {s["id"] for s in cloud.servers()} == {s["id"] for s in booted}
    assert cloud.servers(on=HOST) == []


async def _stop(cloud: Cloud, server_id: str) -> None:
    cloud.act(server_id, "os-stop")
    await asyncio.to_thread(
        until, "a server to stop", lambda: cloud.server(server_id)["status"] == "SHUTOFF", seconds=60, pause=0.5
    )


async def _service(cloud: Cloud) -> tuple[str, str]:
    """Status and state of the host as the command line shows them."""
    listed = await asyncio.to_thread(cloud.cli_json, "compute", "service", "list")
    (found,) = [s for s in listed if s["Host"] == HOST]
    return found["Status"], found["State"]

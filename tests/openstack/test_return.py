"""Computes of a real OpenStack come back with their VMs, after maintenance and after an evacuation; read back outside."""

import asyncio
from collections.abc import Collection
from pathlib import Path

from tests.openstack.cloud import Cloud
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

HOST = "compute-1"


async def test_after_maintenance_all_vms_come_back_by_one_click_and_others_stay(cloud: Cloud, tmp_path: Path) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=HOST)
    (other,) = await asyncio.to_thread(cloud.boot, 1, on="compute-3", name="other")
    stopped = booted[-1]["id"]
    cloud.act(stopped, "os-stop")
    await asyncio.to_thread(
        until, "a server to stop", lambda: cloud.server(stopped)["status"] == "SHUTOFF", seconds=60, pause=0.5
    )
    async with staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, f"/maintenance enter prod/{HOST}")
        await _approved(stage, "3 of 3 done and verified")
        away = await _where(cloud)
        assert HOST not in away.values()

        await _asked_back(stage, "Exit Maintenance")
        assert "0 of 3 VMs" in stage.card.plain
        for vm in booted:
            assert away[vm["id"]] in stage.card.plain
        await stage.workspace.click(ALICE, stage.card, label="All Back")
        await stage.card_says("2 of 2 VMs", seconds=60)
        cloud.turn_knobs(HOST, lm_check_fail="CPU incompatible")
        await _approved(stage, "Retry Failed")
        assert "CPU incompatible" in stage.card.plain
        assert await cloud.service_shown(HOST) == ("enabled", "up")
        assert await _here(cloud) == {stopped}

        cloud.turn_knobs(HOST, lm_check_fail="")
        await stage.workspace.click(BOB, stage.card, label="Retry Failed")
        await stage.card_says("3 of 3 done and verified", seconds=120)

    assert await _where(cloud) == {vm["id"]: HOST for vm in booted} | {other["id"]: "compute-3"}
    statuses = {
        s["ID"]: s["Status"] for s in await asyncio.to_thread(cloud.cli_json, "server", "list", "--all-projects")
    }
    assert statuses == {i: "SHUTOFF" if i == stopped else "ACTIVE" for i in await _where(cloud)}


async def test_after_an_evacuation_the_chosen_vms_come_back_once_the_old_guests_are_gone(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=HOST)
    await asyncio.to_thread(cloud.stop_compute, HOST)
    await asyncio.to_thread(cloud.wait_for_service, HOST, "down")
    async with staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{HOST}")
        await _approved(stage, "3 of 3 done and verified")
        away = await _where(cloud)

        # its process starts again, which removes the old guests; it is still forced down and disabled
        await asyncio.to_thread(cloud.start_compute, HOST)
        await _asked_back(stage, "Return to Service")
        chosen = [vm["id"] for vm in booted[:2]]
        await stage.choose(chosen)
        await stage.card_says("2 of 3 VMs", seconds=60)
        await _approved(stage, "2 of 2 done and verified")

    assert await cloud.service_shown(HOST) == ("enabled", "up")
    assert not cloud.service(HOST)["forced_down"]
    assert await _here(cloud) == set(chosen)
    assert (await _where(cloud))[booted[2]["id"]] == away[booted[2]["id"]]
    assert {m["status"] for m in cloud.migrations(HOST)} == {"completed"}


async def _approved(stage: Stage, end: str) -> None:
    await stage.card_says("Waiting for approval", seconds=60)
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says(end, seconds=180)


async def _asked_back(stage: Stage, label: str) -> None:
    cards = len(stage.cards())
    await stage.workspace.click(ALICE, stage.card, label=label)
    await stage.until(lambda: len(stage.cards()) > cards, what="a card for its return")
    await stage.card_says("Waiting for approval", seconds=60)


async def _where(cloud: Cloud) -> dict[str, str]:
    """The host of each server, as the command line shows it."""
    listed = await asyncio.to_thread(cloud.cli_json, "server", "list", "--all-projects", "--long")
    return {s["ID"]: s["Host"] for s in listed}


async def _here(cloud: Cloud) -> Collection[str]:
    return {id for id, host in (await _where(cloud)).items() if host == HOST}

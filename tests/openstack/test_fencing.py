"""A real compute that is dead to Nova though its machine has power: fenced by an emulated BMC, evacuated, returned."""

import asyncio
from pathlib import Path

from tests.openstack.cloud import Cloud
from tests.openstack.evening import SLOW, Evening
from tests.openstack.lab.settings import PASSWORD
from tests.services import bmc
from tests.stories.stage import ALICE, staged

HOST = "compute-1"


async def test_a_compute_with_power_is_fenced_evacuated_and_returns_only_once_it_has_removed_its_old_guests(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=HOST)
    ids = {s["id"] for s in booted}
    async with (
        bmc.running(tmp_path, power="On") as machine,
        staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage,
    ):
        bmc.put_in_charge(stage, machine.url, host=HOST, fence=True)
        await stage.start_bot()
        night = Evening(stage=stage, cloud=cloud)
        await night.dies(HOST)
        await night.ask(f"/evacuate prod/{HOST}")
        await stage.card_says("Waiting for approval", seconds=SLOW)
        assert (
            f"The power of {HOST} is ON although Nova reports it as down. Muster powers it off first"
            in stage.card.plain
        )
        assert f"power {HOST} off by its BMC" in stage.card.plain
        assert (await machine.power(), machine.resets()) == ("On", 0)
        assert not cloud.service(HOST)["forced_down"]

        await night.approve()
        await stage.card_says("3 of 3 done and verified", seconds=3 * SLOW)
        assert machine.readings_since() >= 2
        assert (await machine.power(), machine.resets()) == ("Off", 1)
        await stage.until(lambda: stage.thread_says("Done: everything was verified"), what="the end in the thread")
        phases = [line.partition("Phase: ")[2].strip("*") for line in stage.thread_says("Phase: ")]
        assert phases == ["Fence", "Take the host out of service", "Evacuate"]
        assert HOST not in (await night.places(ids)).values()
        told = await stage.answer(ALICE, f"/muster hosts prod {HOST}")
        assert f"`prod/{HOST}` · down, forced down, disabled · nova · 0 VMs · disabled by Muster for operation" in told
        assert await _service(cloud) == ("disabled", "down", True)

        # without its nova-compute it does not return
        await night.ask(f"/maintenance exit prod/{HOST}")
        await stage.card_says("Blocked", seconds=SLOW)
        assert "has not yet removed the old guests of 3 VMs" in stage.card.plain
        assert cloud.service(HOST)["forced_down"]

        # its process starts, which removes them; it is still forced down and disabled
        await machine.switch_on()
        await asyncio.to_thread(cloud.start_compute, HOST)
        assert cloud.service(HOST)["forced_down"]
        await night.ask(f"/maintenance exit prod/{HOST}")
        await night.approve()
        await stage.card_says("done and verified", seconds=90)

    assert await _service(cloud) == ("enabled", "up", False)
    assert {m["status"] for m in cloud.migrations(HOST)} == {"completed"}
    assert {s["id"] for s in cloud.servers()} == ids
    assert cloud.servers(on=HOST) == []


async def _service(cloud: Cloud) -> tuple[str, str, bool]:
    """Status and state of the host, and whether it is forced down, as the command line shows them."""
    words = ("--os-compute-api-version", "2.53", "compute", "service", "list", "--long", "--host", HOST)
    (shown,) = await asyncio.to_thread(cloud.cli_json, *words)
    return shown["Status"], shown["State"], shown["Forced Down"]

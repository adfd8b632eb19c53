"""The main job on a real OpenStack: a compute process is stopped, a command typed, 20 servers evacuated and verified."""

import asyncio
from collections import Counter
from pathlib import Path

from tests.openstack.cloud import Cloud
from tests.openstack.lab.settings import PASSWORD
from tests.stories.stage import ALICE, BOB, OPS, staged

SERVERS = 20
DEAD = "compute-2"


async def test_twenty_servers_of_a_dead_compute_are_evacuated_from_slack_and_verified(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, SERVERS, on=DEAD)
    async with staged(tmp_path, auth_url=cloud.auth_url, password=PASSWORD) as stage:
        await stage.start_bot()

        # a living host is refused
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
        await stage.card_says("Blocked", seconds=60)

        await asyncio.to_thread(cloud.stop_compute, DEAD)
        await asyncio.to_thread(cloud.wait_for_service, DEAD, "down")
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
        await stage.until(lambda: len(stage.cards()) == 2, seconds=3, what="a card within 3 s")
        await stage.card_says("Waiting for approval", seconds=60)
        assert f"{SERVERS} VMs" in stage.card.plain
        assert not cloud.migrations(DEAD)

        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.card_says(f"{SERVERS} of {SERVERS} done and verified", seconds=400)
        story = "\n".join(stage.thread())

    # read back independently
    listed = await asyncio.to_thread(cloud.cli_json, "server", "list", "--all-projects", "--long")
    assert {s["ID"] for s in listed} == {s["id"] for s in booted}
    assert {s["Status"] for s in listed} == {"ACTIVE"}
    assert DEAD not in {s["Host"] for s in listed}
    moved = Counter(m["instance_uuid"] for m in cloud.migrations(DEAD))
    assert moved == Counter(s["id"] for s in booted), "each evacuated exactly once"
    service = next(s for s in cloud.cli_json("compute", "service", "list", "--long") if s["Host"] == DEAD)
    assert service["Status"] == "disabled"
    assert "muster run=" in service["Disabled Reason"]
    for server in listed:
        assert server["Name"] in story
        assert server["Host"] in story

"""A compute process is stopped, a command typed, servers evacuated and verified; a target that dies with its share."""

import asyncio
from collections import Counter
from pathlib import Path

from tests.openstack.cloud import Cloud
from tests.openstack.evening import SLOW, evening
from tests.openstack.lab.progress import until
from tests.stories.stage import ALICE, OPS

DEAD = "compute-2"


async def test_twenty_servers_of_a_dead_compute_are_evacuated_from_slack_and_verified(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 20, on=DEAD)
    async with evening(tmp_path, cloud) as night:
        stage = night.stage
        await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-22")
        said = await stage.hears(ALICE, "no host named exactly compute-22")
        assert "Check the name" in said
        assert not stage.cards(), "nothing was asked of anybody"

        await night.ask(f"/evacuate prod/{DEAD}")
        await stage.card_says("Blocked", seconds=SLOW)
        assert f"{DEAD} is alive: its compute service is up" in stage.card.plain
        assert f"/maintenance enter {DEAD}" in stage.card.plain

        await asyncio.to_thread(cloud.stop_compute, DEAD)
        await asyncio.to_thread(cloud.wait_for_service, DEAD, "down")
        await night.ask(f"/evacuate prod/{DEAD}")
        await stage.card_says("Waiting for approval", seconds=SLOW)
        assert "20 VMs" in stage.card.plain
        assert not cloud.migrations(DEAD)

        await night.approve()
        await stage.card_says("20 of 20 done and verified", seconds=400)
        await stage.until(stage.files, what="the timeline, which comes last")
        story = "\n".join(stage.thread())
        places = await night.places({s["id"] for s in booted})

    assert len(places) == 20
    assert DEAD not in places.values()
    moved = Counter(m["instance_uuid"] for m in cloud.migrations(DEAD))
    assert moved == Counter(s["id"] for s in booted), "each evacuated exactly once"
    service = next(s for s in cloud.cli_json("compute", "service", "list", "--long") if s["Host"] == DEAD)
    assert service["Status"] == "disabled"
    assert "muster run=" in service["Disabled Reason"]
    for name, host in places.items():
        assert name in story
        assert host in story


async def test_a_host_forced_down_by_hand_is_evacuated_to_one_that_dies_and_returns(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 3, on=DEAD)
    ids = {s["id"] for s in booted}
    async with evening(tmp_path, cloud) as night:
        stage = night.stage
        await asyncio.to_thread(cloud.kill_compute, DEAD)
        await night.ask(f"/evacuate prod/{DEAD} --to compute-3")
        await stage.card_says("Blocked", seconds=SLOW)
        assert "is alive" in stage.card.plain, "Nova has not noticed yet"

        await asyncio.to_thread(cloud.cli, "compute", "service", "set", "--down", DEAD, "nova-compute")
        await night.ask(f"/evacuate prod/{DEAD} --to compute-3")
        await stage.card_says("somebody forced it down; that alone proves nothing", seconds=SLOW)

        # the target is gone before it takes up what Nova has put into its queue
        await asyncio.to_thread(cloud.kill_compute, "compute-3")
        await night.approve()
        await asyncio.to_thread(
            until, "three to be accepted", lambda: len(cloud.migrations(DEAD)) == 3, seconds=SLOW, pause=0.2
        )
        await asyncio.to_thread(cloud.wait_for_service, "compute-3", "down")
        assert "done and verified" not in stage.card.plain
        assert {s["id"] for s in cloud.servers(on=DEAD)} == ids
        await asyncio.to_thread(cloud.start_compute, "compute-3")
        await stage.card_says("3 of 3 done and verified", seconds=2 * SLOW)
        places = await night.places(ids)
    assert set(places.values()) == {"compute-3"}
    assert Counter(m["instance_uuid"] for m in cloud.migrations(DEAD)) == Counter(ids), "each evacuated exactly once"

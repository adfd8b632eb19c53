"""A target dies in the middle of a rebuild, and its VM goes elsewhere when it is retried.

It waits until record and VM are at rest (`adapters.openstack.model.migration_records.AT_REST`), so `make test-openstack-slow` runs it.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from adapters.openstack.model.migration_records import AT_REST, IN_REBUILD
from tests.openstack.cloud import Cloud, Record
from tests.openstack.evening import SLOW, evening
from tests.openstack.lab.progress import until
from tests.stories.stage import BOB

DEAD = "compute-2"
OTHERS = ("compute-1", "compute-3", "compute-4")


@pytest.mark.slow
async def test_a_vm_whose_target_died_with_it_is_reset_by_hand_and_goes_elsewhere_when_it_is_retried(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 2, on=DEAD)
    ids = {s["id"]: s["name"] for s in booted}
    async with evening(tmp_path, cloud) as night:
        stage = night.stage
        await night.dies(DEAD)
        for host in OTHERS:
            cloud.turn_knobs(host, spawn_seconds=20)
        await night.ask(f"/evacuate prod/{DEAD}")
        await night.approve()
        await asyncio.to_thread(until, "both to come up", lambda: _rebuilds(cloud) == 2, seconds=SLOW, pause=0.2)
        unlucky, lucky = cloud.migrations(DEAD)
        name, target = ids[unlucky["instance_uuid"]], unlucky["dest_compute"]
        assert target != lucky["dest_compute"], "they are spread"
        await asyncio.to_thread(cloud.kill_compute, target)
        await stage.card_says("Evacuate: 1 of 2 done", seconds=SLOW)
        await asyncio.to_thread(cloud.wait_for_service, target, "down")
        for host in OTHERS:
            cloud.turn_knobs(host, spawn_seconds=0)

        words = ("server", "set", "--state", "active", "--auto-approve", unlucky["instance_uuid"])
        await asyncio.to_thread(cloud.cli, *words)
        await stage.card_says("Needs a person", seconds=AT_REST.total_seconds() + SLOW)
        await stage.until(lambda: stage.thread_says("Needs a person"), what="the end in the thread")
        why = f"{name} was not evacuated: {target} died with it. Its record is still on {DEAD}, ACTIVE"
        (told,) = stage.thread_says(f"*evacuate {name}* failed")
        assert why in told
        assert why in stage.card.plain
        assert "Retry: Nova's scheduler chooses another target" in told
        assert len(cloud.migrations(DEAD)) == 2, "nothing was begun anew before somebody asked"

        await stage.workspace.click(BOB, stage.card, label="Retry Failed")
        await stage.card_says("2 of 2 done and verified", seconds=SLOW)
        places = await night.places(ids)
        asked = {ids[id]: await _evacuations_asked(cloud, id) for id in ids}
    assert places[name] in {*OTHERS} - {target}
    assert places[ids[lucky["instance_uuid"]]] == lucky["dest_compute"]
    assert asked == {name: 2, ids[lucky["instance_uuid"]]: 1}
    ended = Counter((ids[m["instance_uuid"]], m["status"]) for m in cloud.migrations(DEAD))
    assert ended == Counter([(name, IN_REBUILD), (name, "done"), (ids[lucky["instance_uuid"]], "done")])


def _rebuilds(cloud: Cloud) -> int:
    """How many VMs their targets are at."""
    return sum(m["status"] == IN_REBUILD for m in cloud.migrations(DEAD))


async def _evacuations_asked(cloud: Cloud, server: str) -> int:
    """How often Nova was asked to evacuate it, as the `openstack` client shows."""
    events: list[Record] = await asyncio.to_thread(cloud.cli_json, "server", "event", "list", server)
    return sum(event["Action"] == "evacuate" for event in events)

"""A compute process dies, a command is typed, servers are evacuated and verified: all, one, some, and without room."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.openstack.cloud import Cloud, Record
from tests.openstack.evening import SLOW, evening
from tests.openstack.lab.progress import until
from tests.openstack.lab.services import reported_after
from tests.stories.stage import ALICE, BOB, OPS

DEAD = "compute-2"
OTHERS = ("compute-1", "compute-3", "compute-4")


async def test_twenty_servers_of_a_dead_compute_are_evacuated_from_slack_and_verified(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 20, on=DEAD)
    async with evening(tmp_path, cloud) as night:
        stage = night.stage
        await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-22")
        said = await stage.hears(ALICE, "no host named exactly compute-22")
        assert f"Did you mean prod/{DEAD}" in said
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
        await stage.until(lambda: len(stage.files()) == 2, what="beside the plan the timeline, which comes last")
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


async def test_one_vm_then_a_chosen_few_to_a_named_host_then_the_rest_while_the_room_goes(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 7, on=DEAD)
    ids = {s["name"]: s["id"] for s in booted}
    async with evening(tmp_path, cloud, terms="concurrency = 2") as night:
        stage = night.stage
        await night.dies(DEAD)

        await night.ask(f"/evacuate prod/{DEAD} --vm vm-1")
        await stage.card_says("1 of 7 VMs", seconds=SLOW)
        await night.approve()
        await stage.card_says("1 of 1 done and verified", seconds=SLOW)
        places = await night.places(ids.values())
        assert {name for name, host in places.items() if host in OTHERS} == {"vm-1"}

        await night.ask(f"/evacuate prod/{DEAD} --to compute-4")
        await stage.card_says("Waiting for approval", seconds=SLOW)
        await stage.choose([ids["vm-2"], ids["vm-3"]])
        await stage.card_says("2 of 6 VMs", seconds=SLOW)
        await night.approve()
        await stage.card_says("2 of 2 done and verified", seconds=SLOW)
        places = await night.places(ids.values())
        assert {places[name] for name in ("vm-2", "vm-3")} == {"compute-4"}
        assert {name for name, host in places.items() if host == DEAD} == {"vm-4", "vm-5", "vm-6", "vm-7"}

        # the other hosts are closed while the first two of the rest come up there
        for host in OTHERS:
            cloud.turn_knobs(host, spawn_seconds=6)
        await night.ask(f"/evacuate prod/{DEAD}")
        await night.approve()
        await asyncio.to_thread(
            until, "two to come up", lambda: len(_records(cloud, "pre-migrating")) == 2, seconds=SLOW, pause=0.2
        )
        for host in OTHERS:
            cloud.change_service(host, {"status": "disabled"})
        await stage.card_says("Needs a person", seconds=SLOW)
        await stage.until(lambda: stage.thread_says("Needs a person"), what="the end in the thread")
        left = {s["Name"]: s["Status"] for s in await night.servers() if s["Host"] == DEAD}
        assert list(left.values()) == ["ERROR", "ERROR"], "Nova turns a VM for which it finds no host into that"
        lines = "\n".join(stage.thread()).splitlines()
        for name in left:
            why = f"{name} was not evacuated: Nova's scheduler found no host that has room for it"
            (told,) = [line for line in lines if f"*evacuate {name}* failed" in line]
            assert why in told
            assert "Make room or enable a host, then retry" in told
        said = stage.card.plain.count("Nova's scheduler found no host that has room for it")
        assert said == 1 + len(left), "once of both, and beside the name of each"

        await stage.workspace.click(BOB, stage.card, label="Retry Failed")
        await stage.until(
            lambda: len(stage.thread_says("Needs a person")) == 2, seconds=SLOW, what="Nova refuses again"
        )
        assert {s["Name"]: s["Status"] for s in await night.servers() if s["Host"] == DEAD} == left, "and did no harm"

        for host in OTHERS:
            cloud.turn_knobs(host, spawn_seconds=0)
            cloud.change_service(host, {"status": "enabled"})
        await stage.workspace.click(BOB, stage.card, label="Retry Failed")
        await stage.card_says("4 of 4 done and verified", seconds=SLOW)
        places = await night.places(ids.values())
    assert DEAD not in places.values()
    assert Counter(m["instance_uuid"] for m in _records(cloud, "done")) == Counter(ids.values()), "each exactly once"


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
        await asyncio.to_thread(until, "its silence to show", lambda: _is_silent(cloud, DEAD), seconds=SLOW)
        await night.ask(f"/evacuate prod/{DEAD} --to compute-3")
        await stage.card_says("somebody forced it down; that alone proves nothing", seconds=SLOW)

        # the target is gone before it takes up what Nova has put into its queue
        await asyncio.to_thread(cloud.kill_compute, "compute-3")
        await night.approve()
        await asyncio.to_thread(
            until, "one to be accepted", lambda: len(cloud.migrations(DEAD)) == 1, seconds=SLOW, pause=0.2
        )
        await asyncio.to_thread(cloud.wait_for_service, "compute-3", "down")
        assert "done and verified" not in stage.card.plain
        assert len(cloud.migrations(DEAD)) == 1, "a target that takes up nothing gets nothing more"
        assert {s["id"] for s in cloud.servers(on=DEAD)} == ids
        await asyncio.to_thread(cloud.start_compute, "compute-3")
        # it takes up the first before Nova's scheduler has heard of it again, which then refuses those that come next
        ends = ("3 of 3 done and verified", "Needs a person")
        await stage.until(lambda: any(end in stage.card.plain for end in ends), seconds=2 * SLOW, what="an end")
        if "Needs a person" in stage.card.plain:
            await asyncio.to_thread(cloud.wait_for_service, "compute-3", "up")
            await stage.workspace.click(BOB, stage.card, label="Retry Failed")
            await stage.card_says("3 of 3 done and verified", seconds=2 * SLOW)
        places = await night.places(ids)
    assert set(places.values()) == {"compute-3"}
    done = Counter(m["instance_uuid"] for m in cloud.migrations(DEAD) if m["status"] == "done")
    assert done == Counter(ids), "each evacuated exactly once"


async def test_a_vm_for_which_the_full_survivors_have_no_room_stays_behind_until_room_is_made(
    cloud: Cloud, tmp_path: Path
) -> None:
    (big,) = await asyncio.to_thread(cloud.boot, 1, on=DEAD, name="db", flavor="m1.huge")
    small = await asyncio.to_thread(cloud.boot, 2, on=DEAD, name="web")
    await asyncio.to_thread(cloud.kill_compute, DEAD)
    # two of the huge ones fill a host to its last byte; beside one and a large one there is room for small ones alone
    filling, _ = await asyncio.to_thread(cloud.boot, 2, on="compute-1", name="filling", flavor="m1.huge")
    for host, count, flavor in (("compute-3", 2, "m1.huge"), ("compute-4", 1, "m1.huge"), ("compute-4", 1, "m1.large")):
        await asyncio.to_thread(cloud.boot, count, on=host, flavor=flavor)
    await asyncio.to_thread(cloud.wait_for_service, DEAD, "down")
    assert await _candidates(cloud) == 0
    async with evening(tmp_path, cloud) as night:
        stage = night.stage
        needs = "500 vCPU, 391 GiB, 10 GB disk and a host in zone nova"
        await night.ask(f"/evacuate prod/{DEAD} --vm db")
        await stage.card_says("Blocked", seconds=SLOW)
        assert f"There is no room for db on the hosts that are left: it needs {needs}. Make room." in (stage.card.plain)
        assert "Approve" not in stage.card.buttons, "there is nothing to approve"
        untouched = cloud.service(DEAD)
        assert (untouched["status"], untouched["forced_down"]) == ("enabled", False)

        await night.ask(f"/evacuate prod/{DEAD}")
        await stage.card_says("2 of 3 VMs", seconds=SLOW)
        assert f"There is no room on the hosts that are left for db ({needs}): it stays behind" in stage.card.plain
        await night.approve()
        await stage.card_says("2 of 2 done and verified", seconds=SLOW)
        assert "1 VM was not part of it" in stage.card.plain
        places = await night.places({s["id"] for s in (big, *small)})
        assert places == {"db": DEAD, "web-1": "compute-4", "web-2": "compute-4"}

        await asyncio.to_thread(cloud.cli, "server", "delete", "--wait", filling["id"])
        assert await _candidates(cloud) == 1
        await night.ask(f"/evacuate prod/{DEAD}")
        await stage.card_says("There is room on the hosts that are left", seconds=SLOW)
        await night.approve()
        await stage.card_says("1 of 1 done and verified", seconds=SLOW)
        places = await night.places({big["id"]})
    assert places == {"db": "compute-1"}, "where it fits to the last byte"
    moved = Counter(m["instance_uuid"] for m in cloud.migrations(DEAD))
    assert moved == Counter(s["id"] for s in (big, *small)), "Nova was never asked for what does not fit"


async def _candidates(cloud: Cloud) -> int:
    """How many hosts Placement itself would give to one more huge VM."""
    needs = [word for need in ("VCPU=500", "MEMORY_MB=400000", "DISK_GB=10") for word in ("--resource", need)]
    words = ("--os-placement-api-version", "1.29", "allocation", "candidate", "list", *needs)
    return len({one["resource provider"] for one in await asyncio.to_thread(cloud.cli_json, *words)})


def _records(cloud: Cloud, status: str) -> list[Record]:
    """The evacuations from the dead host that Nova shows in a status."""
    return [m for m in cloud.migrations(DEAD) if m["status"] == status]


def _is_silent(cloud: Cloud, host: str) -> bool:
    """Whether another host has reported for half a minute after a row was written last, by a heartbeat or a change."""
    written = datetime.fromisoformat(cloud.service(host)["updated_at"]).replace(tzinfo=UTC)
    return reported_after(cloud.service("compute-4")["updated_at"], written + timedelta(seconds=30))

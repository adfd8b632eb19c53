"""The simulated OpenStack against the real one: wherever both can be asked the same question, they answer alike."""

import asyncio
from functools import partial
from time import sleep

from tests.adapters.simulated import openstack_wire as wire
from tests.openstack.cloud import Cloud, Record
from tests.openstack.lab.progress import until
from tests.openstack.twin import differences, twin

SOURCE, TARGET = "compute-1", "compute-3"
MOVE = {"host": TARGET, "block_migration": "auto"}


async def test_the_simulated_cloud_answers_as_the_real_one(cloud: Cloud) -> None:
    real = await asyncio.to_thread(moved, cloud)
    async with wire.region(partial(twin, on=SOURCE, servers=("vm",))) as region:
        assert (await region.act("vm", "os-migrateLive", MOVE)).status == 202
        await region.move_ends("vm")
        found = await differences(region, cloud, {"vm": real})
    assert not found, "\n".join(found)


def test_nova_lists_a_server_by_its_last_change_until_somebody_touches_it(cloud: Cloud) -> None:
    """What the look right before a start relies on, also for a server whose host is dead."""
    locked, deleted, evacuated = cloud.boot(3, on=SOURCE)
    cloud.kill_compute(SOURCE)
    cloud.change_service(SOURCE, {"forced_down": True})  # or deleting waits for its host
    for server in (locked, deleted, evacuated):
        assert unchanged(cloud, server) == [server["id"]]
        assert unchanged(cloud, server, host=TARGET) == []
    sleep(1.1)  # the stamp is in whole seconds
    cloud.act(evacuated["id"], "evacuate", {})
    assert unchanged(cloud, evacuated) == [], "the server is touched before Nova answers"
    cloud.act(locked["id"], "lock")
    cloud.delete(deleted["id"])
    assert unchanged(cloud, locked) == []
    assert unchanged(cloud, deleted) == []
    assert unchanged(cloud, cloud.server(locked["id"])) == [locked["id"]]


def test_nova_lists_a_server_on_its_target_as_not_changed_since_the_record_of_its_move_ended(cloud: Cloud) -> None:
    """What the look at the end of a move relies on; and a dead host's hypervisor names the servers that are left."""
    evacuated, left = cloud.boot(2, on=SOURCE)
    migrated = moved(cloud)
    (of_live,) = (m for m in cloud.migrations(SOURCE, kind=None) if m["instance_uuid"] == migrated)
    cloud.kill_compute(SOURCE)
    cloud.change_service(SOURCE, {"forced_down": True})
    cloud.act(evacuated["id"], "evacuate", {"host": TARGET})
    (of_evacuation,) = cloud.wait_for_evacuations(SOURCE, 1)
    for record in (of_live, of_evacuation):
        assert arrived(cloud, record) == [record["instance_uuid"]]
        assert arrived(cloud, record, host=SOURCE) == []
    sleep(1.1)  # the stamp is in whole seconds
    cloud.act(evacuated["id"], "os-stop")
    assert arrived(cloud, of_evacuation) == []
    (dead,) = (h for h in cloud.ask("/v2.1/os-hypervisors/detail")["hypervisors"] if h["service"]["host"] == SOURCE)
    named = cloud.ask(f"/v2.1/os-hypervisors/{dead['id']}?with_servers=true")["hypervisor"]["servers"]
    assert [each["uuid"] for each in named] == [left["id"]]


def unchanged(cloud: Cloud, server: Record, *, host: str = SOURCE) -> list[str]:
    """The ids that Nova lists of a server on a host, as it was shown."""
    return row(cloud, server["id"], f"host={host}&changes-before={server['updated']}")


def arrived(cloud: Cloud, record: Record, *, host: str = TARGET) -> list[str]:
    """The ids that Nova lists of a server that is ACTIVE on a host, not changed since the record of its move ended."""
    return row(cloud, record["instance_uuid"], f"host={host}&status=ACTIVE&changes-before={record['updated_at']}")


def row(cloud: Cloud, server_id: str, filters: str) -> list[str]:
    asked = f"all_tenants=1&uuid={server_id}&deleted=false&limit=1&{filters}"
    return [str(found["id"]) for found in cloud.ask(f"/v2.1/servers?{asked}")["servers"]]


def moved(cloud: Cloud) -> str:
    """The id of a real server that was live-migrated."""
    (booted,) = cloud.boot(1, on=SOURCE)
    cloud.act(booted["id"], "os-migrateLive", MOVE)
    until(
        "it to move", lambda: [m for m in cloud.migrations(SOURCE, kind=None) if m["status"] == "completed"], seconds=60
    )
    return str(booted["id"])

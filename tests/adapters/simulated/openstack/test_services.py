"""Services, hypervisors, Placement and Cinder of the simulated OpenStack answer as the real ones were measured to."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.simulated import cinder_manage
from adapters.simulated.datacentre import build
from tests.adapters.simulated.openstack_wire import Answer, Region, region


@pytest.fixture
async def cloud() -> AsyncIterator[Region]:
    async with region(lambda clock: build(clock.now, cinder_on="compute-2")) as one:
        yield one


async def service(cloud: Region, host: str, *, at: str = "2.96") -> dict[str, Any]:
    answer = await cloud.nova("GET", f"/os-services?host={host}&binary=nova-compute", at=at)
    found: dict[str, Any] = answer.body["services"][0]
    return found


async def force_down(cloud: Region, body: dict[str, object], *, at: str, user: str = "admin") -> Answer:
    return await cloud.nova("PUT", "/os-services/force-down", body, at=at, user=user)


# ---------------------------------------------------------------------- compute services


async def test_a_silent_service_goes_down_after_the_service_down_time(cloud: Region) -> None:
    cloud.world.kill_host("compute-1")
    last = (await service(cloud, "compute-1"))["updated_at"]
    await cloud.clock.pass_time(20)
    assert (await service(cloud, "compute-1"))["state"] == "up"
    await cloud.clock.pass_time(1)
    shown = await service(cloud, "compute-1")
    assert (shown["state"], shown["status"], shown["updated_at"]) == ("down", "enabled", last)
    assert (await service(cloud, "compute-3"))["updated_at"] > last


async def test_a_change_by_hand_moves_the_time_of_the_record_but_brings_nobody_to_life(cloud: Region) -> None:
    dead = await service(cloud, "compute-2")
    await cloud.nova("PUT", f"/os-services/{dead['id']}", {"status": "disabled", "disabled_reason": "no power"})
    shown = await service(cloud, "compute-2")
    assert shown["updated_at"] > dead["updated_at"]
    assert shown["state"] == "down"


async def test_force_down_has_one_route_up_to_2_52_and_another_from_2_53(cloud: Region) -> None:
    old = {"host": "compute-2", "binary": "nova-compute", "forced_down": True}
    too_old = await force_down(cloud, old, at="2.1")
    assert too_old.status == 400
    assert too_old.message == "Additional properties are not allowed ('forced_down' was unexpected)"
    for at in ("2.11", "2.52"):
        answer = await force_down(cloud, old, at=at)
        assert answer.status == 200
        assert answer.body == {"service": {"host": "compute-2", "binary": "nova-compute", "forced_down": True}}
    too_new = await force_down(cloud, old, at="2.53")
    assert too_new.status == 400
    assert too_new.message == "Additional properties are not allowed ('binary', 'host' were unexpected)"
    id = (await service(cloud, "compute-2"))["id"]
    answer = await cloud.nova("PUT", f"/os-services/{id}", {"forced_down": False}, at="2.53")
    assert (answer.status, answer.body["service"]["forced_down"]) == (200, False)


async def test_force_down_names_what_it_does_not_know(cloud: Region) -> None:
    answer = await force_down(cloud, {"host": "nope", "binary": "nova-compute", "forced_down": True}, at="2.11")
    assert (answer.status, answer.message) == (404, "Host 'nope' is not mapped to any cell")
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = await cloud.nova("PUT", f"/os-services/{unknown}", {"forced_down": True})
    assert (answer.status, answer.message) == (404, f"Service {unknown} could not be found.")
    scheduler = (await cloud.nova("GET", "/os-services?binary=nova-scheduler")).body["services"][0]
    answer = await cloud.nova("PUT", f"/os-services/{scheduler['id']}", {"forced_down": True})
    assert answer.status == 400
    assert answer.message == (
        "Updating a nova-scheduler service is not supported. Only nova-compute services can be updated."
    )


async def test_members_may_neither_read_nor_change_services(cloud: Region) -> None:
    answer = await cloud.nova("GET", "/os-services", user="demo")
    assert answer.status == 403
    id = (await service(cloud, "compute-1"))["id"]
    answer = await cloud.nova("PUT", f"/os-services/{id}", {"forced_down": True}, user="demo")
    assert answer.status == 403
    assert answer.message == "Policy doesn't allow os_compute_api:os-services:update to be performed."
    assert not cloud.world.host("compute-1").forced_down


async def test_a_service_is_disabled_with_a_reason_and_enabled_without(cloud: Region) -> None:
    id = (await service(cloud, "compute-1"))["id"]
    body = {"status": "disabled", "disabled_reason": "muster 01J"}
    shown = (await cloud.nova("PUT", f"/os-services/{id}", body)).body["service"]
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "muster 01J")
    refused = await cloud.nova("PUT", f"/os-services/{id}", {"status": "enabled", "disabled_reason": "x"})
    assert refused.status == 400
    assert (await cloud.nova("PUT", f"/os-services/{id}", {})).status == 400
    assert (await cloud.nova("PUT", f"/os-services/{id}", {"disabled": True})).status == 400
    assert (await cloud.nova("PUT", f"/os-services/{id}", {"status": "off"})).status == 400
    shown = (await cloud.nova("PUT", f"/os-services/{id}", {"status": "enabled"})).body["service"]
    assert (shown["status"], shown["disabled_reason"]) == ("enabled", None)


async def test_old_microversions_disable_by_host_name_and_show_numbers(cloud: Region) -> None:
    body = {"host": "compute-1", "binary": "nova-compute", "disabled_reason": "muster"}
    answer = await cloud.nova("PUT", "/os-services/disable-log-reason", body, at="2.1")
    assert answer.body["service"]["disabled_reason"] == "muster"
    shown = await service(cloud, "compute-1", at="2.52")
    assert isinstance(shown["id"], int)
    assert shown["status"] == "disabled"
    assert "forced_down" not in await service(cloud, "compute-1", at="2.10")


async def test_a_disabled_or_forced_down_host_gets_no_servers(cloud: Region) -> None:
    for host in ("compute-1", "compute-4", "compute-5"):
        cloud.world.host(host).enabled = False
    cloud.world.host("compute-3").forced_down = True
    await cloud.act("shop-web-3", "evacuate", {})
    assert (await cloud.move_ends("shop-web-3")).status == "error"


# ---------------------------------------------------------------------- hypervisors, zones, groups


async def test_hypervisors_have_capacity_only_before_2_88(cloud: Region) -> None:
    old = (await cloud.nova("GET", "/os-hypervisors/detail", at="2.87")).body["hypervisors"][0]
    new = (await cloud.nova("GET", "/os-hypervisors/detail", at="2.88")).body["hypervisors"][0]
    assert (old["vcpus"], old["memory_mb"], old["running_vms"]) == (32, 131072, 7)
    assert new["uptime"] is None
    assert not {"vcpus", "memory_mb", "running_vms", "free_ram_mb"} & set(new)


async def test_a_hypervisor_pattern_matches_more_than_the_host_meant(cloud: Region) -> None:
    cloud.world.add_host("compute-22", cloud.world.host("compute-2").cluster)
    found = await cloud.nova("GET", "/os-hypervisors?hypervisor_hostname_pattern=compute-2&with_servers=1")
    assert [h["hypervisor_hostname"] for h in found.body["hypervisors"]] == ["compute-2", "compute-22"]
    assert len(found.body["hypervisors"][0]["servers"]) == 12
    none = await cloud.nova("GET", "/os-hypervisors?hypervisor_hostname_pattern=nope")
    assert (none.status, none.message) == (404, "No hypervisor matching 'nope' could be found.")


async def test_zones_aggregates_and_groups_are_told(cloud: Region) -> None:
    zones = (await cloud.nova("GET", "/os-availability-zone/detail")).body["availabilityZoneInfo"]
    assert {z["zoneName"]: sorted(z["hosts"]) for z in zones} == {
        "internal": ["controller-1"],
        "az-1": ["compute-1", "compute-2", "compute-3"],
        "az-2": ["compute-4", "compute-5"],
    }
    aggregates = (await cloud.nova("GET", "/os-aggregates")).body["aggregates"]
    assert aggregates[1]["hosts"] == ["compute-4", "compute-5"]
    groups = (await cloud.nova("GET", "/os-server-groups?all_projects=true")).body["server_groups"]
    assert {g["name"]: g["policy"] for g in groups} == {"kafka": "anti-affinity", "shop-web": "soft-anti-affinity"}
    assert (await cloud.nova("GET", "/os-server-groups")).body == {"server_groups": []}
    dropped = await cloud.nova("GET", "/os-server-groups?all_projects=1", user="demo")
    assert (dropped.status, dropped.body) == (200, {"server_groups": []})


# ---------------------------------------------------------------------- Placement


async def placement(cloud: Region, path: str, *, at: str = "1.39", user: str = "admin") -> Answer:
    return await cloud.call("GET", f"/placement{path}", version=f"placement {at}", user=user)


async def test_candidates_tell_the_room_of_every_host_that_has_any(cloud: Region) -> None:
    host = cloud.world.host("compute-3")
    cloud.world.add_vm("giant", host, memory_mb=cloud.world.room(host).memory_mb)
    answer = await placement(cloud, "/allocation_candidates?resources=VCPU:1,MEMORY_MB:4096")
    summaries = answer.body["provider_summaries"]
    assert set(summaries) == {cloud.world.host(f"compute-{n}").id for n in (1, 2, 4, 5)}
    vcpus = summaries[cloud.world.host("compute-1").id]["resources"]["VCPU"]
    assert vcpus == {"capacity": 128, "used": 21}


async def test_a_disabled_host_carries_its_trait_and_can_be_left_out(cloud: Region) -> None:
    id = (await service(cloud, "compute-1"))["id"]
    await cloud.nova("PUT", f"/os-services/{id}", {"status": "disabled"})
    host = cloud.world.host("compute-1").id
    assert "COMPUTE_STATUS_DISABLED" in (await placement(cloud, f"/resource_providers/{host}/traits")).body["traits"]
    query = "/allocation_candidates?resources=VCPU:1&required=!COMPUTE_STATUS_DISABLED"
    assert host not in (await placement(cloud, query)).body["provider_summaries"]


async def test_inventories_usages_and_allocations_agree(cloud: Region) -> None:
    host = cloud.world.host("compute-1").id
    total = (await placement(cloud, f"/resource_providers/{host}/inventories")).body["inventories"]
    assert (total["VCPU"]["total"], total["VCPU"]["allocation_ratio"]) == (32, 4.0)
    used = (await placement(cloud, f"/resource_providers/{host}/usages")).body["usages"]
    held = (await placement(cloud, f"/resource_providers/{host}/allocations")).body["allocations"]
    assert used["MEMORY_MB"] == sum(h["resources"]["MEMORY_MB"] for h in held.values())
    server = cloud.world.vm("shop-web-1").id
    mine = (await placement(cloud, f"/allocations/{server}")).body
    assert mine["allocations"][host]["resources"] == {"VCPU": 2, "MEMORY_MB": 4096}
    assert mine["consumer_type"] == "INSTANCE"


async def test_providers_are_found_by_name_and_aggregate(cloud: Region) -> None:
    found = await placement(cloud, "/resource_providers?name=compute-2")
    assert [p["uuid"] for p in found.body["resource_providers"]] == [cloud.world.host("compute-2").id]
    rack = cloud.world.aggregates[2].uuid
    found = await placement(cloud, f"/resource_providers?member_of=in:{rack}")
    assert [p["name"] for p in found.body["resource_providers"]] == ["compute-4", "compute-5"]


async def test_members_may_not_ask_placement_and_unknown_things_are_404(cloud: Region) -> None:
    answer = await placement(cloud, "/resource_providers", user="demo")
    assert answer.status == 403
    assert "placement:resource_providers:list" in answer.body["errors"][0]["detail"]
    assert (await placement(cloud, "/resource_providers/nope")).status == 404
    assert (await placement(cloud, "/resource_providers", at="1.40")).status == 406
    assert (await placement(cloud, "/allocation_candidates?resources=VCPU:1", at="1.9")).status == 404
    assert (await placement(cloud, "/allocation_candidates")).status == 400


# ---------------------------------------------------------------------- Cinder


async def cinder(cloud: Region, path: str, *, at: str = "3.70", user: str = "admin") -> Answer:
    return await cloud.call("GET", f"/volume/v3{path}", version=f"volume {at}", user=user)


async def volumes_of(cloud: Region, host: str) -> int:
    return len((await cinder(cloud, f"/volumes/detail?all_tenants=1&host={host}")).body["volumes"])


async def test_the_host_filter_matches_the_whole_name_or_what_stands_before_at_and_hash(cloud: Region) -> None:
    for host, number in (
        ("compute-2", 10),
        ("compute-2@ceph", 10),
        ("compute-2%40ceph%23ceph", 10),
        ("compute-2@ceph%23other", 0),
        ("compute", 0),
    ):
        assert await volumes_of(cloud, host) == number


async def test_only_an_admin_who_says_all_tenants_sees_the_volumes_of_a_host(cloud: Region) -> None:
    assert (await cinder(cloud, "/volumes/detail?host=compute-2")).body["volumes"] == []
    answer = await cinder(cloud, "/volumes/detail?host=compute-2", user="demo")
    assert answer.status == 400
    assert answer.message == "Invalid filters host are found in query options."
    old = await cinder(cloud, "/volumes/detail?host=compute-2", at="3.30", user="demo")
    assert sorted(v["name"] for v in old.body["volumes"]) == ["demo-vm-1-root", "demo-vm-2-root"]
    [mine] = [
        v for v in (await cinder(cloud, "/volumes/detail", user="demo")).body["volumes"] if "demo-vm-1" in v["name"]
    ]
    assert "os-vol-host-attr:host" not in mine


async def test_cinder_services_and_types_are_told(cloud: Region) -> None:
    services = (await cinder(cloud, "/os-services?binary=cinder-volume")).body["services"]
    assert {s["host"]: s["state"] for s in services} == {
        "storage-1@ceph": "up",
        "storage-2@ceph": "up",
        "compute-2@ceph": "down",
    }
    assert (await cinder(cloud, "/os-services", user="demo")).status == 403
    assert (await cinder(cloud, "/types")).body["volume_types"][0]["name"] == "ceph"


async def test_a_backup_never_shows_its_host(cloud: Region) -> None:
    [backup] = (await cinder(cloud, "/backups/detail?all_tenants=1")).body["backups"]
    assert backup["name"] == "payments-db-1-nightly"
    assert not [key for key in backup if "host" in key]


async def test_an_attached_volume_says_where(cloud: Region) -> None:
    server = cloud.world.vm("payments-db-1").id
    found = await cinder(cloud, "/volumes/detail?all_tenants=1&name=payments-db-1-data")
    [held] = found.body["volumes"][0]["attachments"]
    assert (held["server_id"], held["device"], held["host_name"]) == (server, "/dev/vdb", "compute-2")
    listed = await cinder(cloud, f"/attachments?all_tenants=1&instance_id={server}", at="3.27")
    assert len(listed.body["attachments"]) == 2


@pytest.mark.parametrize(
    ("current", "new", "moved_to"),
    [
        ("compute-2@ceph#ceph", "storage-1@ceph#ceph", "storage-1@ceph#ceph"),
        ("compute-2@ceph", "storage-1@ceph", "storage-1@ceph"),
        ("compute-2@ceph#ceph", "no-such@host", "no-such@host"),
        ("compute-2", "storage-1", "compute-2@ceph#ceph"),
        ("compute-9@ceph#ceph", "storage-1@ceph#ceph", "compute-2@ceph#ceph"),
    ],
)
async def test_cinder_manage_writes_what_it_is_told_and_never_complains(
    cloud: Region, current: str, new: str, moved_to: str
) -> None:
    words = ["volume", "update_host", "--currenthost", current, "--newhost", new]
    assert cinder_manage.run(cloud.world, words) == cinder_manage.Ended()
    volumes = (await cinder(cloud, "/volumes/detail?all_tenants=1")).body["volumes"]
    root = next(v for v in volumes if v["name"] == "shop-web-3-root")
    assert root["os-vol-host-attr:host"] == moved_to


async def test_cinder_manage_can_be_run_as_a_program(cloud: Region) -> None:
    words = ["volume", "update_host", "--currenthost", "compute-2@ceph#ceph", "--newhost", "storage-1@ceph#ceph"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.simulated.cinder_manage", cloud.url, *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    assert await volumes_of(cloud, "compute-2") == 0


async def test_cinder_manage_rehomes_backups(cloud: Region) -> None:
    words = ["--config-file", "/etc/cinder/cinder.conf", "backup", "update_backup_host"]
    cinder_manage.run(cloud.world, [*words, "--currenthost", "compute-2", "--newhost", "storage-1"])
    assert {b.host for b in cloud.world.backups.values()} == {"storage-1"}
    assert cinder_manage.run(cloud.world, ["volume", "frobnicate"]).code == 2


# ---------------------------------------------------------------------- paths nobody knows


async def test_an_unknown_path_is_refused_in_the_language_the_client_accepts(cloud: Region) -> None:
    token = await cloud.log_in("admin")
    for accept, kind in (("application/json", "application/json"), ("*/*", "text/html"), ("text/plain", "text/plain")):
        headers = {"X-Auth-Token": token, "Accept": accept}
        async with cloud.http.get(f"{cloud.url}/compute/v2.1/nonsense", headers=headers) as answer:
            assert (answer.status, answer.content_type) == (404, kind)
    async with cloud.http.post(f"{cloud.url}/compute/v2.1/os-migrations", headers={"X-Auth-Token": token}) as answer:
        assert answer.status == 404


async def test_placements_refusals_have_a_code_from_1_23(cloud: Region) -> None:
    old = (await placement(cloud, "/resource_providers/nope", at="1.22")).body["errors"][0]
    new = (await placement(cloud, "/resource_providers/nope", at="1.23")).body["errors"][0]
    assert "code" not in old
    assert new["code"] == "placement.undefined_code"
    assert new["request_id"].startswith("req-")

"""Live and cold migration in the simulated Nova behave as they were measured on the real one."""

import dataclasses

import pytest

from adapters.simulated.faults import Break, MoveFault
from tests.adapters.simulated.openstack_wire import Region

AUTO = {"host": None, "block_migration": "auto"}


async def events(cloud: Region, vm: str, request_id: str) -> list[dict[str, str | None]]:
    server = cloud.world.vm(vm).id
    answer = await cloud.nova("GET", f"/servers/{server}/os-instance-actions/{request_id}")
    found: list[dict[str, str | None]] = answer.body["instanceAction"]["events"]
    return found


async def test_a_live_migration_runs_through_its_course(cloud: Region) -> None:
    answer = await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    assert (answer.status, answer.body) == (202, None)
    vm = cloud.world.vm("shop-web-1")
    seen: list[tuple[str | None, str, str]] = []

    def look() -> bool:
        assert vm.host is not None
        now = (vm.task, vm.host.name, cloud.world.moves[0].status)
        if not seen or seen[-1] != now:
            seen.append(now)
        return now[-1] == "completed"

    await cloud.until(look)
    assert seen == [
        ("migrating", "compute-1", "accepted"),
        ("migrating", "compute-1", "preparing"),
        ("migrating", "compute-1", "running"),
        (None, "compute-3", "running"),
        (None, "compute-3", "completed"),
    ]
    assert set(cloud.world.allocations[vm.id]) == {cloud.world.host("compute-3").id}


async def test_a_paused_server_migrates_and_a_stopped_one_does_not(cloud: Region) -> None:
    cloud.world.set_vm_state("shop-web-1", "paused")
    await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    await cloud.move_ends("shop-web-1")
    assert (await cloud.show("shop-web-1"))["status"] == "PAUSED"
    stopped = cloud.world.set_vm_state("shop-web-2", "stopped")
    answer = await cloud.act("shop-web-2", "os-migrateLive", AUTO)
    assert answer.status == 409
    assert answer.message == f"Cannot 'os-migrateLive' instance {stopped.id} while it is in vm_state stopped"


async def test_a_guest_whose_vtpm_cannot_move_is_not_live_migrated(cloud: Region) -> None:
    vm = cloud.world.vm("shop-web-1")
    assert vm.flavor is not None
    vm.flavor = dataclasses.replace(vm.flavor, extra=(("hw:tpm_version", "2.0"),))
    answer = await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    assert answer.status == 400
    assert answer.message == f"Operation 'live-migration' not supported for vTPM-enabled instance ({vm.id})."
    vm.flavor = dataclasses.replace(vm.flavor, extra=(*vm.flavor.extra, ("hw:tpm_secret_security", "host")))
    assert (await cloud.act("shop-web-1", "os-migrateLive", AUTO)).status == 202


async def test_nothing_else_may_be_done_while_it_migrates(cloud: Region) -> None:
    await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    for action, body, name in (("os-migrateLive", AUTO, "os-migrateLive"), ("os-stop", None, "stop")):
        answer = await cloud.act("shop-web-1", action, body)
        server = cloud.world.vm("shop-web-1").id
        assert answer.status == 409
        assert answer.message == f"Cannot '{name}' instance {server} while it is in task_state migrating"


@pytest.mark.parametrize("target", ["compute-1", "compute-2", "compute-3"])
async def test_a_target_that_cannot_take_it_is_202_and_shows_only_in_the_record(cloud: Region, target: str) -> None:
    cloud.world.host("compute-3").enabled = False
    answer = await cloud.act("shop-web-1", "os-migrateLive", {**AUTO, "host": target})
    assert answer.status == 202
    assert (await cloud.move_ends("shop-web-1")).status == "error"
    shown = await cloud.show("shop-web-1")
    assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "compute-1")
    assert "fault" not in shown
    [event] = await events(cloud, "shop-web-1", answer.headers["x-openstack-request-id"])
    assert (event["result"], event["details"]) == ("Error", "No valid host was found. ")


async def test_before_2_34_no_host_is_said_at_once(cloud: Region) -> None:
    answer = await cloud.act("shop-web-1", "os-migrateLive", {**AUTO, "host": "compute-1"}, at="2.30")
    assert answer.status == 400
    assert answer.message == "No valid host was found. There are not enough hosts available."
    assert (await cloud.show("shop-web-1"))["status"] == "ACTIVE"


async def test_an_unknown_target_is_refused(cloud: Region) -> None:
    answer = await cloud.act("shop-web-1", "os-migrateLive", {**AUTO, "host": "nope"})
    assert (answer.status, answer.message) == (400, "Compute host nope could not be found.")


async def test_a_failed_precheck_names_itself_in_the_action_log(cloud: Region) -> None:
    order = MoveFault(how=Break.PRECHECK, vm="shop-web-1", reason="CPU incompatible")
    cloud.world.faults.order_move(order)
    answer = await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    assert (await cloud.move_ends("shop-web-1")).status == "error"
    event = (await events(cloud, "shop-web-1", answer.headers["x-openstack-request-id"]))[0]
    assert event["event"] == "compute_check_can_live_migrate_destination"
    assert event["details"] == "Migration pre-check error: CPU incompatible"


async def test_a_copy_that_fails_is_told_by_the_record_alone(cloud: Region) -> None:
    cloud.world.faults.order_move(MoveFault(how=Break.SPAWN, vm="shop-web-1"))
    answer = await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    assert (await cloud.move_ends("shop-web-1")).status == "failed"
    shown = await events(cloud, "shop-web-1", answer.headers["x-openstack-request-id"])
    assert {event["result"] for event in shown} == {"Success"}
    assert (await cloud.show("shop-web-1"))["OS-EXT-SRV-ATTR:host"] == "compute-1"
    assert set(cloud.world.allocations[cloud.world.vm("shop-web-1").id]) == {cloud.world.host("compute-1").id}


async def test_a_target_killed_in_the_middle_strands_the_server_on_it(cloud: Region) -> None:
    await cloud.act("shop-web-1", "os-migrateLive", {**AUTO, "host": "compute-3"})
    await cloud.until(lambda: cloud.world.moves[0].status == "running")
    cloud.world.kill_host("compute-3")
    await cloud.clock.pass_time(50)
    cloud.world.settle()
    assert cloud.world.moves[0].status == "running"
    assert (await cloud.move_ends("shop-web-1")).status == "error"
    shown = await cloud.show("shop-web-1")
    assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "compute-3")
    cloud.world.revive_host("compute-3")
    assert (await cloud.show("shop-web-1"))["status"] == "ERROR"


async def test_a_live_migration_in_progress_shows_its_memory_and_can_be_aborted(cloud: Region) -> None:
    server = cloud.world.vm("shop-web-1").id
    await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    await cloud.until(lambda: cloud.world.moves[0].progress > 0.5)
    [move] = (await cloud.nova("GET", f"/servers/{server}/migrations")).body["migrations"]
    assert 0 < move["memory_remaining_bytes"] < move["memory_total_bytes"] / 2
    answer = await cloud.nova("DELETE", f"/servers/{server}/migrations/{move['id']}")
    assert answer.status == 202
    assert (await cloud.move_ends("shop-web-1")).status == "cancelled"
    shown = await cloud.show("shop-web-1")
    assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "compute-1")
    again = await cloud.nova("DELETE", f"/servers/{server}/migrations/{move['id']}")
    assert again.status == 409


async def test_force_complete_ends_the_copy(cloud: Region) -> None:
    cloud.world.host("compute-3").knobs.live_seconds = 1000
    server = cloud.world.vm("shop-web-1").id
    await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    await cloud.until(lambda: cloud.world.moves[0].status == "running")
    answer = await cloud.nova("POST", f"/servers/{server}/migrations/1/action", {"force_complete": None})
    assert answer.status == 202
    await cloud.clock.pass_time(250)
    assert (await cloud.show("shop-web-1"))["OS-EXT-SRV-ATTR:host"] == "compute-3"


async def test_an_evacuation_is_no_live_migration_in_progress(cloud: Region) -> None:
    await cloud.act("shop-web-3", "evacuate", {})
    server = cloud.world.vm("shop-web-3").id
    assert (await cloud.nova("GET", f"/servers/{server}/migrations")).body == {"migrations": []}


@pytest.mark.parametrize("state", ["active", "stopped"])
async def test_a_cold_migration_waits_for_confirmation_and_keeps_the_state(cloud: Region, state: str) -> None:
    cloud.world.set_vm_state("shop-web-1", state)
    assert (await cloud.act("shop-web-1", "migrate", None)).status == 202
    assert (await cloud.move_ends("shop-web-1")).status == "finished"
    assert (await cloud.show("shop-web-1"))["status"] == "VERIFY_RESIZE"
    assert (await cloud.act("shop-web-1", "confirmResize")).status == 204
    twice = await cloud.act("shop-web-1", "confirmResize")
    assert (twice.status, twice.message) == (400, "Instance has not been resized.")
    await cloud.move_ends("shop-web-1")
    shown = await cloud.show("shop-web-1")
    assert shown["status"] == {"active": "ACTIVE", "stopped": "SHUTOFF"}[state]
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-3"
    assert set(cloud.world.allocations[shown["id"]]) == {cloud.world.host("compute-3").id}


async def test_a_cold_migration_can_be_reverted(cloud: Region) -> None:
    await cloud.act("shop-web-1", "migrate", {"host": "compute-3"})
    await cloud.move_ends("shop-web-1")
    assert (await cloud.show("shop-web-1"))["OS-EXT-SRV-ATTR:host"] == "compute-3"
    assert (await cloud.act("shop-web-1", "revertResize")).status == 202
    await cloud.move_ends("shop-web-1")
    shown = await cloud.show("shop-web-1")
    assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "compute-1")


async def test_servers_of_a_dead_host_cannot_be_cold_migrated(cloud: Region) -> None:
    assert (await cloud.act("shop-web-3", "migrate", None)).status == 409


async def test_members_may_not_migrate(cloud: Region) -> None:
    for action, body in (("os-migrateLive", AUTO), ("migrate", None)):
        assert (await cloud.act("demo-vm-1", action, body, user="demo")).status == 403


async def test_migration_records_can_be_filtered_and_paged(cloud: Region) -> None:
    for vm in ("shop-web-3", "shop-web-4", "ldap-1"):
        await cloud.act(vm, "evacuate", {})
    await cloud.act("shop-web-1", "os-migrateLive", AUTO)
    found = await cloud.nova("GET", "/os-migrations?source_compute=compute-2&migration_type=evacuation&limit=2")
    assert [m["source_compute"] for m in found.body["migrations"]] == ["compute-2"] * 2
    rest = found.body["migrations_links"][0]["href"].removeprefix(cloud.url)
    assert len((await cloud.call("GET", rest, version="compute 2.80")).body["migrations"]) == 1
    done = await cloud.nova("GET", "/os-migrations?status=done")
    assert done.body["migrations"] == []


async def test_migration_records_refuse_what_their_schema_does_not_know(cloud: Region) -> None:
    answer = await cloud.nova("GET", "/os-migrations?sort_dir=desc", at="2.59")
    assert (answer.status, answer.message) == (
        400,
        "Additional properties are not allowed ('sort_dir' was unexpected)",
    )
    assert (await cloud.nova("GET", "/os-migrations?sort_dir=desc", at="2.58")).status == 200
    assert (await cloud.nova("GET", "/os-migrations", user="demo")).status == 403

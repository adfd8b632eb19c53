"""Evacuating servers of the simulated Nova behaves as it was measured on the real one."""

import dataclasses

import pytest

from adapters.simulated import cinder_manage
from adapters.simulated.datacentre import build
from adapters.simulated.faults import Break, MoveFault
from adapters.simulated.records import MoveKind, Power
from tests.adapters.simulated.openstack_wire import Region, region


async def test_a_server_of_a_living_host_cannot_be_evacuated(cloud: Region) -> None:
    for at in ("2.1", "2.14", "2.95", "2.104"):
        body = {"onSharedStorage": True} if at == "2.1" else {}
        answer = await cloud.act("shop-web-1", "evacuate", body, at=at)
        assert answer.status == 400
        assert answer.body == {"badRequest": {"code": 400, "message": "Compute service of compute-1 is still in use."}}


async def test_a_killed_host_counts_as_in_use_until_its_service_is_down(cloud: Region) -> None:
    cloud.world.kill_host("compute-1")
    await cloud.clock.pass_time(15)
    assert (await cloud.act("shop-web-1", "evacuate", {})).status == 400
    await cloud.clock.pass_time(10)
    assert (await cloud.act("shop-web-1", "evacuate", {})).status == 200


async def test_forcing_a_host_down_makes_its_servers_evacuable_at_once(cloud: Region) -> None:
    host = cloud.world.kill_host("compute-1")
    await cloud.nova("PUT", f"/os-services/{host.service_id}", {"forced_down": True})
    assert (await cloud.act("shop-web-1", "evacuate", {})).status == 200


async def test_an_evacuation_runs_through_its_measured_course(cloud: Region) -> None:
    answer = await cloud.act("shop-web-3", "evacuate", {}, at="2.94")
    assert (answer.status, answer.body) == (200, None)
    seen: list[tuple[str, str | None, str, str, str | None]] = []

    def look() -> bool:
        vm = cloud.world.vm("shop-web-3")
        move = cloud.world.moves[-1]
        assert vm.host is not None
        now = (vm.state, vm.task, vm.host.name, move.status, move.dest.name if move.dest else None)
        if not seen or seen[-1] != now:
            seen.append(now)
        return move.status == "done"

    await cloud.until(look)
    assert seen == [
        ("active", "rebuilding", "compute-2", "accepted", None),
        ("active", "rebuilding", "compute-2", "accepted", "compute-1"),
        ("active", "rebuild_block_device_mapping", "compute-2", "pre-migrating", "compute-1"),
        ("active", "rebuild_spawning", "compute-2", "pre-migrating", "compute-1"),
        ("active", None, "compute-2", "pre-migrating", "compute-1"),
        ("active", None, "compute-1", "done", "compute-1"),
    ]


async def test_there_is_a_moment_without_a_task_and_with_the_old_host(cloud: Region) -> None:
    await cloud.act("shop-web-3", "evacuate", {}, at="2.95")
    vm = cloud.world.vm("shop-web-3")
    await cloud.until(lambda: vm.task is None)
    shown = await cloud.show("shop-web-3")
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("SHUTOFF", None)
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-2"
    assert (await cloud.migrations("shop-web-3"))[0]["status"] == "pre-migrating"


@pytest.mark.parametrize(("at", "status"), [("2.94", "ACTIVE"), ("2.95", "SHUTOFF")])
async def test_from_2_95_a_running_server_is_left_stopped(cloud: Region, at: str, status: str) -> None:
    await cloud.act("shop-web-3", "evacuate", {}, at=at)
    await cloud.move_ends("shop-web-3")
    shown = await cloud.show("shop-web-3")
    assert shown["status"] == status
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-1"


async def test_a_stopped_server_stays_stopped_and_one_in_error_runs(cloud: Region) -> None:
    for vm in ("legacy-billing", "report-worker-2"):
        await cloud.act(vm, "evacuate", {}, at="2.95")
        await cloud.move_ends(vm)
    assert (await cloud.show("legacy-billing"))["status"] == "SHUTOFF"
    assert (await cloud.show("report-worker-2"))["status"] == "ACTIVE"


async def test_old_microversions_answer_a_password_and_want_on_shared_storage(cloud: Region) -> None:
    missing = await cloud.act("shop-web-3", "evacuate", {}, at="2.13")
    assert missing.status == 400
    assert "'onSharedStorage' is a required property" in missing.message
    answer = await cloud.act("shop-web-3", "evacuate", {"onSharedStorage": True}, at="2.13")
    assert answer.status == 200
    assert set(answer.body) == {"adminPass"}


@pytest.mark.parametrize(
    ("at", "body", "name"),
    [
        ("2.14", {"onSharedStorage": True}, "onSharedStorage"),
        ("2.28", {"force": True}, "force"),
        ("2.68", {"host": "compute-1", "force": True}, "force"),
        ("2.95", {"hosts": "compute-1"}, "hosts"),
    ],
)
async def test_keys_a_microversion_does_not_know_are_refused(
    cloud: Region, at: str, body: dict[str, object], name: str
) -> None:
    answer = await cloud.act("shop-web-3", "evacuate", body, at=at)
    assert answer.status == 400
    assert f"Additional properties are not allowed ('{name}' was unexpected)" in answer.message
    assert cloud.world.moves == []


async def test_a_target_must_exist_and_be_another_host(cloud: Region) -> None:
    same = await cloud.act("shop-web-3", "evacuate", {"host": "compute-2"})
    assert (same.status, same.message) == (400, "The target host can't be the same one.")
    unknown = await cloud.act("shop-web-3", "evacuate", {"host": "nope"})
    assert (unknown.status, unknown.message) == (404, "Compute host nope not found.")


@pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized"])
async def test_states_that_cannot_be_evacuated_are_a_conflict(cloud: Region, state: str) -> None:
    vm = cloud.world.set_vm_state("shop-web-3", state)
    answer = await cloud.act("shop-web-3", "evacuate", {})
    assert answer.status == 409
    assert answer.message == f"Cannot 'evacuate' instance {vm.id} while it is in vm_state {state}"
    await cloud.act("shop-web-3", "os-resetState", {"state": "active"})
    assert (await cloud.act("shop-web-3", "evacuate", {})).status == 200


async def test_a_stuck_stop_and_a_lock_do_not_hinder_an_admin(cloud: Region) -> None:
    assert (await cloud.act("shop-web-3", "os-stop")).status == 202
    await cloud.clock.pass_time(300)
    assert (await cloud.show("shop-web-3"))["OS-EXT-STS:task_state"] == "powering-off"
    await cloud.act("shop-web-3", "lock", {"locked_reason": "muster"})
    assert (await cloud.act("shop-web-3", "evacuate", {})).status == 200


async def test_a_member_may_not_evacuate(cloud: Region) -> None:
    vm = cloud.world.vm("demo-vm-1")
    vm.host = cloud.world.host("compute-2")
    answer = await cloud.act("demo-vm-1", "evacuate", {}, user="demo")
    assert answer.status == 403
    assert answer.message == "Policy doesn't allow os_compute_api:os-evacuate to be performed."


async def test_a_second_evacuation_while_the_first_runs_is_accepted_and_wrecks_the_server(cloud: Region) -> None:
    first = await cloud.act("shop-web-3", "evacuate", {})
    second = await cloud.act("shop-web-3", "evacuate", {})
    assert (first.status, second.status) == (200, 200)
    await cloud.until(lambda: cloud.world.moves[0].status == "done")
    await cloud.clock.pass_time(600)
    shown = await cloud.show("shop-web-3")
    assert (shown["status"], shown["OS-EXT-STS:vm_state"]) == ("REBUILD", "error")
    assert shown["OS-EXT-STS:task_state"] == "rebuilding"
    records = await cloud.migrations("shop-web-3")
    assert [(m["status"], m["dest_compute"]) for m in records] == [("accepted", None), ("done", "compute-1")]
    action = f"/servers/{shown['id']}/os-instance-actions/{second.headers['x-openstack-request-id']}"
    event = (await cloud.nova("GET", action)).body["instanceAction"]["events"][0]
    assert event["result"] == "Error"
    assert "Expected: {'task_state': ['rebuilding']}" in event["details"]
    await cloud.act("shop-web-3", "os-resetState", {"state": "active"})
    assert (await cloud.show("shop-web-3"))["status"] == "ACTIVE"


async def test_no_room_is_still_200_and_turns_the_server_into_error(cloud: Region) -> None:
    for host in cloud.world.hosts.values():
        host.enabled = False
    answer = await cloud.act("shop-web-3", "evacuate", {})
    assert answer.status == 200
    assert (await cloud.move_ends("shop-web-3")).status == "error"
    shown = await cloud.show("shop-web-3")
    assert shown["status"] == "ERROR"
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-2"
    assert shown["fault"]["message"] == "No valid host was found. "


@pytest.mark.parametrize("why", ["full", "disabled", "forced down"])
async def test_a_named_target_that_cannot_take_it_is_not_replaced_by_another(cloud: Region, why: str) -> None:
    target = cloud.world.host("compute-3")
    if why == "full":
        cloud.world.add_vm("giant", target, memory_mb=cloud.world.room(target).memory_mb)
    target.enabled, target.forced_down = why != "disabled", why == "forced down"
    await cloud.act("shop-web-3", "evacuate", {"host": "compute-3"})
    assert (await cloud.move_ends("shop-web-3")).status == "error"
    assert (await cloud.show("shop-web-3"))["status"] == "ERROR"


async def test_before_2_29_a_named_target_is_forced(cloud: Region) -> None:
    cloud.world.host("compute-3").enabled = False
    await cloud.act("shop-web-3", "evacuate", {"host": "compute-3"}, at="2.14")
    assert (await cloud.move_ends("shop-web-3")).status == "done"


async def test_a_spawn_that_fails_leaves_it_in_error_and_it_can_be_tried_again(cloud: Region) -> None:
    cloud.world.faults.order_move(MoveFault(how=Break.SPAWN, kind=MoveKind.EVACUATION, vm="shop-web-3"))
    await cloud.act("shop-web-3", "evacuate", {}, at="2.94")
    assert (await cloud.move_ends("shop-web-3")).status == "failed"
    shown = await cloud.show("shop-web-3")
    assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("ERROR", "compute-2")
    assert shown["fault"]["message"] == "Failed to deploy instance: disk image missing"
    await cloud.act("shop-web-3", "evacuate", {}, at="2.94")
    assert (await cloud.move_ends("shop-web-3")).status == "done"
    assert (await cloud.show("shop-web-3"))["status"] == "ACTIVE"


async def test_a_target_that_is_dead_but_believed_up_completes_it_when_it_is_back(cloud: Region) -> None:
    cloud.world.kill_host("compute-3")
    await cloud.act("shop-web-3", "evacuate", {"host": "compute-3"})
    await cloud.clock.pass_time(300)
    record = (await cloud.migrations("shop-web-3"))[0]
    assert (record["status"], record["dest_compute"]) == ("accepted", "compute-3")
    assert (await cloud.show("shop-web-3"))["status"] == "REBUILD"
    cloud.world.revive_host("compute-3")
    assert (await cloud.move_ends("shop-web-3")).status == "done"


async def test_a_target_killed_in_the_middle_leaves_the_record_for_ever_but_another_try_works(cloud: Region) -> None:
    await cloud.act("shop-web-3", "evacuate", {"host": "compute-3"})
    await cloud.until(lambda: cloud.world.moves[0].status == "pre-migrating")
    cloud.world.kill_host("compute-3")
    await cloud.clock.pass_time(60)
    cloud.world.revive_host("compute-3")
    await cloud.clock.pass_time(60)
    shown = await cloud.show("shop-web-3")
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("REBUILD", "rebuild_spawning")
    await cloud.act("shop-web-3", "evacuate", {"host": "compute-1"})
    assert (await cloud.move_ends("shop-web-3")).status == "done"
    assert [m["status"] for m in await cloud.migrations("shop-web-3")] == ["done", "pre-migrating"]


async def test_a_volume_whose_service_died_with_the_host_cannot_be_attached_elsewhere() -> None:
    async with region(lambda clock: build(clock.now, cinder_on="compute-2")) as cloud:
        await cloud.act("shop-web-3", "evacuate", {})
        assert (await cloud.move_ends("shop-web-3")).status == "failed"
        assert "Gateway Time-out" in (await cloud.show("shop-web-3"))["fault"]["message"]
        words = ["volume", "update_host", "--currenthost", "compute-2@ceph#ceph", "--newhost", "storage-1@ceph#ceph"]
        cinder_manage.run(cloud.world, words)
        await cloud.act("shop-web-3", "evacuate", {})
        assert (await cloud.move_ends("shop-web-3")).status == "done"


async def test_a_guest_with_a_vtpm_cannot_be_evacuated(cloud: Region) -> None:
    vm = cloud.world.vm("shop-web-3")
    assert vm.flavor is not None
    vm.flavor = dataclasses.replace(vm.flavor, extra=(("hw:tpm_version", "2.0"),))
    answer = await cloud.act("shop-web-3", "evacuate", {})
    assert answer.status == 400
    assert answer.message == f"Operation 'evacuate' not supported for vTPM-enabled instance ({vm.id})."


async def test_the_request_id_of_the_call_names_its_entry_in_the_action_log(cloud: Region) -> None:
    answer = await cloud.act("shop-web-3", "evacuate", {})
    server = cloud.world.vm("shop-web-3").id
    log = (await cloud.nova("GET", f"/servers/{server}/os-instance-actions")).body["instanceActions"]
    assert (log[0]["action"], log[0]["request_id"]) == ("evacuate", answer.headers["x-openstack-request-id"])


async def test_the_action_log_of_a_server_begins_with_its_creation(cloud: Region) -> None:
    await cloud.act("shop-web-3", "evacuate", {})
    server = cloud.world.vm("shop-web-3").id
    log = (await cloud.nova("GET", f"/servers/{server}/os-instance-actions")).body["instanceActions"]
    assert [entry["action"] for entry in log] == ["evacuate", "create"]
    path = f"/servers/{server}/os-instance-actions/{log[-1]['request_id']}"
    (built,) = (await cloud.nova("GET", path)).body["instanceAction"]["events"]
    assert (built["event"], built["result"]) == ("compute__do_build_and_run_instance", "Success")
    assert built["host"] == "compute-2"


async def test_anti_affinity_is_kept(cloud: Region) -> None:
    await cloud.act("kafka-2", "evacuate", {"host": "compute-1"})
    assert (await cloud.move_ends("kafka-2")).status == "error"
    await cloud.act("kafka-2", "evacuate", {})
    await cloud.move_ends("kafka-2")
    assert cloud.world.vm("kafka-2").host is cloud.world.host("compute-5")


async def test_everything_of_the_demo_host_finds_room(cloud: Region) -> None:
    dead = cloud.world.host("compute-2")
    for vm in cloud.world.vms_on(dead):
        assert (await cloud.act(vm.id, "evacuate", {}, at="2.94")).status == 200
    await cloud.until(lambda: all(m.status == "done" for m in cloud.world.moves))
    assert cloud.world.vms_on(dead) == []
    listed = await cloud.nova("GET", "/servers/detail?all_tenants=1&host=compute-2")
    assert listed.body["servers"] == []
    assert cloud.world.vm("ci-runner-7").power is Power.STOPPED


async def test_twenty_servers_sent_to_one_target_take_twice_as_long_as_spread_over_three(cloud: Region) -> None:
    dead = cloud.world.host("compute-2")
    for n in range(40):
        cloud.world.add_vm(f"small-{n}", dead, memory_mb=128)
    began = cloud.clock.now()
    for n in range(20):
        await cloud.act(f"small-{n}", "evacuate", {"host": "compute-1"})
    await cloud.until(lambda: all(m.status == "done" for m in cloud.world.moves), within=600)
    piled = cloud.clock.now() - began
    began = cloud.clock.now()
    for n in range(20, 40):
        await cloud.act(f"small-{n}", "evacuate", {"host": ("compute-3", "compute-4", "compute-5")[n % 3]})
    await cloud.until(lambda: all(m.status == "done" for m in cloud.world.moves), within=600)
    assert piled > 2 * (cloud.clock.now() - began)


async def test_a_host_comes_back_only_in_the_right_order(cloud: Region) -> None:
    host = cloud.world.host("compute-2")
    service = f"/os-services/{host.service_id}"
    await cloud.nova("PUT", service, {"forced_down": True})
    await cloud.act("shop-web-3", "evacuate", {})
    await cloud.move_ends("shop-web-3")
    refused = await cloud.nova("PUT", service, {"forced_down": False})
    assert refused.status == 400
    assert refused.message == (
        "Unable to force up host compute-2 as `done` evacuation migration records remain associated with the host."
        " Ensure the compute service has been restarted, allowing these records to move to `completed` before"
        " retrying this request."
    )
    cloud.world.revive_host("compute-2")
    assert set(cloud.world.allocations[cloud.world.vm("shop-web-3").id]) == {
        cloud.world.host("compute-1").id,
        host.id,
    }
    await cloud.clock.pass_time(4)
    assert (await cloud.migrations("shop-web-3"))[0]["status"] == "completed"
    assert set(cloud.world.allocations[cloud.world.vm("shop-web-3").id]) == {cloud.world.host("compute-1").id}
    accepted = await cloud.nova("PUT", service, {"forced_down": False})
    assert (accepted.status, accepted.body["service"]["state"]) == (200, "up")


async def test_the_leftover_record_of_a_wrecked_server_needs_a_second_restart(cloud: Region) -> None:
    host = cloud.world.host("compute-2")
    await cloud.act("shop-web-3", "evacuate", {})
    await cloud.act("shop-web-3", "evacuate", {})
    await cloud.until(lambda: cloud.world.moves[0].status == "done")
    for expected in (400, 200):
        cloud.world.kill_host("compute-2")
        cloud.world.revive_host("compute-2")
        await cloud.clock.pass_time(4)
        answer = await cloud.nova("PUT", f"/os-services/{host.service_id}", {"forced_down": False})
        assert answer.status == expected

"""What speaks for and against emptying a living host, and the steps that empty it."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.model.resources import ServerGroup, Service, Storage
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import By, Disposition, Verdict
from tests.adapters.openstack.build import (
    DEAD,
    altered,
    codes,
    enter,
    finding,
    here,
    living,
    migration,
    room,
    server,
    volumes_with,
    with_service,
)
from tests.adapters.openstack.build import service as compute

PAUSED: dict[str, Any] = {"status": "PAUSED", "vm_state": "paused"}
STOPPED: dict[str, Any] = {"status": "SHUTOFF", "vm_state": "stopped"}


# ---------------------------------------------------------------------- the steps


def test_running_and_paused_vms_go_live_and_stopped_ones_cold() -> None:
    made = enter(living(server("web-1"), server("cache-1", **PAUSED), server("batch-1", **STOPPED)))
    assert not made.is_blocked, made.sorted_findings
    assert {vm.name: vm.disposition for vm in made.vms} == {
        "web-1": Disposition.LIVE_MIGRATE,
        "cache-1": Disposition.LIVE_MIGRATE,
        "batch-1": Disposition.COLD_MIGRATE,
    }
    assert [s.title for s in made.steps if s.relieves is None] == [
        f"disable {DEAD}",
        "live-migrate web-1",
        "live-migrate cache-1",
        "cold-migrate batch-1",
        "confirm batch-1",
        f"verify that {DEAD} is empty",
    ]
    assert {s.title: s.arguments.get("wanted") for s in made.steps if s.vm and s.relieves is None} == {
        "live-migrate web-1": ["ACTIVE"],
        "live-migrate cache-1": ["PAUSED"],
        "cold-migrate batch-1": ["VERIFY_RESIZE", "SHUTOFF"],
        "confirm batch-1": ["SHUTOFF"],
    }


def test_a_cold_migration_is_confirmed_only_after_it_and_before_the_next_vm() -> None:
    made = enter(living(server("a", **STOPPED), server("b", **STOPPED)))
    move, confirm = made.steps[1], made.steps[2]
    assert confirm.follows == move.key
    assert confirm.priority > move.priority
    assert confirm.vm == move.vm


def test_the_host_is_disabled_first_with_the_run_s_id_and_judged_empty_last() -> None:
    made = enter(living(), reason="new memory")
    first, last = made.steps[0], made.steps[-1]
    assert first.arguments["reason"] == "muster run=01RUN: new memory"
    assert first.essential
    assert last.by is By.CLOUD
    assert last.phase == made.phases[-1]
    assert [s for s in made.steps if s.phase == last.phase] == [last]


def test_the_host_is_never_forced_down() -> None:
    assert "force-down" not in {s.verb for s in enter(living()).steps}


def test_members_of_a_server_group_never_move_at_once_but_a_confirmation_waits_for_nobody() -> None:
    group = ServerGroup(id="g", name="db", policy="anti-affinity", members=frozenset({"id-a", "id-b"}))
    made = enter(living(server("a"), server("b", **STOPPED), groups=(group,)))
    assert {s.title: s.apart for s in made.steps if s.vm and s.relieves is None} == {
        "live-migrate a": "g",
        "cold-migrate b": "g",
        "confirm b": "",
    }


def test_the_plan_says_that_the_host_stays_disabled() -> None:
    made = enter(living())
    assert made.facts["if VMs are left"] == "the host stays disabled"
    found = finding(made, "stays-disabled")
    assert found is not None
    assert found.verdict is Verdict.OK
    assert f"/maintenance exit {DEAD}" in found.sentence


def test_a_target_is_passed_on_to_nova_and_never_to_a_confirmation() -> None:
    made = enter(living(server("a"), server("b", **STOPPED)), to="compute-3")
    assert {s.title: s.arguments["to"] for s in made.steps if s.vm and s.relieves is None} == {
        "live-migrate a": "compute-3",
        "cold-migrate b": "compute-3",
        "confirm b": "",
    }


# ---------------------------------------------------------------------- VMs that stay


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "ERROR", "vm_state": "error"}, "is in ERROR"),
        ({"status": "SUSPENDED", "vm_state": "suspended"}, "Resume it"),
        ({"status": "RESCUE", "vm_state": "rescued"}, "Unrescue it"),
        ({"status": "VERIFY_RESIZE", "vm_state": "resized"}, "confirmed or reverted"),
        ({"status": "SHELVED", "vm_state": "shelved"}, "Offload it"),
        ({"status": "BUILD", "vm_state": "building"}, "being built"),
        ({"status": "BUILD", "vm_state": "building", "task": "spawning"}, "is busy (spawning)"),
        ({"task": "image_snapshot"}, "is busy (image_snapshot)"),
        ({"task": "deleting"}, "is being deleted"),
        ({"devices": ("an accelerator",)}, "has an accelerator"),
    ],
)
def test_a_vm_that_cannot_move_stays_by_name_and_true_reason(changes: dict[str, Any], words: str) -> None:
    made = enter(living(server("odd", **changes), server("web-1")))
    odd = next(vm for vm in made.vms if vm.name == "odd")
    assert odd.disposition is Disposition.CANNOT
    assert words in odd.note
    found = finding(made, "stays-behind")
    assert found is not None
    assert found.vm == odd.id
    assert words in found.sentence
    left = finding(made, "will-not-be-empty")
    assert left is not None
    assert "1 of its 2 VMs" in left.sentence
    assert not made.is_blocked
    assert not any(s.vm == odd.id for s in made.steps)
    assert made.steps[-1].verb == "verify-empty"


def test_what_ties_a_running_vm_to_its_host_does_not_tie_a_stopped_one() -> None:
    made = enter(living(server("secret", has_vtpm=True, **STOPPED)))
    assert made.vms[0].disposition is Disposition.COLD_MIGRATE
    assert "stays-behind" not in codes(made)


def test_a_vm_whose_earlier_move_is_open_is_left_alone() -> None:
    made = enter(living(server("web-1"), migrations=(migration(7, "web-1", "running", type="live-migration"),)))
    assert made.vms[0].disposition is Disposition.CANNOT
    assert "#7" in made.vms[0].note


def test_nobody_stays_when_all_can_move() -> None:
    made = enter(living(server("a"), server("b", **STOPPED)))
    assert not {"stays-behind", "will-not-be-empty", "no-vms"} & codes(made)


def test_of_a_device_it_is_said_what_it_means_for_a_running_vm_and_what_for_a_stopped_one() -> None:
    for changes, words in (({}, "whether it can be live-migrated"), (STOPPED, "comes up only where such a device")):
        found = finding(enter(living(server("gpu-1", devices=("a vGPU",), **changes))), "needs-device")
        assert found is not None
        assert found.verdict is Verdict.WARNING
        assert found.sentence.startswith("gpu-1 has a vGPU: ")
        assert words in found.sentence
    assert "needs-device" not in codes(enter(living(server("web-1"))))


# ---------------------------------------------------------------------- the host and the cloud


def test_a_host_that_is_down_is_not_emptied_but_evacuated() -> None:
    for changes in ({"is_up": False}, {"is_up": False, "is_forced_down": True}):
        made = enter(with_service(living(), DEAD, **changes))
        found = finding(made, "service-down")
        assert made.is_blocked
        assert found is not None
        assert f"/evacuate {DEAD}" in found.remedy
    assert "service-down" not in codes(enter(living()))


def test_a_host_that_nova_does_not_know_is_refused() -> None:
    taken = living()
    made = enter(altered(taken, services=tuple(s for s in taken.computes.services if s.host != DEAD)))
    assert "service-unknown" in codes(made)
    assert made.is_blocked
    assert made.steps == ()


def test_the_last_host_of_its_zone_is_not_emptied() -> None:
    taken = living()
    for other in ("compute-2", "compute-3", "compute-4"):
        assert "last-in-zone" not in codes(enter(taken))
        taken = with_service(taken, other, zone="az-2")
    made = enter(taken)
    found = finding(made, "last-in-zone")
    assert found is not None
    assert "az-1" in found.sentence
    assert made.is_blocked


def test_the_last_enabled_host_of_an_aggregate_is_not_emptied() -> None:
    taken = living(aggregates={DEAD: ("fast", "all"), "compute-2": ("fast",), "compute-3": ("all",)})
    assert not enter(taken).is_blocked
    made = enter(with_service(taken, "compute-2", is_enabled=False))
    found = finding(made, "last-in-aggregate")
    assert found is not None
    assert "fast" in found.sentence
    assert made.is_blocked


def test_nothing_is_emptied_when_nobody_is_left_to_take_it() -> None:
    taken = living()
    for other in ("compute-2", "compute-3", "compute-4"):
        taken = with_service(taken, other, is_enabled=False)
    made = enter(taken)
    assert "no-survivors" in codes(made)
    assert "last-in-zone" not in codes(made)
    assert made.is_blocked


def test_a_host_that_somebody_disabled_before_is_emptied_and_left_so() -> None:
    made = enter(with_service(living(), DEAD, is_enabled=False, disabled_reason="disk alarm"))
    found = finding(made, "disabled-before")
    assert found is not None
    assert "disk alarm" in found.sentence
    assert not made.is_blocked
    assert "disabled-before" not in codes(enter(living()))


def test_vms_without_room_block_and_nobody_is_told_to_leave_some_out() -> None:
    made = enter(living(by_host={f"compute-{n}": room(0, 0) for n in (2, 3, 4)}))
    found = finding(made, "fits-nowhere")
    assert found is not None
    assert made.is_blocked
    assert "--vm" not in found.remedy


def test_of_vms_that_people_chose_only_those_are_moved_and_the_host_is_not_verified_empty() -> None:
    made = enter(living(server("a"), server("b"), server("c", vm_state="suspended")), vms=("id-a",), is_choice=True)
    assert {vm.name: (vm.disposition, vm.chosen) for vm in made.vms} == {
        "a": (Disposition.LIVE_MIGRATE, True),
        "b": (Disposition.LEAVE, False),
        "c": (Disposition.CANNOT, None),
    }
    assert [s.verb for s in made.steps if s.relieves is None] == ["disable-service", "live-migrate"]
    found = finding(made, "will-not-be-empty")
    assert found is not None
    assert "2 of its 3 VMs were left out by choice" in found.sentence
    assert "stays-behind" not in codes(made)


def test_when_all_vms_are_meant_each_that_can_be_moved_may_be_left_out() -> None:
    made = enter(living(server("a"), server("b", vm_state="suspended")))
    assert [vm.chosen for vm in made.vms] == [True, None]
    assert made.steps[-1].verb == "verify-empty"


@pytest.mark.parametrize("to", ["nowhere", DEAD])
def test_a_target_that_cannot_take_vms_is_refused(to: str) -> None:
    assert enter(living(), to=to).is_blocked
    assert not enter(living(), to="compute-2").is_blocked


def test_an_old_nova_cannot_choose_where_a_stopped_vm_goes() -> None:
    old = Microversion((2, 53))
    assert "target-too-new" in codes(enter(living(server("b", **STOPPED), highest=old), to="compute-2"))
    for fine in (
        enter(living(server("b", **STOPPED), highest=old)),
        enter(living(server("b", **STOPPED)), to="compute-2"),
        enter(living(server("a"), highest=old), to="compute-2"),
    ):
        assert "target-too-new" not in codes(fine)


def test_vms_on_their_way_here_are_told() -> None:
    arriving = migration(9, "elsewhere", "running", DEAD, source="compute-3", type="live-migration")
    found = finding(enter(living(migrations=(arriving,))), "incoming")
    assert found is not None
    assert "#9" in found.sentence
    assert "incoming" not in codes(enter(living(migrations=(replace(arriving, status="completed"),))))
    many = tuple(replace(arriving, id=n, server=f"elsewhere-{n}") for n in range(7))
    found = finding(enter(living(migrations=many)), "incoming")
    assert found is not None
    assert "#4 and 2 more)" in found.sentence


def test_vms_that_left_without_confirmation_are_told() -> None:
    gone = migration(9, "elsewhere", "finished", type="resize")
    found = finding(enter(living(migrations=(gone,))), "unconfirmed")
    assert found is not None
    assert "#9" in found.sentence
    assert "unconfirmed" not in codes(enter(living(migrations=(replace(gone, status="confirmed"),))))


def test_vms_that_must_stay_together_cannot_be_moved_one_by_one() -> None:
    group = ServerGroup(id="g", name="pair", policy="affinity", members=frozenset({"id-a", "id-b"}))
    both = living(server("a"), server("b"), groups=(group,))
    found = finding(enter(both), "must-stay-together")
    assert found is not None
    assert "pair" in found.sentence
    for calm in (
        living(server("a"), server("c"), groups=(group,)),
        living(server("a"), server("b"), groups=(replace(group, policy="soft-affinity"),)),
    ):
        assert "must-stay-together" not in codes(enter(calm))


def test_volumes_that_the_host_itself_manages_are_told() -> None:
    backup: Service = compute(DEAD, binary="cinder-backup")
    made = enter(living(storage=Storage(host=DEAD, services=(backup,), volumes=volumes_with(DEAD, 3))))
    found = finding(made, "volumes-managed-here")
    assert found is not None
    assert "while it is off" in found.sentence
    assert "backups-managed-here" in codes(made)
    assert not {"volumes-managed-here", "backups-managed-here"} & codes(enter(living(storage=Storage(host=DEAD))))


def test_an_empty_host_is_only_taken_out_of_service() -> None:
    made = enter(altered(living(), listed=here()))
    assert "no-vms" in codes(made)
    assert [s.verb for s in made.steps] == ["disable-service", "verify-empty"]

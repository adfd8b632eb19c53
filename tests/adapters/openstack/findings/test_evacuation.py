"""What a survey says for and against an evacuation: each finding where it belongs, and absent where it does not."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from adapters.openstack.model import ages
from adapters.openstack.model.resources import Server, Storage
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import Disposition, Topic, Verdict, digest_of
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    altered,
    codes,
    configured,
    finding,
    here,
    migration,
    plan,
    room,
    server,
    service,
    survey,
    volumes_with,
    with_service,
)


def test_a_dead_host_with_room_elsewhere_may_be_evacuated_with_one_warning() -> None:
    made = plan(survey())
    assert not made.is_blocked
    assert codes(made) == {"service-down", "unproven-death", "room"}


def test_the_age_of_the_last_heartbeat_is_said() -> None:
    found = finding(plan(survey()), "service-down")
    assert found is not None
    assert found.verdict is Verdict.OK
    assert found.topic is Topic.EVIDENCE
    assert "not heard from for at least 3 min" in found.sentence, "disabling it or forcing it down writes the row too"


def test_a_living_host_is_not_evacuated_and_the_way_to_empty_it_is_named() -> None:
    made = plan(with_service(survey(), DEAD, is_up=True))
    found = finding(made, "service-up")
    assert found is not None
    assert found.verdict is Verdict.BLOCKER
    assert "/maintenance enter compute-1" in found.remedy
    assert "unproven-death" not in codes(made)


def test_a_host_that_was_forced_down_by_hand_is_no_proof() -> None:
    made = plan(with_service(survey(), DEAD, is_forced_down=True))
    assert not made.is_blocked
    assert "forced-down-before" in codes(made)
    assert "service-down" not in codes(made)


def test_a_host_that_nova_does_not_know_cannot_be_evacuated() -> None:
    taken = survey()
    made = plan(altered(taken, services=tuple(s for s in taken.computes.services if s.host != DEAD)))
    assert made.is_blocked
    assert "service-unknown" in codes(made)
    assert made.steps == ()


def test_when_most_hosts_look_dead_the_observer_is_suspected() -> None:
    taken = with_service(with_service(survey(), "compute-2", is_up=False), "compute-3", is_up=False)
    assert finding(plan(taken), "observer-blind") is not None
    assert plan(taken).is_blocked


def test_another_dead_host_is_named_but_does_not_forbid() -> None:
    made = plan(with_service(survey(), "compute-2", is_up=False))
    found = finding(made, "others-down")
    assert found is not None
    assert "compute-2" in found.sentence
    assert not made.is_blocked


def test_hosts_that_were_forced_down_on_purpose_do_not_make_the_observer_suspect() -> None:
    taken = survey()
    for host in ("compute-2", "compute-3"):
        taken = with_service(taken, host, is_up=False, is_forced_down=True)
    assert {"observer-blind", "others-down"} & codes(plan(taken)) == set()


def test_without_any_other_host_there_is_nowhere_to_go() -> None:
    taken = survey()
    for host in ("compute-2", "compute-3", "compute-4"):
        taken = with_service(taken, host, is_enabled=False)
    made = plan(taken)
    assert "no-survivors" in codes(made)
    assert "fits-nowhere" not in codes(made)


@pytest.mark.parametrize("binary", ["nova-scheduler", "nova-conductor"])
def test_without_scheduler_or_conductor_nothing_would_be_placed(binary: str) -> None:
    taken = survey()
    made = plan(altered(taken, services=tuple(s for s in taken.computes.services if s.binary != binary)))
    assert finding(made, f"no-{binary.removeprefix('nova-')}") is not None
    assert made.is_blocked


def test_a_host_disabled_before_keeps_its_reason() -> None:
    found = finding(
        plan(with_service(survey(), DEAD, is_enabled=False, disabled_reason="disk swap")), "disabled-before"
    )
    assert found is not None
    assert "disk swap" in found.sentence
    assert found.verdict is Verdict.OK


# ---------------------------------------------------------------------- storage


def local(name: str) -> Server:
    return server(name, has_local_disk=True, boots_from_volume=False)


def test_local_disks_that_are_not_shared_are_lost() -> None:
    made = plan(survey(local("db-1")), settings=configured(shared_storage=False))
    found = finding(made, "disk-lost")
    assert found is not None
    assert found.vm == "id-db-1"
    assert made.vms[0].loses_disk
    assert made.facts["storage"] == "not shared"


def test_local_disks_of_which_nobody_knows_may_be_lost() -> None:
    made = plan(survey(local("db-1")))
    assert finding(made, "disk-may-be-lost") is not None
    assert made.vms[0].loses_disk


def test_local_disks_on_shared_storage_are_safe() -> None:
    made = plan(survey(local("db-1")), settings=configured(shared_storage=True))
    assert {"disk-lost", "disk-may-be-lost"} & codes(made) == set()
    assert not made.vms[0].loses_disk


def test_a_volume_backed_vm_loses_nothing_even_without_shared_storage() -> None:
    made = plan(survey(), settings=configured(shared_storage=False))
    assert "disk-lost" not in codes(made)
    assert not made.vms[0].loses_disk


def test_a_volume_backed_vm_with_an_ephemeral_disk_loses_that() -> None:
    made = plan(survey(server("db-1", has_local_disk=True)), settings=configured(shared_storage=False))
    found = finding(made, "disk-lost")
    assert found is not None
    assert "ephemeral" in found.sentence


def test_volumes_that_the_dead_host_manages_are_counted() -> None:
    backup = service(DEAD, binary="cinder-backup")
    made = plan(survey(storage=Storage(host=DEAD, services=(backup,), volumes=volumes_with(DEAD, 7))))
    found = finding(made, "volumes-managed-here")
    assert found is not None
    assert "7 Cinder volumes" in found.sentence
    assert "backups-managed-here" in codes(made)
    assert {"volumes-managed-here", "backups-managed-here"} & codes(plan(survey(storage=Storage(host=DEAD)))) == set()


# ---------------------------------------------------------------------- versions


def test_below_the_minimum_version_evacuation_is_refused() -> None:
    made = plan(survey(), settings=configured(minimum_version="6.4.3.0.0.0", platform_version="6.4.2.9"))
    assert "platform-too-old" in codes(made)
    assert made.is_blocked


@pytest.mark.parametrize("version", ["6.4.3", "6.4.3.0.0.0", "6.10.0", "7"])
def test_at_or_above_the_minimum_version_nothing_is_said(version: str) -> None:
    made = plan(survey(), settings=configured(minimum_version="6.4.3.0.0.0", platform_version=version))
    assert {"platform-too-old", "platform-version"} & codes(made) == set()


def test_a_version_that_nobody_told_blocks_and_one_that_is_none_is_refused_as_a_setting() -> None:
    made = plan(survey(), settings=configured(minimum_version="6.4.3"))
    with pytest.raises(ValidationError, match="is not a version"):
        configured(minimum_version="6.4.3", platform_version="rocky")
    found = finding(made, "platform-version")
    assert found is not None
    assert found.verdict is Verdict.UNKNOWN
    assert made.is_blocked


def test_running_vms_stay_running_because_the_microversion_stays_below_2_95() -> None:
    made = plan(survey())
    assert made.facts["microversion"] == "2.94"
    assert made.facts["VMs come up"] == "as they were"
    assert {s.arguments["microversion"] for s in made.steps if s.verb == "evacuate"} == {"2.94"}


def test_vms_are_left_stopped_when_the_settings_say_so() -> None:
    made = plan(survey(), settings=configured(evacuated_vms="stopped"))
    assert made.facts["microversion"] == "2.95"
    assert made.facts["VMs come up"] == "stopped"
    assert made.steps[-1].arguments["wanted"] == ["SHUTOFF"]


def test_an_older_nova_cannot_leave_vms_stopped_so_they_are_stopped_afterwards_and_that_is_said() -> None:
    made = plan(survey(highest=Microversion((2, 79))), settings=configured(evacuated_vms="stopped"))
    assert "comes-up-running" in codes(made)
    assert made.facts["microversion"] == "2.79"
    assert made.facts["VMs come up"] == "stopped"
    assert [s.verb for s in made.steps[-2:]] == ["evacuate", "stop"]


# ---------------------------------------------------------------------- VMs


@pytest.mark.parametrize("state", ["active", "stopped", "error"])
def test_vms_in_these_states_are_evacuated(state: str) -> None:
    made = plan(survey(server("web-1", vm_state=state)))
    assert made.vms[0].disposition is Disposition.EVACUATE
    assert made.step_of(made.vms[0].id) is not None


@pytest.mark.parametrize(
    "state", ["paused", "suspended", "rescued", "resized", "building", "shelved", "shelved_offloaded"]
)
def test_vms_in_these_states_stay_behind_with_the_true_reason(state: str) -> None:
    made = plan(survey(server("web-1", vm_state=state, status=state.upper())))
    assert made.vms[0].disposition is Disposition.CANNOT
    assert state in made.vms[0].note
    assert "cannot-evacuate" in codes(made)
    assert made.step_of(made.vms[0].id) is None
    assert not made.is_blocked


def test_a_vm_that_is_being_deleted_stays_behind() -> None:
    made = plan(survey(server("web-1", task="deleting")))
    assert made.vms[0].disposition is Disposition.CANNOT
    assert "deleted" in made.vms[0].note


def test_a_vm_that_was_just_migrating_away_stays_behind_for_its_guest_may_run_elsewhere() -> None:
    moving = server("web-1", task="migrating", status="MIGRATING")
    made = plan(survey(moving, migrations=(migration(3, "web-1", "running", type="live-migration"),)))
    assert made.vms[0].disposition is Disposition.CANNOT
    assert "compute-2" in made.vms[0].note


def test_an_old_migration_record_that_never_ended_does_not_hold_a_vm_back() -> None:
    made = plan(survey(migrations=(migration(3, "web-1", "running", type="live-migration"),)))
    assert made.vms[0].disposition is Disposition.EVACUATE


def test_a_vm_with_a_vtpm_stays_behind() -> None:
    made = plan(survey(server("web-1", has_vtpm=True)))
    assert made.vms[0].disposition is Disposition.CANNOT
    assert "vTPM" in made.vms[0].note


def test_a_stuck_task_is_noted_and_does_not_matter() -> None:
    made = plan(survey(server("web-1", task="powering-off", is_locked=True)))
    assert made.vms[0].disposition is Disposition.EVACUATE
    assert "powering-off" in made.vms[0].note
    assert "locked" in made.vms[0].note


def test_an_evacuation_that_never_ended_is_shown() -> None:
    made = plan(survey(migrations=(migration(9, "web-1", "accepted", None),)))
    found = finding(made, "evacuation-open")
    assert found is not None
    assert "#9" in found.sentence
    assert "evacuation-open" not in codes(plan(survey(migrations=(migration(9, "web-1", "failed"),))))


def test_a_host_without_vms_is_only_taken_out_of_service() -> None:
    made = plan(altered(survey(), listed=here()))
    assert not made.is_blocked
    assert "no-vms" in codes(made)
    assert [s.verb for s in made.steps] == ["disable-service", "force-down"]


def test_vms_show_the_name_of_their_project_and_the_size_of_their_flavor() -> None:
    vm = plan(survey()).vms[0]
    assert (vm.project, vm.size, vm.status) == ("shop", "m1.small", "ACTIVE")


def test_an_aggregate_left_without_a_host_is_named() -> None:
    made = plan(survey(aggregates={DEAD: ("ssd", "rack-1"), "compute-2": ("rack-1",)}))
    found = finding(made, "aggregate-empty")
    assert found is not None
    assert "ssd" in found.sentence
    assert "aggregate-empty" not in codes(plan(survey(aggregates={DEAD: ("ssd",), "compute-2": ("ssd",)})))


# ---------------------------------------------------------------------- what the digest relies on


def test_the_passing_of_time_changes_no_digest() -> None:
    later = survey(at=NOW + timedelta(hours=2))
    assert digest_of(plan(survey()), terms={}) == digest_of(plan(later), terms={})


def test_a_host_that_comes_back_changes_the_digest() -> None:
    revived = with_service(survey(), DEAD, is_up=True)
    assert digest_of(plan(survey()), terms={}) != digest_of(plan(revived), terms={})


def test_room_that_grows_or_shrinks_but_suffices_changes_no_digest() -> None:
    roomier = survey(by_host={"compute-2": room(500, 500)})
    assert digest_of(plan(survey()), terms={}) == digest_of(plan(roomier), terms={})


@pytest.mark.parametrize(
    ("age", "words"),
    [(-5, "0 s"), (45, "45 s"), (119, "119 s"), (180, "3 min"), (7300, "2 h"), (200000, "2 days")],
)
def test_ages_are_spoken(age: int, words: str) -> None:
    assert ages.spoken(timedelta(seconds=age)) == words


def test_a_vm_that_goes_to_another_zone_is_told_with_both_and_one_that_stays_in_its_own_is_not() -> None:
    apart = with_service(survey(server("web-1")), "compute-3", zone="az-2")
    (there,), (here_still,) = plan(apart, to="compute-3").vms, plan(apart, to="compute-2").vms
    assert "to zone az-2, away from az-1" in there.note
    assert "zone" not in here_still.note

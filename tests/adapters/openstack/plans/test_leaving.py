"""What speaks for and against the return of a host, and the steps that bring it back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.openstack.model.resources import Service, Storage
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.steps import service
from adapters.openstack.survey.heartbeats import ServiceHeartbeats
from bot.domain.cloud import Seen
from bot.domain.plans.plan import By, Step, Verdict
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    altered,
    back,
    codes,
    finding,
    living,
    migration,
    server,
    with_service,
)
from tests.adapters.openstack.build import service as compute
from tests.steps import steps_of

OURS: dict[str, Any] = {"is_enabled": False, "disabled_reason": "muster run=01OLD: new memory"}
FORCED: dict[str, Any] = {**OURS, "is_up": False, "is_forced_down": True}
THEIRS: dict[str, Any] = {"is_enabled": False, "disabled_reason": "disk alarm"}


def host(*moves: Any, **changes: Any) -> OpenStackSurvey:
    return with_service(living(migrations=moves), DEAD, **changes)


def step(verb: str) -> Step:
    return next(s for s in steps_of(back(host(**FORCED))) if s.verb == verb)


# ---------------------------------------------------------------------- the steps


def test_after_an_evacuation_it_is_released_watched_and_enabled_in_this_order() -> None:
    made = back(host(**FORCED))
    assert not made.is_blocked, made.sorted_findings
    assert [s.verb for s in made.steps] == ["release-service", "verify-up", "enable-service"]
    assert [s.phase for s in made.steps] == list(made.phases_used)
    assert all(s.essential for s in made.steps)
    assert made.steps[1].by is By.CLOUD


def test_after_maintenance_there_is_nothing_to_release() -> None:
    made = back(host(**OURS))
    assert not made.is_blocked
    assert [s.verb for s in made.steps] == ["verify-up", "enable-service"]
    told = finding(made, "disabled-by-us")
    assert told is not None
    assert told.sentence.endswith("it will be enabled."), "it is not yet"


def test_a_host_that_is_in_service_is_only_watched() -> None:
    made = back(living())
    assert not made.is_blocked
    assert [s.verb for s in made.steps] == ["verify-up"]
    assert "in-service" in codes(made)
    assert "in-service" not in codes(back(host(**OURS)))


def test_vms_stay_where_they_are_and_the_plan_says_so() -> None:
    made = back(living(server("a"), server("b")))
    assert made.vms == ()
    found = finding(made, "vms-stay")
    assert found is not None
    assert found.verdict is Verdict.OK
    assert "has 2 now" in found.sentence


# ---------------------------------------------------------------------- who disabled it, who forced it


def test_what_somebody_else_disabled_is_left_to_them() -> None:
    made = back(host(**THEIRS))
    found = finding(made, "disabled-by-others")
    assert made.is_blocked
    assert found is not None
    assert "disk alarm" in found.sentence
    assert "openstack compute service set --enable" in found.remedy
    assert "disabled-by-others" not in codes(back(host(**OURS)))


def test_what_somebody_else_forced_down_is_a_warning() -> None:
    made = back(host(is_up=False, is_forced_down=True))
    assert not made.is_blocked
    assert "forced-by-others" in codes(made)
    assert "forced-by-others" not in codes(back(host(**FORCED)))


# ---------------------------------------------------------------------- life


def test_a_host_whose_compute_is_down_does_not_return() -> None:
    assert "compute-silent" in codes(back(host(**OURS, is_up=False)))
    assert back(host(**OURS, is_up=False)).is_blocked
    assert "compute-silent" not in codes(back(host(**OURS)))


def test_a_forced_host_is_believed_to_run_only_while_it_reports() -> None:
    silent = back(host(**FORCED, updated_at=NOW - timedelta(minutes=5)))
    assert silent.is_blocked
    assert "compute-silent" in codes(silent)
    assert "compute-silent" in codes(back(host(**FORCED, updated_at=None)))
    assert "reports" in codes(back(host(**FORCED)))


def test_the_silence_is_measured_by_the_cloud_s_own_clock() -> None:
    ahead = altered(host(**FORCED), at=NOW + timedelta(hours=1))
    assert not back(ahead).is_blocked


def test_a_host_that_nova_does_not_know_is_refused() -> None:
    taken = living()
    made = back(altered(taken, services=tuple(s for s in taken.computes.services if s.host != DEAD)))
    assert codes(made) == {"service-unknown"}
    assert made.steps == ()


# ---------------------------------------------------------------------- evacuations that left something


def test_old_guests_that_are_not_removed_forbid_the_return() -> None:
    made = back(host(migration(1, "a", "done"), migration(2, "b", "done"), **FORCED))
    found = finding(made, "old-guests")
    assert made.is_blocked
    assert found is not None
    assert "2 VMs" in found.sentence
    cleared = back(host(migration(1, "a", "completed"), migration(2, "b", "failed"), **FORCED))
    assert not cleared.is_blocked


@pytest.mark.parametrize("status", ["accepted", "pre-migrating"])
def test_an_evacuation_that_has_not_ended_forbids_the_return(status: str) -> None:
    made = back(host(migration(1, "a", status), **FORCED))
    assert made.is_blocked
    assert "#1" in (finding(made, "evacuation-open") or pytest.fail("not found")).sentence


def test_a_record_that_hangs_behind_a_later_success_does_not_matter() -> None:
    assert not back(host(migration(1, "a", "pre-migrating"), migration(2, "a", "completed"), **FORCED)).is_blocked


def test_evacuations_to_the_host_do_not_matter() -> None:
    assert not back(host(migration(1, "a", "done", DEAD, source="compute-2"), **FORCED)).is_blocked


def test_cinder_s_services_that_are_down_there_are_told() -> None:
    dead = compute(f"{DEAD}@ceph", binary="cinder-volume", is_up=False)
    found = finding(back(replace(living(), storage=Storage(host=DEAD, services=(dead,)))), "cinder-down")
    assert found is not None
    assert "cinder-volume" in found.sentence
    well = Storage(host=DEAD, services=(replace(dead, is_up=True),))
    assert "cinder-down" not in codes(back(replace(living(), storage=well)))


# ---------------------------------------------------------------------- the evidence


def test_release_is_judged_by_the_flag_alone() -> None:
    release = step("release-service")
    assert service.sighting(release, compute(DEAD, **FORCED)).seen is Seen.NEVER_STARTED
    assert service.sighting(release, compute(DEAD, **OURS)).seen is Seen.DONE


def test_a_host_is_enabled_only_while_the_reason_is_the_one_that_was_seen() -> None:
    enable = step("enable-service")
    assert service.sighting(enable, compute(DEAD, **OURS)).seen is Seen.NEVER_STARTED
    assert service.sighting(enable, compute(DEAD)).seen is Seen.DONE
    other = service.sighting(enable, compute(DEAD, **THEIRS))
    assert other.seen is Seen.FAILED
    assert "disk alarm" in other.sentence


def test_a_service_that_was_deleted_fails_every_step() -> None:
    for made in steps_of(back(host(**FORCED))):
        assert service.sighting(made, None).seen is Seen.FAILED


def test_up_counts_only_after_so_many_heartbeats() -> None:
    settled = step("verify-up")
    stages = [service.sighting(settled, compute(DEAD), beats=n) for n in range(service.BEATS + 1)]
    assert [s.seen for s in stages] == [Seen.UNDERWAY] * service.BEATS + [Seen.DONE]
    assert len({s.movement for s in stages}) == len(stages)


def test_heartbeats_are_counted_once_each_and_anew_after_every_silence() -> None:
    hearts = ServiceHeartbeats()

    def counted(shown: Service) -> int:
        hearts.note([shown])
        return hearts.count(shown)

    def at(seconds: int, *, up: bool = True) -> int:
        return counted(compute(DEAD, is_up=up, updated_at=NOW + timedelta(seconds=seconds)))

    assert [at(0), at(0), at(10), at(20)] == [1, 1, 2, 3]
    assert [at(30, up=False), at(40), at(50)] == [0, 1, 2]
    assert at(500) == 1
    assert counted(compute("compute-3", updated_at=NOW)) == 1
    assert counted(compute(DEAD, updated_at=None)) == 0

"""What Nova shows about an evacuation, row by row of the evidence table."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.openstack.model.resources import Migration, Server
from adapters.openstack.steps import service
from adapters.openstack.steps.moves import evacuate, outcome
from bot.domain.cloud import Seen, Sighting
from bot.domain.values import Facts
from tests.adapters.openstack.build import DEAD, NOW, evacuate_step, migration, plan, server, survey
from tests.adapters.openstack.build import service as compute
from tests.steps import steps_of

STILL: Facts = {"migrations": [], "host": DEAD, "status": "ACTIVE", "vm_state": "active", "task": None}


def look(shown: Server | None, *migrations: Migration, before: Facts | None = STILL, **arguments: Any) -> Sighting:
    return outcome.sighting(evacuate_step(before=before, **arguments), shown, migrations, now=NOW)


def web(**changes: Any) -> Server:
    return server("web-1", **changes)


REBUILDING: dict[str, Any] = {"status": "REBUILD", "task": "rebuild_spawning"}
ARRIVED: dict[str, Any] = {"host": "compute-2"}


# ---------------------------------------------------------------------- before the start


def test_an_untouched_vm_was_never_started_and_its_mark_says_what_was_there() -> None:
    seen = look(web(), migration(4, "web-1", "failed"), before=None)
    assert seen.seen is Seen.NEVER_STARTED
    assert seen.mark == {**STILL, "migrations": [4], "refused_by": ["compute-2"], "at_rest_since": "", "newest": ""}
    assert seen.place == DEAD


def test_a_stuck_task_of_before_is_no_trace_of_an_evacuation() -> None:
    stuck = web(task="powering-off")
    mark = look(stuck, before=None).mark
    assert look(stuck, before=None).seen is Seen.NEVER_STARTED
    assert look(stuck, before=mark).seen is Seen.NEVER_STARTED


@pytest.mark.parametrize("status", ["accepted", "pre-migrating", "queued"])
@pytest.mark.parametrize("task", [None, "rebuilding", "powering-off"])
def test_no_second_evacuation_is_begun_while_one_of_anybody_is_open(status: str, task: str | None) -> None:
    seen = look(web(task=task), migration(4, "web-1", status), before=None)
    assert seen.seen is Seen.UNDERWAY
    assert "did not start" in seen.sentence


def test_a_rebuild_without_a_record_is_not_begun_again() -> None:
    assert look(web(status="REBUILD", task="rebuilding"), before=None).seen is Seen.UNDERWAY


def test_a_vm_that_left_by_other_means_is_as_wanted() -> None:
    seen = look(web(host="compute-4"), before=None)
    assert seen.seen is Seen.DONE
    assert seen.place == "compute-4"
    assert "already" in seen.sentence


@pytest.mark.parametrize("before", [None, STILL])
def test_a_deleted_vm_needs_nothing_more(before: Facts | None) -> None:
    for shown in (None, web(status="DELETED", vm_state="deleted", host="")):
        seen = look(shown, before=before)
        assert seen.seen is Seen.DONE
        assert "deleted" in seen.sentence


def test_a_vm_that_left_by_other_means_into_error_is_not_called_done() -> None:
    assert look(web(host="compute-4", status="ERROR", vm_state="error"), before=None).seen is Seen.FAILED


# ---------------------------------------------------------------------- after the start


def test_nothing_new_means_never_started() -> None:
    assert look(web(), migration(4, "web-1", "failed"), before={**STILL, "migrations": [4]}).seen is Seen.NEVER_STARTED


@pytest.mark.parametrize("shown", [web(), web(**REBUILDING), web(**ARRIVED), web(status="SHUTOFF", vm_state="stopped")])
def test_a_new_open_record_is_underway_whatever_the_server_shows(shown: Server) -> None:
    seen = look(shown, migration(5, "web-1", "pre-migrating"))
    assert seen.seen is Seen.UNDERWAY
    assert "did not start" not in seen.sentence


def test_every_stage_counts_as_headway() -> None:
    stages = [
        look(web(status="REBUILD", task="rebuilding"), migration(5, "web-1", "accepted", None)),
        look(web(status="REBUILD", task="rebuilding"), migration(5, "web-1", "accepted")),
        look(web(status="REBUILD", task="rebuilding"), migration(5, "web-1", "pre-migrating")),
        look(web(**REBUILDING), migration(5, "web-1", "pre-migrating")),
        look(web(), migration(5, "web-1", "pre-migrating")),
        look(web(**ARRIVED), migration(5, "web-1", "pre-migrating")),
    ]
    assert len({s.movement for s in stages}) == len(stages)
    assert len({s.sentence for s in stages}) >= 4


@pytest.mark.parametrize("status", ["done", "completed"])
def test_done_needs_the_record_the_host_the_task_and_the_status(status: str) -> None:
    record = migration(5, "web-1", status)
    assert look(web(**ARRIVED), record).seen is Seen.DONE
    assert look(web(**ARRIVED), record).place == "compute-2"
    assert look(web(**ARRIVED, task="powering-off"), record).seen is Seen.UNDERWAY
    assert look(web(), record).seen is Seen.UNCLEAR
    assert look(web(**ARRIVED, status="SHUTOFF", vm_state="stopped"), record).seen is Seen.FAILED
    assert look(web(**ARRIVED, status="ERROR", vm_state="error"), record).seen is Seen.FAILED


def test_a_vm_that_was_stopped_must_be_stopped_again() -> None:
    record = migration(5, "web-1", "done")
    stopped = web(**ARRIVED, status="SHUTOFF", vm_state="stopped")
    assert look(stopped, record, wanted=["SHUTOFF"]).seen is Seen.DONE
    assert look(web(**ARRIVED), record, wanted=["SHUTOFF"]).seen is Seen.FAILED


def test_a_vm_on_no_host_is_unclear() -> None:
    assert look(web(host="")).seen is Seen.UNCLEAR


def test_a_vm_that_moved_on_after_its_evacuation_is_done_where_it_is() -> None:
    seen = look(web(host="compute-4"), migration(5, "web-1", "done", "compute-2"))
    assert seen.seen is Seen.DONE
    assert seen.place == "compute-4"


@pytest.mark.parametrize("status", ["failed", "error"])
def test_a_new_record_that_ended_badly_is_a_failure_with_its_cause_explained(status: str) -> None:
    broken = web(status="ERROR", vm_state="error", fault="No valid host was found. ")
    seen = look(broken, migration(5, "web-1", status))
    assert seen.seen is Seen.FAILED
    assert "scheduler found no host" in seen.sentence
    assert "retry" in seen.remedy
    assert "No valid host" in seen.raw


# ---------------------------------------------------------------------- a target that was only wished for

BROKEN: dict[str, Any] = {"status": "ERROR", "vm_state": "error", "fault": "No valid host was found. "}


def wishing(shown: Server, *migrations: Migration, wish: str = "compute-2", **changes: Any) -> Sighting:
    step = evacuate_step(before=changes.pop("before", STILL), to=changes.pop("to", ""))
    return outcome.sighting(replace(step, wish=wish), shown, migrations, now=NOW)


@pytest.mark.parametrize("status", ["failed", "error"])
def test_a_wish_that_was_refused_is_no_failure_yet(status: str) -> None:
    seen = wishing(web(**BROKEN), migration(5, "web-1", status))
    assert seen.seen is Seen.TURNED_AWAY
    assert "compute-2 did not take web-1 (No valid host was found." in seen.sentence


@pytest.mark.parametrize(
    ("shown", "of", "changes"),
    [
        (web(**BROKEN), migration(5, "web-1", "failed", "compute-3"), {}),
        (web(**BROKEN), migration(5, "web-1", "failed", None), {}),
        (web(**BROKEN), migration(5, "web-1", "failed"), {"to": "compute-2"}),
        (web(**BROKEN), migration(5, "web-1", "failed"), {"wish": ""}),
        (web(), migration(5, "web-1", "failed"), {}),
        (web(**{**BROKEN, "task": "rebuilding"}), migration(5, "web-1", "failed"), {}),
        (web(**BROKEN), migration(5, "web-1", "failed"), {"before": {**STILL, "refused_by": ["compute-2"]}}),
    ],
    ids=["another target", "no target", "asked for", "no wish", "not in error", "still at it", "refused before"],
)
def test_without_proof_that_the_wish_was_refused_it_is_a_failure(
    shown: Server, of: Migration, changes: dict[str, Any]
) -> None:
    assert wishing(shown, of, **changes).seen is Seen.FAILED


@pytest.mark.parametrize(("seconds", "seen"), [(1, Seen.UNDERWAY), (29, Seen.UNDERWAY), (31, Seen.FAILED)])
def test_a_record_that_has_just_ended_waits_for_what_nova_writes_of_its_vm(seconds: int, seen: Seen) -> None:
    """Where Nova finds no host, the record ends a moment before the VM has its fault, or is turned away."""
    ended = migration(5, "web-1", "error", updated_at=(NOW - timedelta(seconds=seconds)).isoformat())
    assert wishing(web(status="REBUILD", task="rebuilding"), ended).seen is seen
    assert wishing(web(**BROKEN), ended).seen is Seen.TURNED_AWAY


@pytest.mark.parametrize("updated_at", ["", "garbage", NOW.isoformat()])
def test_what_was_aborted_or_bears_no_date_of_its_end_is_not_waited_for(updated_at: str) -> None:
    status = "cancelled" if updated_at == NOW.isoformat() else "error"
    ended = migration(5, "web-1", status, updated_at=updated_at)
    assert wishing(web(status="REBUILD", task="rebuilding"), ended).seen is Seen.FAILED


def test_nothing_is_turned_away_while_a_record_is_open() -> None:
    seen = wishing(web(**BROKEN), migration(5, "web-1", "failed"), migration(6, "web-1", "accepted"))
    assert seen.seen is Seen.UNDERWAY


def test_a_wish_is_asked_of_nova_once_and_what_was_asked_for_always() -> None:
    step = replace(evacuate_step(before=STILL), wish="compute-2")
    assert evacuate.call(step).body == {"evacuate": {"host": "compute-2"}}
    refused = replace(step, before={**STILL, "refused_by": ["compute-2"]})
    assert evacuate.call(refused).body == {"evacuate": {}}
    named = replace(refused, arguments={**step.arguments, "to": "compute-4"})
    assert evacuate.call(named).body == {"evacuate": {"host": "compute-4"}}


def test_a_wish_whose_start_left_no_trace_is_not_asked_of_nova_again() -> None:
    """Nova answers 500 to a wish for a host of another cell, whenever it is asked."""
    step = replace(evacuate_step(before=None), wish="compute-2", also=("compute-3",))
    first = outcome.sighting(step, web(), (), now=NOW)
    started = replace(step, before=dict(first.mark or {}))
    assert evacuate.call(started).body == {"evacuate": {"host": "compute-2"}}
    for look in (outcome.sighting(started, web(), (), now=NOW), outcome.untouched(started)):
        assert look.seen is Seen.NEVER_STARTED
        again = replace(started, wish="compute-3", before=dict(look.mark or {}))
        assert evacuate.call(again).body == {"evacuate": {}}
        named = replace(again, arguments={**step.arguments, "to": "compute-4"})
        assert evacuate.call(named).body == {"evacuate": {"host": "compute-4"}}


def test_an_old_failure_is_not_ours() -> None:
    seen = look(
        web(status="ERROR", vm_state="error", fault="old"),
        migration(4, "web-1", "failed"),
        before={**STILL, "migrations": [4], "vm_state": "error", "status": "ERROR"},
    )
    assert seen.seen is Seen.NEVER_STARTED


def test_of_two_new_records_the_later_counts() -> None:
    first = migration(5, "web-1", "failed")
    assert look(web(**REBUILDING), first, migration(6, "web-1", "pre-migrating")).seen is Seen.UNDERWAY
    assert look(web(**ARRIVED), first, migration(6, "web-1", "done")).seen is Seen.DONE
    assert look(web(**ARRIVED), migration(6, "web-1", "done"), first).seen is Seen.DONE


def test_a_record_that_hung_for_ever_does_not_hide_a_later_success() -> None:
    hung = migration(5, "web-1", "pre-migrating")
    assert look(web(**ARRIVED), hung, migration(6, "web-1", "done")).seen is Seen.DONE
    assert look(web(), hung, migration(6, "web-1", "failed")).seen is Seen.UNDERWAY


def test_a_vm_newly_in_error_without_a_record_failed() -> None:
    seen = look(web(status="ERROR", vm_state="error", fault="Quota exceeded for instances"))
    assert seen.seen is Seen.FAILED
    assert "quota" in seen.sentence


def test_something_else_begun_with_the_vm_meanwhile_is_unclear() -> None:
    seen = look(web(task="powering-off"))
    assert seen.seen is Seen.UNCLEAR
    assert seen.remedy


def test_a_wrecked_vm_is_never_called_done() -> None:
    """Two evacuations at once, as measured: the first is done, the second is accepted for ever."""
    wrecked = web(status="REBUILD", vm_state="error", task="rebuilding", host="compute-2")
    seen = look(wrecked, migration(5, "web-1", "done"), migration(6, "web-1", "accepted", None))
    assert seen.seen is Seen.UNDERWAY


def test_tokens_in_a_fault_are_not_shown() -> None:
    broken = web(status="ERROR", vm_state="error", fault="x-auth-token: gAAAAABnabcdefghijklmnopqrstuvwxyz0123")
    assert "gAAAAA" not in look(broken, migration(5, "web-1", "failed")).raw
    assert "gAAAAA" not in look(broken, migration(5, "web-1", "failed")).sentence


# ---------------------------------------------------------------------- the service


def test_a_host_is_disabled_when_nova_says_so_whoever_did_it() -> None:
    step = steps_of(plan(survey()))[0]
    assert service.sighting(step, compute(DEAD)).seen is Seen.NEVER_STARTED
    ours = service.sighting(step, compute(DEAD, is_enabled=False, disabled_reason=step.arguments["reason"]))
    assert ours.seen is Seen.DONE
    assert "somebody else" not in ours.sentence
    theirs = service.sighting(step, compute(DEAD, is_enabled=False, disabled_reason="disk swap"))
    assert theirs.seen is Seen.DONE
    assert "disk swap" in theirs.sentence


def test_a_host_is_forced_down_only_when_nova_says_forced() -> None:
    step = steps_of(plan(survey()))[1]
    assert service.sighting(step, compute(DEAD, is_up=False)).seen is Seen.NEVER_STARTED
    assert service.sighting(step, compute(DEAD, is_up=False, is_forced_down=True)).seen is Seen.DONE


def test_a_service_that_was_deleted_is_a_failure() -> None:
    disable, force = steps_of(plan(survey()))[:2]
    assert service.sighting(disable, None).seen is Seen.FAILED
    assert service.sighting(replace(force), None).seen is Seen.FAILED


@pytest.mark.parametrize("name", [DEAD.upper(), f"{DEAD}.example.org"])
def test_a_vm_on_what_may_be_its_host_under_another_name_has_left_it_only_by_a_record(name: str) -> None:
    for record, before in (((), None), ((migration(4, "web-1", "done"),), STILL)):
        seen = look(web(host=name), *record, before=before)
        assert seen.seen is Seen.UNCLEAR
        assert f"may be {DEAD} itself" in seen.sentence
    assert look(web(host=name), migration(4, "web-1", "done", name)).seen is Seen.DONE

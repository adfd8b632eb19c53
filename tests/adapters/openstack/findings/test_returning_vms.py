"""Which VMs come back with their host, how, and what keeps the others where they are."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.model.resources import Server, ServerGroup
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.steps import evidence
from adapters.openstack.steps.moves import cold, outcome
from adapters.openstack.wire.versions import Microversion
from bot.domain.cloud import Left, Seen
from bot.domain.plans.plan import Disposition, Plan, Step, Verdict, Vm, digest_of
from bot.domain.values import VmId
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    altered,
    back,
    codes,
    configured,
    finding,
    here,
    living,
    migration,
    room,
    server,
)
from tests.adapters.openstack.build import with_service as having
from tests.steps import steps_of

ALL = configured(bring_back="all")
OURS: dict[str, Any] = {"is_enabled": False, "disabled_reason": "muster run=01OLD: new memory"}


def away(name: str, place: str = "compute-2", **changes: Any) -> Server:
    return server(name, host=place, **changes)


def left(name: str, place: str = "compute-2", status: str = "ACTIVE") -> Left:
    return Left(id=VmId(f"id-{name}"), name=name, status=status, place=place)


def returned(*servers: Server, ledger: tuple[Left, ...] | None = None, **asked: Any) -> Plan:
    """The plan of a host that is up and disabled by us, whose VMs are away."""
    books = ledger if ledger is not None else tuple(left(s.name) for s in servers)
    return back(surveyed(*servers), ledger=books, **asked)


def surveyed(*servers: Server, **changes: Any) -> OpenStackSurvey:
    host = having(living(), DEAD, **OURS)
    return altered(host, listed=here(), away=servers, by_host={DEAD: room(disabled=True)}, **changes)


def row(made: Plan, name: str) -> Vm:
    return next(vm for vm in made.vms if vm.name == name)


def steps(made: Plan, name: str) -> list[Step]:
    return [s for s in steps_of(made) if s.vm == f"id-{name}" and s.relieves is None]


# ---------------------------------------------------------------------- who is meant


def test_by_default_every_vm_is_offered_and_none_is_brought_back() -> None:
    made = returned(away("a"), away("b"))
    assert [(vm.chosen, vm.disposition, vm.place) for vm in made.vms] == [(False, Disposition.LEAVE, "compute-2")] * 2
    assert [s.verb for s in made.steps] == ["verify-up", "enable-service"]
    assert made.may_choose_none
    assert "come back: none of 2." in (finding(made, "vms-away") or pytest.fail("not found")).sentence


def test_the_setting_brings_back_all_but_those_that_are_flagged() -> None:
    moved_on = away("b", "compute-3")
    made = returned(away("a"), moved_on, settings=ALL)
    assert (row(made, "a").chosen, row(made, "b").chosen) == (True, False)
    assert (row(made, "a").is_flagged, row(made, "b").is_flagged) == (False, True)
    assert "Muster left it on compute-2" in row(made, "b").note


def test_exactly_the_ticked_ones_come_back_whatever_the_setting_says() -> None:
    made = returned(away("a"), away("b", "compute-3"), settings=ALL, is_choice=True, vms=("id-b",))
    assert [row(made, name).disposition for name in "ab"] == [Disposition.LEAVE, Disposition.MIGRATE_BACK]
    found = finding(made, "not-as-left")
    assert found is not None
    assert (found.verdict, found.vm) == (Verdict.WARNING, "id-b")
    nobody = returned(away("a"), settings=ALL, is_choice=True)
    assert row(nobody, "a").chosen is False
    assert "not-as-left" not in codes(nobody)


def test_names_mean_vms_of_the_ledger_and_others_are_refused() -> None:
    made = returned(away("a"), away("b"), vms=("a",))
    assert [vm.chosen for vm in made.vms] == [True, False]
    strange = returned(away("a"), vms=("z",))
    assert strange.is_blocked
    assert "z" in (finding(strange, "vm-not-offered") or pytest.fail("not found")).sentence
    assert "vm-not-offered" not in codes(made)


def test_a_vm_whose_way_was_never_seen_is_flagged() -> None:
    made = returned(away("a"), ledger=(left("a", ""),), settings=ALL)
    assert row(made, "a").is_flagged
    assert "did not see where it went" in row(made, "a").note


# ---------------------------------------------------------------------- how it comes back


def test_a_running_vm_is_live_migrated_to_exactly_this_host_after_it_was_enabled() -> None:
    made = returned(away("a"), settings=ALL)
    (live,) = steps(made, "a")
    assert (live.verb, live.arguments["host"], live.arguments["to"]) == ("live-migrate", "compute-2", DEAD)
    assert made.phases.index(live.phase) > made.phases.index("Put it into service")
    assert live.arguments["microversion"] == "2.68"
    assert row(made, "a").group == "live-migrate back"
    assert not live.essential


def test_a_stopped_vm_is_migrated_cold_and_that_is_confirmed() -> None:
    stopped = away("a", status="SHUTOFF", vm_state="stopped")
    made = returned(stopped, settings=ALL)
    cold, confirm = steps(made, "a")
    assert [cold.verb, confirm.verb] == ["cold-migrate", "confirm"]
    assert confirm.follows == cold.key
    assert row(made, "a").group == "migrate back offline"
    assert "was ACTIVE" in row(made, "a").note
    assert "was" not in row(returned(away("a")), "a").note


def test_a_vm_that_changes_its_host_between_approval_and_start_changes_the_digest() -> None:
    asked: dict[str, Any] = {"is_choice": True, "vms": ("id-a",), "ledger": (left("a"),)}
    here, there = returned(away("a"), **asked), returned(away("a", "compute-3"), **asked)
    assert digest_of(here, terms={}) != digest_of(there, terms={})


def test_a_vm_that_is_deleted_only_shrinks_what_was_approved() -> None:
    books = (left("a"), left("b"))
    made = returned(away("a"), ledger=books, is_choice=True, vms=("id-a", "id-b"))
    assert not made.is_blocked
    assert [vm.name for vm in made.vms] == ["a"]
    assert "deleted since: b" in (finding(made, "vms-gone") or pytest.fail("not found")).sentence
    assert "vms-gone" not in codes(returned(away("a")))


def test_a_vm_that_is_home_already_is_told_and_left_alone() -> None:
    taken = altered(surveyed(), listed=here(server("a")), held={"id-a": {"VCPU": 1}})
    made = back(taken, ledger=(left("a"),), settings=ALL)
    assert made.vms == ()
    assert "already: a" in (finding(made, "vms-home") or pytest.fail("not found")).sentence
    assert "vms-home" not in codes(returned(away("a")))


# ---------------------------------------------------------------------- what keeps it away


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "ERROR", "vm_state": "error"}, "is in ERROR"),
        ({"status": "VERIFY_RESIZE", "vm_state": "resized"}, "resize"),
        ({"task": "migrating"}, "is busy (migrating)"),
        ({"has_encrypted_memory": True}, "encrypted memory"),
        ({"pinned_zone": "az-2"}, "must stay in the zone az-2"),
    ],
)
def test_what_nova_would_refuse_is_not_offered_and_says_why(changes: dict[str, Any], why: str) -> None:
    made = returned(away("a", **changes), settings=ALL)
    assert row(made, "a").chosen is None
    assert row(made, "a").group == "stay where they are"
    assert steps(made, "a") == []
    found = finding(made, "stays-away")
    assert found is not None
    assert found.sentence.startswith("a stays on compute-2: it ")
    assert why in found.sentence
    assert not made.is_blocked
    assert "stays-away" not in codes(returned(away("a", pinned_zone="az-1"), settings=ALL))


def test_an_earlier_move_that_hangs_keeps_it_away() -> None:
    hangs = migration(7, "a", "accepted", type="live-migration")
    made = back(surveyed(away("a"), migrations=(hangs,)), ledger=(left("a"),), settings=ALL)
    assert "#7" in (finding(made, "stays-away") or pytest.fail("not found")).sentence


def test_an_old_nova_does_not_let_a_stopped_vm_choose_its_host() -> None:
    stopped = away("a", status="SHUTOFF", vm_state="stopped")
    old = back(surveyed(stopped, highest=Microversion((2, 53))), ledger=(left("a"),), settings=ALL)
    assert "lets nobody choose" in (finding(old, "stays-away") or pytest.fail("not found")).sentence
    running = back(surveyed(away("a"), highest=Microversion((2, 53))), ledger=(left("a"),), settings=ALL)
    assert row(running, "a").chosen is True


def test_an_old_nova_would_force_a_running_vm_past_its_scheduler_so_it_stays() -> None:
    old = back(surveyed(away("a"), highest=Microversion((2, 29))), ledger=(left("a"),), settings=ALL)
    assert "past its scheduler" in (finding(old, "stays-away") or pytest.fail("not found")).sentence
    assert row(old, "a").chosen is None
    newer = back(surveyed(away("a"), highest=Microversion((2, 30))), ledger=(left("a"),), settings=ALL)
    assert row(newer, "a").chosen is True


def test_without_placement_nothing_is_brought_back_and_the_host_returns_all_the_same() -> None:
    made = back(altered(surveyed(away("a")), by_host=None), ledger=(left("a"),), settings=ALL)
    assert row(made, "a").chosen is None
    assert "Placement" in row(made, "a").note
    assert not made.is_blocked


def test_only_as_many_come_back_as_there_is_room_for() -> None:
    books = tuple(left(name) for name in "abc")
    taken = surveyed(*(away(name) for name in "abc"))
    full = back(altered(taken, by_host={DEAD: room(memory_gib=5)}), ledger=books, settings=ALL)
    assert [vm.chosen for vm in full.vms] == [True, True, False]
    found = finding(full, "no-way-back")
    assert found is not None
    assert (found.verdict, found.vm) == (Verdict.WARNING, "id-c")
    assert "needs 2 GiB; free: 1 GiB" in found.sentence
    assert "no-way-back" not in codes(back(taken, ledger=books, settings=ALL))
    unlisted = back(altered(taken, by_host={}), ledger=books, settings=ALL)
    assert [vm.chosen for vm in unlisted.vms] == [False] * 3


def test_what_other_operations_have_still_to_bring_there_is_taken_already() -> None:
    taken = altered(surveyed(away("a")), by_host={DEAD: room(memory_gib=3)})
    promised = steps(returned(away("b"), settings=ALL), "b")
    elsewhere = [replace(s, arguments={**s.arguments, "to": "compute-4"}) for s in promised]
    full = back(taken, ledger=(left("a"),), settings=ALL, promised=tuple(promised))
    assert row(full, "a").chosen is False
    assert row(back(taken, ledger=(left("a"),), settings=ALL, promised=tuple(elsewhere)), "a").chosen is True


def test_members_of_an_anti_affinity_group_do_not_come_back_together() -> None:
    apart = ServerGroup(id="g", name="kafka", policy="anti-affinity", members=frozenset({"id-a", "id-b", "id-c"}))
    books = (left("a"), left("b"))
    made = back(surveyed(away("a"), away("b"), groups=(apart,)), ledger=books, settings=ALL)
    assert [vm.chosen for vm in made.vms] == [True, False]
    assert "kept apart from a" in (finding(made, "no-way-back") or pytest.fail("not found")).sentence
    one_here = altered(surveyed(away("a"), groups=(apart,)), listed=here(server("c")))
    assert row(back(one_here, ledger=books, settings=ALL), "a").chosen is False
    soft = replace(apart, policy="soft-anti-affinity")
    both = back(surveyed(away("a"), away("b"), groups=(soft,)), ledger=books, settings=ALL)
    assert [vm.chosen for vm in both.vms] == [True, True]
    assert {s.apart for s in both.steps if s.vm and s.relieves is None} == {"g"}


# ---------------------------------------------------------------------- the evidence


def live_step(**before: Any) -> Step:
    (step,) = steps(returned(away("a"), settings=ALL), "a")
    return replace(step, before=before or None)


def test_it_is_back_only_on_its_own_host() -> None:
    step = live_step()
    assert outcome.sighting(step, away("a"), (), now=NOW).seen is Seen.NEVER_STARTED
    home = outcome.sighting(step, server("a"), (), now=NOW)
    assert (home.seen, home.place) == (Seen.DONE, DEAD)
    astray = outcome.sighting(step, away("a", "compute-3"), (), now=NOW)
    assert astray.seen is Seen.FAILED
    assert "is on compute-3 and not on compute-1: somebody else has moved it" in astray.sentence


def test_a_confirmed_vm_counts_only_on_its_own_host_too() -> None:
    stopped = away("a", status="SHUTOFF", vm_state="stopped")
    _, confirm = steps(returned(stopped, settings=ALL), "a")
    waits = server("a", status="VERIFY_RESIZE", vm_state="resized")
    moved = migration(9, "a", "finished", DEAD, type="migration", source="compute-2")
    assert cold.confirmed(confirm, waits, (moved,)).seen is Seen.NEVER_STARTED
    assert cold.confirmed(confirm, server("a", status="SHUTOFF", vm_state="stopped"), ()).seen is Seen.DONE
    assert cold.confirmed(confirm, replace(stopped, host="compute-4"), ()).seen is Seen.FAILED


def test_a_refusal_of_the_scheduler_is_told_with_nova_s_reason() -> None:
    mark = evidence.mark(away("a"), ())
    failed = migration(9, "a", "error", DEAD, type="live-migration", source="compute-2")
    seen = outcome.sighting(live_step(**mark), away("a"), (failed,), now=NOW, why="No valid host was found. ")
    assert seen.seen is Seen.FAILED
    assert "still on compute-2" in seen.sentence


def test_a_host_that_is_in_service_may_still_get_its_vms_back() -> None:
    taken = altered(living(), listed=here(), away=(away("a"),), by_host={DEAD: room()})
    made = back(taken, ledger=(left("a"),), settings=ALL)
    assert [s.verb for s in made.steps if s.relieves is None] == ["verify-up", "live-migrate"]


def test_nothing_is_told_of_vms_of_a_host_that_nova_does_not_know() -> None:
    taken = surveyed(away("a"))
    gone = altered(taken, services=tuple(s for s in taken.computes.services if s.host != DEAD))
    made = back(gone, ledger=(left("a"),), settings=ALL)
    assert made.steps == ()
    assert codes(made) == {"service-unknown"}

"""What Nova shows about the moves of a drain, row by row: live, cold, confirmed, empty."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.model.resources import Migration, Server
from adapters.openstack.steps import emptied
from adapters.openstack.steps.moves import outcome
from adapters.openstack.steps.moves.cold import confirmed as sighting_of_confirm
from bot.domain.cloud import Seen, Sighting, Unreachable
from bot.domain.plans.plan import Step
from bot.domain.values import Facts
from tests.adapters.openstack.build import DEAD, NOW, enter, here, living, migration, server
from tests.adapters.openstack.build import service as compute
from tests.steps import steps_of

GIB = 1024**3
THERE: dict[str, Any] = {"host": "compute-2"}
STOPPED: dict[str, Any] = {"status": "SHUTOFF", "vm_state": "stopped"}
RESIZED: dict[str, Any] = {"status": "VERIFY_RESIZE", "vm_state": "resized"}
BEFORE: Facts = {"migrations": [], "host": DEAD, "status": "ACTIVE", "vm_state": "active", "task": None}


def step(verb: str, *, before: Facts | None = BEFORE) -> Step:
    vm = server("web-1") if verb == "live-migrate" else server("web-1", **STOPPED)
    return replace(next(s for s in steps_of(enter(living(vm))) if s.verb == verb), before=before)


def live(id: int, status: str, target: str | None = "compute-2") -> Migration:
    return migration(id, "web-1", status, target, type="live-migration")


def cold(id: int, status: str) -> Migration:
    return migration(id, "web-1", status, type="migration")


def web(**changes: Any) -> Server:
    return server("web-1", **changes)


def look(verb: str, shown: Server | None, *records: Migration, before: Facts | None = BEFORE) -> Sighting:
    return outcome.sighting(step(verb, before=before), shown, records, now=NOW)


# ---------------------------------------------------------------------- live


@pytest.mark.parametrize("status", ["accepted", "queued", "preparing", "running", "post-migrating"])
@pytest.mark.parametrize("where", [DEAD, "compute-2"])
def test_an_open_record_is_underway_wherever_the_server_seems_to_be(status: str, where: str) -> None:
    assert look("live-migrate", web(host=where), live(1, status)).seen is Seen.UNDERWAY


def test_a_live_migration_is_done_only_on_its_new_host_as_it_was() -> None:
    record = live(1, "completed")
    assert look("live-migrate", web(**THERE), record).seen is Seen.DONE
    assert look("live-migrate", web(**THERE, status="PAUSED", vm_state="paused"), record).seen is Seen.FAILED
    assert look("live-migrate", web(), record).seen is Seen.UNCLEAR


@pytest.mark.parametrize("status", ["error", "failed", "cancelled"])
def test_a_failed_live_migration_says_that_the_vm_is_still_there(status: str) -> None:
    seen = look("live-migrate", web(), live(1, status))
    assert seen.seen is Seen.FAILED
    assert f"It is still on {DEAD}, ACTIVE" in seen.sentence


def test_the_reason_of_the_action_log_is_told_with_its_own_words_in_raw() -> None:
    record = live(1, "error", None)
    seen = outcome.sighting(
        step("live-migrate"), web(), [record], now=NOW, why="Migration pre-check error: CPU incompatible"
    )
    assert "CPU incompatible" in seen.sentence
    assert "action log" in seen.raw


def test_a_vm_on_the_target_of_a_move_that_failed_is_left_to_a_person() -> None:
    for before in (None, BEFORE):
        assert look("live-migrate", web(**THERE), live(1, "error"), before=before).seen is Seen.UNCLEAR
    assert look("live-migrate", web(host="compute-3"), live(1, "error")).seen is Seen.DONE


def test_a_vm_that_waits_for_its_turn_makes_headway_with_every_other_that_ends() -> None:
    waiting = [outcome.sighting(step("live-migrate"), web(), [live(1, "queued")], now=NOW, ahead=n) for n in (0, 1, 2)]
    assert len({s.movement for s in waiting}) == 3
    copying = [outcome.sighting(step("live-migrate"), web(), [live(1, "running")], now=NOW, ahead=n) for n in (0, 1, 2)]
    assert len({s.movement for s in copying}) == 1


@pytest.mark.parametrize(("left", "copied", "is_in_vain"), [(1, 5, False), (3, 6, True), (2, 9, True)])
def test_memory_that_changes_about_as_quickly_as_it_is_copied_is_copied_in_vain_though_its_figures_move(
    left: int, copied: int, is_in_vain: bool
) -> None:
    copying = replace(live(1, "running"), memory=4 * GIB, memory_left=left * GIB, memory_copied=copied * GIB)
    seen = look("live-migrate", web(), copying)
    assert (seen.progress, seen.is_in_vain) == (1 - left / 4, is_in_vain)
    assert not look("live-migrate", web(), live(1, "running")).is_in_vain, "a driver that counts nothing"


# ---------------------------------------------------------------------- before the start


def test_a_vm_that_was_started_since_the_approval_is_not_migrated_cold() -> None:
    seen = look("cold-migrate", web(), before=None)
    assert seen.seen is Seen.FAILED
    assert "not what was approved" in seen.sentence
    assert look("cold-migrate", web(**STOPPED), before=None).seen is Seen.NEVER_STARTED


def test_a_vm_that_was_stopped_since_the_approval_is_not_live_migrated() -> None:
    assert look("live-migrate", web(**STOPPED), before=None).seen is Seen.FAILED
    assert look("live-migrate", web(), before=None).seen is Seen.NEVER_STARTED


@pytest.mark.parametrize(
    ("verb", "task"),
    [("live-migrate", "migrating"), ("cold-migrate", "resize_prep"), ("cold-migrate", "resize_finish")],
)
def test_a_move_that_has_no_record_yet_is_not_begun_again(verb: str, task: str) -> None:
    assert look(verb, web(task=task, **(STOPPED if verb == "cold-migrate" else {}))).seen is Seen.UNDERWAY


# ---------------------------------------------------------------------- cold


def test_a_cold_migration_is_done_when_it_waits_to_be_confirmed() -> None:
    seen = look("cold-migrate", web(**THERE, **RESIZED), cold(1, "finished"))
    assert seen.seen is Seen.DONE
    assert seen.place == "compute-2"


def test_the_moment_between_record_and_server_is_not_yet_done() -> None:
    moment = web(**THERE, **STOPPED, task="resize_finish")
    assert look("cold-migrate", moment, cold(1, "finished")).seen is Seen.UNDERWAY


def test_one_that_nova_has_confirmed_by_itself_is_done_and_needs_no_confirmation() -> None:
    confirmed, shown = cold(1, "confirmed"), web(**THERE, **STOPPED)
    assert look("cold-migrate", shown, confirmed).seen is Seen.DONE
    assert sighting_of_confirm(step("confirm", before=None), shown, [confirmed]).seen is Seen.DONE


def test_one_that_came_up_in_error_on_its_target_has_failed() -> None:
    broken = web(**THERE, status="ERROR", vm_state="error", fault="disk full")
    seen = look("cold-migrate", broken, cold(1, "error"))
    assert seen.seen is Seen.FAILED
    assert "disk full" in seen.sentence


# ---------------------------------------------------------------------- confirmed


def test_a_confirmation_is_startable_only_where_the_vm_waits_for_it_at_rest() -> None:
    confirm = step("confirm")
    waiting = web(**THERE, **RESIZED)
    able = sighting_of_confirm(confirm, waiting, [cold(1, "finished")])
    assert (able.seen, able.not_yet) == (Seen.NEVER_STARTED, "")
    for record, shown in (
        (cold(1, "confirming"), waiting),
        (cold(1, "reverting"), waiting),
        (cold(1, "finished"), web(**THERE, **RESIZED, task="resize_reverting")),
    ):
        assert sighting_of_confirm(confirm, shown, [record]).seen is Seen.UNDERWAY


def test_a_resize_of_its_owner_is_neither_our_move_nor_ours_to_confirm() -> None:
    resize, waiting = migration(1, "web-1", "finished", type="resize"), web(**THERE, **RESIZED)
    for seen in (
        look("cold-migrate", waiting, resize, before=None),
        look("cold-migrate", waiting, resize),
        sighting_of_confirm(step("confirm", before=None), waiting, [resize]),
        sighting_of_confirm(step("confirm"), waiting, [cold(0, "error"), resize]),
    ):
        assert seen.seen is Seen.FAILED
        assert "a resize that Muster did not ask for" in seen.sentence
        assert "Have its owner confirm" in seen.remedy


@pytest.mark.parametrize("records", [(), (cold(1, "confirmed"),), (cold(1, "error"),)], ids=["none", "over", "failed"])
def test_what_waits_by_no_record_of_a_move_from_the_host_is_not_confirmed(records: tuple[Migration, ...]) -> None:
    seen = sighting_of_confirm(step("confirm", before=None), web(**THERE, **RESIZED), records)
    assert "no record of a move" in seen.not_yet
    assert "resize confirm" in seen.remedy


def test_one_that_was_reverted_is_not_called_confirmed() -> None:
    assert sighting_of_confirm(step("confirm"), web(**STOPPED), [cold(1, "reverted")]).seen is Seen.UNCLEAR


def test_one_that_ended_in_error_is_not_called_confirmed() -> None:
    broken = web(**THERE, status="ERROR", vm_state="error")
    assert sighting_of_confirm(step("confirm"), broken, [cold(1, "error")]).seen is Seen.FAILED


def test_one_that_somebody_deleted_needs_nothing_more() -> None:
    for verb in ("live-migrate", "cold-migrate"):
        assert look(verb, None).seen is Seen.DONE
    assert sighting_of_confirm(step("confirm"), None, []).seen is Seen.DONE


# ---------------------------------------------------------------------- empty


def test_only_an_empty_disabled_host_that_nothing_comes_to_is_safe_to_power_off() -> None:
    check, off = step("live-migrate"), compute(DEAD, is_enabled=False)
    coming = live(1, "running", DEAD)
    cases = {
        "empty": emptied.sighting(check, off, here(), [live(1, "completed")]),
        "enabled": emptied.sighting(check, compute(DEAD), here(), []),
        "coming": emptied.sighting(check, off, here(), [replace(coming, source="compute-3")]),
        "left": emptied.sighting(check, off, here(web(status="ERROR", vm_state="error")), []),
    }
    assert {name: seen.seen for name, seen in cases.items()} == {
        "empty": Seen.DONE,
        "enabled": Seen.FAILED,
        "coming": Seen.UNDERWAY,
        "left": Seen.FAILED,
    }
    assert [name for name, seen in cases.items() if "safe to power off" in seen.sentence] == ["empty"]


def test_an_emptiness_that_nobody_confirms_could_not_be_found_out() -> None:
    off = compute(DEAD, is_enabled=False)
    for shown in (here(gap="The cell of compute-1 is silent."), here(witness="")):
        with pytest.raises(Unreachable) as lost:
            emptied.sighting(step("live-migrate"), off, shown, [])
        assert "could not be found out" in lost.value.sentence
        assert shown.gap in lost.value.sentence


def test_a_vm_that_can_be_restored_keeps_its_host_from_being_empty() -> None:
    soft = here(web(status="SOFT_DELETED", vm_state="soft-delete"))
    seen = emptied.sighting(step("live-migrate"), compute(DEAD, is_enabled=False), soft, [])
    assert seen.seen is Seen.FAILED
    assert "SOFT_DELETED" in seen.sentence
    assert "restored" in seen.remedy


@pytest.mark.parametrize("verb", ["live-migrate", "cold-migrate"])
def test_a_vm_that_can_be_restored_is_not_called_moved(verb: str) -> None:
    seen = look(verb, web(status="SOFT_DELETED", vm_state="soft-delete"))
    assert seen.seen is Seen.FAILED
    assert "can still be restored" in seen.sentence
    assert seen.remedy


def test_many_vms_that_are_left_are_counted_and_not_all_named() -> None:
    many = here(*(server(f"vm-{n}") for n in range(1, 31)))
    seen = emptied.sighting(step("live-migrate"), compute(DEAD, is_enabled=False), many, [])
    assert "30 VMs are still on it" in seen.sentence
    assert "and 20 more" in seen.sentence

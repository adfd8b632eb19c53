"""What is still started when the time of an operation is over."""

from dataclasses import replace

import pytest

from bot.domain.plans.plan import By
from bot.domain.progress.finishing import going_on, to_finish
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState
from bot.domain.values import StepKey
from tests.domain.build import NOW, PHASES, record


def key(seq: int) -> StepKey:
    return StepKey(f"step {seq}")


def named(records: list[StepRecord], *, limit: int = 5) -> list[str]:
    return [r.key for r in to_finish(records, PHASES, limit=limit, now=NOW)]


def test_nothing_new_is_begun() -> None:
    assert named([record(0), record(1), record(2, by=By.PERSON)]) == []


@pytest.mark.parametrize("state", list(StepState))
def test_what_follows_a_step_that_was_started_is_started_when_that_is_done(state: StepState) -> None:
    rows = [record(0, state), record(1, follows=key(0)), record(2)]
    assert named(rows) == (["step 1"] if state is StepState.DONE else [])
    assert (key(1) in going_on(rows)) is (state is not StepState.PLANNED)


def test_what_was_found_done_and_never_started_begins_nothing() -> None:
    assert named([replace(record(0, StepState.DONE), starts=0), record(1, follows=key(0))]) == []


def test_a_chain_goes_on_to_its_end() -> None:
    rows = [record(0, StepState.DONE), record(1, StepState.DONE, follows=key(0)), record(2, follows=key(1))]
    assert named(rows) == ["step 2"]
    later = replace(rows[1], state=StepState.PLANNED, starts=0)
    assert going_on([rows[0], later, rows[2]]) == {key(1), key(2)}


def test_a_lock_is_undone_and_what_it_was_for_is_not_begun() -> None:
    lock, move = record(0, StepState.DONE), record(1, follows=key(0))
    unlock = record(2, follows=key(1), tidies=key(0))
    assert named([lock, move, unlock]) == ["step 2"]
    assert named([replace(lock, state=StepState.PLANNED, starts=0), move, unlock]) == []


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_a_lock_stays_while_what_it_is_for_runs(state: StepState) -> None:
    lock, move = record(0, StepState.DONE), record(1, state, follows=key(0))
    assert named([lock, move, record(2, follows=key(1), tidies=key(0))]) == []


def test_a_lock_stays_until_the_whole_chain_behind_it_has_ended() -> None:
    lock, move = record(0, StepState.DONE), record(1, StepState.DONE, follows=key(0))
    confirm, unlock = record(2, follows=key(1)), record(3, follows=key(2), tidies=key(0))
    assert named([lock, move, confirm, unlock]) == ["step 2"]
    assert named([lock, move, record(2, StepState.DONE, follows=key(1)), unlock]) == ["step 3"]


def test_what_comes_about_by_itself_is_watched_once_ours_of_its_phase_have_begun() -> None:
    watched = record(1, by=By.CLOUD)
    assert named([record(0, StepState.ACCEPTED), watched]) == ["step 1"]
    assert named([record(0), watched]) == []


def test_the_limit_and_the_order_of_phases_hold() -> None:
    done = [record(n, StepState.DONE) for n in range(3)]
    rows = [*done, *(record(3 + n, follows=key(n)) for n in range(3))]
    assert named(rows, limit=2) == ["step 3", "step 4"]
    assert named([record(0), record(1, StepState.DONE), record(2, follows=key(1), phase="verify")]) == []


def test_a_step_that_is_late_is_relieved() -> None:
    late = replace(record(0, StepState.ACCEPTED), begun_at=NOW)
    assert named([late, record(1, relieves=key(0))]) == ["step 1"]
    assert key(1) in going_on([late, record(1, relieves=key(0))])

"""Whose turn it is among the steps of an operation, what must not happen any more, and when relief is due."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.plans.plan import By
from bot.domain.progress.steps import ENDED, IN_FLIGHT, SetAside, StepRecord, StepState
from bot.domain.progress.turns import current_phase, not_needed, to_retry, to_retry_meanwhile, to_start, to_tidy
from bot.domain.values import StepKey, UserId, VmId
from tests.domain.build import NOW, PHASES, record

DEADLINE = timedelta(minutes=30)


def with_state(one: StepRecord, state: StepState) -> StepRecord:
    return replace(one, state=state)


def named(found: list[StepRecord]) -> list[str]:
    return [one.key for one in found]


def start(*all_of_them: StepRecord, limit: int = 10) -> list[str]:
    return named(list(to_start(all_of_them, PHASES, limit=limit, now=NOW)))


def skip(*all_of_them: StepRecord) -> list[str]:
    return named(list(not_needed(all_of_them, PHASES)))


def test_a_phase_begins_when_the_one_before_has_ended() -> None:
    close, move = record(0, phase="close"), record(1)
    assert current_phase([close, move], PHASES) == "close"
    assert start(close, move) == ["step 0"]
    for ended in ENDED:
        assert current_phase([with_state(close, ended), move], PHASES) == "move"
        assert start(with_state(close, ended), move) == ["step 1"]


def test_when_everything_has_ended_there_is_no_phase_and_nothing_to_start() -> None:
    ended = [record(0, StepState.DONE, phase="close"), record(1, StepState.FAILED)]
    assert current_phase(ended, PHASES) is None
    assert start(*ended) == []
    assert current_phase([], PHASES) is None


def test_no_more_steps_of_ours_are_in_flight_than_the_limit() -> None:
    flying = [record(0, StepState.ACCEPTED), record(1, StepState.INTENT)]
    waiting = [record(n) for n in range(2, 6)]
    assert start(*flying, *waiting, limit=4) == ["step 2", "step 3"]
    assert start(*flying, *waiting, limit=2) == []
    assert start(*flying, *waiting, limit=1) == []


def test_steps_of_the_cloud_and_of_people_take_no_room() -> None:
    flying = [record(0, StepState.ACCEPTED, by=By.CLOUD), record(1, StepState.ACCEPTED)]
    waiting = [record(2, by=By.PERSON), record(3, follows=StepKey("step 1")), record(4, by=By.CLOUD)]
    assert start(*flying, *waiting, limit=1) == ["step 2", "step 4"]


def test_a_consequence_is_watched_only_once_what_causes_it_has_begun() -> None:
    cause, consequence = record(0), record(1, by=By.CLOUD)
    assert start(cause, consequence) == ["step 0"]
    for state in (StepState.INTENT, StepState.ACCEPTED, StepState.DONE, StepState.FAILED):
        assert start(with_state(cause, state), consequence) == ["step 1"]


def test_the_important_ones_start_first_and_equals_in_the_order_of_the_plan() -> None:
    assert start(record(0), record(1, priority=5), record(2, priority=5), record(3), limit=3) == [
        "step 1",
        "step 2",
        "step 0",
    ]


def test_two_of_one_server_group_never_run_at_once() -> None:
    pair = [record(0, apart="db"), record(1, apart="db"), record(2, apart="web")]
    assert start(*pair) == ["step 0", "step 2"]
    assert start(with_state(pair[0], StepState.INTENT), *pair[1:]) == ["step 2"]
    assert start(with_state(pair[0], StepState.DONE), *pair[1:]) == ["step 1", "step 2"]


def test_a_step_starts_only_after_the_one_it_follows_is_done() -> None:
    first, second = record(0), record(1, follows=StepKey("step 0"))
    assert start(first, second) == ["step 0"]
    for state in set(StepState) - {StepState.DONE, StepState.PLANNED}:
        assert start(with_state(first, state), second) == []
    assert start(with_state(first, StepState.DONE), second) == ["step 1"]


def locked(lock: StepState, move: StepState, **changes: Any) -> list[StepRecord]:
    """A lock, the move that follows it, and the unlocking after it."""
    first, second = StepKey("step 0"), StepKey("step 1")
    return [
        record(0, lock),
        record(1, move, follows=first),
        replace(record(2, follows=second, tidies=first), **changes),
    ]


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_tidies_up_starts_whatever_became_of_the_step_it_follows(state: StepState) -> None:
    assert start(*locked(StepState.DONE, state)) == ["step 2"]
    assert skip(*locked(StepState.DONE, state)) == []


@pytest.mark.parametrize("state", sorted(set(StepState) - ENDED))
def test_what_tidies_up_waits_for_the_end_of_the_step_it_follows(state: StepState) -> None:
    assert "step 2" not in start(*locked(StepState.DONE, state))


@pytest.mark.parametrize("state", sorted(set(StepState) - IN_FLIGHT))
def test_a_stop_tidies_up_what_was_done_and_waits_only_for_what_is_in_flight(state: StepState) -> None:
    assert named(list(to_tidy(locked(StepState.DONE, state)))) == ["step 2"]


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_a_stop_does_not_tidy_up_under_what_is_in_flight(state: StepState) -> None:
    assert to_tidy(locked(StepState.DONE, state)) == []
    assert to_tidy(locked(state, StepState.PLANNED)) == []


def test_a_stop_has_nothing_to_tidy_up_where_nothing_was_begun_or_all_is_tidy() -> None:
    assert to_tidy(locked(StepState.PLANNED, StepState.PLANNED)) == []
    assert to_tidy(locked(StepState.DONE, StepState.DONE, state=StepState.DONE)) == []
    assert to_tidy([record(0), record(1, follows=StepKey("step 0"))]) == []


@pytest.mark.parametrize("state", sorted(ENDED - {StepState.DONE}))
def test_what_follows_a_step_that_did_not_get_done_is_skipped(state: StepState) -> None:
    assert skip(record(0, state), record(1, follows=StepKey("step 0"))) == ["step 1"]


@pytest.mark.parametrize("state", sorted(set(StepState) - ENDED | {StepState.DONE}))
def test_what_follows_a_step_that_may_still_get_done_is_not_skipped(state: StepState) -> None:
    assert skip(record(0, state), record(1, follows=StepKey("step 0"))) == []


@pytest.mark.parametrize("state", sorted(ENDED - {StepState.DONE}))
def test_after_an_essential_step_that_did_not_get_done_no_later_phase_happens(state: StepState) -> None:
    broken = record(0, state, phase="close", essential=True)
    same, later, last = record(1, phase="close"), record(2, phase="move"), record(3, phase="verify")
    assert skip(broken, same, later, last) == ["step 2", "step 3"]
    assert skip(with_state(broken, StepState.DONE), same, later, last) == []
    assert skip(replace(broken, step=replace(broken.step, essential=False)), same, later, last) == []


def test_what_has_begun_is_never_skipped() -> None:
    broken = record(0, StepState.FAILED, phase="close", essential=True)
    assert skip(broken, record(1, StepState.INTENT), record(2, StepState.ACCEPTED), record(3, StepState.DONE)) == []


# relief ------------------------------------------------------------------------------------------------------------


def late(state: StepState = StepState.ACCEPTED, *, since: timedelta = DEADLINE, starts: int = 1) -> StepRecord:
    """A step that has been under way for so long."""
    return replace(record(0, state), begun_at=NOW - since, starts=starts)


def relief(seq: int = 1, state: StepState = StepState.PLANNED, **changes: Any) -> StepRecord:
    return record(seq, state, **{"relieves": StepKey("step 0"), "deadline": DEADLINE} | changes)


def test_relief_is_due_at_the_deadline_and_not_before() -> None:
    assert start(late(), relief()) == ["step 1"]
    assert start(late(since=DEADLINE - timedelta(seconds=1)), relief()) == []


@pytest.mark.parametrize("state", sorted(set(StepState) - IN_FLIGHT))
def test_only_what_is_under_way_is_relieved(state: StepState) -> None:
    assert "step 1" not in start(late(state), relief())


def test_what_waits_for_its_turn_in_the_cloud_is_not_late() -> None:
    assert start(replace(late(), begun_at=None), relief()) == []


def test_what_somebody_else_started_is_not_ours_to_relieve() -> None:
    assert start(late(starts=0), relief()) == []


def test_relief_takes_nobodys_place_and_waits_for_none() -> None:
    others = [record(2, StepState.ACCEPTED), record(3)]
    assert start(late(), relief(), *others, limit=2) == ["step 1"]
    assert start(late(), relief(state=StepState.ACCEPTED), *others, limit=3) == ["step 3"]


def test_relief_that_is_not_needed_any_more_is_set_aside() -> None:
    for state in StepState:
        assert skip(late(state), relief()) == (["step 1"] if state in ENDED else [])


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_a_question_about_what_has_ended_waits_for_nobody_any_more(state: StepState) -> None:
    assert skip(late(StepState.UNKNOWN), relief(state=state, by=By.PERSON)) == ["step 1"]
    assert skip(late(), relief(state=state, by=By.PERSON)) == []
    assert skip(late(StepState.UNKNOWN), relief(state=state)) == []
    assert skip(late(StepState.UNKNOWN), relief(state=StepState.DONE, by=By.PERSON)) == []


HEADWAY = timedelta(seconds=30)


def hot(**changes: Any) -> StepRecord:
    """A live migration that goes on without headway at a host where few may go at once."""
    made = replace(record(0, StepState.ACCEPTED, waits_at="host-1"), begun_at=NOW - HEADWAY, is_in_vain=True)
    return replace(made, **changes)


def behind(state: StepState = StepState.PLANNED, seq: int = 3, **changes: Any) -> StepRecord:
    return replace(record(seq, state, waits_at="host-1"), **changes)


def giving_way(state: StepState = StepState.PLANNED, seq: int = 1, **changes: Any) -> StepRecord:
    return relief(seq, state, headway=HEADWAY, waits_at="host-1", **changes)


def test_what_makes_no_headway_gives_way_to_those_that_wait_and_a_person_is_asked_about_the_rest() -> None:
    asking = relief(2, by=By.PERSON)
    assert start(hot(), giving_way(), asking, behind()) == ["step 1", "step 3"]
    assert start(hot(), giving_way(), asking, behind(StepState.INTENT)) == ["step 1"]
    assert start(hot(begun_at=NOW - DEADLINE, is_in_vain=False), giving_way(), asking, behind())[0] == "step 1"
    assert start(hot(), giving_way(StepState.ACCEPTED), asking, behind()) == ["step 3"]
    assert start(hot(), giving_way(), asking) == [], "nobody waits"
    slow = hot(begun_at=NOW - DEADLINE, is_in_vain=False)
    assert start(slow, giving_way(), asking, behind(gave_way=True))[0] == "step 2", "it does come nearer to its end"
    assert start(hot(gave_way=True), giving_way(), asking, behind())[0] == "step 3", "once"
    assert start(hot(gave_way=True, begun_at=NOW - DEADLINE), giving_way(), asking, behind())[0] == "step 2"
    assert start(hot(begun_at=NOW - DEADLINE), giving_way(), asking) == ["step 2"]


def test_what_makes_no_headway_again_is_ended_while_others_wait_so_that_no_two_wait_for_each_other() -> None:
    gave, ending, asking = giving_way(StepState.DONE), giving_way(seq=4, ends=True), relief(2, by=By.PERSON)
    again = hot(gave_way=True)
    assert start(hot(), giving_way(), ending, asking, behind(gave_way=True)) == ["step 1", "step 3"], (
        "each has two turns"
    )
    assert start(again, gave, ending, asking, behind(gave_way=True)) == ["step 4", "step 3"]
    assert start(again, gave, ending, asking, behind(StepState.INTENT)) == ["step 4"]
    assert start(again, gave, ending, asking) == [], "nobody waits"
    assert start(replace(again, begun_at=NOW - DEADLINE), gave, ending, asking) == ["step 2"]
    assert start(hot(), giving_way(StepState.FAILED), ending, asking, behind()) == ["step 3"], "it had but one turn"


def test_only_what_makes_no_headway_for_long_enough_gives_way() -> None:
    still = hot(is_in_vain=False, moved_at=NOW - HEADWAY)
    for goes_on in (
        hot(begun_at=NOW - HEADWAY + timedelta(seconds=1)),
        hot(is_in_vain=False, moved_at=NOW, progress=0.4),
        still,  # nobody knows how far it is
    ):
        assert start(goes_on, giving_way(), behind()) == ["step 3"]
    assert start(replace(still, progress=0.4), giving_way(), behind()) == ["step 1", "step 3"]


def test_what_waits_elsewhere_is_nobody_to_give_way_to() -> None:
    assert start(hot(), giving_way(), record(3, waits_at="host-2")) == ["step 3"]


def test_what_gave_way_comes_last_whatever_its_priority() -> None:
    again = replace(record(0, priority=9), gave_way=True)
    assert start(again, record(1), record(2, priority=3)) == ["step 2", "step 1", "step 0"]


def test_relief_holds_up_no_phase_and_no_consequence() -> None:
    assert current_phase([late(StepState.DONE), relief(), record(2, phase="verify")], PHASES) == "verify"
    assert start(late(), relief(deadline=2 * DEADLINE), record(2, by=By.CLOUD)) == ["step 2"]


def test_whether_the_operation_ends_well_does_not_depend_on_relief() -> None:
    assert record().counts
    assert not relief().counts


def test_a_retry_takes_up_what_did_not_get_done_with_its_relief_and_nothing_else() -> None:
    failed, aborted = late(StepState.FAILED), relief(state=StepState.DONE)
    done, unneeded = record(2, StepState.DONE), relief(3, StepState.NOT_NEEDED, relieves=StepKey("step 2"))
    going, skipped = record(4, StepState.ACCEPTED), record(5, StepState.NOT_NEEDED)
    again = named(list(to_retry([failed, aborted, done, unneeded, going, skipped])))
    assert again == ["step 0", "step 1", "step 5"]


def test_a_retry_looks_anew_at_what_was_found_done_of_the_host_without_a_start_where_others_fell_short() -> None:
    found, ours = replace(record(0, StepState.DONE, phase="close"), starts=0), record(1, StepState.DONE)
    of_a_vm = replace(record(2, StepState.DONE, vm=VmId("web-1")), starts=0)
    failed = record(3, StepState.FAILED, phase="verify")
    assert named(list(to_retry([found, ours, of_a_vm, failed]))) == ["step 0", "step 3"]
    assert to_retry([found, ours, of_a_vm]) == []


def test_while_others_move_only_what_failed_in_a_phase_that_is_not_over_is_tried_again() -> None:
    going, failed = record(1, StepState.ACCEPTED), record(2, StepState.FAILED)
    early, skipped = record(0, StepState.FAILED, phase="close"), record(3, StepState.NOT_NEEDED, phase="verify")
    assert named(list(to_retry_meanwhile([early, going, failed, skipped], PHASES))) == ["step 2", "step 3"]
    assert to_retry_meanwhile([going, skipped], PHASES) == [], "nothing has failed"
    assert to_retry_meanwhile([failed, skipped], PHASES) == [], "nothing moves any more"
    assert to_retry_meanwhile([going, replace(failed, aside=SetAside(by=UserId("U0BOB"), at=NOW))], PHASES) == [], (
        "somebody has set it aside"
    )


# in general --------------------------------------------------------------------------------------------------------

chains = st.lists(
    st.tuples(
        st.sampled_from(list(StepState)),
        st.sampled_from(PHASES),
        st.sampled_from(list(By)),
        st.sampled_from(["", "db"]),
        st.integers(0, 2),
        st.booleans(),
        st.sampled_from(["", "follows", "tidies"]),
    ),
    max_size=8,
).map(
    lambda rows: [
        record(
            seq,
            state,
            phase=phase,
            by=by,
            apart=apart,
            priority=priority,
            essential=essential,
            # no plan has a step that follows one of a later phase
            **dict.fromkeys(
                {"": (), "follows": ("follows",), "tidies": ("follows", "tidies")}[how]
                if seq and PHASES.index(rows[seq - 1][1]) <= PHASES.index(phase)
                else (),
                StepKey(f"step {seq - 1}"),
            ),
        )
        for seq, (state, phase, by, apart, priority, essential, how) in enumerate(rows)
    ]
)


@given(chains, st.integers(1, 4))
def test_what_is_started_keeps_to_limit_phase_and_groups_and_is_never_what_must_be_skipped(
    all_of_them: list[StepRecord], limit: int
) -> None:
    begun = list(to_start(all_of_them, PHASES, limit=limit, now=NOW))
    flying = [one for one in all_of_them if one.state in IN_FLIGHT]
    ours = [one for one in begun if one.step.by is By.MUSTER]
    assert len(ours) <= max(0, limit - sum(one.step.by is By.MUSTER for one in flying))
    assert all(one.state is StepState.PLANNED for one in begun)
    assert {one.step.phase for one in begun} <= {current_phase(all_of_them, PHASES)}
    groups = [one.step.apart for one in ours if one.step.apart]
    assert len(groups) == len(set(groups))
    assert not {one.step.apart for one in flying if one.step.apart} & set(groups)
    by_key = {one.key: one for one in all_of_them}
    assert all(
        one.step.follows is None
        or by_key[one.step.follows].state is StepState.DONE
        or (one.step.tidies and by_key[one.step.follows].has_ended)
        for one in begun
    )
    assert not set(named(begun)) & set(named(list(not_needed(all_of_them, PHASES))))


@given(chains)
def test_an_operation_always_comes_to_its_end(all_of_them: list[StepRecord]) -> None:
    """Skipping what must be skipped and finishing what starts leaves nothing behind, whatever failed before."""
    current = {one.key: one for one in all_of_them}
    for _ in range(4 * len(all_of_them) + 1):
        if all(one.has_ended for one in current.values()):
            return
        rows = list(current.values())
        for one in not_needed(rows, PHASES):
            current[one.key] = one.end(StepState.NOT_NEEDED, now=NOW)
        for one in to_start(list(current.values()), PHASES, limit=1, now=NOW):
            current[one.key] = one.intend({}, now=NOW)
        for one in list(current.values()):
            if one.state in IN_FLIGHT:
                current[one.key] = one.end(StepState.DONE, now=NOW)
    raise AssertionError(f"never ends: {[(one.key, one.state, one.step.phase) for one in current.values()]}")

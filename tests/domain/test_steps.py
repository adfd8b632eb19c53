"""The life of a step: what a look makes of it, whose turn it is, and what must not happen any more."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cloud import Seen, Sighting
from bot.domain.plan import By
from bot.domain.steps import (
    ENDED,
    IN_FLIGHT,
    MAX_STARTS,
    StepRecord,
    StepState,
    after_look,
    current_phase,
    of_host,
    to_skip,
    to_start,
    to_tidy,
)
from bot.domain.values import StepKey, VmId
from tests.domain.plans import NOW, PHASES, RECEIPT, moments, record, records, sightings

A_WHILE = timedelta(seconds=10)
QUIET = timedelta(seconds=90)
PATIENCE = timedelta(minutes=30)


def looked(before: StepRecord, seen: Seen, *, after: timedelta = A_WHILE, **said: object) -> StepRecord:
    return after_look(before, Sighting(seen=seen, **said), now=NOW + after)  # type: ignore[arg-type]


# one step ----------------------------------------------------------------------------------------------------------


def test_each_state_is_planned_in_flight_or_ended():
    assert {StepState.PLANNED} | IN_FLIGHT | ENDED == set(StepState)
    assert not IN_FLIGHT & ENDED


def test_an_intent_is_counted_and_forgets_what_was_said_before():
    before = replace(record(), sentence="s", remedy="r", raw="w")
    intent = before.intend({"ids": [1]}, now=NOW)
    assert (intent.state, intent.starts, intent.intent_at, intent.moved_at) == (StepState.INTENT, 1, NOW, NOW)
    assert intent.step.before == {"ids": [1]}
    assert (intent.sentence, intent.remedy, intent.raw) == ("", "", "")


def test_an_accepted_step_keeps_its_receipt_and_what_was_there_before():
    accepted = record().intend({"ids": [1]}, now=NOW).accept(RECEIPT, now=NOW + A_WHILE)
    assert (accepted.state, accepted.moved_at) == (StepState.ACCEPTED, NOW + A_WHILE)
    assert (accepted.step.receipt, accepted.step.before) == (RECEIPT, {"ids": [1]})


def test_a_new_attempt_begins_from_nothing():
    failed = record().intend({}, now=NOW).accept(RECEIPT, now=NOW).end(StepState.FAILED, now=NOW, sentence="no room")
    assert failed.has_ended
    assert failed.key == "step 0"
    assert failed.again() == record()


@pytest.mark.parametrize("state", [StepState.PLANNED, StepState.INTENT, StepState.ACCEPTED])
def test_what_is_as_wanted_is_done_whoever_did_it(state):
    done = looked(record(state=state), Seen.DONE, sentence="on compute-2", place="compute-2")
    assert (done.state, done.place, done.progress, done.ended_at) == (StepState.DONE, "compute-2", 1.0, NOW + A_WHILE)


@pytest.mark.parametrize("state", [StepState.PLANNED, StepState.INTENT, StepState.ACCEPTED])
def test_a_failure_keeps_its_cause_and_remedy(state):
    failed = looked(record(state=state), Seen.FAILED, sentence="no valid host", remedy="make room", raw="NoValidHost")
    assert failed.state is StepState.FAILED
    assert (failed.sentence, failed.remedy, failed.raw) == ("no valid host", "make room", "NoValidHost")


def test_a_planned_step_of_ours_waits_to_be_started():
    assert looked(record(), Seen.NEVER_STARTED).state is StepState.PLANNED


@pytest.mark.parametrize("by", [By.CLOUD, By.PERSON])
def test_a_planned_step_of_somebody_else_is_awaited_from_the_first_look(by):
    awaited = looked(record(by=by), Seen.NEVER_STARTED, sentence="run this command")
    assert (awaited.state, awaited.moved_at, awaited.sentence) == (
        StepState.ACCEPTED,
        NOW + A_WHILE,
        "run this command",
    )


def test_a_planned_step_that_is_already_under_way_is_not_started_again():
    assert looked(record(), Seen.UNDERWAY).state is StepState.ACCEPTED


def test_a_planned_step_about_which_the_cloud_contradicts_itself_is_never_started():
    unknown = looked(record(), Seen.UNCLEAR, sentence="both records", remedy="look", raw="[1, 2]")
    assert (unknown.state, unknown.sentence, unknown.remedy) == (StepState.UNKNOWN, "both records", "look")


def test_an_intent_without_a_trace_may_be_started_again_only_after_the_quiet_period():
    intent = record().intend({}, now=NOW)
    assert looked(intent, Seen.NEVER_STARTED, after=QUIET - timedelta(seconds=1)).state is StepState.INTENT
    assert looked(intent, Seen.NEVER_STARTED, after=QUIET).state is StepState.PLANNED


def test_what_never_takes_effect_is_given_to_a_human_after_three_starts():
    tried = record()
    for _ in range(MAX_STARTS):
        assert tried.state is StepState.PLANNED
        tried = looked(tried.intend({}, now=NOW), Seen.NEVER_STARTED, after=QUIET)
    assert (tried.state, tried.starts) == (StepState.UNKNOWN, MAX_STARTS)
    assert tried.sentence == "Started 3 times without a trace in the cloud."


def test_a_lost_answer_is_found_again_by_looking():
    found = looked(record().intend({}, now=NOW), Seen.UNDERWAY, progress=0.4, movement="copying", place="compute-1")
    assert (found.state, found.progress, found.movement) == (StepState.ACCEPTED, 0.4, "copying")


def test_a_step_whose_wish_was_refused_may_be_started_again_at_once():
    accepted = record(wish="compute-2").intend({"ids": [1]}, now=NOW).accept(RECEIPT, now=NOW)
    again = looked(accepted, Seen.TURNED_AWAY, sentence="compute-2 did not take it")
    assert (again.state, again.starts, again.sentence) == (StepState.PLANNED, 1, "compute-2 did not take it")
    assert to_start([again], PHASES, limit=1) == [again]


def test_a_step_that_wished_for_nothing_and_was_turned_away_has_failed():
    accepted = record().intend({}, now=NOW).accept(RECEIPT, now=NOW)
    assert looked(accepted, Seen.TURNED_AWAY).state is StepState.FAILED


def test_a_step_that_is_turned_away_again_and_again_fails():
    tried = replace(record(wish="compute-2"), state=StepState.ACCEPTED, starts=MAX_STARTS)
    failed = looked(tried, Seen.TURNED_AWAY, sentence="no host takes it", remedy="make room", raw="NoValidHost")
    assert (failed.state, failed.sentence, failed.remedy, failed.raw) == (
        StepState.FAILED,
        "no host takes it",
        "make room",
        "NoValidHost",
    )


@pytest.mark.parametrize("seen", [Seen.UNDERWAY, Seen.UNCLEAR, Seen.NEVER_STARTED])
def test_an_accepted_step_without_headway_is_given_to_a_human_when_patience_ends(seen):
    accepted = record(state=StepState.ACCEPTED)
    waiting = looked(accepted, seen, after=PATIENCE - timedelta(seconds=1))
    assert waiting.state is StepState.ACCEPTED
    given_up = looked(waiting, seen, after=PATIENCE, raw="{}")
    assert (given_up.state, given_up.raw) == (StepState.UNKNOWN, "{}")
    assert given_up.sentence == f"No headway for 30 min: {seen}"
    assert given_up.remedy == "Look at it in the cloud, then retry or cancel."


def test_patience_counts_from_the_last_headway():
    accepted = record(state=StepState.ACCEPTED)
    moved = looked(accepted, Seen.UNDERWAY, after=PATIENCE - A_WHILE, movement="half")
    assert looked(moved, Seen.UNDERWAY, after=PATIENCE + A_WHILE, movement="half").state is StepState.ACCEPTED
    late = looked(moved, Seen.UNDERWAY, after=2 * PATIENCE, movement="half", sentence="copying", remedy="abort it")
    assert (late.sentence, late.remedy) == ("No headway for 30 min: copying", "abort it")


@given(records, sightings, moments)
def test_a_look_never_begins_anything_and_never_reopens_what_has_ended(before, sighting, now):
    after = after_look(before, sighting, now=now)
    assert after.starts == before.starts
    assert after.step == before.step
    if before.has_ended:
        assert after is before
        return
    if after.state is StepState.DONE:
        assert sighting.seen is Seen.DONE
    if after.state is StepState.FAILED:
        assert sighting.seen in {Seen.FAILED, Seen.TURNED_AWAY}
    if after.state is StepState.INTENT:
        assert before.state is StepState.INTENT
    if before.state is not StepState.PLANNED and after.state is StepState.PLANNED:
        if sighting.seen is Seen.TURNED_AWAY:
            assert before.step.wish
            assert before.starts < MAX_STARTS
            return
        assert sighting.seen is Seen.NEVER_STARTED
        assert before.state is StepState.INTENT
        assert before.intent_at is not None
        assert now - before.intent_at >= before.step.quiet
        assert before.starts < MAX_STARTS
    assert after.state is not StepState.SKIPPED
    assert after.has_ended is (after.ended_at is not None)


@given(records, sightings, moments)
def test_to_look_twice_is_to_look_once(before, sighting, now):
    once = after_look(before, sighting, now=now)
    twice = after_look(once, sighting, now=now)
    if once.state is before.state or once.has_ended:
        assert twice == once


# all steps of an operation -----------------------------------------------------------------------------------------


def with_state(one: StepRecord, state: StepState) -> StepRecord:
    return replace(one, state=state)


def named(found: list[StepRecord]) -> list[str]:
    return [one.key for one in found]


def start(*all_of_them: StepRecord, limit: int = 10) -> list[str]:
    return named(list(to_start(all_of_them, PHASES, limit=limit)))


def skip(*all_of_them: StepRecord) -> list[str]:
    return named(list(to_skip(all_of_them, PHASES)))


def test_a_phase_begins_when_the_one_before_has_ended():
    close, move = record(0, phase="close"), record(1)
    assert current_phase([close, move], PHASES) == "close"
    assert start(close, move) == ["step 0"]
    for ended in ENDED:
        assert current_phase([with_state(close, ended), move], PHASES) == "move"
        assert start(with_state(close, ended), move) == ["step 1"]


def test_when_everything_has_ended_there_is_no_phase_and_nothing_to_start():
    ended = [record(0, StepState.DONE, phase="close"), record(1, StepState.FAILED)]
    assert current_phase(ended, PHASES) is None
    assert start(*ended) == []
    assert current_phase([], PHASES) is None


def test_no_more_steps_of_ours_are_in_flight_than_the_limit():
    flying = [record(0, StepState.ACCEPTED), record(1, StepState.INTENT)]
    waiting = [record(n) for n in range(2, 6)]
    assert start(*flying, *waiting, limit=4) == ["step 2", "step 3"]
    assert start(*flying, *waiting, limit=2) == []
    assert start(*flying, *waiting, limit=1) == []


def test_steps_of_the_cloud_and_of_people_take_no_room():
    flying = [record(0, StepState.ACCEPTED, by=By.CLOUD), record(1, StepState.ACCEPTED)]
    waiting = [record(2, by=By.PERSON), record(3, follows=StepKey("step 1")), record(4, by=By.CLOUD)]
    assert start(*flying, *waiting, limit=1) == ["step 2", "step 4"]


def test_a_consequence_is_watched_only_once_what_causes_it_has_begun():
    cause, consequence = record(0), record(1, by=By.CLOUD)
    assert start(cause, consequence) == ["step 0"]
    for state in (StepState.INTENT, StepState.ACCEPTED, StepState.DONE, StepState.FAILED):
        assert start(with_state(cause, state), consequence) == ["step 1"]


def test_the_important_ones_start_first_and_equals_in_the_order_of_the_plan():
    assert start(record(0), record(1, priority=5), record(2, priority=5), record(3), limit=3) == [
        "step 1",
        "step 2",
        "step 0",
    ]


def test_two_of_one_server_group_never_run_at_once():
    pair = [record(0, apart="db"), record(1, apart="db"), record(2, apart="web")]
    assert start(*pair) == ["step 0", "step 2"]
    assert start(with_state(pair[0], StepState.INTENT), *pair[1:]) == ["step 2"]
    assert start(with_state(pair[0], StepState.DONE), *pair[1:]) == ["step 1", "step 2"]


def test_a_step_starts_only_after_the_one_it_follows_is_done():
    first, second = record(0), record(1, follows=StepKey("step 0"))
    assert start(first, second) == ["step 0"]
    for state in set(StepState) - {StepState.DONE, StepState.PLANNED}:
        assert start(with_state(first, state), second) == []
    assert start(with_state(first, StepState.DONE), second) == ["step 1"]


def locked(lock: StepState, move: StepState, **changes) -> list[StepRecord]:
    """A lock, the move that follows it, and the unlocking after it."""
    first, second = StepKey("step 0"), StepKey("step 1")
    return [
        record(0, lock),
        record(1, move, follows=first),
        replace(record(2, follows=second, tidies=first), **changes),
    ]


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_tidies_up_starts_whatever_became_of_the_step_it_follows(state):
    assert start(*locked(StepState.DONE, state)) == ["step 2"]
    assert skip(*locked(StepState.DONE, state)) == []


@pytest.mark.parametrize("state", sorted(set(StepState) - ENDED))
def test_what_tidies_up_waits_for_the_end_of_the_step_it_follows(state):
    assert "step 2" not in start(*locked(StepState.DONE, state))


@pytest.mark.parametrize("state", sorted(set(StepState) - IN_FLIGHT))
def test_a_stop_tidies_up_what_was_done_and_waits_only_for_what_is_in_flight(state):
    assert named(list(to_tidy(locked(StepState.DONE, state)))) == ["step 2"]


@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
def test_a_stop_does_not_tidy_up_under_what_is_in_flight(state):
    assert to_tidy(locked(StepState.DONE, state)) == []
    assert to_tidy(locked(state, StepState.PLANNED)) == []


def test_a_stop_has_nothing_to_tidy_up_where_nothing_was_begun_or_all_is_tidy():
    assert to_tidy(locked(StepState.PLANNED, StepState.PLANNED)) == []
    assert to_tidy(locked(StepState.DONE, StepState.DONE, state=StepState.DONE)) == []
    assert to_tidy([record(0), record(1, follows=StepKey("step 0"))]) == []


@pytest.mark.parametrize("state", sorted(ENDED - {StepState.DONE}))
def test_what_follows_a_step_that_did_not_get_done_is_skipped(state):
    assert skip(record(0, state), record(1, follows=StepKey("step 0"))) == ["step 1"]


@pytest.mark.parametrize("state", sorted(set(StepState) - ENDED | {StepState.DONE}))
def test_what_follows_a_step_that_may_still_get_done_is_not_skipped(state):
    assert skip(record(0, state), record(1, follows=StepKey("step 0"))) == []


@pytest.mark.parametrize("state", sorted(ENDED - {StepState.DONE}))
def test_after_an_essential_step_that_did_not_get_done_no_later_phase_happens(state):
    broken = record(0, state, phase="close", essential=True)
    same, later, last = record(1, phase="close"), record(2, phase="move"), record(3, phase="verify")
    assert skip(broken, same, later, last) == ["step 2", "step 3"]
    assert skip(with_state(broken, StepState.DONE), same, later, last) == []
    assert skip(replace(broken, step=replace(broken.step, essential=False)), same, later, last) == []


def test_what_has_begun_is_never_skipped():
    broken = record(0, StepState.FAILED, phase="close", essential=True)
    assert skip(broken, record(1, StepState.INTENT), record(2, StepState.ACCEPTED), record(3, StepState.DONE)) == []


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
def test_what_is_started_keeps_to_limit_phase_and_groups_and_is_never_what_must_be_skipped(all_of_them, limit):
    begun = list(to_start(all_of_them, PHASES, limit=limit))
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
    assert not set(named(begun)) & set(named(list(to_skip(all_of_them, PHASES))))


@given(chains)
def test_an_operation_always_comes_to_its_end(all_of_them):
    """Skipping what must be skipped and finishing what starts leaves nothing behind, whatever failed before."""
    current = {one.key: one for one in all_of_them}
    for _ in range(4 * len(all_of_them) + 1):
        if all(one.has_ended for one in current.values()):
            return
        rows = list(current.values())
        for one in to_skip(rows, PHASES):
            current[one.key] = one.end(StepState.SKIPPED, now=NOW)
        for one in to_start(list(current.values()), PHASES, limit=1):
            current[one.key] = one.intend({}, now=NOW)
        for one in list(current.values()):
            if one.state in IN_FLIGHT:
                current[one.key] = one.end(StepState.DONE, now=NOW)
    raise AssertionError(f"never ends: {[(one.key, one.state, one.step.phase) for one in current.values()]}")


# what an end leaves --------------------------------------------------------------------------------------------------


def test_what_changed_the_host_itself_is_told_when_it_is_in_effect_or_may_be():
    already = replace(record(0, StepState.DONE), starts=0)
    begun = record(1, StepState.UNKNOWN)
    never = replace(record(2, StepState.SKIPPED), starts=0)
    of_a_vm = record(3, StepState.DONE, vm=VmId("v"))
    seen = record(4, StepState.DONE, by=By.CLOUD)
    assert of_host([already, begun, never, of_a_vm, seen]) == [already, begun]

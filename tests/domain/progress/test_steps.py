"""The life of a step: what a look makes of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import By
from bot.domain.progress.pace import Limit
from bot.domain.progress.steps import (
    AWAY,
    ENDED,
    IN_FLIGHT,
    MAX_ENDED_STARTS,
    MAX_STARTS,
    SOON,
    StepRecord,
    StepState,
    Word,
    after_look,
    laid_out,
    latest,
    of_host,
    with_words,
)
from bot.domain.progress.turns import to_start
from bot.domain.values import StepKey, UserId, VmId
from tests.domain.build import NOW, PHASES, RECEIPT, moments, plan, record, records, sightings

A_WHILE = timedelta(seconds=10)
QUIET = timedelta(seconds=90)
PATIENCE = timedelta(minutes=30)


def looked(before: StepRecord, seen: Seen, *, after: timedelta = A_WHILE, **said: Any) -> StepRecord:
    return after_look(before, Sighting(seen=seen, **said), now=NOW + after)


# one step ----------------------------------------------------------------------------------------------------------


def test_each_state_is_planned_in_flight_or_ended() -> None:
    assert {StepState.PLANNED} | IN_FLIGHT | ENDED == set(StepState)
    assert not IN_FLIGHT & ENDED


def test_an_intent_is_counted_and_forgets_what_was_said_before() -> None:
    before = replace(record(), sentence="s", remedy="r", raw="w")
    intent = before.intend({"ids": [1]}, now=NOW)
    assert (intent.state, intent.starts, intent.intent_at, intent.moved_at) == (StepState.INTENT, 1, NOW, NOW)
    assert intent.step.before == {"ids": [1]}
    assert (intent.sentence, intent.remedy, intent.raw) == ("", "", "")


def test_an_accepted_step_keeps_its_receipt_and_what_was_there_before() -> None:
    accepted = record().intend({"ids": [1]}, now=NOW).accept(RECEIPT, now=NOW + A_WHILE)
    assert (accepted.state, accepted.moved_at) == (StepState.ACCEPTED, NOW + A_WHILE)
    assert (accepted.step.receipt, accepted.step.before) == (RECEIPT, {"ids": [1]})


def test_a_new_attempt_begins_from_nothing() -> None:
    failed = record().intend({}, now=NOW).accept(RECEIPT, now=NOW).end(StepState.FAILED, now=NOW, sentence="no room")
    assert failed.has_ended
    assert failed.key == "step 0"
    assert failed.again() == record()


@pytest.mark.parametrize("state", [StepState.PLANNED, StepState.INTENT, StepState.ACCEPTED])
def test_what_is_as_wanted_is_done_whoever_did_it(state: StepState) -> None:
    done = looked(record(state=state), Seen.DONE, sentence="on compute-2", place="compute-2")
    assert (done.state, done.place, done.progress, done.ended_at) == (StepState.DONE, "compute-2", 1.0, NOW + A_WHILE)


@pytest.mark.parametrize("state", [StepState.PLANNED, StepState.INTENT, StepState.ACCEPTED])
def test_a_failure_keeps_its_cause_and_remedy(state: StepState) -> None:
    failed = looked(record(state=state), Seen.FAILED, sentence="no valid host", remedy="make room", raw="NoValidHost")
    assert failed.state is StepState.FAILED
    assert (failed.sentence, failed.remedy, failed.raw) == ("no valid host", "make room", "NoValidHost")


def test_a_step_has_begun_when_its_turn_in_the_cloud_has_come_and_that_is_not_counted_anew() -> None:
    waiting = looked(record(state=StepState.INTENT), Seen.UNDERWAY, waits=True)
    assert (waiting.state, waiting.begun_at) == (StepState.ACCEPTED, None)
    begun = looked(waiting, Seen.UNDERWAY)
    assert begun.begun_at == NOW + A_WHILE
    assert looked(begun, Seen.UNDERWAY, after=2 * A_WHILE).begun_at == NOW + A_WHILE
    assert begun.intend({}, now=NOW).begun_at is None


def test_a_planned_step_of_ours_waits_to_be_started() -> None:
    assert looked(record(), Seen.NEVER_STARTED).state is StepState.PLANNED


@pytest.mark.parametrize("by", [By.CLOUD, By.PERSON])
def test_a_planned_step_of_somebody_else_is_awaited_from_the_first_look(by: By) -> None:
    awaited = looked(record(by=by), Seen.NEVER_STARTED, sentence="run this command")
    assert (awaited.state, awaited.moved_at, awaited.sentence) == (
        StepState.ACCEPTED,
        NOW + A_WHILE,
        "run this command",
    )


def test_a_planned_step_that_is_already_under_way_is_not_started_again() -> None:
    assert looked(record(), Seen.UNDERWAY).state is StepState.ACCEPTED


def test_a_planned_step_about_which_the_cloud_contradicts_itself_is_never_started() -> None:
    unknown = looked(record(), Seen.UNCLEAR, sentence="both records", remedy="look", raw="[1, 2]")
    assert (unknown.state, unknown.sentence, unknown.remedy) == (StepState.UNKNOWN, "both records", "look")


def test_a_call_that_the_cloud_ended_with_an_error_is_made_again_soon_and_more_often() -> None:
    tried = record()
    for _ in range(MAX_ENDED_STARTS):
        tried = tried.intend({}, now=NOW).lose("", is_over=True, is_excused=False)
        assert after_look(tried, Sighting(seen=Seen.NEVER_STARTED), now=NOW + SOON / 2) == tried
        tried = after_look(tried, Sighting(seen=Seen.NEVER_STARTED), now=NOW + SOON)
    assert (tried.state, tried.starts) == (StepState.UNKNOWN, MAX_ENDED_STARTS)
    assert not record().intend({}, now=NOW).is_over


def test_an_intent_without_a_trace_may_be_started_again_only_after_the_quiet_period() -> None:
    intent = record().intend({}, now=NOW)
    assert looked(intent, Seen.NEVER_STARTED, after=QUIET - timedelta(seconds=1)).state is StepState.INTENT
    assert looked(intent, Seen.NEVER_STARTED, after=QUIET).state is StepState.PLANNED


def test_what_others_began_and_left_no_trace_of_is_ours_to_start_after_the_quiet_period() -> None:
    theirs = looked(record(), Seen.UNDERWAY, after=timedelta(0), movement="a record")
    assert (theirs.state, theirs.starts) == (StepState.ACCEPTED, 0)
    gone = looked(theirs, Seen.NEVER_STARTED)
    assert gone.state is StepState.ACCEPTED, "a list may be late"
    assert looked(gone, Seen.NEVER_STARTED, after=A_WHILE + QUIET - timedelta(seconds=1)).state is StepState.ACCEPTED
    ours = looked(gone, Seen.NEVER_STARTED, after=A_WHILE + QUIET)
    assert (ours.state, ours.begun_at) == (StepState.PLANNED, None)
    taken = record().intend({}, now=NOW).accept(RECEIPT, now=NOW)
    assert looked(taken, Seen.NEVER_STARTED, after=QUIET).state is StepState.ACCEPTED, "the cloud took our call"


def test_what_never_takes_effect_is_given_to_a_human_after_three_starts() -> None:
    tried = record()
    for _ in range(MAX_STARTS):
        assert tried.state is StepState.PLANNED
        tried = looked(tried.intend({}, now=NOW), Seen.NEVER_STARTED, after=QUIET)
    assert (tried.state, tried.starts) == (StepState.UNKNOWN, MAX_STARTS)
    assert tried.sentence == "Started 3 times without a trace in the cloud."


def test_calls_on_which_nobody_was_at_work_do_not_count_among_those_that_left_no_trace() -> None:
    tried = record()
    for is_over in (True, False, True, False):
        tried = tried.intend({}, now=NOW).lose("lost", is_over=is_over, is_excused=False)
        tried = looked(tried, Seen.NEVER_STARTED, after=QUIET)
        assert tried.state is StepState.PLANNED
    tried = looked(tried.intend({}, now=NOW), Seen.NEVER_STARTED, after=QUIET)
    assert (tried.state, tried.starts, tried.ended_starts) == (StepState.UNKNOWN, 5, 2)


def test_what_all_calls_meet_counts_against_no_step_but_that_it_was_begun_is_known() -> None:
    lost = record().intend({}, now=NOW).lose("503", is_over=True, is_excused=True)
    assert (lost.starts, lost.ended_starts) == (1, 1)
    lost = lost.intend({}, now=NOW).lose("503", is_over=True, is_excused=True)
    assert (lost.starts, lost.ended_starts) == (1, 1)


def test_a_lost_answer_is_found_again_by_looking() -> None:
    found = looked(record().intend({}, now=NOW), Seen.UNDERWAY, progress=0.4, movement="copying", place="compute-1")
    assert (found.state, found.progress, found.movement) == (StepState.ACCEPTED, 0.4, "copying")


def test_a_step_whose_wish_was_refused_may_be_started_again_at_once() -> None:
    accepted = record(wish="compute-2").intend({"ids": [1]}, now=NOW).accept(RECEIPT, now=NOW)
    again = looked(accepted, Seen.TURNED_AWAY, sentence="compute-2 did not take it")
    assert (again.state, again.starts, again.sentence) == (StepState.PLANNED, 1, "compute-2 did not take it")
    assert to_start([again], PHASES, limit=1, now=NOW) == [again]


def test_a_step_that_gave_way_is_as_if_never_begun_but_for_its_turn() -> None:
    accepted = record().intend({"ids": [1]}, now=NOW).accept(RECEIPT, now=NOW)
    running = looked(accepted, Seen.UNDERWAY, progress=0.8, movement="1", is_in_vain=True)
    again = looked(running, Seen.GAVE_WAY, sentence="it comes after the others")
    assert (again.state, again.starts, again.gave_way) == (StepState.PLANNED, 1, True)
    assert (again.step.before, again.step.receipt, again.begun_at, again.progress) == (None, None, None, None)
    assert not again.is_in_vain
    assert again.sentence == "it comes after the others"
    assert looked(again, Seen.NEVER_STARTED).gave_way


def test_a_step_waits_for_a_place_that_is_away_and_then_a_person_is_asked() -> None:
    away: dict[str, Any] = {"not_yet": "compute-3 is not up.", "remedy": "ask for another"}
    waiting = looked(record(), Seen.NEVER_STARTED, after=timedelta(0), **away)
    assert (waiting.state, waiting.held_back) == (StepState.PLANNED, Limit.PLACE)
    assert waiting.sentence == "compute-3 is not up."
    still = looked(waiting, Seen.NEVER_STARTED, after=AWAY - timedelta(seconds=1), **away)
    assert still == waiting
    back = looked(still, Seen.NEVER_STARTED, after=AWAY)
    assert (back.state, back.held_back) == (StepState.PLANNED, None)
    given_up = looked(waiting, Seen.NEVER_STARTED, after=AWAY, **away)
    assert (given_up.state, given_up.remedy) == (StepState.FAILED, "ask for another")
    assert given_up.sentence == "compute-3 is not up. Muster waited 5 minutes for it."


def test_a_step_that_wished_for_nothing_and_was_turned_away_has_failed() -> None:
    accepted = record().intend({}, now=NOW).accept(RECEIPT, now=NOW)
    assert looked(accepted, Seen.TURNED_AWAY).state is StepState.FAILED


def test_a_step_that_is_turned_away_again_and_again_fails() -> None:
    tried = replace(record(wish="compute-2"), state=StepState.ACCEPTED, starts=MAX_STARTS)
    failed = looked(tried, Seen.TURNED_AWAY, sentence="no host takes it", remedy="make room", raw="NoValidHost")
    assert (failed.state, failed.sentence, failed.remedy, failed.raw) == (
        StepState.FAILED,
        "no host takes it",
        "make room",
        "NoValidHost",
    )


@pytest.mark.parametrize("seen", [Seen.UNDERWAY, Seen.UNCLEAR, Seen.NEVER_STARTED])
def test_an_accepted_step_without_headway_is_given_to_a_human_when_patience_ends(seen: Seen) -> None:
    accepted = record(state=StepState.ACCEPTED)
    waiting = looked(accepted, seen, after=PATIENCE - timedelta(seconds=1))
    assert waiting.state is StepState.ACCEPTED
    given_up = looked(waiting, seen, after=PATIENCE, raw="{}")
    assert (given_up.state, given_up.raw) == (StepState.UNKNOWN, "{}")
    assert given_up.sentence == f"No headway for 30 min: {seen}"
    assert given_up.remedy == "Look at it in the cloud, then retry or cancel."


def test_patience_counts_from_the_last_headway() -> None:
    accepted = record(state=StepState.ACCEPTED)
    moved = looked(accepted, Seen.UNDERWAY, after=PATIENCE - A_WHILE, movement="half")
    assert looked(moved, Seen.UNDERWAY, after=PATIENCE + A_WHILE, movement="half").state is StepState.ACCEPTED
    late = looked(moved, Seen.UNDERWAY, after=2 * PATIENCE, movement="half", sentence="copying", remedy="abort it")
    assert (late.sentence, late.remedy) == ("No headway for 30 min: copying", "abort it")


@given(records, sightings, moments)
def test_a_look_never_begins_anything_and_never_reopens_what_has_ended(
    before: StepRecord, sighting: Sighting, now: datetime
) -> None:
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
        if sighting.seen is Seen.GAVE_WAY:
            assert after.gave_way
            return
        assert sighting.seen is Seen.NEVER_STARTED
        assert before.state is StepState.INTENT
        assert before.intent_at is not None
        assert now - before.intent_at >= before.step.quiet
        assert before.starts < MAX_STARTS
    assert after.state is not StepState.NOT_NEEDED
    assert after.has_ended is (after.ended_at is not None)


@given(records, sightings, moments)
def test_to_look_twice_is_to_look_once(before: StepRecord, sighting: Sighting, now: datetime) -> None:
    once = after_look(before, sighting, now=now)
    twice = after_look(once, sighting, now=now)
    if once.state is before.state or once.has_ended:
        assert twice == once


# what an end leaves --------------------------------------------------------------------------------------------------


def test_what_changed_the_host_itself_is_told_when_it_is_in_effect_or_may_be() -> None:
    already = replace(record(0, StepState.DONE), starts=0)
    begun = record(1, StepState.UNKNOWN)
    never = replace(record(2, StepState.NOT_NEEDED), starts=0)
    of_a_vm = record(3, StepState.DONE, vm=VmId("v"))
    seen = record(4, StepState.DONE, by=By.CLOUD)
    assert of_host([already, begun, never, of_a_vm, seen]) == [already, begun]


# hands -------------------------------------------------------------------------------------------------------------


def test_a_persons_word_stands_where_the_clouds_receipt_would_and_the_last_one_counts() -> None:
    waiting = replace(record(1, by=By.PERSON), state=StepState.ACCEPTED)
    first, last = (Word(step=waiting.key, by=UserId(who), at=NOW) for who in ("U0ALICE", "U0BOB"))
    (told,) = with_words([waiting], [first, last], now=NOW)
    assert told.step.receipt is not None
    assert told.step.receipt.facts["by"] == "U0BOB"
    assert told.state is StepState.ACCEPTED


@pytest.mark.parametrize("off", [timedelta(days=-1), timedelta(days=1)])
def test_a_persons_word_is_headway_whatever_the_clock_was_that_dated_it(off: timedelta) -> None:
    waiting = replace(record(1, by=By.PERSON), state=StepState.ACCEPTED, moved_at=NOW - timedelta(minutes=5))
    (told,) = with_words([waiting], [Word(step=waiting.key, by=UserId("U0BOB"), at=NOW + off)], now=NOW)
    assert told.moved_at is not None
    assert NOW - timedelta(minutes=5) <= told.moved_at <= NOW


def test_only_a_step_that_waits_for_hands_hears_what_is_said() -> None:
    for other in (
        replace(record(1), state=StepState.ACCEPTED),
        record(1, by=By.PERSON),
        replace(record(1, by=By.PERSON), state=StepState.DONE),
    ):
        assert with_words([other], [Word(step=other.key, by=UserId("U0ALICE"), at=NOW)], now=NOW) == [other]
    waiting = replace(record(1, by=By.PERSON), state=StepState.ACCEPTED)
    assert with_words([waiting], [Word(step=StepKey("step 9"), by=UserId("U0ALICE"), at=NOW)], now=NOW) == [waiting]


def test_the_last_moment_that_steps_bear_is_that_of_any_of_them() -> None:
    ended = replace(record(1, StepState.DONE), ended_at=NOW + timedelta(minutes=5))
    assert latest([record(0), record(2, StepState.INTENT), ended], otherwise=NOW - timedelta(days=1)) == ended.ended_at
    assert latest([record(0)], otherwise=NOW) == NOW


def test_the_records_of_a_plan_are_of_its_steps_in_their_order_and_none_was_begun() -> None:
    made = plan()
    records = laid_out(made.steps)
    assert [(r.seq, r.key, r.state, r.starts) for r in records] == [
        (seq, s.key, StepState.PLANNED, 0) for seq, s in enumerate(made.steps)
    ]
    assert all(r.step.before is None and r.step.receipt is None for r in records)

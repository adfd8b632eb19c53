"""The table of states: whole, and the only way an operation moves."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import AlreadySettled
from bot.domain.operation import (
    EXECUTING,
    FINAL,
    STANDS,
    TABLE,
    WAITING_FOR_PEOPLE,
    WORKING,
    Choice,
    Event,
    State,
    Vote,
)
from bot.domain.values import Digest, UserId
from tests.domain.build import NOW, operation, plan

BEFORE_THE_FIRST_ACT = frozenset({State.CHECKING, State.READY, State.AWAITING_APPROVAL, State.QUEUED})


def reachable_from(*states: State) -> set[State]:
    found = set(states)
    while new := {to for (state, _), to in TABLE.items() if state in found} - found:
        found |= new
    return found


def vote(by: str, digest: str = "d", choice: Choice = Choice.APPROVE) -> Vote:
    return Vote(by=UserId(by), choice=choice, digest=Digest(digest), at=NOW)


@pytest.mark.parametrize("state", State)
def test_each_state_is_in_exactly_one_named_set(state: State) -> None:
    assert sum(state in one for one in (FINAL, WAITING_FOR_PEOPLE, WORKING)) == 1


def test_steps_are_executed_only_where_the_worker_is_at_work() -> None:
    assert EXECUTING < WORKING


def test_each_state_can_be_reached() -> None:
    assert reachable_from(State.CHECKING) == set(State)


@pytest.mark.parametrize("state", State)
def test_an_operation_ends_only_in_a_final_state_and_from_every_other_it_can_end(state: State) -> None:
    leads_on = {to for (at, _), to in TABLE.items() if at is state}
    if state in FINAL:
        assert leads_on == set()
    else:
        assert leads_on
        assert reachable_from(state) & FINAL


@pytest.mark.parametrize("event", Event)
def test_each_event_moves_something(event: Event) -> None:
    assert any(event is one for _, one in TABLE)


@pytest.mark.parametrize("state", sorted(BEFORE_THE_FIRST_ACT))
def test_before_the_first_act_anything_can_be_cancelled(state: State) -> None:
    assert TABLE[state, Event.CANCELLED] is State.CANCELLED


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
def test_once_something_was_done_a_cancel_only_stops_what_was_not_begun(state: State) -> None:
    assert (state, Event.CANCELLED) not in TABLE
    assert TABLE[state, Event.STOP_ASKED] is State.STOPPING


def test_nothing_runs_that_was_not_approved() -> None:
    assert {state for (state, _), to in TABLE.items() if to is State.QUEUED} == {State.AWAITING_APPROVAL}
    assert [event for (_, event), to in TABLE.items() if to is State.QUEUED] == [Event.APPROVED]
    before_running = {state for (state, _), to in TABLE.items() if to is State.RUNNING} - EXECUTING
    assert before_running == {State.QUEUED, State.NEEDS_ATTENTION}
    without_queue = {move: to for move, to in TABLE.items() if move[0] is not State.QUEUED}
    reached = {State.CHECKING}
    while new := {to for (state, _), to in without_queue.items() if state in reached} - reached:
        reached |= new
    assert not reached & (EXECUTING | {State.SUCCEEDED})


def test_a_dry_run_never_waits_for_approval_without_another_survey() -> None:
    assert TABLE[State.READY, Event.APPROVAL_REQUESTED] is State.CHECKING


@pytest.mark.parametrize("state", State)
def test_an_event_moves_by_the_table_or_is_refused_and_changes_nothing(state: State) -> None:
    before = operation(state=state)
    later = NOW + timedelta(minutes=1)
    for event in Event:
        assert before.may(event) is ((state, event) in TABLE)
        if not before.may(event):
            with pytest.raises(AlreadySettled) as caught:
                before.after(event, at=later)
            assert str(caught.value) == f"This operation {STANDS[state]}, so “{event}” cannot happen to it now."
            continue
        after = before.after(event, at=later)
        assert after.state is TABLE[state, event]
        assert after.changed_at == later
        assert (after.ended_at == later) is (after.state in FINAL)
        assert (after.started_at == later) is (event is Event.STARTED)
        assert (after.approved_at == later) is (event is Event.APPROVED)
        assert replace(after, state=state, changed_at=NOW, ended_at=None, started_at=None, approved_at=None) == before


@given(st.lists(st.sampled_from(list(Event)), max_size=30))
def test_whatever_happens_a_final_operation_stays_as_it_ended(events: list[Event]) -> None:
    current = operation()
    for number, event in enumerate(events):
        at = NOW + timedelta(seconds=number + 1)
        try:
            moved = current.after(event, at=at)
        except AlreadySettled:
            continue
        assert current.state not in FINAL
        assert moved.started_at is None or moved.state not in BEFORE_THE_FIRST_ACT
        current = moved
    assert (current.ended_at is not None) is (current.state in FINAL)
    assert current.started_at is None or State.QUEUED not in reachable_from(current.state)


@pytest.mark.parametrize("state", State)
def test_an_operation_holds_its_host_until_it_is_final_unless_it_is_a_dry_run(state: State) -> None:
    assert operation(state=state).is_live is (state not in FINAL)
    assert operation(state=state, dry_run=True).is_live is False


def test_only_approvals_of_the_stored_plan_count_and_one_of_each_person() -> None:
    current = operation(
        digest=Digest("d"),
        votes=(
            vote("U0BOB", "of an older plan"),
            vote("U0CAROL"),
            vote("U0CAROL"),
            vote("U0DAVE", choice=Choice.REJECT),
            vote("U0BOB"),
        ),
    )
    assert [one.by for one in current.approvals] == ["U0CAROL", "U0BOB"]
    assert replace(current, digest=Digest("newer")).approvals == ()


def test_what_was_decided_before_counts_no_more_once_it_is_asked_anew() -> None:
    vote = Vote(by=UserId("U0B"), choice=Choice.APPROVE, digest=Digest("this"), at=NOW)
    asked = operation(digest=Digest("this"), votes=(vote,))
    assert asked.approvals == (vote,)
    assert asked.anew().approvals == ()
    assert [v.by for v in asked.anew().votes] == ["U0B"]


def test_an_operation_without_a_plan_has_no_phases_no_vms_and_asks_nobody_to_vouch() -> None:
    bare = operation()
    assert (bare.plan, bare.phases, bare.vms, bare.vouches) == (None, (), (), ())
    drawn = plan()
    planned = bare.with_plan(drawn, Digest("d"))
    assert (planned.plan, planned.phases, planned.vms) == (drawn, drawn.phases, drawn.vms)
    again = replace(planned, approved_plan=drawn).with_plan(replace(drawn, phases=("other",)), Digest("e"))
    assert (again.phases, again.digest, again.approved_plan) == (("other",), "e", drawn)

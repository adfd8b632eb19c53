"""What is due to be told of a request that waits, when, to whom, and what never is."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.messages import reminder
from bot.domain.operation import Event, Operation, State, Told
from bot.domain.rules import timing
from bot.domain.rules.policy import Rule
from bot.domain.values import Digest, VmId
from tests.domain.build import NOW, operation, plan, vm

MINUTE = timedelta(minutes=1)
LEADS, CHIEFS = ("S0LEADS",), ("S0CHIEFS",)
RULE = Rule(requesters=(), approvers=LEADS, escalate_to=CHIEFS)


def asked(rule: Rule = RULE, **changes: Any) -> Operation:
    return timing.asked(operation(state=State.AWAITING_APPROVAL, **changes), rule, now=NOW)


def due(of: Operation, minutes: float, rule: Rule = RULE) -> list[Told]:
    return [one.what for one in reminder.due(of, rule, now=NOW + minutes * MINUTE)]


def test_nobody_is_reminded_of_what_they_were_just_asked() -> None:
    assert due(asked(), 0) == due(asked(), 14) == []


def test_a_second_group_is_called_when_nobody_has_decided() -> None:
    (found,) = reminder.due(asked(), RULE, now=NOW + 15 * MINUTE)
    assert (found.what, found.ask, found.at) == (Told.ESCALATED, CHIEFS, NOW)
    assert due(asked(), 15, replace(RULE, escalate_to=())) == []


def test_approvers_are_called_again_before_the_request_expires() -> None:
    rule = replace(RULE, escalate_to=())
    assert due(asked(), 22, rule) == []
    (found,) = reminder.due(asked(), rule, now=NOW + 22.5 * MINUTE)
    assert (found.what, found.ask, found.at) == (Told.EXPIRY_NEAR, LEADS, NOW + 30 * MINUTE)
    short = replace(rule, remind_before=MINUTE)
    assert due(asked(short), 28.5, short) == []
    assert due(asked(short), 29, short) == [Told.EXPIRY_NEAR]


def test_until_somebody_has_chosen_whoever_asked_is_reminded_and_approvers_are_not() -> None:
    of = plan(vms=(vm(chosen=False),), may_choose_none=True)
    unchosen = replace(asked(starts_at=NOW + 60 * MINUTE), expires_at=NOW + 60 * MINUTE).with_plan(of, Digest("d"))
    found = reminder.due(unchosen, RULE, now=NOW + 50 * MINUTE)
    assert [(one.what, one.ask) for one in found] == [
        (Told.EXPIRY_NEAR, ("U0ALICE",)),
        (Told.START_NEAR, ("U0ALICE",)),
    ]
    named = replace(unchosen, request=replace(unchosen.request, vms=(VmId("vm-1"),)))
    chosen = replace(unchosen, request=replace(unchosen.request, is_choice=True))
    for one in (named, chosen, unchosen.with_plan(replace(of, may_choose_none=False), Digest("d"))):
        assert Told.ESCALATED in [r.what for r in reminder.due(one, RULE, now=NOW + 50 * MINUTE)]


@pytest.mark.parametrize("state", sorted(reminder.STANDING))
def test_whoever_may_go_on_with_what_holds_a_host_is_called_again_after_hours(state: State) -> None:
    stands = operation(state=state, changed_at=NOW)
    assert due(stands, 239) == []
    (found,) = reminder.due(stands, RULE, now=NOW + 240 * MINUTE)
    assert (found.what, found.ask, found.at) == (Told.STILL_WAITS, ("U0ALICE", *LEADS), NOW)
    told = replace(stands, told=(Told.CLOSED, Told.STILL_WAITS))
    assert due(told, 9999) == []
    moved = told.after(Event.RESUMED if state is State.PAUSED else Event.RETRIED, at=NOW)
    assert moved.told == (Told.CLOSED,)


def test_an_expired_request_is_not_reminded_of() -> None:
    assert due(asked(), 29.9) == [Told.ESCALATED, Told.EXPIRY_NEAR]
    assert due(asked(), 30) == []


def test_before_its_start_approvers_and_requester_are_called_while_it_is_not_approved() -> None:
    soon = asked(starts_at=NOW + 60 * MINUTE)
    assert due(soon, 49, replace(RULE, escalate_to=())) == []
    (found,) = reminder.due(soon, replace(RULE, escalate_to=()), now=NOW + 50 * MINUTE)
    assert (found.what, found.ask, found.at) == (Told.START_NEAR, ("U0ALICE", *LEADS), NOW + 60 * MINUTE)
    assert Told.START_NEAR not in due(soon, 60)


def test_before_its_start_whoever_asked_is_reminded_of_what_is_approved() -> None:
    queued = replace(asked(starts_at=NOW + 60 * MINUTE), state=State.QUEUED)
    (found,) = reminder.due(queued, RULE, now=NOW + 50 * MINUTE)
    assert (found.what, found.ask) == (Told.START_NEAR, ("U0ALICE",))
    assert due(queued, 60) == []
    assert due(replace(queued, starts_at=None), 50) == []


def test_a_start_that_was_near_when_it_was_asked_for_is_not_reminded_of() -> None:
    assert due(asked(starts_at=NOW + 10 * MINUTE), 5) == []


@pytest.mark.parametrize("state", sorted(set(State) - reminder.WAITING))
def test_what_waits_for_nobody_is_not_reminded_of(state: State) -> None:
    late = replace(asked(starts_at=NOW + 60 * MINUTE), state=state)
    assert due(late, 55) == []


def test_a_request_of_an_older_release_is_not_reminded_of() -> None:
    old = operation(state=State.AWAITING_APPROVAL, expires_at=NOW + 30 * MINUTE)
    assert due(old, 29) == []
    assert due(replace(old, state=State.QUEUED, starts_at=NOW + 30 * MINUTE), 29) == []


@given(
    st.sets(st.integers(0, 120), min_size=1, max_size=20),
    st.none() | st.integers(1, 90),
    st.integers(2, 60),
    st.integers(1, 30),
    st.none() | st.integers(0, 119),
)
def test_whenever_somebody_looks_each_is_told_once_and_none_after_a_decision(
    looks: set[int], start: int | None, expires: int, before: int, decided: int | None
) -> None:
    rule = replace(RULE, expires=expires * MINUTE, remind_before=before * MINUTE)
    of = asked(rule, starts_at=None if start is None else NOW + start * MINUTE)
    told: list[tuple[Told, datetime]] = []
    for minute in sorted(looks):
        now = NOW + minute * MINUTE
        if decided is not None and minute >= decided:
            of = replace(of, state=State.DENIED)
        for one in reminder.due(of, rule, now=now):
            told.append((one.what, now))
            of = replace(of, told=(*of.told, one.what))
    assert len({what for what, _ in told}) == len(told)
    assert of.expires_at is not None
    assert all(at < of.expires_at for _, at in told)
    assert all(decided is None or at < NOW + decided * MINUTE for _, at in told)

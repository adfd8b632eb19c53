"""When an operation may be decided, begun and gone on with."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain.operation import Event, State, Told
from bot.domain.plans.plan import Topic, Verdict
from bot.domain.rules import calendar, timing
from bot.domain.rules.policy import Rule
from tests.domain.build import NOW, operation

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
RULE = Rule(requesters=(), approvers=())


def frozen(starts: str, ends: str) -> Rule:
    begin, end = calendar.mark(starts), calendar.mark(ends)
    assert begin is not None
    assert end is not None
    zone = ZoneInfo("Etc/UTC")
    return Rule(
        requesters=(), approvers=(), freezes=(calendar.Freeze(name="Night", starts=begin, ends=end, zone=zone),)
    )


# what is stored ------------------------------------------------------------------------------------------------------


def test_a_window_opens_at_its_start_or_else_with_the_approval() -> None:
    assert operation().window_ends is None
    assert operation(starts_at=NOW).window_ends is None
    assert operation(starts_at=NOW, window=2 * HOUR).window_ends == NOW + 2 * HOUR
    asked = operation(state=State.AWAITING_APPROVAL, window=2 * HOUR)
    assert asked.window_ends is None
    approved = asked.after(Event.APPROVED, at=NOW + MINUTE)
    assert approved.window_ends == NOW + MINUTE + 2 * HOUR
    assert approved.after(Event.PLAN_CHANGED, at=NOW + HOUR).window_ends is None
    assert approved.after(Event.STARTED, at=NOW + HOUR).window_ends == approved.window_ends


def test_only_an_approved_operation_with_a_start_of_its_own_waits() -> None:
    assert [operation(state=state, starts_at=NOW).waits_until for state in State] == [
        NOW if state is State.QUEUED else None for state in State
    ]
    assert operation(state=State.QUEUED).waits_until is None


def test_approvers_rely_on_its_time() -> None:
    assert operation().times() == {}
    assert operation(starts_at=NOW).times() == {"starts_at": "2026-11-21T02:00:00+00:00"}
    assert operation(window=HOUR).times() == {"window_seconds": 3600.0}


# deciding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "minutes"),
    [
        ({}, 30),
        ({"starts_at": NOW + HOUR}, 90),
        ({"starts_at": NOW - HOUR}, 30),
        ({"starts_at": NOW + HOUR, "window": 10 * MINUTE}, 70),
        ({"starts_at": NOW + HOUR, "window": HOUR}, 90),
        ({"window": 10 * MINUTE}, 30),
    ],
)
def test_a_request_expires_after_its_start_at_the_earliest_and_with_its_window_at_the_latest(
    times: dict[str, Any], minutes: int
) -> None:
    asked = timing.asked(operation(told=(Told.CLOSED,), **times), RULE, now=NOW)
    assert (asked.asked_at, asked.expires_at, asked.told) == (NOW, NOW + minutes * MINUTE, ())


# beginning -----------------------------------------------------------------------------------------------------------


def test_an_approved_operation_is_early_until_its_time_has_come() -> None:
    waiting = operation(state=State.QUEUED, starts_at=NOW)
    assert timing.is_early(waiting, now=NOW - MINUTE)
    assert not timing.is_early(waiting, now=NOW)
    assert not timing.is_early(operation(state=State.QUEUED), now=NOW)


@pytest.mark.parametrize(
    ("times", "good_for", "why"),
    [
        ({}, 30, "It could not be started within 30 min of its approval."),
        ({"approved_at": NOW + MINUTE}, 31, "It could not be started within 30 min of its approval."),
        ({"starts_at": NOW + HOUR}, 90, "It could not be started within 30 min of its time."),
        ({"starts_at": NOW - HOUR}, 30, "It could not be started within 30 min of its approval."),
        (
            {"starts_at": NOW, "window": 2 * HOUR, "zone": "Europe/Berlin"},
            120,
            "The window closed Sat 2026-11-21 05:00 (Europe/Berlin). It had not been started by then.",
        ),
        (
            {"approved_at": NOW, "window": 10 * MINUTE},
            10,
            "The window closed Sat 2026-11-21 02:10 (UTC). It had not been started by then.",
        ),
    ],
)
def test_an_approval_that_was_not_used_in_time_is_good_for_nothing(
    times: dict[str, Any], good_for: int, why: str
) -> None:
    approved = operation(state=State.QUEUED, **times)
    end = NOW + good_for * MINUTE
    assert timing.missed(approved, RULE, now=end - timedelta(microseconds=1)) == ""
    assert timing.missed(approved, RULE, now=end) == why


# going on ------------------------------------------------------------------------------------------------------------


def test_nothing_new_is_started_from_the_end_of_the_window_on() -> None:
    running = operation(state=State.RUNNING, starts_at=NOW, window=HOUR)
    assert timing.closed(running, RULE, now=NOW + HOUR - MINUTE) is None
    closed = timing.closed(running, RULE, now=NOW + HOUR)
    assert closed is not None
    assert closed.sentence == "The window closed Sat 2026-11-21 03:00 (UTC)."
    assert "ask again" in closed.remedy


def test_nothing_new_is_started_in_a_freeze() -> None:
    closed = timing.closed(operation(), frozen("01:00", "06:00"), now=NOW)
    assert closed is not None
    assert closed.sentence == (
        "Planned work is frozen: Night, from Sat 2026-11-21 01:00 (Etc/UTC) until Sat 2026-11-21 06:00 (Etc/UTC)."
    )
    assert timing.closed(operation(), frozen("03:00", "06:00"), now=NOW) is None


# what the card says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "rule", "found"),
    [
        ({}, RULE, []),
        ({}, frozen("01:00", "06:00"), [("closed", Verdict.BLOCKER)]),
        ({"starts_at": NOW + 5 * HOUR}, frozen("01:00", "06:00"), []),
        ({"starts_at": NOW + 3 * HOUR}, frozen("05:00", "06:00"), [("closed", Verdict.BLOCKER)]),
        ({"starts_at": NOW - HOUR, "window": HOUR}, RULE, [("closed", Verdict.BLOCKER)]),
        ({}, frozen("05:59", "07:00"), [("freeze-ahead", Verdict.WARNING)]),
        ({}, frozen("06:00", "07:00"), []),
        ({"starts_at": NOW, "window": HOUR}, frozen("03:00", "07:00"), []),
        ({"starts_at": NOW, "window": 5 * HOUR}, frozen("06:30", "07:00"), [("freeze-ahead", Verdict.WARNING)]),
    ],
)
def test_a_window_that_is_over_and_a_freeze_at_the_start_forbid_and_a_freeze_ahead_warns(
    times: dict[str, Any], rule: Rule, found: list[tuple[str, Verdict]]
) -> None:
    findings = timing.findings(operation(**times), rule, now=NOW)
    assert [(f.code, f.verdict) for f in findings] == found
    assert all(f.topic is Topic.POLICY and f.sentence and f.remedy for f in findings)

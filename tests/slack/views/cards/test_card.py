"""The card in every state."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from bot.domain.operation import FINAL, Event, Operation, State, Told
from bot.domain.plans.plan import Disposition
from bot.domain.progress.pace import Limit
from bot.domain.progress.steps import StepRecord, StepState, laid_out
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Digest
from bot.slack.views import text
from bot.slack.views.cards import card
from bot.slack.views.message import Block, Message
from tests.slack.views import golden
from tests.slack.views.examples import HOSTILE, NOW, RULE, anything, operation, plan, records
from tests.slack.views.limits import assert_slack_takes, visible_text
from tests.slack.views.sent import blocks, labels
from tests.tiers import examples

LABEL_OF = {
    Event.APPROVED: "Approve",
    Event.REJECTED: "Reject",
    Event.APPROVAL_REQUESTED: "Request Approval",
    Event.RECHECK: "Re-check",
    Event.CANCELLED: "Cancel",
    Event.STOP_ASKED: "Cancel",
    Event.CLOSED: "Cancel",
    Event.PAUSED: "Pause",
    Event.RESUMED: "Resume",
    Event.RETRIED: "Retry Failed",
}
# mentions that the card of these examples may contain, and nothing else between < and >
OURS = re.compile(r"<@U0ALICE>|<@U0CHIEF>|<!subteam\^S0LEADS>|<!date\^\d+\^[^|<>]*\|[^<>]*>|<#C0OPS>")


def drawn(state: State, **changes: Any) -> Message:
    shown = operation(state, **changes)
    return card.render(shown, records(state, shown.plan or plan()), RULE, now=NOW)


@pytest.mark.parametrize("state", State)
def test_the_card_of_each_state_is_drawn_as_it_was_when_somebody_last_looked(state: State) -> None:
    message = drawn(state)
    assert_slack_takes(message)
    golden.check(f"card-{state.value.replace(' ', '-')}", message)


@pytest.mark.parametrize("state", State)
def test_a_button_stands_there_exactly_when_the_state_allows_what_it_does(state: State) -> None:
    allowed = {label for event, label in LABEL_OF.items() if operation(state).may(event)}
    if state in {State.SUCCEEDED, State.ENDED_INCOMPLETE}:
        allowed.add("Return to Service")
    if state in {State.NEEDS_ATTENTION, State.RUNNING, State.PAUSED}:
        allowed.add("Skip")
    if state is State.STOPPING:
        allowed = {"End Now"}
    if state in FINAL - {State.SUCCEEDED}:
        allowed.add("Ask Again")
    if operation(state).plan is not None:
        allowed.add("Details")
    assert set(labels(drawn(state))) == allowed


def test_the_card_says_of_a_vm_that_stands_still_from_when_on_it_may_be_skipped() -> None:
    running = operation(State.RUNNING)
    assert running.plan is not None
    rows = [
        replace(r, moved_at=NOW - timedelta(minutes=12), begun_at=NOW) if r.state is StepState.ACCEPTED else r
        for r in records(State.RUNNING, running.plan)
    ]
    still = next(r for r in rows if r.state is StepState.ACCEPTED)

    def said(state: State) -> str:
        return "\n".join(visible_text(card.render(replace(running, state=state), rows, RULE, now=NOW)))

    until = NOW - timedelta(minutes=12) + still.step.patience
    assert f"*No headway*: {still.step.title} since" in said(State.RUNNING)
    assert f"*Skip* offers it from <!date^{int(until.timestamp())}^" in said(State.RUNNING)
    assert "*No headway*" not in said(State.NEEDS_ATTENTION)


def test_the_card_of_an_ended_operation_has_the_way_back_for_its_host() -> None:
    ended = operation(State.SUCCEEDED)
    for action, label in {Action.EVACUATE: "Return to Service", Action.ENTER: "Exit Maintenance"}.items():
        shown = replace(ended, request=replace(ended.request, action=action))
        (row,) = blocks(card.render(shown, (), RULE, now=NOW), "actions")
        _, button = row["elements"]
        assert button["text"]["text"] == label
        assert json.loads(button["value"]) == {"cloud": "prod", "host": "89"}
    returned = replace(ended, request=replace(ended.request, action=Action.EXIT))
    assert labels(card.render(returned, (), RULE, now=NOW)) == ["Details"]


def test_an_operation_that_ended_short_says_what_it_leaves_of_the_host_and_what_brings_it_back() -> None:
    shown, of = operation(State.ENDED_INCOMPLETE), plan()

    def said(*rows: StepRecord) -> str:
        return "\n".join(visible_text(card.render(shown, rows, RULE, now=NOW)))

    close, *_ = records(State.ENDED_INCOMPLETE, of)
    assert "In effect and not undone: force compute-89 down." in said(close)
    assert "*Return to Service* brings it back" in said(close)
    assert "force compute-89 down (unknown)" in said(replace(close, state=StepState.UNKNOWN, starts=1))
    assert "Nothing was changed on the host itself." in said(replace(close, state=StepState.NOT_NEEDED, starts=0))
    assert "left as it is" not in "\n".join(visible_text(drawn(State.SUCCEEDED)))


@pytest.mark.parametrize("state", State)
def test_any_number_of_vms_fits_into_one_message(state: State) -> None:
    for number in (0, 1, 30, 31, 300, 1_000):
        of = plan(number, losing=number // 2)
        shown = operation(state, of=of)
        assert_slack_takes(card.render(shown, records(state, of), RULE, now=NOW))


@pytest.mark.parametrize("state", State)
def test_what_a_cloud_or_a_person_wrote_never_becomes_markup(state: State) -> None:
    for words in HOSTILE:
        of = plan(35, name=words, losing=3) if len(words) < 20 else plan(3, name=words)
        shown = operation(state, of=of, name=words, drift=(f"+ {words}",), outcome=words)
        message = card.render(shown, records(state, of, words=words), RULE, now=NOW)
        assert_slack_takes(message)
        for said in visible_text(message):
            assert not re.search(r"[<>]", OURS.sub("", said)), said
            assert "\u202e" not in said
            assert "\u200b" not in said


@settings(max_examples=examples(30))
@given(words=anything)
def test_any_text_at_all_is_shown_in_a_message_that_slack_takes(words: str) -> None:
    of = plan(3, name=words or "x")
    for state in (State.AWAITING_APPROVAL, State.RUNNING, State.NEEDS_ATTENTION):
        shown = operation(state, of=of, name=words or "x", drift=(words,))
        message = card.render(shown, records(state, of, words=words), RULE, now=NOW)
        assert_slack_takes(message)
        for said in visible_text(message):
            assert not re.search(r"[<>]", OURS.sub("", said)), said


def test_the_first_line_says_action_host_number_of_vms_and_minutes() -> None:
    assert blocks(drawn(State.AWAITING_APPROVAL))[0]["text"]["text"] == "Evacuate prod/compute-89: 3 VMs, about 12 min"


@pytest.mark.parametrize("state", State)
def test_how_long_it_may_take_is_told_only_while_it_lies_ahead(state: State) -> None:
    head = str(blocks(drawn(state))[0])
    ahead = {State.READY, State.AWAITING_APPROVAL, State.QUEUED}
    assert ("about 12 min" in head) is (state in ahead)
    assert "about" not in str(blocks(drawn(state, of=replace(plan(), estimate=None)))[0])
    as_it_was = drawn(state, of=replace(plan(), estimate_least=timedelta(minutes=8)))
    assert ("about 8 min to 12 min" in str(blocks(as_it_was)[0])) is (state in ahead)


def test_a_click_brings_back_the_operation_and_the_digest_of_the_plan_that_was_shown() -> None:
    (row,) = blocks(drawn(State.AWAITING_APPROVAL), "actions")
    assert {json.loads(element["value"])["digest"] for element in row["elements"]} == {"ab" * 32}
    assert {json.loads(element["value"])["op"] for element in row["elements"]} == {"K7M2PQRS"}


def test_approving_the_loss_of_disks_is_a_red_button_that_opens_a_window() -> None:
    message = drawn(State.AWAITING_APPROVAL, of=plan(5, losing=2))
    (row,) = blocks(message, "actions")
    approve = row["elements"][0]
    assert approve["style"] == "danger"
    assert "confirm" not in approve


def test_the_card_says_who_may_approve_and_that_the_requester_may_not() -> None:
    said = "\n".join(visible_text(drawn(State.AWAITING_APPROVAL)))
    assert "May approve: <!subteam^S0LEADS> and <@U0CHIEF>; not <@U0ALICE>, who asked." in said


@pytest.mark.parametrize("state", [one for one in State if one is not State.CHECKING])
def test_nobody_is_said_to_decide_what_is_decided(state: State) -> None:
    may = state in {State.READY, State.AWAITING_APPROVAL}
    assert ("May approve" in "\n".join(visible_text(drawn(state, of=plan(3))))) is may


def test_nobody_is_named_where_the_policy_names_nobody() -> None:
    rule = Rule(requesters=(), approvers=())
    shown = operation(State.AWAITING_APPROVAL)
    said = "\n".join(visible_text(card.render(shown, (), rule, now=NOW)))
    assert "May approve: nobody" in said


def test_progress_is_counted_from_the_step_rows() -> None:
    said = "\n".join(visible_text(drawn(State.RUNNING, of=plan(21))))
    assert "7/21 ██░░░░░░" in said
    assert "7 under way" in said
    assert "7 failed or unclear" in said
    assert "min left" in said


def test_a_failure_is_told_with_its_cause_and_its_remedy() -> None:
    said = "\n".join(visible_text(drawn(State.NEEDS_ATTENTION)))
    assert "evacuate web-1: No valid host was found. Free some room, then retry." in said


def test_failures_of_one_cause_are_told_together() -> None:
    said = "\n".join(visible_text(drawn(State.NEEDS_ATTENTION, of=plan(60))))
    assert said.count("No valid host was found. Free some room, then retry.") == 1
    assert "evacuate web-1, evacuate web-4" in said
    assert "and 10 more: No valid host" in said


def test_phases_are_numbered_as_they_are_shown() -> None:
    of = replace(plan(), phases=("Fence", *plan().phases))
    said = "\n".join(visible_text(drawn(State.AWAITING_APPROVAL, of=of)))
    assert "1. Close the host: force compute-89 down" in said


def test_many_vms_are_summarised_by_disposition_and_those_that_lose_a_disk_are_named() -> None:
    said = "\n".join(visible_text(drawn(State.AWAITING_APPROVAL, of=plan(60, losing=2))))
    assert "• 60 evacuate" in said
    assert "*Lose their local disk* (2): `web-0`, `web-1`" in said


def test_every_vm_that_will_be_shut_down_is_named_however_many_are_moved() -> None:
    of = plan(200)
    stopped = {n for n in range(200) if n % 5 == 0}
    vms = tuple(replace(v, disposition=Disposition.SHUT_DOWN) if n in stopped else v for n, v in enumerate(of.vms))
    said = "\n".join(visible_text(drawn(State.AWAITING_APPROVAL, of=replace(of, vms=vms))))
    for n in stopped:
        assert f"`web-{n}`" in said


def test_a_settled_card_can_only_be_asked_for_again_and_says_who_settled_it() -> None:
    assert labels(drawn(State.DENIED)) == ["Details", "Ask Again"]
    assert "Rejected by <@U0CHIEF> at" in drawn(State.DENIED).text
    assert "Approved by <@U0CHIEF> at" in drawn(State.SUCCEEDED).text


def test_a_plan_that_came_back_shows_the_difference() -> None:
    said = "\n".join(visible_text(drawn(State.AWAITING_APPROVAL, drift=("+ db-3 (ERROR): evacuate",))))
    assert "• + db-3 (ERROR): evacuate" in said


def test_break_glass_stands_there_only_where_the_policy_names_somebody_who_may() -> None:
    shown = operation(State.AWAITING_APPROVAL)
    assert "break_glass" not in str(card.render(shown, (), RULE, now=NOW).blocks)
    drawn = card.render(shown, (), replace(RULE, break_glass=("U0CHIEF",), quorum=2), now=NOW)
    assert_slack_takes(drawn)
    golden.check("card-with-break-glass", drawn)
    assert "Break Glass" not in str(card.render(operation(State.QUEUED), (), RULE, now=NOW).blocks)


@pytest.mark.parametrize("state", [State.DENIED, State.QUEUED, State.SUCCEEDED])
def test_a_reason_stands_on_the_card_and_never_becomes_markup(state: State) -> None:
    for words in HOSTILE:
        shown = operation(state)
        (vote,) = shown.votes
        glass = replace(shown, votes=(replace(vote, reason=words, broke_glass=state is not State.DENIED),))
        drawn = card.render(glass, records(state, plan()), RULE, now=NOW)
        assert_slack_takes(drawn)
        (line,) = {said for said in visible_text(drawn) if "Reason: " in said and said.startswith(":")}
        assert ("Glass broken by <@U0CHIEF>" in line) is (state is not State.DENIED)
        told = line.split("Reason: ", 1)[1]
        assert not re.search(r"[<>`~]", told), told


def test_glass_that_was_broken_for_an_earlier_plan_is_not_told_of_the_present_one() -> None:
    shown = operation(State.QUEUED)
    (vote,) = shown.votes
    earlier = replace(vote, digest=Digest("0" * 64), broke_glass=True, reason="In a hurry.")
    drawn = card.render(replace(shown, votes=(earlier, vote)), (), RULE, now=NOW)
    assert "Glass broken" not in drawn.text
    assert "Approved by <@U0CHIEF>" in drawn.text


# its time ------------------------------------------------------------------------------------------------------------

LATER = NOW + timedelta(hours=8)


def test_a_start_of_its_own_stands_on_the_card_in_the_readers_time_and_in_that_of_whoever_asked() -> None:
    shown = operation(State.AWAITING_APPROVAL, starts_at=LATER, window=timedelta(hours=2), zone="Asia/Shanghai")
    said = str(card.render(shown, (), RULE, now=NOW).blocks)
    assert f"*Starts {text.day_and_time(LATER)}*, Sun 2026-03-01 18:14 (Asia/Shanghai) for <@U0ALICE>." in said
    assert f"Nothing new is started after {text.day_and_time(LATER + timedelta(hours=2))}." in said
    assert "starts Sun 2026-03-01 18:14 (Asia/Shanghai), not earlier" in said, "in the question, which is plain text"
    assert f"expires {text.day_and_time(NOW + timedelta(minutes=30))}" in said


def test_a_window_without_a_start_opens_with_the_approval() -> None:
    asked = operation(State.AWAITING_APPROVAL, window=timedelta(hours=2))
    assert "Nothing new is started later than 2 h 00 min after the approval." in str(drawn_of(asked))
    approved = operation(State.QUEUED, window=timedelta(hours=2), approved_at=NOW)
    assert f"Nothing new is started after {text.day_and_time(NOW + timedelta(hours=2))}." in str(drawn_of(approved))
    assert "calendar" not in str(drawn_of(operation(State.QUEUED)))


def test_an_approved_card_says_when_it_starts() -> None:
    said = str(drawn_of(operation(State.QUEUED, starts_at=LATER)))
    assert f"Not started before {text.day_and_time(LATER)}; the cloud is checked once more then." in said


def test_a_card_whose_window_closed_says_that_and_not_that_something_failed() -> None:
    said = str(drawn_of(operation(State.NEEDS_ATTENTION, told=(Told.CLOSED,), outcome="The window closed. 3 not done")))
    assert "*Needs a person.* The window closed. 3 not done." in said
    assert "Something failed" not in said


def drawn_of(shown: Operation) -> tuple[Block, ...]:
    return card.render(shown, records(shown.state, plan()), RULE, now=NOW).blocks


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Limit.SLOW, "1.0 starts/s: the cloud answers slowly"),
        (Limit.RATE, "1.0 starts/s: the settings allow no more"),
        (Limit.CLOUD, "1.0 starts/s: as many on their way as the settings allow"),
        (Limit.TARGET, "1.0 starts/s: as many on their way as the targets take at once"),
        (Limit.BUSY, "1.0 starts/s: the cloud takes no more calls just now"),
        (Limit.WINDOW, ""),
        (None, ""),
    ],
)
def test_the_card_says_which_limit_is_at_work(limit: Limit | None, said: str) -> None:
    of = plan(6)
    shown, rows = operation(State.RUNNING, of=of), laid_out(of.steps)
    begun = [
        replace(r.intend({}, now=NOW - timedelta(seconds=4 - n)), state=StepState.ACCEPTED)
        for n, r in enumerate(rows[1:5])
    ]
    waiting = [replace(r, held_back=limit) for r in rows[5:]]
    text = "\n".join(visible_text(card.render(shown, [rows[0], *begun, *waiting], RULE, now=NOW)))
    assert (said in text) if said else ("starts/s" not in text)

"""VMs that are set aside: the window in which they are ticked, and how card, thread, report and timeline name them."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.demo.block_kit.blockkit import check_view
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import By, Plan
from bot.domain.progress import set_aside as aside
from bot.domain.progress.steps import SetAside, StepRecord, StepState
from bot.domain.values import UserId, VmId
from bot.slack.views import text, thread, timeline
from bot.slack.views.cards import card
from bot.slack.views.message import Message
from bot.slack.views.windows import set_aside as set_aside_window
from bot.slack.views.windows import ticks, window
from tests.news import news_of
from tests.slack.views import golden, sent
from tests.slack.views.examples import HOSTILE, NOW, RULE, operation, plan, records
from tests.slack.views.limits import assert_slack_takes, visible_text

BOB = UserId("U0BOB")
OURS = re.compile(r"<@U0BOB>|<@U0ALICE>|<@U0CHIEF>|<!date\^\d+\^[^|<>]*\|[^<>]*>")


def failed(vms: int = 3, *, words: str = "") -> tuple[Plan, Sequence[StepRecord]]:
    """A plan of which every third VM failed."""
    of = plan(vms, name=words)
    return of, records(State.NEEDS_ATTENTION, of, words=words)


def set_aside(rows: Sequence[StepRecord], *vms: VmId, reason: str = "its owner moves it") -> list[StepRecord]:
    marked = {
        r.key: r for r in aside.of(rows, vms or list(aside.may_be(rows)), SetAside(by=BOB, at=NOW, reason=reason))
    }
    return [marked.get(r.key, r) for r in rows]


def drawn_window(of: Plan, rows: Sequence[StepRecord]) -> Any:
    drawn = set_aside_window.draw(operation(State.NEEDS_ATTENTION, of=of), aside.may_be(rows), channel="C0OPS")
    assert drawn is not None
    view = json.loads(json.dumps(drawn))
    assert check_view(view) == []
    return view


def test_the_window_lists_what_failed_with_its_cause_and_asks_why() -> None:
    view = drawn_window(*failed(6))
    golden.check("window-skip", Message(text=view["title"]["text"], blocks=tuple(view["blocks"])))
    assert json.loads(view["private_metadata"])["op"] == "K7M2PQRS"
    listed, why = [b for b in view["blocks"] if b["type"] == "input"]
    assert [o["value"] for o in listed["element"]["options"]] == ["id-0001", "id-0004"]
    assert [o["description"]["text"] for o in listed["element"]["options"]] == ["No valid host was found."] * 2
    assert "initial_options" not in listed["element"]
    assert why["optional"] is True


def test_a_failure_without_a_cause_is_told_by_what_was_tried() -> None:
    of, rows = failed()
    view = drawn_window(of, [replace(r, sentence="") for r in rows])
    assert "evacuate web-1: failed" in str(view)


def test_what_is_put_in_is_read_from_the_window() -> None:
    values = {
        "vms-0": {"vms": {"selected_options": [{"value": "id-0001"}]}},
        "reason": {"reason": {"value": "  its owner moves it "}},
    }
    view = {"state": {"values": values}}
    assert (ticks.ticked_in(view), window.reason_in(view)) == (("id-0001",), "its owner moves it")


@pytest.mark.parametrize("vms", [30, 300, 1_500])
def test_many_failures_fit_into_one_window(vms: int) -> None:
    of, rows = failed(vms, words="x" * 300 if vms > 1_000 else "")
    listed = [b for b in drawn_window(of, rows)["blocks"] if b.get("block_id", "").startswith("vms-")]
    assert sum(len(b["element"]["options"]) for b in listed) == vms // 3


def test_more_than_a_window_can_hold_is_not_drawn() -> None:
    of, rows = failed(9_000)
    assert set_aside_window.draw(operation(State.NEEDS_ATTENTION, of=of), aside.may_be(rows), channel="C0OPS") is None


def test_the_button_is_there_only_while_there_is_a_vm_to_set_aside() -> None:
    of, rows = failed(6)

    def shown(state: State, rows: Sequence[StepRecord]) -> list[str]:
        return sent.labels(card.render(operation(state, of=of), rows, RULE, now=NOW))

    assert "Skip" in shown(State.NEEDS_ATTENTION, rows)
    assert "Skip" in shown(State.NEEDS_ATTENTION, set_aside(rows, VmId("id-0001")))
    assert "Skip" not in shown(State.NEEDS_ATTENTION, set_aside(rows))
    assert "Skip" in shown(State.RUNNING, rows)
    assert "Skip" in shown(State.PAUSED, rows)
    assert "Skip" not in shown(State.STOPPING, rows)
    assert "Skip" not in shown(State.ENDED_INCOMPLETE, rows)
    by_cloud = [replace(r, step=replace(r.step, by=By.CLOUD)) for r in rows]
    assert "Skip" not in shown(State.NEEDS_ATTENTION, by_cloud)


@pytest.mark.parametrize("state", [State.NEEDS_ATTENTION, State.ENDED_INCOMPLETE])
def test_the_card_names_what_was_set_aside_by_whom_and_why_apart_from_what_failed(state: State) -> None:
    of, rows = failed(6)
    some = set_aside(rows, VmId("id-0001"))
    message = card.render(operation(state, of=of, outcome=aside.outcome(some)), some, RULE, now=NOW)
    assert_slack_takes(message)
    golden.check(f"card-{state.value.replace(' ', '-')}-set-aside", message)
    said = "\n".join(visible_text(message))
    (line,) = {one for one in said.splitlines() if "*Set aside*" in one}
    assert line.startswith(f":fast_forward: *Set aside* by <@U0BOB> at {text.moment(NOW)}: evacuate web-1 (failed).")
    assert line.endswith("Reason: its owner moves it.")
    assert ":x: *Failed*: evacuate web-4: No valid host was found." in said
    assert "1 set aside" in said
    assert "2 of 6 VMs done, 1 failed, 2 not done, 1 set aside" in said


def test_nothing_is_done_and_nothing_failed_where_only_vms_were_set_aside() -> None:
    of, rows = failed(2)
    shown = operation(State.ENDED_INCOMPLETE, of=of)
    said = "\n".join(visible_text(card.render(shown, set_aside(rows), RULE, now=NOW)))
    assert "*1 of 2 done and verified* in 4 min; 1 set aside." in said
    assert "*Failed*" not in said
    unclear = [replace(r, state=StepState.UNKNOWN) if r.state is StepState.FAILED else r for r in rows]
    assert "evacuate web-1 (unknown)" in str(card.render(shown, set_aside(unclear), RULE, now=NOW).blocks)


def test_the_last_line_of_the_thread_and_its_report_name_them_too() -> None:
    of, rows = failed(3)
    ended = operation(State.ENDED_INCOMPLETE, of=of)
    news = news_of(Kind.ENDED_INCOMPLETE, {"left": ["evacuate web-1"]}, operation=ended.id)
    message = thread.render([news], ended, set_aside(rows))
    assert_slack_takes(message)
    assert "*Set aside* by <@U0BOB>" in message.text
    assert "set aside: No valid host was found." in str(message.blocks)


def test_the_timeline_says_who_set_a_vm_aside_and_why() -> None:
    of, rows = failed(3)
    ended = operation(State.ENDED_INCOMPLETE, of=of)
    file = timeline.render(ended, (), set_aside(rows, reason="a | b"), names={BOB: "Bob"})
    assert "| web-1 | True | set aside by Bob (U0BOB) (reason: a ¦ b): No valid host was found. |" in file
    assert "set aside by U0BOB: No valid" in timeline.render(ended, (), set_aside(rows, reason=""), names={})


def test_names_causes_and_reasons_never_become_markup() -> None:
    for words in HOSTILE:
        of, rows = failed(6, words=words)
        some = set_aside(rows, VmId("id-0001"), reason=words)
        shown = operation(State.NEEDS_ATTENTION, of=of, name=words)
        told = news_of(Kind.ENDED_INCOMPLETE, {"left": [words]}, operation=shown.id)
        view = drawn_window(of, rows)
        assert '"mrkdwn"' not in json.dumps([b for b in view["blocks"] if b["type"] == "input"])
        for message in (card.render(shown, some, RULE, now=NOW), thread.render([told], shown, some)):
            assert_slack_takes(message)
            for said in visible_text(message):
                assert not re.search(r"[<>]", OURS.sub("", said)), said
                assert "\u202e" not in said


@pytest.mark.parametrize("vms", [40, 1_000])
def test_any_number_of_them_with_any_number_of_causes_fits_into_card_and_thread(vms: int) -> None:
    of, rows = failed(vms, words="n" * 200)
    rows = [replace(r, sentence=f"{n} {'cause ' * 80}") for n, r in enumerate(rows)]
    some = set_aside(rows, reason="because " * 60)
    ended = operation(State.ENDED_INCOMPLETE, of=of)
    left = [r.step.title for r in rows]
    news = news_of(Kind.ENDED_INCOMPLETE, {"left": left}, operation=ended.id)
    line = news_of(Kind.SET_ASIDE, {"by": "U0BOB", "vms": left, "reason": "because " * 60}, operation=ended.id)
    told = thread.render([news], ended, some)
    for message in (card.render(ended, some, RULE, now=NOW), told, thread.render([line], ended)):
        assert_slack_takes(message)
    assert "*Set aside* by <@U0BOB>" in told.text

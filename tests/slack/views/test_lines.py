"""Thread lines, incident lines and private notes."""

import re
from dataclasses import replace

import pytest

from bot.domain.messages.answered import RefusalTold
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.plans.plan import Disposition
from bot.domain.progress import set_aside
from bot.domain.progress.steps import StepState
from bot.domain.values import Facts, OperationId
from bot.slack.views import incident, notes, push, thread
from bot.slack.views.cards import card
from bot.store.rows import news_body
from tests.news import every_fact, news_of
from tests.slack.views import golden, sent
from tests.slack.views.examples import HOSTILE, NOW, RULE, operation, plan, records
from tests.slack.views.limits import assert_slack_takes, visible_text

OURS = re.compile(
    r"<#C0OLD>|<@U0BOB>|<@U0ALICE>|<@U0CHIEF>|<!subteam\^S0LEADS>|<!date\^\d+\^[^|<>]*\|[^<>]*>|<https://s/p1\|[^<>]*>"
)


@pytest.mark.parametrize("kind", [k for k in Kind if k not in {Kind.REFUSED, Kind.NOTED}])
def test_every_kind_of_news_has_its_line(kind: Kind) -> None:
    news = news_of(kind, every_fact("web-1"), operation=operation(State.READY).id)
    in_time = (State.NEEDS_ATTENTION, State.AWAITING_APPROVAL, State.QUEUED)
    shown = next(o for o in map(operation, in_time) if not push.is_late(news, o))
    message = thread.render([news], shown, records(State.NEEDS_ATTENTION, plan()))
    assert_slack_takes(message)
    golden.check(f"line-{kind.value.replace(' ', '-')}", message)


def test_vms_that_were_left_locked_are_reminded_of_by_name_whether_or_not_the_host_is_back() -> None:
    left: Facts = {"seconds": 14400, "state": "up", "still": "1 VM still locked by Muster (db-1)"}
    shown = operation(State.SUCCEEDED)
    back, out = (
        thread.render([news_of(Kind.LEFT_OVER, {**left, "out": out}, operation=shown.id)], shown).text
        for out in (False, True)
    )
    assert "db-1" in back
    assert "not back in service" not in back
    assert "db-1" in out
    assert "not back in service" in out


@pytest.mark.parametrize("step_of", ["vm", "host"])
def test_whoever_is_called_reads_the_very_buttons_that_are_on_the_card(step_of: str) -> None:
    of = plan()
    shown, rows = operation(State.NEEDS_ATTENTION, of=of), records(State.NEEDS_ATTENTION, of)
    if step_of == "host":
        rows = [replace(r, step=replace(r.step, vm=None)) for r in rows]
    told = news_of(Kind.NEEDS_ATTENTION, {"may_skip": bool(set_aside.may_be(rows))}, operation=shown.id)
    on_the_card = [label for label in sent.labels(card.render(shown, rows, RULE, now=NOW)) if label != "Details"]
    named = re.search(r"Press (.+) on the card", thread.render([told], shown).text)
    assert named is not None
    assert re.findall(r"\*(.+?)\*", named[1]) == on_the_card
    assert ("Skip" in on_the_card) is (step_of == "vm")


def refusal(facts: Facts) -> RefusalTold:
    found = news_body.what(Kind.REFUSED, facts)
    assert isinstance(found, RefusalTold)
    return found


@pytest.mark.parametrize("kind", Kind)
def test_no_line_lets_foreign_words_become_markup(kind: Kind) -> None:
    for words in HOSTILE:
        shown = operation(State.NEEDS_ATTENTION, name=words)
        news = news_of(kind, every_fact(words), operation=shown.id)
        told = [
            thread.render([news], shown),
            incident.render(news, shown, link="https://s/p1"),
            notes.noted(words),
            notes.refused(refusal(every_fact(words) | {"by": ["U0BOB"], "at": NOW.isoformat()})),
        ]
        for message in told:
            assert_slack_takes(message)
            for said in visible_text(message):
                assert not re.search(r"[<>]", OURS.sub("", said)), said


def test_many_vms_that_got_there_are_one_line_sorted_by_where_they_are_now() -> None:
    news = [
        news_of(Kind.VM_DONE, {"title": f"evacuate web-{n}", "place": f"compute-{90 + n % 2}", "seconds": 9.0})
        for n in range(12)
    ]
    message = thread.render(news, operation(State.RUNNING))
    assert message.text.splitlines()[0] == ":white_check_mark: 12 VMs done (evacuate):"
    assert "web-0, web-2" in message.text
    assert message.text.splitlines()[1].endswith("→ `compute-90`")


def test_what_all_titles_begin_with_is_said_once_however_many_words_it_has() -> None:
    def told(*titles: str) -> str:
        news = [news_of(Kind.VM_DONE, {"title": title, "place": "c-1"}) for title in titles]
        return thread.render(news, operation(State.RUNNING)).text

    assert "2 VMs done (live-migrate back):\n• a, b →" in told("live-migrate back a", "live-migrate back b")
    assert "2 VMs done:\n• power on a → `c-1`\n• migrate back b → `c-1`" in told("power on a", "migrate back b")
    assert "2 VMs done (migrate):\n• a, back b →" in told("migrate a", "migrate back b")
    assert "2 VMs done:\n• a, b →" in told("a", "b")


def test_many_failures_are_told_together_each_with_its_cause() -> None:
    news = [
        news_of(Kind.STEP_FAILED, {"title": f"evacuate web-{n}", "sentence": f"Cause {n}", "remedy": "Retry."})
        for n in range(3)
    ]
    message = thread.render(news, operation(State.RUNNING))
    for n in range(3):
        assert f"evacuate web-{n}" in message.text
        assert f"Cause {n}. Retry." in message.text


def test_a_thousand_at_once_still_fit_a_line() -> None:
    news = [news_of(Kind.VM_DONE, {"title": "evacuate " + "x" * 200, "place": f"c-{n}"}) for n in range(1_000)]
    assert_slack_takes(thread.render(news, operation(State.RUNNING)))


@pytest.mark.parametrize("vms", [3, 30, 31, 500, 12_719])
def test_the_end_is_told_with_the_table_of_results_or_with_the_exceptions_and_where_the_others_are(vms: int) -> None:
    of = plan(vms)
    shown = operation(State.SUCCEEDED, of=of)
    news = news_of(Kind.FINISHED, {"seconds": 240.0}, operation=shown.id)
    message = thread.render([news], shown, records(State.SUCCEEDED, of))
    assert_slack_takes(message)
    if vms <= 30:
        assert f"web-{vms - 1}" in str(message.blocks)
    else:
        assert f"• {vms:,} VMs evacuated to `compute-90`; 60 s each" in str(message.blocks)


def test_of_many_vms_those_that_are_not_done_are_named_at_the_end_first() -> None:
    of = plan(300)
    shown = operation(State.NEEDS_ATTENTION, of=of)
    rows = records(State.NEEDS_ATTENTION, of)
    news = news_of(Kind.NEEDS_ATTENTION, {"done": 1, "failed": 1}, operation=shown.id)
    message = thread.render([news], shown, rows)
    assert_slack_takes(message)
    said = "\n".join(visible_text(message))
    (failed,) = [line for line in said.splitlines() if line.endswith(": No valid host was found.")]
    named = re.findall(r"`(web-\d+)`", failed)
    assert (named[0], len(named)) == ("web-1", 20)
    number = sum(row.state is StepState.FAILED for row in rows)
    assert f"and {number - 20:,} more: No valid host" in failed
    assert said.index("`web-1`") < said.index("VMs evacuated")


@pytest.mark.parametrize("vms", [4, 40])
def test_the_end_says_of_each_vm_whether_it_was_moved_or_shut_down(vms: int) -> None:
    of = plan(vms)
    stopped = [replace(vm, disposition=Disposition.SHUT_DOWN) for vm in of.vms[:2]]
    of = replace(of, vms=(*stopped, *of.vms[2:]))
    shown = operation(State.SUCCEEDED, of=of)
    news = news_of(Kind.FINISHED, {"seconds": 240.0}, operation=shown.id)
    said = str(thread.render([news], shown, records(State.SUCCEEDED, of)).blocks)
    if vms > 30:
        assert "• 2 VMs shut down on `compute-90`" in said
        assert "• 38 VMs evacuated to `compute-90`" in said
    else:
        assert said.count("'shut down'") == 2
        assert said.count("'evacuate'") == 2


def test_the_incident_channel_reads_which_operation_it_is_and_where_its_card_stands() -> None:
    news = news_of(Kind.STARTED, audience=Audience.INCIDENT, operation=OperationId("K7M2PQRS"))
    message = incident.render(news, operation(State.RUNNING), link="https://s/p1")
    assert message.text == (
        "*Evacuate `prod/compute-89`* (3 VMs): :arrow_forward: Started. <https://s/p1|Open the card>"
    )


def test_a_refusal_says_why_what_to_do_and_whom_to_ask() -> None:
    told = RefusalTold(sentence="You are not an approver for this.", ask=("S0LEADS", "U0CHIEF"))
    assert notes.refused(told).text == (
        ":no_entry: You are not an approver for this. Ask <!subteam^S0LEADS> and <@U0CHIEF>."
    )


def test_a_dead_button_answers_who_settled_it_and_when() -> None:
    told = RefusalTold(sentence="Already approved", by=("U0BOB",), at=NOW, remedy="So.")
    said = notes.refused(told, link="https://s/p1").text
    assert re.match(r":no_entry: Already approved by <@U0BOB> at <!date\^\d+\^\{time\}\|[^>]*>\. So\.", said)
    assert said.endswith("<https://s/p1|Open the card>")


def test_a_list_names_each_operation_its_state_its_id_and_its_card() -> None:
    shown = [operation(State.RUNNING), operation(State.AWAITING_APPROVAL)]
    message = notes.listing("Operations that hold a host now: 2", shown, {shown[0].id: "https://s/p1"})
    assert_slack_takes(message)
    assert message.text.count("`K7M2PQRS`") == 2
    assert "running since" in message.text


def test_an_operation_in_full_shows_its_votes_and_no_buttons() -> None:
    shown = operation(State.RUNNING)
    message = notes.in_full(shown, records(State.RUNNING, plan()), RULE, now=NOW, link="https://s/p1")
    assert_slack_takes(message)
    assert sent.blocks(message, "actions") == []
    assert "<@U0CHIEF> approved plan `" in str(message.blocks)


def test_many_that_fail_alike_are_told_as_one_whose_names_differ_and_hide_no_other_failure() -> None:
    of = plan(60)
    rows = [
        row.end(StepState.FAILED, now=NOW, sentence=f"{vm} was not evacuated: The target has no disk for it.")
        if row.state is StepState.FAILED and (vm := row.step.title.removeprefix("evacuate ")) != "web-1"
        else row
        for row in records(State.NEEDS_ATTENTION, of)
    ]
    shown = operation(State.NEEDS_ATTENTION, of=of)
    news = news_of(Kind.NEEDS_ATTENTION, {"done": 1, "failed": 1}, operation=shown.id)
    for drawn, lists in ((thread.render([news], shown, rows), 1), (card.render(shown, rows, RULE, now=NOW), 2)):
        said = "\n".join(visible_text(drawn))
        assert re.search(r"web-7`?(, .*)?: each was not evacuated: The target has no disk for it\.", said), said
        assert said.count("The target has no disk for it.") == lists
        assert re.search(r"web-1`?: No valid host was found\.", said)


def test_a_cause_is_read_to_its_end_in_the_report() -> None:
    cause = "web-1 was not evacuated: The target could not start it: disk image missing. Its record is still on it."
    of = plan(3)
    rows = [
        row.end(StepState.FAILED, now=NOW, sentence=cause) if row.state is StepState.FAILED else row
        for row in records(State.NEEDS_ATTENTION, of)
    ]
    shown = operation(State.NEEDS_ATTENTION, of=of)
    told = news_of(Kind.NEEDS_ATTENTION, {"done": 2, "failed": 1}, operation=shown.id)
    assert f"'{cause.removeprefix('web-1 ')}'" in str(thread.render([told], shown, rows).blocks)


@pytest.mark.parametrize("kind", [Kind.FINISHED, Kind.ENDED_INCOMPLETE, Kind.CANCELLED])
def test_whoever_asked_is_told_the_end_by_name_and_what_it_is_the_end_of(kind: Kind) -> None:
    shown = operation(State.CANCELLED if kind is Kind.CANCELLED else State.SUCCEEDED)
    for by in ("U0BOB", "U0ALICE"):
        told = news_of(kind, {**every_fact("web-1"), "by": by}, operation=shown.id)
        said = thread.render([told], shown).text
        assert said.count("<@U0ALICE>") == 1, "once, however it ends"
        is_theirs = by == "U0ALICE" and kind is not Kind.FINISHED
        assert said.startswith("Evacuate `prod/compute-89`") is not is_theirs, said
        assert ("asked for by <@U0ALICE>.\n" in said) is not is_theirs
        assert ("<@U0ALICE>" in incident.render(told, shown).text) is is_theirs


def test_whoever_asked_hears_that_what_was_approved_does_not_start() -> None:
    changed = news_of(Kind.PLAN_CHANGED, {"lines": ["+ web-7 (ACTIVE): evacuate"]})
    said = thread.render([changed], operation(State.AWAITING_APPROVAL, drift=("+ web-7 (ACTIVE): evacuate",))).text
    assert said.startswith("Evacuate `prod/compute-89`, 3 VMs, asked for by <@U0ALICE>. ")
    assert "needs a new approval" in said
    forbidden = news_of(Kind.BLOCKED)
    for approved_at, calls in ((NOW, True), (None, False)):
        said = thread.render([forbidden], operation(State.BLOCKED, approved_at=approved_at)).text
        assert ("asked for by <@U0ALICE>. The compute service of compute-89 is up." in said) is calls
    again = thread.render([news_of(Kind.WAITING)], operation(State.AWAITING_APPROVAL, drift=("+ web-7",))).text
    assert again.startswith("*Approval wanted, the plan has changed*: Evacuate")


def test_a_vm_without_a_name_is_not_told_as_nothing() -> None:
    done = [news_of(Kind.VM_DONE, {"title": title, "place": "c-1"}) for title in ("evacuate web-1", "evacuate \u200b")]
    assert "web-1, (no name) → `c-1`" in thread.render(done, operation(State.RUNNING)).text


def test_what_was_verified_is_said_once_however_it_is_put() -> None:
    facts = {"title": "verify that h-1 reports and stays up", "sentence": "h-1 is up, for 4 heartbeats in a row."}
    line = thread.render([news_of(Kind.STEP_DONE, facts)], operation(State.RUNNING)).text
    assert line == ":white_check_mark: h-1 is up, for 4 heartbeats in a row."
    silent = thread.render([news_of(Kind.STEP_DONE, facts | {"sentence": ""})], operation(State.RUNNING)).text
    assert silent == ":white_check_mark: verify that h-1 reports and stays up"


def test_what_a_step_says_is_not_said_twice() -> None:
    told = news_of(
        Kind.STEP_DONE, {"title": "verify that h-1 is empty", "sentence": "h-1 is empty: Nova lists no VM on it."}
    )
    assert (
        thread.render([told], operation(State.RUNNING)).text
        == ":white_check_mark: h-1 is empty: Nova lists no VM on it."
    )

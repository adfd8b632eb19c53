"""Thread lines, incident lines and private notes."""

import re
from dataclasses import replace

import pytest

from bot.domain.messages.news import Audience, Kind, News
from bot.domain.operation import State
from bot.domain.plans.plan import Disposition
from bot.domain.progress import set_aside
from bot.domain.values import Facts, Json, OperationId, UserId
from bot.slack.views import incident, notes, thread
from bot.slack.views.cards import card
from tests.views import golden, sent
from tests.views.examples import HOSTILE, NOW, RULE, operation, plan, records
from tests.views.limits import assert_slack_takes, visible_text

OURS = re.compile(
    r"<#C0OLD>|<@U0BOB>|<@U0ALICE>|<@U0CHIEF>|<!subteam\^S0LEADS>|<!date\^\d+\^[^|<>]*\|[^<>]*>|<https://s/p1\|[^<>]*>"
)


def facts(words: str) -> dict[str, Json]:
    """Every fact that any kind of news carries."""
    return {
        "by": "U0BOB",
        "count": 1,
        "quorum": 2,
        "reason": words,
        "requester": "U0ALICE",
        "lines": [f"+ {words}", "- web-9 is not on the host any more"],
        "ask": ["S0LEADS"],
        "phase": words,
        "vm": "id-1",
        "title": f"evacuate {words}",
        "place": words,
        "seconds": 41.4,
        "from": "C0OLD",
        "why": "is_archived",
        "sentence": words,
        "remedy": words,
        "raw": words,
        "moving": "3 VMs",
        "what": "1 step of the host and 2 VMs",
        "of": "23 VMs",
        "of host": [words],
        "done": 18,
        "failed": 2,
        "unknown": 1,
        "not done": 0,
        "left": [words, words],
        "chosen": 2,
        "state": words,
        "still": words,
        "sentences": [words, "compute-2 is dead"],
        "targets": [words, "compute-3"],
        "needed": 2,
        "starts_at": NOW.isoformat(),
        "at": NOW.isoformat(),
        "since": NOW.isoformat(),
        "command": words,
        "vms": [words, words],
        "aside": 2,
    }


@pytest.mark.parametrize("kind", [k for k in Kind if k not in {Kind.REFUSED, Kind.NOTED}])
def test_every_kind_of_news_has_its_line(kind: Kind) -> None:
    shown = operation(State.NEEDS_ATTENTION)
    news = News(kind=kind, operation=shown.id, facts=facts("web-1"))
    message = thread.render([news], shown, records(State.NEEDS_ATTENTION, plan()))
    assert_slack_takes(message)
    golden.check(f"line-{kind.value.replace(' ', '-')}", message)


def test_vms_that_were_left_locked_are_reminded_of_by_name_whether_or_not_the_host_is_back() -> None:
    told: Facts = {"seconds": 14400, "state": "up", "still": "1 VM still locked by Muster (db-1)"}
    shown = operation(State.SUCCEEDED)
    back, out = (
        thread.render([News(kind=Kind.LEFT_OVER, operation=shown.id, facts={**told, "out": out})], shown).text
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
    told = News(kind=Kind.NEEDS_ATTENTION, operation=shown.id, facts={"may_skip": bool(set_aside.may_be(rows))})
    on_the_card = [label for label in sent.labels(card.render(shown, rows, RULE, now=NOW)) if label != "Details"]
    named = re.search(r"Press (.+) on the card", thread.render([told], shown).text)
    assert named is not None
    assert re.findall(r"\*(.+?)\*", named[1]) == on_the_card
    assert ("Skip" in on_the_card) is (step_of == "vm")


@pytest.mark.parametrize("kind", Kind)
def test_no_line_lets_foreign_words_become_markup(kind: Kind) -> None:
    for words in HOSTILE:
        shown = operation(State.NEEDS_ATTENTION, name=words)
        news = News(kind=kind, operation=shown.id, facts=facts(words))
        told = [
            thread.render([news], shown),
            incident.render(news, shown, link="https://s/p1"),
            notes.noted(news),
            notes.refused(News(kind=kind, facts=facts(words) | {"by": ["U0BOB"], "at": NOW.isoformat()})),
        ]
        for message in told:
            assert_slack_takes(message)
            for said in visible_text(message):
                assert not re.search(r"[<>]", OURS.sub("", said)), said


@pytest.mark.parametrize("kind", Kind)
def test_news_without_its_facts_still_has_a_line(kind: Kind) -> None:
    assert_slack_takes(thread.render([News(kind=kind, operation=OperationId("X"))], operation()))


def test_many_vms_that_got_there_are_one_line_sorted_by_where_they_are_now() -> None:
    news = [
        News(kind=Kind.VM_DONE, facts={"title": f"evacuate web-{n}", "place": f"compute-{90 + n % 2}", "seconds": 9.0})
        for n in range(12)
    ]
    message = thread.render(news, operation(State.RUNNING))
    assert message.text.splitlines()[0] == ":white_check_mark: 12 more done (evacuate):"
    assert "web-0, web-2" in message.text
    assert message.text.splitlines()[1].endswith("→ `compute-90`")


def test_what_all_titles_begin_with_is_said_once_however_many_words_it_has() -> None:
    def told(*titles: str) -> str:
        news = [News(kind=Kind.VM_DONE, facts={"title": title, "place": "c-1"}) for title in titles]
        return thread.render(news, operation(State.RUNNING)).text

    assert "2 more done (live-migrate back):\n• a, b →" in told("live-migrate back a", "live-migrate back b")
    assert "2 more done:\n• power on a, migrate back b →" in told("power on a", "migrate back b")
    assert "2 more done (migrate):\n• a, back b →" in told("migrate a", "migrate back b")
    assert "2 more done:\n• a, b →" in told("a", "b")


def test_many_failures_are_told_together_each_with_its_cause() -> None:
    news = [
        News(kind=Kind.STEP_FAILED, facts={"title": f"evacuate web-{n}", "sentence": f"Cause {n}", "remedy": "Retry."})
        for n in range(3)
    ]
    message = thread.render(news, operation(State.RUNNING))
    for n in range(3):
        assert f"evacuate web-{n}" in message.text
        assert f"Cause {n}. Retry." in message.text


def test_a_thousand_at_once_still_fit_a_line() -> None:
    news = [News(kind=Kind.VM_DONE, facts={"title": "evacuate " + "x" * 200, "place": f"c-{n}"}) for n in range(1_000)]
    assert_slack_takes(thread.render(news, operation(State.RUNNING)))


@pytest.mark.parametrize("vms", [3, 30, 31, 500, 12_719])
def test_the_end_is_told_with_the_table_of_results_or_with_the_exceptions_and_where_the_others_are(vms: int) -> None:
    of = plan(vms)
    shown = operation(State.SUCCEEDED, of=of)
    news = News(kind=Kind.FINISHED, operation=shown.id, facts={"seconds": 240.0})
    message = thread.render([news], shown, records(State.SUCCEEDED, of))
    assert_slack_takes(message)
    if vms <= 30:
        assert f"web-{vms - 1}" in str(message.blocks)
    else:
        assert f"• {vms:,} VMs evacuated to `compute-90`; 60 to 60 s each" in str(message.blocks)


def test_of_many_vms_those_that_are_not_done_are_named_at_the_end_first() -> None:
    of = plan(300)
    shown = operation(State.NEEDS_ATTENTION, of=of)
    rows = records(State.NEEDS_ATTENTION, of)
    news = News(kind=Kind.NEEDS_ATTENTION, operation=shown.id, facts={"done": 1, "failed": 1})
    message = thread.render([news], shown, rows)
    assert_slack_takes(message)
    said = "\n".join(visible_text(message))
    assert "• `web-1`: No valid host was found." in said
    done = int(re.findall(r"• (\d+) VMs evacuated to `compute-90`", said)[0])
    assert f"…and {300 - 40 - done:,} more that are not done" in said
    assert said.index("`web-1`") < said.index("VMs evacuated")


@pytest.mark.parametrize("vms", [4, 40])
def test_the_end_says_of_each_vm_whether_it_was_moved_or_shut_down(vms: int) -> None:
    of = plan(vms)
    stopped = [replace(vm, disposition=Disposition.SHUT_DOWN) for vm in of.vms[:2]]
    of = replace(of, vms=(*stopped, *of.vms[2:]))
    shown = operation(State.SUCCEEDED, of=of)
    news = News(kind=Kind.FINISHED, operation=shown.id, facts={"seconds": 240.0})
    said = str(thread.render([news], shown, records(State.SUCCEEDED, of)).blocks)
    if vms > 30:
        assert "• 2 VMs shut down on `compute-90`" in said
        assert "• 38 VMs evacuated to `compute-90`" in said
    else:
        assert said.count("'shut down'") == 2
        assert said.count("'evacuate'") == 2


def test_the_incident_channel_reads_which_operation_it_is_and_where_its_card_stands() -> None:
    news = News(kind=Kind.STARTED, audience=Audience.INCIDENT, operation=OperationId("K7M2PQRS"))
    message = incident.render(news, operation(State.RUNNING), link="https://s/p1")
    assert message.text == (
        "*Evacuate `prod/compute-89`* (3 VMs): :arrow_forward: Started. <https://s/p1|Open the card>"
    )


def test_a_refusal_says_why_what_to_do_and_whom_to_ask() -> None:
    news = News(
        kind=Kind.REFUSED,
        person=UserId("U0ALICE"),
        facts={"sentence": "You are not an approver for this.", "remedy": "", "ask": ["S0LEADS", "U0CHIEF"], "by": []},
    )
    assert notes.refused(news).text == (
        ":no_entry: You are not an approver for this. Ask <!subteam^S0LEADS> and <@U0CHIEF>."
    )


def test_a_dead_button_answers_who_settled_it_and_when() -> None:
    at = NOW.isoformat()
    news = News(kind=Kind.REFUSED, facts={"sentence": "Already approved", "by": ["U0BOB"], "at": at, "remedy": "So."})
    said = notes.refused(news, link="https://s/p1").text
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
    assert "<@U0CHIEF>: approve" in str(message.blocks)

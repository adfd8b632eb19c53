"""What a phone shows: whoever is called reads in the notification alone what is asked of them."""

import re
from dataclasses import replace

import pytest

from bot.domain.messages.kind import Kind
from bot.domain.operation import STANDS, State
from bot.domain.plans.plan import Disposition, Finding, Plan, Topic, Verdict
from bot.slack.views import incident, news_lines, push, thread
from bot.slack.views.cards import card
from tests.news import every_fact, news_of
from tests.slack.views.examples import NOW, RULE, blocked_plan, operation, plan, records

ON_A_LOCKED_PHONE = 178
"""Characters: the four lines that a notification has on a phone 390 px wide."""
NAMES = {"U0ALICE": "Alice Ferrer", "U0BOB": "Bob Okafor", "U0CHIEF": "Chief Officer", "S0LEADS": "on-call-leads"}
CALLED = re.compile(r"<@U0ALICE>|<!subteam\^S0LEADS>")


def shown(mrkdwn: str) -> str:
    """What the phone shows of it."""
    plain = re.sub(r"<@(\w+)>|<!subteam\^(\w+)>", lambda m: f"@{NAMES[m[1] or m[2]]}", mrkdwn)
    plain = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", plain)
    plain = re.sub(r"<[^|>]*\|([^>]*)>", r"\1", plain)
    return re.sub(r":[a-z_]+:", "!", plain).replace("`", "").replace("*", "")[:ON_A_LOCKED_PHONE]


def _with(disposition: Disposition) -> Plan:
    of = plan(12)
    return replace(of, vms=(replace(of.vms[0], disposition=disposition), *of.vms[1:]))


def _unproven() -> Plan:
    doubt = Finding(
        code="death-unproven",
        verdict=Verdict.WARNING,
        topic=Topic.EVIDENCE,
        sentence="Nobody could read it.",
        vouch="compute-89 is dead: powered off, or cut off from its storage and network",
    )
    return replace(plan(12), findings=(*plan().findings, doubt))


RISKS = {
    "3 VMs lose their disks": plan(12, losing=3),
    "1 VM loses its disk": plan(12, losing=1),
    "Not proven: compute-89 is dead": _unproven(),
    "1 VM cannot be moved": _with(Disposition.CANNOT),
    "1 VM will be shut down": _with(Disposition.SHUT_DOWN),
    "Nobody read the power state": plan(12),
    "No warnings": replace(plan(12), findings=()),
}


@pytest.mark.parametrize("kind", [k for k in Kind if k not in {Kind.REFUSED, Kind.NOTED}])
def test_every_line_that_calls_somebody_says_in_the_notification_what_is_asked(kind: Kind) -> None:
    news = news_of(kind, every_fact("web-1"))
    if not CALLED.search(news_lines.of(news)):
        assert not push.calls(news)
        return
    for risk, of in RISKS.items():
        about = operation(State.AWAITING_APPROVAL, of=of)
        for line in (
            thread.render([news], about, asker="Alice Ferrer"),
            incident.render(news, about, link="https://s/p1", asker="Alice Ferrer"),
        ):
            seen = shown(line.text)
            for fact in ("Evacuate prod/compute-89", "12 VMs", risk, "asked for by Alice Ferrer"):
                assert fact in seen, f"{kind}: {seen}"
            assert not seen.startswith("Evacuate"), "it does not say what is asked"


@pytest.mark.parametrize("risk", RISKS)
def test_the_fallback_of_a_card_says_the_same(risk: str) -> None:
    seen = shown(card.render(operation(State.AWAITING_APPROVAL, of=RISKS[risk]), (), RULE, now=NOW).text)
    for fact in ("Evacuate prod/compute-89", "12 VMs", risk, "asked for by @Alice Ferrer"):
        assert fact in seen, seen


def test_what_forbids_a_plan_comes_before_any_risk_of_it() -> None:
    seen = shown(card.render(operation(State.BLOCKED, of=blocked_plan()), (), RULE, now=NOW).text)
    assert "The compute service of compute-89 is up." in seen


def test_whoever_asked_is_named_to_others_without_being_called_by_it() -> None:
    news = news_of(Kind.WAITING, {"ask": ["S0LEADS"]})
    said = thread.render([news], operation(State.AWAITING_APPROVAL), asker="Alice *Ferrer* <!here>").text
    assert "<@U0ALICE>" not in said
    assert "<!here>" not in said


def test_the_risk_of_what_has_ended_is_not_told_any_more() -> None:
    seen = shown(card.render(operation(State.DENIED, of=plan(12, losing=3)), (), RULE, now=NOW).text)
    assert "lose" not in seen


@pytest.mark.parametrize("kind", Kind)
def test_where_nobody_is_called_the_sentence_is_said_to_all(kind: Kind) -> None:
    told = news_of(kind, {**every_fact("x"), "ask": []})
    said = thread.lines_of([told], operation(State.AWAITING_APPROVAL))
    assert "nobody" not in said
    assert not re.search(r"_: [a-z]|: : ", said)


LATE = {
    Kind.WAITING: State.RUNNING,
    Kind.VOUCH_WANTED: State.SUCCEEDED,
    Kind.CHOICE_WANTED: State.QUEUED,
    Kind.EXPIRY_NEAR: State.EXPIRED,
    Kind.ESCALATED: State.DENIED,
    Kind.START_NEAR: State.RUNNING,
    Kind.QUORUM: State.SUCCEEDED,
    Kind.NEEDS_ATTENTION: State.RUNNING,
    Kind.STILL_WAITS: State.RUNNING,
    Kind.BY_HAND: State.SUCCEEDED,
    Kind.STEP_FAILED: State.SUCCEEDED,
    Kind.STEP_UNKNOWN: State.ENDED_INCOMPLETE,
}
ORDERS = ("this plan waits", "must vouch, ", "Press ", "expires ", "it starts", "this starts", "to be done by hand")


@pytest.mark.parametrize(("kind", "state"), LATE.items())
def test_what_is_over_when_it_is_told_calls_nobody_orders_nothing_and_says_how_it_stands(
    kind: Kind, state: State
) -> None:
    told = news_of(kind, {**every_fact("web-1"), "done": 10, "failed": 2, "of": "12 VMs"})
    shown = operation(state)
    lines = (
        thread.render([told], shown, records(state, plan()), asker="Alice Ferrer"),
        incident.render(told, shown, link="https://s/p1", asker="Alice Ferrer"),
    )
    for line in lines:
        assert "S0LEADS" not in line.text
        assert not any(order in line.text for order in ORDERS), line.text
        assert f"he operation {STANDS[state]}." in line.text
        assert "Evacuate" in line.text.splitlines()[0]
        assert not line.blocks, "the table is that of now, not of then"
        assert ("(told late)" in line.text) is (kind is not Kind.QUORUM)
        assert ("<@U0ALICE>" in line.text) is (kind is Kind.QUORUM)
    assert ("10 of 12 VMs done, 2 failed" in lines[0].text) is (kind is Kind.NEEDS_ATTENTION)


@pytest.mark.parametrize("kind", [k for k in Kind if k not in {Kind.REFUSED, Kind.NOTED}])
def test_each_line_that_calls_for_something_may_come_late(kind: Kind) -> None:
    told = news_of(kind, every_fact("web-1"))
    over = any(push.is_late(told, operation(state)) for state in State)
    assert over is (push.calls(told) and kind not in {Kind.REJECTED, Kind.EXPIRED})


def test_a_name_keeps_its_first_letter_in_a_notification() -> None:
    alive = Finding(code="alive", verdict=Verdict.BLOCKER, topic=Topic.EVIDENCE, sentence="compute-89 is alive.")
    seen = shown(card.render(operation(State.BLOCKED, of=replace(plan(12), findings=(alive,))), (), RULE, now=NOW).text)
    assert "asked for by @Alice Ferrer. compute-89 is alive." in seen


def test_no_warnings_is_not_said_beside_what_went_wrong() -> None:
    of = replace(plan(12), findings=())
    told = news_of(Kind.NEEDS_ATTENTION, {"ask": ["S0LEADS"], "done": 10, "failed": 2})
    assert "arning" not in thread.render([told], operation(State.NEEDS_ATTENTION, of=of, started_at=NOW)).text

"""Whatever the number, it agrees with its words in all that people read: 0, 1, 2, 21, 300 and 12,719 VMs."""

import json
from dataclasses import replace

import pytest

from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import Plan, PlannedStep
from bot.domain.progress import fates
from bot.domain.progress.steps import StepState, laid_out
from bot.domain.values import StepKey, UserId
from bot.slack.views import incident, notes, thread
from bot.slack.views.cards import card
from bot.slack.views.windows import window
from tests.agreement import assert_agrees
from tests.news import every_fact, news_of
from tests.slack.views.examples import NOW, RULE, operation, plan, records

NUMBERS = (0, 1, 2, 21, 300, 12_719)


def test_what_is_looked_for_would_be_found() -> None:
    for said in ("1 VMs", "21 VM are", "0 host", "12719 VMs", "2.483e+04 GiB", "1 of 12719 VMs"):
        with pytest.raises(AssertionError):
            assert_agrees(said)
    assert_agrees("1 VM, 21 VMs, 12,719 VMs, compute-1 VMs, 0 hosts")


STATES = (State.AWAITING_APPROVAL, State.RUNNING, State.NEEDS_ATTENTION, State.SUCCEEDED)
PAIRS = [(n, state) for n in NUMBERS for state in STATES if n < 1_000 or state is State.AWAITING_APPROVAL]


@pytest.mark.parametrize(("number", "state"), PAIRS)
def test_a_card_agrees_with_itself(number: int, state: State) -> None:
    of = plan(number)
    shown = operation(state, of=of)
    rows = records(state, of)
    for drawn in (card.render(shown, rows, RULE, now=NOW), notes.in_full(shown, rows, RULE, now=NOW)):
        assert_agrees(drawn.text + json.dumps(drawn.blocks, ensure_ascii=False))
    if state is State.AWAITING_APPROVAL:
        assert_agrees(
            json.dumps(
                window.break_glass(shown, replace(RULE, quorum=max(1, number)), by=UserId("U0DAVE"), channel="C0OPS")
            )
        )


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", [k for k in Kind if k not in {Kind.REFUSED, Kind.NOTED}])
def test_a_line_agrees_with_itself(number: int, kind: Kind) -> None:
    shown = operation(State.NEEDS_ATTENTION)
    names = ("done", "failed", "unknown", "not done", "aside", "count", "quorum", "chosen", "needed", "seconds")
    facts = dict.fromkeys((*names, "moving"), number)
    carried = every_fact("web-1") | facts | {"left": ["evacuate web-1"] * min(number, 300)}
    told = news_of(kind, carried, operation=shown.id)
    for drawn in (thread.render([told], shown), incident.render(told, shown)):
        assert_agrees(drawn.text)


def beside(of: Plan) -> Plan:
    """A plan whose VMs are locked first and unlocked afterwards: three steps each."""
    steps: list[PlannedStep] = [of.steps[0]]
    for move in of.steps[1:]:
        lock = replace(move, key=StepKey(f"lock {move.target}"), verb="lock", title=f"lock {move.target}")
        unlock = replace(lock, key=StepKey(f"unlock {move.target}"), follows=move.key, tidies=lock.key)
        steps += [lock, replace(move, follows=lock.key), unlock]
    return replace(of, steps=tuple(steps))


@pytest.mark.parametrize("number", [1, 2, 21, 300])
def test_vms_are_counted_and_never_their_steps(number: int) -> None:
    of = beside(plan(number))
    rows = laid_out(of.steps)
    vms = "1 VM" if number == 1 else f"{number} VMs"
    assert fates.spoken(rows[1:]) == vms
    assert fates.undone_of_all(rows) == f"1 step of the host and {number} of {vms}"
    assert len(fates.undone(rows)) == number + 1
    before = json.dumps(card.render(operation(State.AWAITING_APPROVAL, of=of), (), RULE, now=NOW).blocks)
    assert f"2. Evacuate: {vms}" in before or number == 1
    assert "steps" not in before
    done = [row.end(StepState.DONE, now=NOW) for row in rows]
    assert f"2. Evacuate: {number} of {vms} done" in json.dumps(
        card.render(operation(State.SUCCEEDED, of=of), done, RULE, now=NOW).blocks
    )

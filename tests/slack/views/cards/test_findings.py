"""Findings on the card, by their causes: all of them are read whole, or nobody can approve."""

import json
from dataclasses import replace

import pytest

from bot.domain.counting import counted
from bot.domain.operation import State
from bot.domain.plans import drift
from bot.domain.plans.plan import Disposition, Finding, Topic, Verdict
from bot.slack.views.cards import card, details
from tests.slack.views.examples import NOW, RULE, grave_plan, operation, plan
from tests.slack.views.limits import assert_slack_takes, visible_text
from tests.slack.views.sent import labels


def test_the_worst_findings_come_first() -> None:
    said = "\n".join(visible_text(card.render(operation(State.BLOCKED), (), RULE, now=NOW)))
    assert said.index("The compute service of compute-89 is up.") < said.index("Cinder did not answer.")
    assert said.index("Cinder did not answer.") < said.index("Nobody read the power state.")


@pytest.mark.parametrize("number", [2, 43, 300, 1_000])
def test_no_finding_hides_behind_others_of_one_cause(number: int) -> None:
    drawn = card.render(operation(State.AWAITING_APPROVAL, of=grave_plan(number)), (), RULE, now=NOW)
    assert_slack_takes(drawn)
    said = "\n".join(visible_text(drawn))
    assert said.count("lose their disks.") == 1
    assert f"{counted(number, 'VM')} (" in said
    assert "Nobody read the power state." in said
    assert "Approve" in labels(drawn)


@pytest.mark.parametrize("number", [1, 20, 60, 200])
def test_findings_of_any_number_are_all_there_or_nobody_can_approve_them(number: int) -> None:
    warnings = tuple(
        Finding(code=f"w{n}", verdict=Verdict.WARNING, topic=Topic.HOST, sentence=f"Warning {n}. " + "Why. " * 20)
        for n in range(number)
    )
    drawn = card.render(operation(State.AWAITING_APPROVAL, of=replace(plan(), findings=warnings)), (), RULE, now=NOW)
    assert_slack_takes(drawn)
    said = "\n".join(visible_text(drawn))
    are_there = all(f"Warning {n}. " in said for n in range(number))
    assert are_there is ("Approve" in labels(drawn))
    assert are_there or "nobody can approve it here" in said
    assert are_there is (number <= 60)


@pytest.mark.parametrize("number", [1, 30, 60])
def test_why_a_vm_does_not_move_is_read_whole(number: int) -> None:
    why = "is paused: Nova does not evacuate that. Unpause it when the host is back, or have it reset to active."
    of = plan(number)
    of = replace(of, vms=(*of.vms[:-1], replace(of.vms[-1], disposition=Disposition.CANNOT, note=why)))
    shown = operation(State.AWAITING_APPROVAL, of=of)
    told = json.dumps(card.render(shown, (), RULE, now=NOW).blocks) + json.dumps(details.window(shown, (), page=0))
    assert why in told
    assert number > 30 or why in json.dumps(card.render(shown, (), RULE, now=NOW).blocks)


def test_a_difference_to_approve_is_read_whole_however_many_vms_it_names() -> None:
    before, after = plan(60), grave_plan(60)
    lines = drift.between(before, after).lines
    assert len(lines) < 60 + 5
    said = "\n".join(
        visible_text(card.render(operation(State.AWAITING_APPROVAL, of=after, drift=lines), (), RULE, now=NOW))
    )
    (risk,) = [line for line in lines if line.startswith("new warning")]
    assert f"• {risk}" in said

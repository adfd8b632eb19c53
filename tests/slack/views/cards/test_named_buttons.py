"""No sentence names a button that does not stand beside it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.progress import set_aside
from bot.slack.views import thread
from bot.slack.views.cards import buttons, card
from tests.news import every_fact, news_of
from tests.slack.views.examples import NOW, RULE, operation, plan, records
from tests.slack.views.limits import visible_text
from tests.slack.views.sent import labels

ROOT = Path(__file__).parents[4]
LABELS = frozenset(
    re.findall(r'message\.button\(\s*"([^"]+)"', Path(buttons.__file__).read_text())
    + re.findall(r'"((?:Request|Retry|Re-)[A-Za-z -]*|Resume|Pause)"', Path(buttons.__file__).read_text())
)
_WHILE_IT_WAITS = (
    Kind.RECHECKED,
    Kind.WAITING,
    Kind.START_NEAR,
    Kind.EXPIRY_NEAR,
    Kind.ESCALATED,
    Kind.VOUCH_WANTED,
    Kind.PLAN_CHANGED,
)
EMPHASISED = re.compile(r"[*∗]([A-Z][\w …-]+?)[*∗]")


def test_the_labels_are_known() -> None:
    assert {"Approve", "Ask Again", "Cancel", "End Now", "Pause", "Re-check", "Retry Failed", "Skip", "Vouch"} <= LABELS


@pytest.mark.parametrize("state", State)
def test_whatever_button_a_card_names_stands_on_it(state: State) -> None:
    of = plan(3, losing=1)
    shown = operation(state, of=of if state not in {State.CHECKING, State.CANCELLED, State.BLOCKED} else None)
    drawn = card.render(shown, records(state, of), replace(RULE, break_glass=("U0CHIEF",)), now=NOW)
    named = {label for said in visible_text(drawn) for label in EMPHASISED.findall(said)} & LABELS
    assert named <= set(labels(drawn))


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (Kind.BLOCKED, State.BLOCKED),
        (Kind.REJECTED, State.DENIED),
        (Kind.EXPIRED, State.EXPIRED),
        (Kind.CANCELLED, State.CANCELLED),
        *((kind, State.AWAITING_APPROVAL) for kind in _WHILE_IT_WAITS),
        *((kind, State.RUNNING) for kind in (Kind.STEP_FAILED, Kind.STEP_UNKNOWN, Kind.RESUMED, Kind.CLOSED)),
        (Kind.PAUSED, State.PAUSED),
        (Kind.STOPPING, State.STOPPING),
        (Kind.NEEDS_ATTENTION, State.NEEDS_ATTENTION),
        (Kind.ENDED_INCOMPLETE, State.ENDED_INCOMPLETE),
    ],
)
def test_whatever_button_a_line_names_stands_on_the_card_above_it(kind: Kind, state: State) -> None:
    of = plan(3, losing=1)
    shown = operation(state, of=of)
    rows = records(state, of)
    facts = every_fact("web-1") | {"may_skip": bool(set_aside.may_be(rows))}
    said = thread.render([news_of(kind, facts, operation=shown.id)], shown, rows)
    drawn = card.render(shown, rows, replace(RULE, break_glass=("U0CHIEF",)), now=NOW)
    named = {label for line in visible_text(said) for label in EMPHASISED.findall(line)} & LABELS
    assert named <= set(labels(drawn)), said.text


@pytest.mark.parametrize("state", [State.READY, State.AWAITING_APPROVAL, State.BLOCKED])
def test_a_blocked_card_and_one_that_waits_have_the_button_that_checks_again(state: State) -> None:
    of = replace(plan(), findings=(_finding(Verdict.BLOCKER if state is State.BLOCKED else Verdict.WARNING),))
    drawn = card.render(operation(state, of=of), (), RULE, now=NOW)
    assert {"Re-check", "Ask Again"} & set(labels(drawn))


def _finding(verdict: Verdict) -> Finding:
    return Finding(
        code="x", verdict=verdict, topic=Topic.HOST, sentence="It is so.", remedy="Mend it, then check again."
    )


def test_no_finding_names_a_button_as_a_card_shows_it_in_one_state_and_not_in_another() -> None:
    """Clouds know nothing of cards: they say what to do, and the card of each state has the button for it."""
    of_one_state = re.compile(r"\b[Rr]e-check\b|Retry Failed|Ask Again|Request Approval|Choose VMs|Break Glass|End Now")
    others = ("domain/rules/timing.py", "desk/approvability.py", "engine/survey.py")
    judges = [*(ROOT / "adapters").rglob("*.py"), *(ROOT / "bot" / name for name in others)]
    named = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in judges
        for line in path.read_text().splitlines()
        if of_one_state.search(line) and '"""' not in line
    ]
    assert named == []

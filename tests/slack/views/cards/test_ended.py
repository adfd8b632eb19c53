"""What has ended is told as ended, in card, thread, window and file; and time that is left only where there is some."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.progress.steps import StepState, laid_out
from bot.slack.views import thread, timeline
from bot.slack.views.cards import card, details
from bot.slack.views.message import Message
from tests.news import news_of
from tests.slack.views.examples import NOW, RULE, operation, plan, records


def test_when_it_has_ended_nothing_waits_or_is_under_way_any_more_anywhere() -> None:
    of = plan(6)
    shown = operation(State.ENDED_INCOMPLETE, of=of)
    first, *others = laid_out(of.steps)
    half = [*records(State.SUCCEEDED, of)[:2], *others[1:]]
    drawn = (
        card.render(shown, half, RULE, now=NOW),
        thread.render([news_of(Kind.ENDED_INCOMPLETE, {"left": ["evacuate web-1"]}, operation=shown.id)], shown, half),
        Message(text=timeline.render(shown, (), half, names={})),
        Message(text="", blocks=tuple(details.window(shown, half, page=0)["blocks"])),  # type: ignore[arg-type]
    )
    for message in drawn:
        said = "\n".join((message.text, str(message.blocks)))
        assert not re.search(r"waiting|under way|arrow_forward", said), said
        assert "not done" in said
    assert first.step.title in str(drawn[0].blocks)


@pytest.mark.parametrize(("seconds", "told"), [(59.7, ""), (50.0, "about 10 s left")])
def test_less_than_a_second_is_not_told_as_time_that_is_left(seconds: float, told: str) -> None:
    of = plan(6)
    last = records(State.RUNNING, of)[3]
    since = NOW - timedelta(seconds=seconds)
    moving = replace(last, state=StepState.ACCEPTED, progress=None, intent_at=since, begun_at=since)
    rows = [*records(State.SUCCEEDED, of)[:3], moving, *records(State.SUCCEEDED, of)[4:]]
    said = str(card.render(operation(State.RUNNING, of=of), rows, RULE, now=NOW).blocks)
    assert "5/6" in said
    assert re.findall(r"about \d+ s left", said) == [told] * bool(told)

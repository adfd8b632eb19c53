"""The message of an alarm: what it says, its button, and that nothing in it can become markup."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.messages.alarm import Alarm, AlarmKind, Alert
from bot.domain.values import HostId, OperationId
from bot.slack.views import alarm as view
from tests.slack.views import golden
from tests.slack.views.examples import HOSTILE
from tests.slack.views.limits import assert_slack_takes, visible_text

SINCE = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
OURS = re.compile(r"<!date\^\d+\^[^|<>]*\|[^<>]*>|<https://s/p1\|[^<>]*>")
SHOWN = (AlarmKind.HOST_DOWN, AlarmKind.MOST_DOWN, AlarmKind.ALERT, AlarmKind.STORM)


def alarm(kind: AlarmKind = AlarmKind.HOST_DOWN, *, words: str = "compute-89", alerts: int = 0) -> Alarm:
    is_one_host = kind is not AlarmKind.MOST_DOWN
    return Alarm(
        id="a1",
        kind=kind,
        cloud="prod",
        subject="h-89",
        host=HostId("h-89") if is_one_host else None,
        host_name=words if is_one_host else "",
        since=SINCE,
        first_seen_at=SINCE + timedelta(seconds=25),
        raised_at=SINCE + timedelta(seconds=40),
        evidence=(f"prod reports it as {words}.",),
        vms=21 if is_one_host else None,
        may_evacuate=is_one_host,
        alerts=tuple(Alert(key=str(n), summary=f"HostDown: {words} {n}", since=SINCE) for n in range(alerts)),
    )


def shown(kind: AlarmKind) -> Alarm:
    made = alarm(kind, alerts=2 if kind is AlarmKind.ALERT else 0)
    return replace(made, sentence="128 alerts about 97 hosts", may_evacuate=False) if kind is AlarmKind.STORM else made


@pytest.mark.parametrize("kind", SHOWN)
def test_every_kind_has_its_message_and_its_end(kind: AlarmKind) -> None:
    name = kind.value.replace(" ", "-")
    message = view.render(shown(kind))
    assert_slack_takes(message)
    golden.check(f"alarm-{name}", message)
    over = view.render(shown(kind).cleared(SINCE + timedelta(minutes=3)))
    assert_slack_takes(over)
    golden.check(f"alarm-{name}-over", over)


def test_the_first_line_says_which_host_how_long_and_how_many_vms() -> None:
    said = view.render(alarm()).text
    assert said.startswith(":rotating_light: *`prod/compute-89` has been down for 40 s, 21 VMs*")


def test_its_end_says_how_long_it_lasted() -> None:
    over = view.render(alarm().cleared(SINCE + timedelta(minutes=3)))
    assert over.text == ":white_check_mark: `prod/compute-89` is back after 3 min."


def test_the_button_stands_only_where_a_host_can_be_evacuated_and_nothing_is_under_way() -> None:
    def buttons(shown: Alarm) -> int:
        return sum(1 for block in view.render(shown).blocks if block["type"] == "actions")

    assert buttons(alarm()) == 1
    assert buttons(replace(alarm(), may_evacuate=False)) == 0
    assert buttons(replace(alarm(), host=None)) == 0
    assert buttons(alarm().cleared(SINCE)) == 0
    assert buttons(alarm(AlarmKind.MOST_DOWN)) == 0
    assert buttons(replace(alarm(), operation=OperationId("OP1"))) == 0


def test_an_operation_that_deals_with_it_is_linked() -> None:
    busy = view.render(replace(alarm(), operation=OperationId("OP1")), link="https://s/p1")
    assert "<https://s/p1|Open the card>" in " ".join(visible_text(busy))


@pytest.mark.parametrize("kind", SHOWN)
def test_nothing_that_a_cloud_or_an_alert_says_becomes_markup(kind: AlarmKind) -> None:
    for words in HOSTILE:
        hostile = replace(alarm(kind, words=words, alerts=200), sentence=words)
        for message in (view.render(hostile), view.render(hostile.cleared(SINCE, words))):
            assert_slack_takes(message)
            for said in visible_text(message):
                left = OURS.sub("", said)
                assert "<" not in left
                assert ">" not in left

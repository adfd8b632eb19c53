"""What an alarm is before it is told, while it stands and once it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.messages.alarm import Alarm, AlarmKind, Alert
from tests.domain.build import NOW

ALARM = Alarm(id="a", kind=AlarmKind.HOST_DOWN, subject="compute-2", since=NOW, first_seen_at=NOW, sentence="is down")


def test_an_alarm_is_open_until_it_is_cleared_and_keeps_its_sentence_unless_told_how_it_ended() -> None:
    assert ALARM.is_open
    later = NOW + timedelta(minutes=3)
    over = ALARM.cleared(later)
    assert (over.is_open, over.cleared_at, over.sentence) == (False, later, "is down")
    assert ALARM.cleared(later, "is back").sentence == "is back"


@pytest.mark.parametrize("kind", AlarmKind)
def test_a_message_stands_for_what_was_raised_and_what_was_left_over_is_told_in_its_thread(kind: AlarmKind) -> None:
    alarm = replace(ALARM, kind=kind)
    assert not alarm.has_message
    assert replace(alarm, raised_at=NOW).has_message is (kind is not AlarmKind.LEFT_OVER)


def test_an_alert_waits_until_it_is_told_and_its_host_is_sought_until_it_is_found() -> None:
    taken_in = replace(ALARM, kind=AlarmKind.ALERT, label=("prod", "compute-2"))
    told = replace(taken_in, raised_at=NOW)
    assert [one.is_untold for one in (taken_in, told, taken_in.cleared(NOW))] == [True, False, False]
    assert not replace(taken_in, kind=AlarmKind.HOST_DOWN).is_untold
    assert [one.sought_in for one in (taken_in, told, told.cleared(NOW))] == ["prod", "prod", None]
    assert replace(told, label=None).sought_in is None


def test_of_its_alerts_those_fire_that_are_not_over() -> None:
    alerts = tuple(Alert(key=key, summary="", since=NOW, is_over=key == "b") for key in "abc")
    assert replace(ALARM, alerts=alerts).firing == 2

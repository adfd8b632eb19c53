"""What an alarm is before it is told, while it stands and once it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.messages.alarm import Alarm, AlarmKind
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


def test_an_alert_waits_until_it_is_told_and_its_host_is_found() -> None:
    taken_in = replace(ALARM, kind=AlarmKind.ALERT, label=("prod", "compute-2"))
    assert taken_in.waits
    assert replace(taken_in, label=None).waits
    told = replace(taken_in, raised_at=NOW)
    assert told.waits
    assert not replace(told, label=None).waits
    assert not told.cleared(NOW).waits
    assert not replace(taken_in, kind=AlarmKind.HOST_DOWN).waits

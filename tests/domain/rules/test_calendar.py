"""Times as people type them, and freezes, over ordinary days and over both changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadCommand
from bot.domain.rules import calendar
from bot.domain.rules.calendar import Freeze, Mark

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=m))
NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)  # Saturday, three in the morning in Berlin


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2s", timedelta(seconds=2)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("500ms", timedelta(seconds=0.5)),
        ("7d", timedelta(days=7)),
        ("", None),
        ("h", None),
        ("2", None),
        ("-2h", None),
        ("2h later", None),
        ("999999999d", None),
    ],
)
def test_a_span_is_a_number_with_its_unit(text: str, meant: timedelta | None) -> None:
    assert calendar.span(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("02:00", time(2)),
        ("2:05", time(2, 5)),
        ("+2h", timedelta(hours=2)),
        ("2026-11-22T02:00", datetime.fromisoformat("2026-11-22T02:00")),
        ("2026-11-22 02:00", datetime.fromisoformat("2026-11-22T02:00")),
        ("2026-11-22t02:00z", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("2026-11-22T02:00+08:00", datetime(2026, 11, 22, 2, tzinfo=timezone(timedelta(hours=8)))),
        ("+", None),
        ("+soon", None),
        ("24:00", None),
        ("2:5", None),
        ("2026-02-30T02:00", None),
        ("2026-11-22", None),
        ("9999-12-31T23:59-12:00", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_a_moment_is_typed_as_a_time_a_day_and_a_time_or_a_span_from_now(
    text: str, meant: calendar.When | None
) -> None:
    assert calendar.when(text) == meant


def at(text: str, *, zone: ZoneInfo | None = BERLIN, now: datetime = NOW) -> datetime:
    meant = calendar.when(text)
    assert meant is not None
    return calendar.moment(meant, now=now, zone=zone)


def test_a_time_of_day_is_the_next_one_on_the_clock_of_whoever_typed_it() -> None:
    assert at("04:00") == datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert at("03:00") == datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert at("02:00") == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert at("04:00", zone=SHANGHAI) == datetime(2026, 11, 21, 20, tzinfo=UTC)


def test_a_day_and_a_time_are_in_the_zone_of_whoever_typed_them_unless_they_say_otherwise() -> None:
    assert at("2026-11-22T02:00") == datetime(2026, 11, 22, 1, tzinfo=UTC)
    assert at("2026-11-22T02:00+08:00") == datetime(2026, 11, 21, 18, tzinfo=UTC)
    assert at("2026-11-22T02:00Z", zone=None) == datetime(2026, 11, 22, 2, tzinfo=UTC)


def test_a_span_counts_from_when_it_was_typed_in_any_zone() -> None:
    assert at("+2h", zone=None) == NOW + timedelta(hours=2)
    assert at("+2h", now=datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == datetime(2026, 10, 25, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "why"),
    [
        ("2026-11-20T02:00", BERLIN, "Fri 2026-11-20 02:00 (Europe/Berlin) is past."),
        ("+0s", None, "Sat 2026-11-21 02:00 (UTC) is past."),
        ("+31d", BERLIN, "is more than 30 days ahead."),
        ("2027-11-22T02:00+01:00", None, "is more than 30 days ahead."),
        ("02:00", None, "Slack does not say what your time zone is. Write the day, the time and the offset"),
    ],
)
def test_a_time_that_cannot_be_meant_is_answered_with_why(text: str, zone: ZoneInfo | None, why: str) -> None:
    with pytest.raises(BadCommand) as bad:
        at(text, zone=zone)
    assert why in str(bad.value)


@pytest.mark.parametrize(
    ("now", "text", "offsets"),
    [
        (datetime(2027, 3, 27, 12, tzinfo=UTC), "02:30", ("2027-03-28T01:30+01:00", "2027-03-28T03:30+02:00")),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "02:30", ("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00")),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "2026-10-25T02:30", ("02:30+02:00", "02:30+01:00")),
    ],
)
def test_a_time_that_the_clocks_skip_or_repeat_is_not_guessed_at(
    now: datetime, text: str, offsets: tuple[str, str]
) -> None:
    how_often = "does not happen" if "2027-03" in offsets[0] else "happens twice"
    with pytest.raises(BadCommand, match=f"Clocks change then: 02:30 on 20[0-9-]+ {how_often} in ") as bad:
        at(text, now=now)
    assert all(offset in bad.value.remedy for offset in offsets)


@pytest.mark.parametrize(
    ("now", "tomorrow"),
    [
        (datetime(2027, 3, 28, 8, tzinfo=UTC), datetime(2027, 3, 29, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 8, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
    ],
)
def test_on_the_day_when_clocks_have_changed_the_next_such_time_is_that_of_tomorrow(
    now: datetime, tomorrow: datetime
) -> None:
    assert at("02:30", now=now) == tomorrow


@given(moments, st.times(), st.sampled_from([BERLIN, SHANGHAI]))
def test_the_next_such_time_is_ahead_by_no_more_than_a_day_and_shows_on_the_persons_clock(
    now: datetime, clock: time, zone: ZoneInfo
) -> None:
    try:
        found = calendar.moment(clock, now=now, zone=zone)
    except BadCommand:
        return
    assert now < found <= now + timedelta(hours=25)
    assert found.astimezone(zone).time() == clock


def test_a_zone_has_the_name_of_a_zone() -> None:
    assert calendar.zone("Europe/Berlin") == BERLIN
    assert [calendar.zone(name) for name in ("", "Nowhere/Else", "../../etc/passwd", "\x00")] == [None] * 4


# freezes -------------------------------------------------------------------------------------------------------------


def freeze(starts: str, ends: str, *, zone: ZoneInfo = BERLIN, name: str = "Weekend") -> Freeze:
    begin, end = calendar.mark(starts), calendar.mark(ends)
    assert begin is not None
    assert end is not None
    return Freeze(name=name, starts=begin, ends=end, zone=zone)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("22:00", Mark(at=time(22))),
        ("fri 18:00", Mark(at=time(18), weekday=4)),
        (" Fri 18:00 ", Mark(at=time(18), weekday=4)),
        ("2026-12-20 18:00", Mark(at=time(18), day=date(2026, 12, 20))),
        ("fri", None),
        ("friday 18:00", None),
        ("2026-02-30 18:00", None),
        ("25:00", None),
        ("", None),
    ],
)
def test_a_freeze_is_set_by_a_time_a_weekday_and_a_time_or_a_date_and_a_time(text: str, meant: Mark | None) -> None:
    assert calendar.mark(text) == meant


def test_marks_are_alike_when_both_are_daily_weekly_or_of_a_date() -> None:
    daily, weekly, dated = Mark(at=time(1)), Mark(at=time(1), weekday=3), Mark(at=time(1), day=date(2026, 1, 1))
    alike = [(a, b) for a in (daily, weekly, dated) for b in (daily, weekly, dated) if a.is_like(b)]
    assert alike == [(daily, daily), (weekly, weekly), (dated, dated)]


def test_a_weekly_freeze_lasts_from_its_first_minute_until_its_last_and_comes_again() -> None:
    weekend = [freeze("fri 18:00", "mon 08:00")]
    friday, monday = local(2026, 11, 20, 18, 0), local(2026, 11, 23, 8, 0)
    minute = timedelta(minutes=1)
    assert calendar.frozen(weekend, friday - minute) is None
    found = calendar.frozen(weekend, friday)
    assert found is not None
    assert (found.starts, found.ends) == (friday, monday)
    assert str(found) == (
        "Weekend, from Fri 2026-11-20 18:00 (Europe/Berlin) until Mon 2026-11-23 08:00 (Europe/Berlin)"
    )
    assert calendar.frozen(weekend, monday - minute) == found
    assert calendar.frozen(weekend, monday) is None
    following = calendar.next_freeze(weekend, friday)
    assert following is not None
    assert following.starts == local(2026, 11, 27, 18, 0)


def test_a_daily_freeze_may_go_over_midnight() -> None:
    night = [freeze("22:00", "06:00", name="Night")]
    assert calendar.frozen(night, local(2026, 11, 21, 23, 0)) is not None
    assert calendar.frozen(night, local(2026, 11, 21, 5, 59)) is not None
    assert calendar.frozen(night, local(2026, 11, 21, 12, 0)) is None


def test_a_freeze_of_a_date_comes_once_and_may_last_for_weeks() -> None:
    year_end = [freeze("2026-12-18 18:00", "2027-01-04 08:00")]
    assert calendar.frozen(year_end, local(2027, 1, 3)) is not None
    assert calendar.frozen(year_end, local(2027, 1, 4, 8)) is None
    assert calendar.next_freeze(year_end, local(2027, 1, 4, 8)) is None
    coming = calendar.next_freeze(year_end, local(2026, 11, 21))
    assert coming is not None
    assert coming.starts == local(2026, 12, 18, 18)


def test_a_freeze_that_ends_before_it_begins_never_is() -> None:
    assert calendar.frozen([freeze("2026-12-18 18:00", "2026-12-01 08:00")], local(2026, 12, 10)) is None


def test_of_two_freezes_the_one_that_ends_last_counts_and_the_one_that_begins_first_is_next() -> None:
    both = [freeze("fri 18:00", "mon 08:00"), freeze("2026-11-20 12:00", "2026-12-01 08:00", name="Release")]
    found = calendar.frozen(both, local(2026, 11, 21))
    assert found is not None
    assert found.name == "Release"
    coming = calendar.next_freeze(both, local(2026, 11, 19))
    assert coming is not None
    assert coming.name == "Release"


@pytest.mark.parametrize(
    ("day", "starts", "ends", "hours"),
    [
        # https://www.iana.org/time-zones: Berlin goes from 02:00 to 03:00 on 2027-03-28, from 03:00 to 02:00 on 2026-10-25
        (date(2027, 3, 28), "01:30", "04:00", 1.5),
        (date(2027, 3, 28), "02:30", "04:00", 1.5),
        (date(2027, 3, 28), "01:00", "02:30", 1.5),
        (date(2026, 10, 25), "02:30", "04:00", 2.5),
        (date(2026, 10, 25), "01:00", "02:30", 2.5),
        (date(2026, 10, 25), "02:00", "02:30", 1.5),
    ],
)
def test_a_freeze_is_never_shorter_than_its_clock_says_when_clocks_change(
    day: date, starts: str, ends: str, hours: float
) -> None:
    nightly = freeze(starts, ends)
    midnight = datetime.combine(day, time(0), BERLIN)
    (found,) = [p for p in nightly.periods(midnight) if p.starts.astimezone(BERLIN).date() == day]
    assert found.ends - found.starts == timedelta(hours=hours)


def test_a_freeze_begins_once_on_a_day_that_has_its_hour_twice() -> None:
    nightly = [freeze("02:30", "02:45")]
    moments = [datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(minutes=m) for m in range(24 * 60)]
    frozen = [m for m in moments if calendar.frozen(nightly, m)]
    assert frozen == [
        m for m in moments if datetime(2026, 10, 25, 0, 30, tzinfo=UTC) <= m < frozen[-1] + timedelta(seconds=1)
    ]
    assert len({p.starts for m in frozen if (p := calendar.frozen(nightly, m))}) == 1


@given(
    moments,
    st.times(),
    st.times(),
    st.none() | st.integers(0, 6),
    st.integers(0, 6),
)
def test_a_freeze_that_is_now_is_the_one_that_was_next_just_before_it_began(
    now: datetime, starts: time, ends: time, first: int | None, last: int
) -> None:
    pair = Freeze(
        name="x",
        starts=Mark(at=starts, weekday=first),
        ends=Mark(at=ends, weekday=None if first is None else last),
        zone=BERLIN,
    )
    found = calendar.frozen([pair], now)
    if found is None:
        assert all(p.starts > now for p in pair.periods(now))
        return
    assert found.starts <= now < found.ends
    assert found in list(pair.periods(found.starts - timedelta(seconds=1)))


def test_a_freeze_is_told_as_it_was_set() -> None:
    assert str(freeze("fri 18:00", "mon 08:00")) == "Weekend, Fri 18:00 until Mon 08:00 (Europe/Berlin)"
    assert str(freeze("22:00", "06:00")) == "Weekend, every day 22:00 until every day 06:00 (Europe/Berlin)"
    assert str(freeze("2026-12-18 18:00", "2027-01-04 08:00")).endswith(
        "2026-12-18 18:00 until 2027-01-04 08:00 (Europe/Berlin)"
    )

"""At what pace moves are begun: what each answer and each look teaches, and what then keeps the next move waiting."""

from dataclasses import replace
from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.progress import pace
from bot.domain.progress.pace import Limit, MoveInFlight, Pace, between_looks

AT_EASE = Pace(shortest=0.3, recent=(0.3,), usual=0.3)


def answering(*seconds: float, window: float = pace.FIRST) -> Pace:
    """The last accepting calls took so long; the quickest of all took the shortest time."""
    return Pace(window=window, shortest=min(seconds), recent=seconds[-pace.RECENT :], usual=seconds[-1])


def unclaimed(place: str = "", *, age: float = 0.0) -> MoveInFlight:
    return MoveInFlight(place=place, is_unclaimed=True, age=age)


def building(place: str = "") -> MoveInFlight:
    return MoveInFlight(place=place, is_unclaimed=False)


def of_cloud(known: Pace, *moving: MoveInFlight, most: int = 100, now: float = 0.0) -> Limit | None:
    return known.of_cloud(moving, most=most, between=0.5, now=now)


def at_target(known: Pace, *moving: MoveInFlight, now: float = 0.0) -> Limit | None:
    return known.at_target(moving, "t1", between=0.5, now=now)


def test_six_may_be_unclaimed_at_first_and_more_with_each_good_answer() -> None:
    known = Pace()
    assert of_cloud(known, *[unclaimed()] * 5) is None
    assert of_cloud(known, *[unclaimed()] * 6) is Limit.WINDOW
    for count in range(6, 12):
        known = known.answered(0.3, unclaimed=count, now=1.0)
    assert known.window == 12


def test_a_window_that_is_not_used_does_not_grow() -> None:
    assert AT_EASE.answered(0.3, unclaimed=2, now=1.0).window == pace.FIRST


def test_what_builds_or_boots_counts_for_the_net_alone() -> None:
    assert of_cloud(AT_EASE, *[building()] * 99) is None
    assert of_cloud(AT_EASE, *[building()] * 100) is Limit.CLOUD
    assert of_cloud(AT_EASE, *[building()] * 10, most=10) is Limit.CLOUD


def test_no_more_are_begun_a_second_than_the_settings_allow() -> None:
    begun = [replace(building(), since=float(n)) for n in range(4)]
    assert Pace().of_cloud(begun, most=100, rate=1.0, between=0.5, now=0.0) is Limit.RATE
    assert Pace().of_cloud(begun, most=100, rate=1.5, between=0.5, now=0.0) is None
    assert Pace().of_cloud(begun[1:], most=100, rate=0.5, between=0.5, now=0.0) is Limit.RATE
    assert Pace().of_cloud(begun[2:], most=100, rate=0.5, between=0.5, now=0.0) is None


def test_slow_answers_cut_the_window_and_the_calm_one_once_in_a_stretch_of_trouble() -> None:
    cut = answering(0.3, *[3.0] * 5, window=40).answered(3.0, unclaimed=40, now=100.0)
    assert (cut.window, cut.calm) == (28, 28)
    again = cut.answered(3.0, unclaimed=40, now=103.0)
    assert again.window < cut.window
    assert again.calm == cut.calm


def test_single_slow_answers_are_those_of_neighbours_and_cut_nothing() -> None:
    known = answering(0.3, window=40)
    for second, seconds in enumerate([1.5, 1.2, 0.9, 1.4, 0.4, 1.5, 1.3, 1.1, 0.35]):
        known = known.answered(seconds, unclaimed=5, now=float(second))
    assert known.window == 40
    assert known.strain < pace.EASE


def test_the_first_quick_answer_says_that_the_cloud_is_at_ease_again() -> None:
    strained = answering(0.3, *[3.0] * 6)
    assert strained.strain == 10
    assert strained.answered(0.3, unclaimed=1, now=0.0).strain == 1


def test_one_call_that_the_cloud_ends_with_an_error_is_chance_and_three_in_a_row_are_overload() -> None:
    known = Pace(window=40, shortest=0.3, usual=0.3)
    for second in range(0, 90, 3):
        known = known.failed(now=second).failed(now=second + 1.0).answered(0.3, unclaimed=0, now=second + 2.0)
    assert (known.window, of_cloud(known, now=90.0)) == (40, None)
    burst = known.failed(now=100.0).failed(now=100.1).failed(now=100.2).failed(now=100.3)
    assert burst.window == 28
    assert (of_cloud(burst, now=101.2), of_cloud(burst, now=101.3)) == (Limit.BUSY, None)
    again = burst.failed(now=101.3)
    assert again.window < 28
    assert of_cloud(again, now=103.2) is Limit.BUSY, "the next one is enough"
    well = again.answered(0.3, unclaimed=0, now=104.0).failed(now=105.0)
    assert of_cloud(well, now=105.0) is None


def test_answers_that_come_slow_together_cut_once() -> None:
    cut = Pace(window=40, shortest=0.3, usual=0.3).cut(now=100.0)
    assert cut.cut(now=100.5) == cut


def test_the_window_is_never_cut_below_four() -> None:
    known = Pace(shortest=0.3, usual=0.3)
    for second in range(50):
        known = known.cut(now=float(second * 5))
    assert known.window == pace.LEAST


def test_a_call_that_is_not_answered_for_long_is_a_sign_before_its_answer() -> None:
    assert not Pace().is_overdue(60.0), "before the first answer nobody knows what is long"
    assert not AT_EASE.is_overdue(1.2)
    assert AT_EASE.is_overdue(1.4)
    assert not replace(AT_EASE, usual=0.9).is_overdue(3.0), "where many take long, one that does is nothing new"


def test_while_all_its_answers_are_slow_a_cloud_gets_three_at_once() -> None:
    busy = answering(0.1, *[0.4] * 6, window=40)
    assert of_cloud(busy, *[unclaimed()] * 2) is None
    assert of_cloud(busy, *[unclaimed()] * 3) is Limit.SLOW


def test_a_window_that_was_cut_of_late_is_told_from_one_that_is_full() -> None:
    cut = Pace().cut(now=100.0)
    assert of_cloud(cut, *[unclaimed()] * 6, now=105.0) is Limit.SLOW
    assert of_cloud(cut, *[unclaimed()] * 6, now=111.0) is Limit.WINDOW


def test_a_target_gets_one_to_claim_and_one_that_waits_while_the_cloud_is_at_ease() -> None:
    assert at_target(AT_EASE, unclaimed("t1")) is None
    assert at_target(AT_EASE, unclaimed("t1"), unclaimed("t1")) is Limit.CLAIMS
    assert at_target(AT_EASE, unclaimed("t2"), unclaimed("t2")) is None
    assert at_target(answering(0.1, *[0.2] * 6), unclaimed("t1")) is Limit.CLAIMS


def test_a_target_that_claims_quickly_gets_what_it_claims_until_a_look_sees_it_besides() -> None:
    quick = AT_EASE
    for claim in range(24):  # four a second, so four in two looks
        quick = quick.claimed("t1", now=claim / 4)
    assert at_target(quick, *[unclaimed("t1")] * 5, now=6.0) is None
    assert at_target(quick, *[unclaimed("t1")] * 6, now=6.0) is Limit.CLAIMS
    assert at_target(quick, *[unclaimed("t1")] * 3, now=20.0) is Limit.CLAIMS, "what is long ago counts no more"
    strained = replace(quick, recent=(1.6 * quick.shortest,))
    assert at_target(strained, *[unclaimed("t1")] * 3, now=6.0) is None
    assert at_target(strained, *[unclaimed("t1")] * 4, now=6.0) is Limit.CLAIMS, "none besides in a cloud not at ease"


def test_how_quickly_a_target_claims_is_told_by_the_time_that_it_was_seen_to() -> None:
    begun = AT_EASE.claimed("t1", now=1.0).claimed("t1", now=1.0)
    assert begun.speed("t1", between=0.5, now=1.0) == 2, "two looks after their calls"
    assert begun.speed("t1", between=0.5, now=2.0) == 1
    assert begun.speed("t1", between=0.5, now=8.0) == 0


def test_a_target_that_claims_nothing_for_fifteen_seconds_gets_nothing_more() -> None:
    assert at_target(AT_EASE, unclaimed("t1", age=16.0)) is Limit.STALE
    assert at_target(AT_EASE, building("t1")) is None


def test_no_target_gets_more_than_fifty_at_once() -> None:
    assert at_target(AT_EASE, *[building("t1")] * 49) is None
    assert at_target(AT_EASE, *[building("t1")] * 50) is Limit.TARGET


def test_a_move_goes_where_it_wishes_and_elsewhere_only_while_that_has_enough() -> None:
    full = [unclaimed("t1"), unclaimed("t1"), unclaimed("t2")]
    assert AT_EASE.best_target([], ["t1", "t2", "t3"], between=0.5, now=0.0) == ("t1", None)
    assert AT_EASE.best_target(full, ["t1", "t2", "t3"], between=0.5, now=0.0) == ("t3", None)
    assert AT_EASE.best_target(full, ["t1"], between=0.5, now=0.0) == ("t1", Limit.CLAIMS)


def test_one_that_waits_at_the_source_of_live_migrations_is_enough() -> None:
    assert AT_EASE.at_place([building("src")], "src", between=0.5, now=0.0) is None
    waiting = [building("src"), unclaimed("src", age=900)]
    assert AT_EASE.at_place(waiting, "src", between=0.5, now=0.0) is Limit.CLAIMS
    just_claimed = AT_EASE.claimed("src", now=0.0)
    assert just_claimed.at_place(waiting, "src", between=0.5, now=0.0) is Limit.CLAIMS


def test_looks_come_often_while_something_is_to_be_begun_or_claimed() -> None:
    assert between_looks(poll=2.0, is_busy=True) == 0.5
    assert between_looks(poll=2.0, is_busy=False) == 1.0


answers = st.tuples(st.just("answered"), st.floats(0.001, 120), st.integers(0, 200))
events = st.lists(answers | st.just(("cut", 0.0, 0)) | st.just(("claimed", 0.0, 0)), max_size=200)


@given(events)
def test_whatever_happens_something_may_be_begun_once_nothing_is_in_flight(
    happens: list[tuple[str, float, int]],
) -> None:
    known = Pace()
    for second, (what, seconds, count) in enumerate(happens):
        match what:
            case "answered":
                known = known.answered(seconds, unclaimed=count, now=float(second))
            case "cut":
                known = known.cut(now=float(second))
            case _:
                known = known.claimed("t1", now=float(second))
        assert pace.LEAST <= known.window < inf
        assert known.of_cloud([], most=1, between=0.5, now=float(second)) is None
        assert known.at_target([], "t1", between=0.5, now=float(second)) is None


def test_while_the_cloud_puts_calls_off_nothing_is_begun_for_as_long_as_it_asks() -> None:
    known = AT_EASE.hold_off(7.0, now=10.0)
    assert known.window < AT_EASE.window
    assert (of_cloud(known, now=16.9), of_cloud(known, now=17.0)) == (Limit.BUSY, None)
    assert AT_EASE.hold_off(9_999.0, now=10.0).waits_until == 10.0 + pace.MOST_ASKED_FOR
    assert AT_EASE.hold_off(inf, now=10.0).waits_until == 10.0 + pace.MOST_ASKED_FOR
    assert AT_EASE.hold_off(nan, now=10.0).waits_until == 10.0 + pace.HOLD_OFF


def test_a_cloud_that_names_no_time_is_left_alone_twice_as_long_each_time_and_eight_seconds_at_most() -> None:
    known, waits = AT_EASE, []
    for _ in range(5):
        now = max(known.waits_until, 0.0)
        for late in (0.0, 0.1):  # both were on their way
            known = known.hold_off(0.0, now=now + late)
        waits.append(round(known.waits_until - now, 1))
    assert waits == [1.1, 2.1, 4.1, 8.1, 8.1]
    known = known.answered(0.3, unclaimed=1, now=100.0)
    assert known.hold_off(0.0, now=100.0).waits_until == 101.0


def test_a_cloud_that_puts_everything_off_for_five_minutes_takes_nothing() -> None:
    known = AT_EASE
    for now in (10.0, 20.0, 40.0, 60.0):
        known = known.hold_off(0.0, now=now)
    assert not known.takes_nothing(now=900.0), "it was hardly asked"
    known = known.hold_off(0.0, now=100.0)
    assert not known.takes_nothing(now=310.0)
    assert known.takes_nothing(now=310.1)
    assert not known.answered(0.3, unclaimed=1, now=300.0).takes_nothing(now=900.0)

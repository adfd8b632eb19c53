"""How many VMs at once (more while the time per VM stays flat, fewer when it grows), and how often they are looked at."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import pace
from bot.domain.plan import By
from bot.domain.steps import StepRecord, StepState
from bot.domain.values import StepKey, VmId
from tests.domain.plans import NOW, record


def moved(seq: int, seconds: float, *, verb: str = "evacuate", by: By = By.MUSTER, **changes: Any) -> StepRecord:
    """A VM that was verified in its turn, after so many seconds."""
    done = record(seq, StepState.DONE, vm=VmId(f"vm-{seq}"), verb=verb, by=by)
    ended = NOW + timedelta(hours=1, seconds=seq)
    return replace(done, intent_at=ended - timedelta(seconds=seconds), ended_at=ended, **changes)


def history(*seconds: float) -> list[StepRecord]:
    return [moved(seq, each) for seq, each in enumerate(seconds)]


def test_it_begins_with_seven_or_with_what_the_cloud_allows() -> None:
    assert pace.in_flight([], ceiling=40) == 7
    assert pace.in_flight([], ceiling=4) == 4


@pytest.mark.parametrize(
    ("verified", "limit"),
    [
        ([5.0] * 13, 7),  # the first round tells nothing, the second is not over
        ([5.0] * 14, 10),
        ([5.0] * (14 + 10), 15),
        ([5.0] * (14 + 10 + 15), 22),
        ([5.0] * (14 + 10 + 15 + 22), 33),
        ([5.0] * (14 + 10 + 15 + 22 + 33), 40),
        ([5.0] * 300, 40),
    ],
)
def test_while_the_time_per_vm_stays_flat_it_rises_up_to_the_limit(verified: list[float], limit: int) -> None:
    assert pace.in_flight(history(*verified), ceiling=40) == limit


def test_when_the_time_per_vm_grows_it_goes_back_to_what_it_was_and_waits_before_it_tries_again() -> None:
    risen = [5.0] * 14 + [8.0] * 10
    assert pace.in_flight(history(*risen), ceiling=40) == 7
    assert pace.in_flight(history(*risen, *[5.0] * 14), ceiling=40) == 7
    assert pace.in_flight(history(*risen, *[5.0] * 21), ceiling=40) == 10


def test_after_each_step_back_it_waits_twice_as_long_as_after_the_last() -> None:
    again = [5.0] * 14 + [8.0] * 10 + [5.0] * 21 + [8.0] * 10
    assert pace.in_flight(history(*again), ceiling=40) == 7
    assert pace.in_flight(history(*again, *[5.0] * 28), ceiling=40) == 7
    assert pace.in_flight(history(*again, *[5.0] * 35), ceiling=40) == 10


@pytest.mark.parametrize(("grown", "limit"), [(9.9, 7), (10.1, 4)])
def test_with_as_many_as_before_only_twice_the_time_per_vm_makes_it_fall(grown: float, limit: int) -> None:
    assert pace.in_flight(history(*[5.0] * 14, *[grown] * 7), ceiling=7) == limit


def test_a_step_up_that_wins_nothing_is_taken_back_by_less() -> None:
    assert pace.in_flight(history(*[5.0] * 14, *[6.7] * 10), ceiling=10) == 10
    assert pace.in_flight(history(*[5.0] * 14, *[6.8] * 10), ceiling=10) == 7


def test_while_vms_become_slower_no_more_are_tried() -> None:
    slower = [5.0] * 7 + [5.0] * 7 + [5.0] * 10
    assert pace.in_flight(history(*slower, *[5.0] * 15), ceiling=40) == 22
    assert pace.in_flight(history(*slower, *[6.0] * 15, *[10.0] * 22), ceiling=40) == 15


def test_a_cloud_that_only_gets_slower_is_given_less_and_less_but_never_nothing() -> None:
    assert pace.in_flight(history(*(1.5**n for n in range(60))), ceiling=10) == 1


def test_vms_that_are_slower_from_some_point_on_cost_one_step_back_only() -> None:
    found = [pace.in_flight(history(*[5.0] * 14, *[60.0] * n), ceiling=7) for n in range(60)]
    assert min(found) == 4
    assert found[-1] == 7


def test_only_moves_of_ours_that_were_verified_count() -> None:
    flat = history(*[5.0] * 13)
    others = [
        moved(90, 5, by=By.CLOUD),
        replace(moved(91, 5), state=StepState.FAILED),
        replace(moved(92, 5), starts=0),
        replace(moved(93, 5), intent_at=None),
        replace(moved(94, 5), step=replace(moved(94, 5).step, vm=None)),
    ]
    assert pace.in_flight([*flat, *others], ceiling=40) == 7
    assert pace.in_flight([*flat, moved(95, 5)], ceiling=40) == 10


def test_the_quick_steps_around_a_move_say_nothing_about_it() -> None:
    locks = [moved(100 + n, 0.2, verb="lock") for n in range(50)]
    assert pace.in_flight(locks + history(*[5.0] * 13), ceiling=40) == 7


times = st.lists(st.floats(0, 3600), max_size=120)
ceilings = st.integers(-1, 60)


@given(times, ceilings)
def test_it_stays_within_the_limit_and_never_stops(seconds: list[float], ceiling: int) -> None:
    assert 1 <= pace.in_flight(history(*seconds), ceiling=ceiling) <= max(1, ceiling)


@given(times, st.randoms())
def test_it_depends_on_the_rows_alone_and_not_on_their_order(seconds: list[float], random: Random) -> None:
    rows = history(*seconds)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert pace.in_flight(rows, ceiling=30) == pace.in_flight(shuffled, ceiling=30)


@given(times)
def test_one_more_verified_vm_moves_it_by_one_step_at_most(seconds: list[float]) -> None:
    limits = [pace.in_flight(history(*seconds[:n]), ceiling=1000) for n in range(len(seconds) + 1)]
    for before, after in pairwise(limits):
        assert after in {before, pace.more(before), pace.fewer(before)} or pace.more(after) == before


# ---------------------------------------------------------------------- how often

LATER = NOW + timedelta(hours=2)


def moving(seq: int, age: float, **changes: Any) -> StepRecord:
    """A VM that was started so many seconds ago."""
    begun = record(seq, StepState.ACCEPTED, vm=VmId(f"vm-{seq}"), verb="evacuate")
    return replace(begun, intent_at=LATER - timedelta(seconds=age), **changes)


def between(*records: StepRecord) -> float:
    return pace.between_looks(records, poll=2.0, now=LATER)


def test_vms_that_move_quickly_are_looked_at_more_often_and_slow_ones_as_the_settings_say() -> None:
    assert between(*history(*[0.5] * 10), moving(90, 0.1)) == pytest.approx(0.5)
    assert between(*history(*[6.0] * 10), moving(90, 0.1)) == pytest.approx(1.0)
    assert between(*history(*[60.0] * 10), moving(90, 0.1)) == pytest.approx(2.0)


def test_what_vms_take_now_counts_and_not_what_they_took_at_first() -> None:
    assert between(*history(*[60.0] * 20, *[6.0] * 10), moving(90, 0.1)) == pytest.approx(1.0)


def test_before_the_first_has_ended_looks_become_rarer_as_time_passes() -> None:
    waits = [between(moving(90, age), moving(91, age + 5)) for age in (0.0, 3.0, 6.0, 9.0, 12.0, 600.0)]
    assert waits == pytest.approx([0.5, 0.5, 1.0, 1.5, 2.0, 2.0])


def test_one_that_hangs_alone_is_not_looked_at_the_more_often_for_those_that_were_quick() -> None:
    assert between(*history(*[1.0] * 30), moving(90, 600.0)) == pytest.approx(2.0)


def test_where_no_vm_of_ours_moves_the_settings_count() -> None:
    watched = moving(90, 0.1)
    by_the_cloud = replace(watched, step=replace(watched.step, by=By.CLOUD))
    of_the_host = replace(watched, step=replace(watched.step, vm=None))
    assert between() == between(*history(*[1.0] * 5), by_the_cloud, of_the_host) == pytest.approx(2.0)


@given(times, st.lists(st.floats(0, 7200), max_size=20), st.floats(0.01, 60))
def test_it_lies_between_a_quarter_of_the_poll_and_the_poll(taken: list[float], ages: list[float], poll: float) -> None:
    records = [*history(*taken), *(moving(1000 + n, age) for n, age in enumerate(ages))]
    assert poll / 4 <= pace.between_looks(records, poll=poll, now=LATER) <= poll


# ---------------------------------------------------------------------- how many are begun together


def planned(seq: int, by: By = By.MUSTER, **changes: Any) -> StepRecord:
    return record(seq, vm=VmId(f"vm-{seq}"), by=by, **changes)


@pytest.mark.parametrize(("limit", "few"), [(1, 1), (2, 1), (3, 1), (4, 2), (10, 4), (40, 14)])
def test_a_third_of_the_places_is_given_in_one_round(limit: int, few: int) -> None:
    coming = [planned(n) for n in range(50)]
    assert pace.begun_together(coming, limit=limit) == coming[:few]


def test_what_the_cloud_or_people_do_and_what_relieves_is_never_put_off() -> None:
    ours = [planned(n) for n in range(3)]
    others = [planned(5, By.CLOUD), planned(6, By.PERSON), planned(7, relieves=ours[0].key)]
    assert pace.begun_together([others[2], *ours, *others[:2]], limit=3) == [others[2], ours[0], *others[:2]]


def test_what_follows_for_a_vm_that_has_begun_and_what_is_done_to_the_host_is_never_put_off() -> None:
    goes_on = [planned(n, follows=StepKey(f"lock:{n}")) for n in range(5)]
    of_the_host = replace(planned(9), step=replace(planned(9).step, vm=None))
    coming = [planned(7), *goes_on, of_the_host, planned(8)]
    assert pace.begun_together(coming, limit=1) == coming[:-1]

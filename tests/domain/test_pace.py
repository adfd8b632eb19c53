"""How many VMs at once: more while the time per VM stays flat, fewer when it grows, and always within the limit."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import pace
from bot.domain.plan import By
from bot.domain.steps import StepRecord, StepState
from bot.domain.values import VmId
from tests.domain.plans import NOW, record


def moved(seq: int, seconds: float, *, verb: str = "evacuate", by: By = By.MUSTER, **changes: object) -> StepRecord:
    """A VM that was verified in its turn, after so many seconds."""
    done = record(seq, StepState.DONE, vm=VmId(f"vm-{seq}"), verb=verb, by=by)
    ended = NOW + timedelta(hours=1, seconds=seq)
    return replace(done, intent_at=ended - timedelta(seconds=seconds), ended_at=ended, **changes)  # type: ignore[arg-type]


def history(*seconds: float) -> list[StepRecord]:
    return [moved(seq, each) for seq, each in enumerate(seconds)]


def test_it_begins_with_ten_or_with_what_the_cloud_allows():
    assert pace.in_flight([], ceiling=40) == 10
    assert pace.in_flight([], ceiling=4) == 4


@pytest.mark.parametrize(
    ("verified", "limit"),
    [
        ([5.0] * 19, 10),  # the first round tells nothing, the second is not over
        ([5.0] * 20, 15),
        ([5.0] * (20 + 15), 22),
        ([5.0] * (20 + 15 + 22), 33),
        ([5.0] * (20 + 15 + 22 + 33), 40),
        ([5.0] * 300, 40),
    ],
)
def test_while_the_time_per_vm_stays_flat_it_rises_up_to_the_limit(verified: list[float], limit: int):
    assert pace.in_flight(history(*verified), ceiling=40) == limit


def test_when_the_time_per_vm_grows_it_falls_back_and_waits_before_it_tries_again():
    risen = [5.0] * 20 + [8.0] * 15
    assert pace.in_flight(history(*risen), ceiling=40) == 10
    assert pace.in_flight(history(*risen, *[5.0] * 20), ceiling=40) == 10
    assert pace.in_flight(history(*risen, *[5.0] * 30), ceiling=40) == 15


def test_a_cloud_that_only_gets_slower_is_given_less_and_less_but_never_nothing():
    assert pace.in_flight(history(*(1.5**n for n in range(60))), ceiling=10) == 1


def test_vms_that_are_slower_from_some_point_on_cost_one_step_back_only():
    found = [pace.in_flight(history(*[5.0] * 20, *[60.0] * n), ceiling=10) for n in range(60)]
    assert min(found) == 6
    assert found[-1] == 10


def test_only_moves_of_ours_that_were_verified_count():
    flat = history(*[5.0] * 19)
    others = [
        moved(90, 5, by=By.CLOUD),
        replace(moved(91, 5), state=StepState.FAILED),
        replace(moved(92, 5), starts=0),
        replace(moved(93, 5), intent_at=None),
        replace(moved(94, 5), step=replace(moved(94, 5).step, vm=None)),
    ]
    assert pace.in_flight([*flat, *others], ceiling=40) == 10
    assert pace.in_flight([*flat, moved(95, 5)], ceiling=40) == 15


def test_the_quick_steps_around_a_move_say_nothing_about_it():
    locks = [moved(100 + n, 0.2, verb="lock") for n in range(50)]
    assert pace.in_flight(locks + history(*[5.0] * 19), ceiling=40) == 10


times = st.lists(st.floats(0, 3600), max_size=120)
ceilings = st.integers(-1, 60)


@given(times, ceilings)
def test_it_stays_within_the_limit_and_never_stops(seconds: list[float], ceiling: int):
    assert 1 <= pace.in_flight(history(*seconds), ceiling=ceiling) <= max(1, ceiling)


@given(times, st.randoms())
def test_it_depends_on_the_rows_alone_and_not_on_their_order(seconds: list[float], random):
    rows = history(*seconds)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert pace.in_flight(rows, ceiling=30) == pace.in_flight(shuffled, ceiling=30)


@given(times)
def test_one_more_verified_vm_moves_it_by_one_step_at_most(seconds: list[float]):
    limits = [pace.in_flight(history(*seconds[:n]), ceiling=1000) for n in range(len(seconds) + 1)]
    for before, after in pairwise(limits):
        assert after in {before, pace.more(before), pace.fewer(before)}

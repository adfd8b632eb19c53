"""What is said of the time that an operation which runs will take still, and when nothing is said."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.domain.operation import State
from bot.domain.plans.plan import By, Disposition
from bot.domain.progress.forecast import starts_a_second, time_left
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import VmId
from tests.domain.build import NOW, operation, plan, record
from tests.domain.build import vm as planned_vm


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def vm(
    seq: int, state: StepState = StepState.PLANNED, *, since: float = 0, took: float = 0, **changes: Any
) -> StepRecord:
    """One VM: begun so many seconds ago, and ended after so many."""
    step = {name: changes.pop(name) for name in ("by", "waits_at") if name in changes}
    made = record(seq, state, vm=VmId(f"vm-{seq}"), **step)
    if state is StepState.PLANNED:
        return made
    began = NOW - seconds(since)
    ended = began + seconds(took) if took else None
    return replace(made, intent_at=began, begun_at=began, moved_at=ended or NOW, ended_at=ended, **changes)


def left(
    *records: StepRecord,
    state: State = State.RUNNING,
    estimate: float | None = None,
    since: float = 60,
    big: Sequence[int] = (),
    stays: Sequence[int] = (),
) -> Any:
    """Seconds that are told; `big` are VMs of another size than the others, `stays` those that are only looked for."""
    large = {VmId(f"vm-{seq}") for seq in big}
    stay = {VmId(f"vm-{seq}") for seq in stays}
    vms = [
        planned_vm(
            id,
            size="2 TiB" if id in large else "4 GiB",
            disposition=Disposition.LEAVE if id in stay else Disposition.LIVE_MIGRATE,
        )
        for r in records
        if (id := r.step.vm)
    ]
    planned = plan(vms=tuple(vms), estimate=seconds(estimate) if estimate else None)
    running = replace(operation(plan=planned), state=state, started_at=NOW - seconds(since))
    found = time_left(running, records, now=NOW)
    return found.total_seconds() if found is not None else None


def many(first: int, state: StepState, since: Sequence[float], **changes: Any) -> list[StepRecord]:
    return [vm(first + n, state, since=at, **changes) for n, at in enumerate(since)]


def test_before_anything_has_ended_the_plan_s_estimate_counts_down_and_then_nothing_is_said() -> None:
    moving = vm(0, StepState.ACCEPTED, since=20)
    assert left(moving, vm(1), estimate=90) == 30
    assert left(moving, vm(1), estimate=60) is None
    assert left(moving, vm(1)) is None


def test_vms_that_wait_for_their_boot_side_by_side_are_over_with_the_last_of_them() -> None:
    done = many(0, StepState.DONE, [20, 19, 18], took=15)
    going = many(10, StepState.ACCEPTED, [10, 9, 5])
    assert left(*done, *going) == 10, "and not 20 s for each"


def test_those_that_are_not_begun_yet_go_at_the_rate_of_late() -> None:
    done = many(0, StepState.DONE, [100, 90, 80, 70], took=15)
    going = many(10, StepState.ACCEPTED, [18, 14, 10, 6, 2])
    waiting = [vm(n) for n in range(20, 30)]
    assert left(*done, *going, *waiting) == 20 / 5 * 10 + 15


def test_nothing_is_said_while_nothing_is_begun_or_the_last_takes_longer_than_any_before() -> None:
    done = many(0, StepState.DONE, [100, 90], took=15)
    assert left(*done, vm(10, StepState.ACCEPTED, since=40), vm(11)) is None
    assert left(*done, vm(10, StepState.ACCEPTED, since=16)) is None


def test_what_is_copied_through_a_slot_is_told_by_its_figures_and_the_rest_by_those_before() -> None:
    copying = vm(1, StepState.ACCEPTED, since=30, progress=0.75)
    queued = replace(vm(2, StepState.ACCEPTED), begun_at=None)
    done = vm(0, StepState.DONE, since=80, took=50)
    assert left(copying) == 10
    assert left(copying, queued, vm(3)) == 10 + 2 * 40
    assert left(done, copying, queued, vm(3)) == 10 + 2 * 50
    two_slots = [vm(n, StepState.ACCEPTED, since=30, progress=0.75) for n in (1, 5)]
    assert left(done, *two_slots, queued, vm(3)) == (2 * 10 + 2 * 50) / 2


def test_nothing_is_said_of_what_makes_no_headway() -> None:
    copying = vm(1, StepState.ACCEPTED, since=90, progress=0.75)
    assert left(replace(copying, is_in_vain=True), vm(2)) is None
    assert left(replace(copying, moved_at=NOW - seconds(31)), vm(2)) is None


def test_what_one_call_brings_about_goes_on_as_it_went() -> None:
    done = [vm(n, StepState.DONE, since=60, took=10 * (n + 1), by=By.CLOUD) for n in range(3)]
    going = many(10, StepState.ACCEPTED, [60, 60], by=By.CLOUD)
    assert left(*done, *going) == 20


def test_nothing_is_left_of_what_has_ended_and_nothing_said_of_what_does_not_run() -> None:
    done, going = vm(0, StepState.DONE, since=30, took=15), vm(1, StepState.ACCEPTED, since=5)
    assert left(done) is None
    assert left(done, going, state=State.PAUSED) is None
    assert left(record(0, StepState.ACCEPTED)) is None


def test_a_vm_is_measured_by_those_of_its_size_and_until_one_has_ended_by_what_the_plan_estimated() -> None:
    small = many(0, StepState.DONE, [50, 40, 30], took=10)
    large = vm(10, StepState.ACCEPTED, since=20)
    assert left(*small, large, big=[10]) is None, "ten seconds tell nothing of two tebibytes"
    assert left(*small, large, big=[10], estimate=600) == 600 - 60
    assert left(*small, large, big=[10], estimate=50) is None, "the estimate is used up"
    ended = vm(11, StepState.DONE, since=55, took=50)
    assert left(*small, ended, large, big=[10, 11], estimate=600) == 50 - 20
    assert left(*small, ended, large, vm(12), big=[10, 11, 12]) == 20 / 1 * 1 + 50


def test_the_slowest_kind_that_is_left_decides_and_not_the_last_one_begun() -> None:
    done = [vm(0, StepState.DONE, since=120, took=100), vm(1, StepState.DONE, since=20, took=10)]
    assert left(*done, vm(2, StepState.ACCEPTED, since=30), vm(3, StepState.ACCEPTED, since=5), big=[0, 2]) == 100 - 30


def test_in_a_slot_and_in_a_row_each_counts_for_its_size() -> None:
    copying = vm(1, StepState.ACCEPTED, since=30, progress=0.75)
    queued = [replace(vm(n, StepState.ACCEPTED), begun_at=None) for n in (2, 3)]
    done = vm(0, StepState.DONE, since=500, took=400)
    assert left(done, copying, *queued, big=[0, 2]) == 10 + 400 + 40
    assert left(copying, *queued, big=[2]) is None
    assert left(copying, *queued, big=[2], estimate=900) == 900 - 60
    first = vm(0, StepState.DONE, since=120, took=100, by=By.CLOUD)
    second = vm(1, StepState.DONE, since=120, took=110, by=By.CLOUD)
    rest = many(2, StepState.ACCEPTED, [120, 120], by=By.CLOUD)
    assert left(first, second, *rest, big=[0, 2]) == 100 + 10
    assert left(second, *rest, big=[2], estimate=200) == 200 - 60
    assert left(first, second, *rest, big=[0], stays=[2]) == 10, "one that stays takes no time"


def test_starts_are_counted_over_the_last_while() -> None:
    begun = [vm(n, StepState.ACCEPTED, since=at) for n, at in enumerate([4, 3, 2, 1])]
    assert starts_a_second([*begun, vm(9)], now=NOW) == 1.0
    assert starts_a_second([vm(10, StepState.DONE, since=100, took=9), *begun], now=NOW) == 4 / 20
    assert starts_a_second([vm(9)], now=NOW) == 0.0

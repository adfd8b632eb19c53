"""What is said of the time that a plan will take, and when nothing is said."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.domain.estimate import EarlierOperation, of
from bot.domain.plans.plan import By, Disposition, Plan, Step
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import VmId
from tests.domain.build import NOW, plan, step, vm

SMALL, LARGE = "2 vCPU, 4 GiB", "64 vCPU, 2,048 GiB"
HALF_A_MINUTE, AN_HOUR = 30.0, 3_600.0


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def coming(*sizes: str, kind: Disposition = Disposition.LIVE_MIGRATE, by: By = By.MUSTER) -> Plan:
    """A plan of one VM of each of these sizes."""
    ids = [VmId(f"vm-{n}") for n in range(len(sizes))]
    return plan(
        vms=tuple(vm(id, size=size, disposition=kind) for id, size in zip(ids, sizes, strict=True)),
        steps=tuple(step(f"move {id}", vm=id, by=by) for id in ids),
    )


def went(of_plan: Plan, spans: Sequence[tuple[float, float]], state: StepState = StepState.DONE) -> EarlierOperation:
    """An operation that did that plan: when each VM was begun, and when it had ended."""
    records = [
        StepRecord(
            step=Step.of(one),
            seq=seq,
            state=state,
            starts=1,
            intent_at=NOW,
            begun_at=NOW + seconds(began),
            ended_at=NOW + seconds(ended),
        )
        for seq, (one, (began, ended)) in enumerate(zip(of_plan.steps, spans, strict=True))
    ]
    return of_plan, records


def one_by_one(number: int, size: str, each: float) -> EarlierOperation:
    return went(coming(*[size] * number), [(each * n, each * (n + 1)) for n in range(number)])


def test_a_vm_of_two_tebibytes_is_not_measured_by_one_of_four_gibibytes() -> None:
    past = one_by_one(10, SMALL, HALF_A_MINUTE)
    assert of(coming(*[SMALL] * 4), [past]) == (seconds(120), seconds(120))
    assert of(coming(SMALL, LARGE), [past]) is None, "nobody knows what a large one takes here"
    known = [past, one_by_one(2, LARGE, AN_HOUR)]
    assert of(coming(SMALL, LARGE), known) == (seconds(3_630), seconds(3_630))
    assert of(coming(LARGE, LARGE), known) == (seconds(7_200), seconds(7_200))


def test_a_vm_that_is_rebuilt_is_not_measured_by_one_that_was_copied() -> None:
    past = one_by_one(10, SMALL, HALF_A_MINUTE)
    assert of(coming(SMALL, kind=Disposition.EVACUATE), [past]) is None


def test_what_goes_side_by_side_is_told_as_that_and_from_the_quickest_to_the_slowest() -> None:
    past = went(coming(*[SMALL] * 11), [(n, n + 15) for n in range(11)])
    assert of(coming(*[SMALL] * 21), [past]) == (seconds(20 * 1 + 15), seconds(20 * 1 + 15))
    slower = went(coming(*[SMALL] * 11), [(2 * n, 2 * n + (15 if n else 5)) for n in range(11)])
    least, most = of(coming(*[SMALL] * 21), [past, slower]) or (None, None)
    assert least is not None
    assert most is not None
    assert least < seconds(35) < most < seconds(80)


def test_two_at_a_time_take_half_as_long_as_one_by_one() -> None:
    pairs = went(coming(*[SMALL] * 10), [(30 * (n // 2), 30 * (n // 2 + 1)) for n in range(10)])
    least, most = of(coming(*[SMALL] * 10), [pairs]) or (None, None)
    assert least == most == seconds(150)


def test_of_one_vm_alone_nobody_learns_how_many_go_at_once() -> None:
    assert of(coming(*[SMALL] * 20), [one_by_one(1, SMALL, 15)]) == (seconds(15), seconds(300))
    assert of(coming(SMALL), [one_by_one(1, SMALL, 15)]) == (seconds(15), seconds(15))


def test_a_pause_of_an_hour_in_the_middle_does_not_make_vms_slow() -> None:
    late = [(0, 15), (15, 30), (3_630, 3_645), (3_645, 3_660)]
    assert of(coming(*[SMALL] * 4), [went(coming(*[SMALL] * 4), late)]) == (seconds(60), seconds(60))


def test_what_one_call_sets_off_for_all_is_measured_from_one_end_to_the_next() -> None:
    of_all = coming(*[SMALL] * 10, by=By.CLOUD)
    assert of(of_all, [went(of_all, [(0, 20 * (n + 1)) for n in range(10)])]) == (seconds(200), seconds(200))


def test_what_did_not_get_done_and_what_a_person_does_tells_nothing() -> None:
    some = coming(SMALL)
    assert of(some, []) is None
    assert of(plan(steps=()), [one_by_one(3, SMALL, 15)]) is None
    assert of(some, [went(some, [(0, 15)], StepState.FAILED)]) is None
    assert of(coming(SMALL, by=By.PERSON), [one_by_one(3, SMALL, 15)]) is None
    found_done = [replace(r, intent_at=None, begun_at=None) for r in went(some, [(0, 15)])[1]]
    assert of(some, [(some, found_done)]) is None


def test_a_vm_that_is_only_looked_for_afterwards_takes_no_time_and_need_not_be_known() -> None:
    mixed = coming(SMALL, SMALL, LARGE)
    mixed = replace(mixed, vms=(*mixed.vms[:2], replace(mixed.vms[2], disposition=Disposition.LEAVE)))
    assert of(mixed, [one_by_one(3, SMALL, 15)]) == (seconds(30), seconds(30))
    assert of(coming(SMALL, SMALL), [went(mixed, [(0, 15), (15, 30), (0, 900)])]) == (seconds(30), seconds(30))

"""VMs that people set aside: which may be, that they are touched no more, and that nothing counts as done by it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.plans.plan import By
from bot.domain.progress import set_aside
from bot.domain.progress.steps import ENDED, SetAside, StepRecord, StepState
from bot.domain.progress.turns import not_needed, to_retry, to_start
from bot.domain.values import StepKey, UserId, VmId
from tests.domain.build import NOW, PHASES, record

BOB = SetAside(by=UserId("U0BOB"), at=NOW, reason="its owner moves it")
VM_1, VM_2 = VmId("vm-1"), VmId("vm-2")
FAILED = (StepState.FAILED, StepState.UNKNOWN)


def with_aside(records: list[StepRecord], *vms: VmId) -> list[StepRecord]:
    marked = {r.key: r for r in set_aside.of(records, vms, BOB)}
    return [marked.get(r.key, r) for r in records]


def keys(records: Iterable[StepRecord]) -> list[str]:
    return [r.key for r in records]


def moved(state: StepState, *, unlocked: StepState = StepState.DONE) -> list[StepRecord]:
    """The host closed, vm-1 locked, moved, confirmed and unlocked, vm-2 moved, and the host verified."""
    follower = state if state is StepState.DONE else StepState.NOT_NEEDED
    return [
        record(0, StepState.DONE, phase="close", essential=True),
        record(1, StepState.DONE, vm=VM_1),
        record(2, state, vm=VM_1, follows=StepKey("step 1")),
        record(3, follower, vm=VM_1, follows=StepKey("step 2")),
        record(4, unlocked, vm=VM_1, follows=StepKey("step 3"), tidies=StepKey("step 1")),
        record(5, StepState.DONE, vm=VM_2),
        record(6, StepState.FAILED, phase="verify", by=By.CLOUD),
    ]


@pytest.mark.parametrize("state", StepState)
def test_only_a_vm_that_failed_or_whose_fate_is_unclear_may_be_set_aside(state: StepState) -> None:
    assert list(set_aside.may_be(moved(state))) == ([VM_1] if state in FAILED else [])


def test_a_vm_that_stands_still_on_its_way_may_be_set_aside_when_its_patience_ends() -> None:
    still = replace(record(0, StepState.ACCEPTED, vm=VM_1), moved_at=NOW - set_aside.STILL, begun_at=NOW)
    assert set_aside.not_yet([still], now=NOW) == {still.key: NOW - set_aside.STILL + still.step.patience}
    assert not set_aside.may_be([still])
    assert not set_aside.not_yet([replace(still, moved_at=NOW - timedelta(minutes=4))], now=NOW)
    assert not set_aside.not_yet([replace(still, state=StepState.UNKNOWN)], now=NOW), "it may be now"
    asked = record(1, StepState.ACCEPTED, vm=VM_1, by=By.PERSON, relieves=still.key)
    assert not set_aside.not_yet([still, asked], now=NOW), "a person is told what to do about it"
    waiting = replace(still, step=replace(still.step, waits_at="host-1"), begun_at=None)
    assert not set_aside.not_yet([waiting], now=NOW), "its turn has not come"


def test_the_first_of_its_steps_that_failed_tells_why() -> None:
    both = [record(0, StepState.FAILED, vm=VM_1), record(1, StepState.UNKNOWN, vm=VM_1)]
    assert set_aside.may_be(both)[VM_1].key == "step 0"


def test_what_is_no_vm_or_is_moved_by_a_call_for_the_whole_host_may_not_be_set_aside() -> None:
    assert not set_aside.may_be([record(0, StepState.FAILED), record(1, StepState.FAILED, vm=VM_1, by=By.CLOUD)])


def test_a_vm_that_only_stayed_locked_or_whose_relief_failed_is_not_set_aside() -> None:
    late = record(0, StepState.DONE, vm=VM_1)
    assert not set_aside.may_be(moved(StepState.DONE, unlocked=StepState.FAILED))
    assert not set_aside.may_be([late, record(1, StepState.FAILED, vm=VM_1, relieves=late.key)])


def test_nobody_sets_the_same_vm_aside_twice() -> None:
    assert not set_aside.may_be(with_aside(moved(StepState.FAILED), VM_1))


def test_with_a_vm_all_is_set_aside_that_it_has_left_but_what_tidies_up() -> None:
    chain = moved(StepState.FAILED, unlocked=StepState.UNKNOWN)
    assert keys(set_aside.of(chain, [VM_1], BOB)) == ["step 2", "step 3"]
    again = to_retry(with_aside(chain, VM_1))
    assert keys(again) == ["step 4", "step 6"]


def test_what_was_set_aside_is_not_retried_and_its_relief_is_not_either() -> None:
    late = record(0, StepState.FAILED, vm=VM_1)
    relief = record(1, StepState.DONE, vm=VM_1, relieves=late.key)
    assert keys(to_retry([late, relief])) == ["step 0", "step 1"]
    assert keys(to_retry(with_aside([late, relief], VM_1))) == []


def test_what_a_vm_that_was_set_aside_had_still_to_do_does_not_happen() -> None:
    failed, waits = record(0, StepState.FAILED, vm=VM_1), record(1, vm=VM_1)
    rest = with_aside([failed, waits], VM_1)
    assert keys(not_needed(rest, PHASES)) == ["step 1"]
    assert to_start(rest, PHASES, limit=9, now=NOW) == []


def test_a_later_phase_that_needs_every_vm_does_not_happen_over_one_that_was_set_aside() -> None:
    needed = record(0, StepState.FAILED, vm=VM_1, essential=True)
    later = record(1, StepState.NOT_NEEDED, phase="verify")
    rest = with_aside([needed, later], VM_1)
    again = [r.again() if r in to_retry(rest) else r for r in rest]
    assert keys(not_needed(again, PHASES)) == ["step 1"]
    assert set_aside.is_all_that_is_left(rest, PHASES)


@pytest.mark.parametrize("state", FAILED)
def test_nothing_is_left_once_only_the_host_itself_could_be_looked_at_again(state: StepState) -> None:
    assert not set_aside.is_all_that_is_left(moved(state), PHASES)
    rest = with_aside(moved(state), VM_1)
    assert set_aside.is_all_that_is_left(rest, PHASES)
    assert set_aside.outcome(rest) == "1 of 2 VMs verified, 1 set aside"


def test_without_a_vm_set_aside_something_is_always_left() -> None:
    assert not set_aside.is_all_that_is_left(moved(StepState.DONE), PHASES)


@pytest.mark.parametrize(
    "other",
    [
        record(7, StepState.FAILED, vm=VM_2),
        record(7, StepState.UNKNOWN, phase="close"),
        record(7, StepState.PLANNED, vm=VM_2),
        record(7, StepState.FAILED, vm=VM_2, by=By.PERSON),
        record(7, StepState.FAILED, vm=VM_1, tidies=StepKey("step 1"), follows=StepKey("step 3")),
    ],
    ids=["another VM", "the host", "not begun yet", "by hand", "still locked"],
)
def test_as_long_as_a_retry_could_begin_something_it_is_left(other: StepRecord) -> None:
    assert not set_aside.is_all_that_is_left([*with_aside(moved(StepState.FAILED), VM_1), other], PHASES)


mixed = st.lists(st.tuples(st.sampled_from(sorted(ENDED)), st.sampled_from([VM_1, VM_2, None])), max_size=8).map(
    lambda rows: [record(seq, state, vm=vm) for seq, (state, vm) in enumerate(rows)]
)


@given(mixed, st.sets(st.sampled_from([VM_1, VM_2])))
def test_whatever_is_set_aside_is_never_done_never_retried_and_nothing_else_is_changed(
    records: list[StepRecord], vms: set[VmId]
) -> None:
    rest = with_aside(records, *vms)
    taken = [r for r in rest if r.aside]
    assert [replace(r, aside=None) for r in rest] == records
    assert all(r.state is not StepState.DONE and r.step.vm in vms for r in taken)
    assert not {r.key for r in to_retry(rest)} & {r.key for r in taken}
    assert {r.key for r in to_retry(records)} == {r.key for r in to_retry(rest)} | {r.key for r in taken}

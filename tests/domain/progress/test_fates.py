"""What has become of each VM, counted as people count."""

from dataclasses import replace

import pytest

from bot.domain.progress import fates
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import SetAside, StepRecord, StepState, laid_out
from bot.domain.values import UserId, VmId
from tests.domain.build import NOW, plan, record, step, vm

S = StepState


def of_vm(name: str, *states: StepState, first: int = 0) -> list[StepRecord]:
    return [record(first + at, state, vm=VmId(name)) for at, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "fate", "teller"),
    [
        ((S.PLANNED, S.PLANNED), Fate.WAITING, 1),
        ((S.DONE, S.PLANNED), Fate.MOVING, 1),
        ((S.DONE, S.ACCEPTED, S.PLANNED), Fate.MOVING, 1),
        ((S.DONE, S.DONE), Fate.DONE, 1),
        ((S.DONE, S.FAILED, S.NOT_NEEDED), Fate.FAILED, 1),
        ((S.UNKNOWN, S.NOT_NEEDED), Fate.UNKNOWN, 0),
        ((S.NOT_NEEDED, S.NOT_NEEDED), Fate.NOT_DONE, 0),
    ],
)
def test_a_vm_stands_as_the_worst_of_its_steps_and_that_step_tells_it(
    states: tuple[StepState, ...], fate: Fate, teller: int
) -> None:
    records = of_vm("web-1", *states)
    assert fates.of(records) is fate
    assert fates.decisive(records) == records[teller]


def test_what_a_person_has_set_aside_is_told_as_that() -> None:
    records = [
        replace(one, aside=SetAside(by=UserId("U0BOB"), at=NOW)) for one in of_vm("web-1", S.FAILED, S.NOT_NEEDED)
    ]
    assert fates.of(records) is Fate.SET_ASIDE
    assert fates.decisive(records) == records[0]


def test_vms_are_counted_beside_steps_of_the_host_and_never_their_steps() -> None:
    host = record(0, S.FAILED)
    both = [*of_vm("a", S.DONE, S.DONE, first=1), *of_vm("b", S.FAILED, S.NOT_NEEDED, first=3)]
    assert fates.spoken([host, *both]) == "1 step of the host and 2 VMs"
    assert fates.spoken(both) == "2 VMs"
    assert fates.spoken([host]) == "1 step of the host"
    assert fates.spoken([]) == "nothing"
    assert list(fates.undone([host, *both])) == [host, both[2]]
    assert fates.undone_of_all([host, *both]) == "1 step of the host and 1 of 2 VMs"
    assert fates.undone_of_all([host]) == "1 step of the host"
    assert fates.undone_of_all(both[:2]) == "nothing"


def test_a_vm_that_no_step_is_about_is_untouched() -> None:
    left, moved = vm("vm-1"), vm("vm-2")
    made = plan(vms=(left, moved), steps=(step("close"), step("evacuate vm-2", vm=moved.id)))
    assert fates.untouched(made, laid_out(made.steps)) == [left]

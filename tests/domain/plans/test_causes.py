"""Findings of one cause are one, whatever their number; and no other hides behind them."""

from dataclasses import replace

import pytest

from bot.domain.plans import causes
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId
from tests.domain.build import plan, vm


def losing(number: int) -> Finding:
    return Finding(
        code="disk-lost",
        verdict=Verdict.WARNING,
        topic=Topic.STORAGE,
        vm=VmId(f"vm-{number}"),
        sentence=f"db-{number} loses its disk.",
        together="lose their disks.",
        remedy="Leave it out.",
    )


OTHER = Finding(code="power-on", verdict=Verdict.WARNING, topic=Topic.EVIDENCE, sentence="Its power is on.")
WORSE = Finding(code="no-room", verdict=Verdict.BLOCKER, topic=Topic.ROOM, sentence="There is no room.")


@pytest.mark.parametrize("number", [2, 21, 300])
def test_any_number_of_vms_with_one_cause_is_one_finding_that_counts_and_names_them(number: int) -> None:
    vms = tuple(vm(f"vm-{n}", name=f"db-{n}") for n in range(number))
    found = causes.of_plan(plan(vms=vms, findings=(*(losing(n) for n in range(number)), OTHER, WORSE)))
    assert [c.findings[0].code for c in found] == ["no-room", "disk-lost", "power-on"]
    said = found[1].sentence
    assert said.startswith(f"{number} VMs (db-0, db-1")
    assert said.endswith(") lose their disks.")
    assert ("and 9 more" in said) is (number == 21)
    assert len(found[1].findings) == number


def test_one_vm_is_told_by_its_own_sentence() -> None:
    (cause,) = causes.of((losing(3),), {VmId("vm-3"): "db-3"})
    assert (cause.sentence, cause.remedy) == ("db-3 loses its disk.", "Leave it out.")


def test_what_differs_is_told_apart() -> None:
    other_remedy = replace(losing(2), remedy="Repair it.")
    other_cause = replace(losing(3), together="may lose their disks.")
    worse = replace(losing(4), verdict=Verdict.BLOCKER)
    assert len(causes.of((losing(0), losing(1), other_remedy, other_cause, worse), {})) == 4


def test_the_same_sentence_is_told_once() -> None:
    assert len(causes.of((OTHER, OTHER), {})) == 1

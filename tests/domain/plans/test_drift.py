"""What changed between approval and start: only a plan that shrinks may start without asking again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from bot.domain.plans import drift
from bot.domain.plans.plan import By, Disposition, Plan, Verdict, Vm, digest_of
from bot.domain.values import Facts, HostId, StepKey, VmId
from tests.domain.build import TERMS, finding, pairs, plan, plans, step, vm
from tests.tiers import examples

CLOSE = step("close", phase="close", verb="disable")


def moving(*ids: str) -> Plan:
    """A plan that moves VMs, each by its own step, and names them all in the step that verifies."""
    return plan(
        vms=tuple(vm(id) for id in ids),
        steps=(
            CLOSE,
            *(step(f"evacuate {id}", vm=VmId(id), follows=StepKey("close")) for id in ids),
            step("verify", phase="verify", verb="verify", arguments={"vms": list(ids), "host": "compute-1"}),
        ),
    )


def test_the_same_plan_has_not_drifted() -> None:
    assert drift.between(moving("vm-1"), moving("vm-1")) == drift.Drift(lines=(), only_shrinks=True)


def test_a_vm_that_left_is_told_and_let_through_with_its_steps_and_its_place_in_lists() -> None:
    found = drift.between(moving("vm-1", "vm-2"), moving("vm-2"))
    assert found == drift.Drift(lines=("- name of vm-1 is not on the host any more",), only_shrinks=True)


def test_a_vm_that_came_asks_again() -> None:
    found = drift.between(moving("vm-1"), moving("vm-1", "vm-2"))
    assert not found.only_shrinks
    assert "+ name of vm-2 (ACTIVE): evacuate" in found.lines


def test_when_one_vm_left_and_another_came_both_are_told_the_new_one_first() -> None:
    found = drift.between(moving("vm-1"), moving("vm-2"))
    assert found.lines[0] == "+ name of vm-2 (ACTIVE): evacuate"
    assert found.lines[-1] == "- name of vm-1 is not on the host any more"
    assert not found.only_shrinks


def test_a_risk_that_went_away_is_let_through_with_a_note() -> None:
    risky = plan(findings=(finding("no-room", Verdict.WARNING),), vms=(vm(loses_disk=True),))
    found = drift.between(risky, plan())
    assert found.only_shrinks
    assert found.lines == ("- name of vm-1 keeps its local disk", "- no longer: no-room it is")


def test_a_risk_of_a_vm_that_left_is_not_told_beside_its_leaving() -> None:
    risky = plan(findings=(finding("no-room", Verdict.WARNING, vm=VmId("vm-1")),))
    assert drift.between(risky, plan(vms=())).lines[-1] == "- name of vm-1 is not on the host any more"


HALF_AN_HOUR = timedelta(minutes=30)
RELIEF = step("abort", relieves=StepKey("move"), deadline=timedelta(minutes=10), headway=timedelta(seconds=30))
LISTED = step("verify", phase="verify", arguments={"vms": ["vm-1", "vm-2"], "host": "compute-1"})


@pytest.mark.parametrize(
    ("approved", "present", "line"),
    [
        (plan(), plan(host=HostId("h-2")), "now evacuate compute-1 (h-2) (was evacuate compute-1 (h-1))"),
        (plan(), plan(vms=(vm(name="db"),)), "db was called name of vm-1"),
        (plan(), plan(vms=(vm(status="ERROR"),)), "name of vm-1 is now ERROR (was ACTIVE)"),
        (plan(), plan(vms=(vm(disposition=Disposition.LEAVE),)), "name of vm-1: leave instead of evacuate"),
        (plan(), plan(vms=(vm(loses_disk=True),)), "name of vm-1 would now lose its local disk"),
        (plan(), plan(findings=(finding("no-room", Verdict.WARNING),)), "new warning: no-room it is"),
        (plan(), plan(facts={"microversion": "2.95"}), "microversion: 2.94 → 2.95"),
        (plan(), plan(facts={}), "microversion: 2.94 → unset"),
        (plan(), plan(steps=(*plan().steps, step("more"))), "new step: title of more"),
        (plan(), plan(steps=plan().steps[1:]), "no longer a step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, verb="enable"),)), "changed step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, target="h-2"),)), "changed step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, by=By.PERSON),)), "changed step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, phase="move"),)), "changed step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, follows=StepKey("x")),)), "changed step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, arguments={"a": 1}),)), "changed step: title of close"),
        (plan(steps=(CLOSE,)), plan(steps=(replace(CLOSE, tidies=StepKey("x")),)), "changed step: title of close"),
        (plan(steps=(RELIEF,)), plan(steps=(replace(RELIEF, relieves=StepKey("x")),)), "changed step: title of abort"),
        (plan(steps=(RELIEF,)), plan(steps=(replace(RELIEF, deadline=HALF_AN_HOUR),)), "changed step: title of abort"),
        (plan(steps=(RELIEF,)), plan(steps=(replace(RELIEF, headway=HALF_AN_HOUR),)), "changed step: title of abort"),
        (plan(steps=(RELIEF,)), plan(steps=(replace(RELIEF, ends=True),)), "changed step: title of abort"),
        (plan(), plan(phases=("move", "close")), "the phases come in another order"),
    ],
)
def test_every_other_difference_is_told_and_asks_again(approved: Plan, present: Plan, line: str) -> None:
    found = drift.between(approved, present)
    assert line in found.lines
    assert not found.only_shrinks


@pytest.mark.parametrize(
    "arguments",
    [
        {"vms": ["vm-1"], "host": "compute-1"},  # one that is still there was dropped
        {"vms": ["vm-2", "vm-1"], "host": "compute-1"},  # one that left is still named
        {"vms": ["vm-2"], "host": "compute-9"},
        {"vms": ["vm-2"]},
        {"vms": "vm-2", "host": "compute-1"},
        {"vms": [{"id": "vm-2"}], "host": "compute-1"},
    ],
)
def test_when_a_vm_left_a_step_may_only_lose_that_vm(arguments: Facts) -> None:
    both = plan(vms=(vm("vm-1"), vm("vm-2")), steps=(LISTED,))
    one = plan(vms=(vm("vm-2"),), steps=(replace(LISTED, arguments=arguments),))
    found = drift.between(both, one)
    assert "changed step: title of verify" in found.lines
    assert not found.only_shrinks


@given(plans)
def test_no_plan_drifts_from_itself(one: Plan) -> None:
    assert drift.between(one, one) == drift.Drift(lines=(), only_shrinks=True)


@settings(max_examples=examples(200))
@given(pairs())
def test_nothing_an_approver_relies_on_changes_unseen(pair: tuple[Plan, Plan]) -> None:
    """Where the digest differs, either something is told, or the only difference is a risk that went away."""
    approved, present = pair
    found = drift.between(approved, present)
    if found.lines or digest_of(approved, terms=TERMS) == digest_of(present, terms=TERMS):
        return
    calmer = replace(
        approved,
        findings=present.findings,
        vms=tuple(replace(old, loses_disk=_now(present, old.id).loses_disk) for old in approved.vms),
        phases=present.phases if approved.phases_used == present.phases_used else approved.phases,
    )
    assert digest_of(calmer, terms=TERMS) == digest_of(present, terms=TERMS)
    assert {(f.code, f.vm) for f in present.findings if f.verdict is not Verdict.OK} <= {
        (f.code, f.vm) for f in approved.findings if f.verdict is not Verdict.OK
    }
    assert all(old.loses_disk or not _now(present, old.id).loses_disk for old in approved.vms)


@settings(max_examples=examples(200))
@given(pairs())
def test_a_plan_that_only_shrinks_does_nothing_new(pair: tuple[Plan, Plan]) -> None:
    approved, present = pair
    if not drift.between(approved, present).only_shrinks:
        return
    assert {one.id for one in present.vms} <= {one.id for one in approved.vms}
    known = {(s.key, s.verb, s.target, s.by, s.phase) for s in approved.steps}
    assert {(s.key, s.verb, s.target, s.by, s.phase) for s in present.steps} <= known


def _now(present: Plan, id: VmId) -> Vm:
    return next(one for one in present.vms if one.id == id)

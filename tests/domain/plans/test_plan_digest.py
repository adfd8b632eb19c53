"""The digest is a plan's identity for approvers: stable where nothing they rely on changed, another one where it did."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.plans.plan import By, Disposition, Plan, Step, Topic, Verdict, digest_of
from bot.domain.values import Action, Facts, HostId, StepKey, VmId
from tests.domain.build import PHASES, RECEIPT, TERMS, finding, plan, plans, step, vm


def steps_with(**changes: Any) -> Plan:
    first, second = plan().steps
    return plan(steps=(first, replace(second, **changes)))


RELIED_ON = {
    "the action": plan(action=Action.ENTER),
    "the host's id": plan(host=HostId("h-2")),
    "the host's name": plan(host_name="compute-2"),
    "one VM more": plan(vms=(vm(), vm("vm-2"))),
    "one VM less": plan(vms=()),
    "a VM's id": plan(vms=(vm("vm-9", name="name of vm-1"),)),
    "a VM's name": plan(vms=(vm(name="other"),)),
    "a VM's status": plan(vms=(vm(status="ERROR"),)),
    "what happens to a VM": plan(vms=(vm(disposition=Disposition.LEAVE),)),
    "that a VM loses its disk": plan(vms=(vm(loses_disk=True),)),
    "one step more": plan(steps=(*plan().steps, step("more"))),
    "one step less": plan(steps=plan().steps[:1]),
    "a step's key": steps_with(key=StepKey("other")),
    "a step's phase": steps_with(phase="verify"),
    "a step's verb": steps_with(verb="rebuild"),
    "a step's target": steps_with(target="other"),
    "who does a step": steps_with(by=By.PERSON),
    "what a step follows": steps_with(follows=None),
    "what a step tidies up": steps_with(tidies=StepKey("close")),
    "what a step relieves": steps_with(relieves=StepKey("close")),
    "when relief is due": steps_with(relieves=StepKey("close"), deadline=timedelta(minutes=30)),
    "what gives way": steps_with(relieves=StepKey("close"), headway=timedelta(seconds=30)),
    "what is ended": steps_with(relieves=StepKey("close"), headway=timedelta(seconds=30), ends=True),
    "a step's arguments": steps_with(arguments={"host": "compute-7"}),
    "the order of phases": plan(phases=("move", "close", "verify")),
    "a new warning": plan(findings=(finding(), finding("no-room", Verdict.WARNING))),
    "a finding that became a warning": plan(findings=(finding(verdict=Verdict.WARNING),)),
    "the VM a warning is about": plan(findings=(finding(verdict=Verdict.WARNING, vm=VmId("vm-1")),)),
    "what is to be vouched for": plan(findings=(finding(verdict=Verdict.WARNING, vouch="it is dead"),)),
    "what is to be vouched for where all seems well": plan(findings=(finding(vouch="it is off"),)),
    "a choice": plan(facts={"microversion": "2.95"}),
    "one choice more": plan(facts={"microversion": "2.94", "stops": "yes"}),
}


def test_each_thing_an_approver_relies_on_changes_the_digest() -> None:
    digests = {name: digest_of(one, terms=TERMS) for name, one in RELIED_ON.items()}
    assert len({*digests.values(), digest_of(plan(), terms=TERMS)}) == len(RELIED_ON) + 1


@pytest.mark.parametrize(
    "terms",
    [
        TERMS | {"quorum": 2},
        TERMS | {"approvers": ["U0EVE"]},
        TERMS | {"self_approval": True},
        TERMS | {"typed_confirmation": True},
    ],
)
def test_another_policy_changes_the_digest(terms: Facts) -> None:
    assert digest_of(plan(), terms=terms) != digest_of(plan(), terms=TERMS)


@pytest.mark.parametrize(
    "same",
    [
        plan(estimate=timedelta(minutes=7)),
        plan(findings=(replace(finding(), sentence="down for 41 s", remedy="wait", raw="…", topic=Topic.ROOM),)),
        plan(findings=(finding(), finding("room", Verdict.OK))),
        plan(vms=(vm(note="why", project="web", size="2 vCPU"),)),
        plan(phases=(*PHASES, "a phase without steps")),
        steps_with(title="said otherwise"),
        steps_with(
            priority=9, patience=timedelta(hours=2), quiet=timedelta(0), apart="group", essential=True, wish="h-3"
        ),
        plan(steps=tuple(Step.of(s, before={"host": "compute-1"}, receipt=RECEIPT) for s in plan().steps)),
    ],
)
def test_clocks_counters_and_sentences_do_not_change_the_digest(same: Plan) -> None:
    assert digest_of(same, terms=TERMS) == digest_of(plan(), terms=TERMS)


@given(plans, st.randoms(use_true_random=False))
def test_the_order_in_which_a_cloud_lists_things_does_not_change_the_digest(one: Plan, dice: random.Random) -> None:
    other = replace(
        one,
        vms=tuple(dice.sample(one.vms, len(one.vms))),
        steps=tuple(dice.sample(one.steps, len(one.steps))),
        findings=tuple(dice.sample(one.findings, len(one.findings))),
        facts=dict(reversed([*one.facts.items()])),
    )
    assert digest_of(other, terms=TERMS) == digest_of(one, terms=dict(reversed([*TERMS.items()])))


def test_the_digest_is_the_same_in_every_process_and_release() -> None:
    # A digest stands in buttons and rows that outlive a restart: changing this value needs a line in CHANGELOG.md.
    assert digest_of(plan(), terms=TERMS) == "b1d20cc01e0201d65ccba10d469fb53324a1a293f8b8ac440bf790fe97fcc1ad"


@pytest.mark.parametrize(
    ("verdicts", "blocked"),
    [
        ([], False),
        ([Verdict.OK, Verdict.WARNING], False),
        ([Verdict.OK, Verdict.BLOCKER], True),
        ([Verdict.UNKNOWN], True),
        ([Verdict.UNKNOWN, Verdict.BLOCKER], True),
    ],
)
def test_a_blocker_and_what_could_not_be_found_out_forbid_a_plan(verdicts: list[Verdict], blocked: bool) -> None:
    made = plan(findings=tuple(finding(f"f-{n}", one) for n, one in enumerate(verdicts)))
    assert made.is_blocked is blocked
    assert made.is_unsure is (verdicts == [Verdict.UNKNOWN])


@given(plans)
def test_findings_are_shown_worst_first(one: Plan) -> None:
    order = [Verdict.BLOCKER, Verdict.UNKNOWN, Verdict.WARNING, Verdict.OK]
    places = [order.index(f.verdict) for f in one.sorted_findings]
    assert places == sorted(places)
    assert sorted(map(repr, one.sorted_findings)) == sorted(map(repr, one.findings))


def test_the_step_of_a_vm_is_the_last_of_its_steps() -> None:
    lock, move = step("lock", vm=VmId("vm-1")), step("move", vm=VmId("vm-1"))
    assert plan(steps=(lock, move, step("other"))).step_of(VmId("vm-1")) is move
    assert plan(steps=(step("other"),)).step_of(VmId("vm-1")) is None


def test_a_key_that_several_steps_bear_is_known() -> None:
    assert plan(steps=(step("a"), step("b"), step("a"))).doubled_keys == ("a",)
    assert plan().doubled_keys == ()


def test_what_people_may_choose_is_what_the_plan_ticked_or_left_open() -> None:
    ticked, open_, fixed = vm("a", chosen=True), vm("b", chosen=False), vm("c")
    flagged = vm("d", chosen=False, is_flagged=True)
    made = plan(vms=(ticked, open_, fixed, flagged))
    assert made.choices == (ticked, open_, flagged)
    assert made.unflagged == (ticked, open_)


def test_what_is_to_be_vouched_for_is_named_once() -> None:
    findings = (
        finding("a", vouch="it is dead"),
        finding("b", vouch="it is dead"),
        finding("c"),
        finding("d", vouch="x"),
    )
    assert plan(findings=findings).vouches == ("it is dead", "x")

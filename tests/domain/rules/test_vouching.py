"""What two people must vouch for, and when they have."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import NotAllowed, NotConfirmed
from bot.domain.operation import Choice, Vote
from bot.domain.plans import drift
from bot.domain.plans.plan import Verdict
from bot.domain.rules.policy import Actor, Rule, Standing
from bot.domain.values import Digest, UserId
from tests.domain.build import NOW, finding, operation, plan, vm

RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS",), break_glass=("U0DAVE",))
ALICE = Actor(id=UserId("U0ALICE"), standing=Standing.FULL_MEMBER, groups=frozenset({"S0SRE"}))
DEAD = finding("unproven", Verdict.WARNING, vouch="compute-1 is dead")
LOST = "the local disks of 1 VM on compute-1 are lost for good: name of vm-1"
GRAVE = plan(findings=(DEAD,), vms=(vm(loses_disk=True), vm("vm-2")))


def vote(by: str, **changes: Any) -> Vote:
    made = Vote(by=UserId(by), choice=Choice.APPROVE, digest=Digest("d"), at=NOW, vouched=GRAVE.vouches)
    return replace(made, **changes)


def test_a_plan_asks_for_what_its_findings_say_and_for_every_disk_that_is_lost() -> None:
    assert GRAVE.vouches == ("compute-1 is dead", LOST)
    assert plan().vouches == ()
    assert plan(findings=(DEAD, DEAD)).vouches == ("compute-1 is dead",)


@pytest.mark.parametrize("number", [2, 21, 300, 12_719])
def test_what_is_signed_counts_the_vms_and_names_each_of_them(number: int) -> None:
    losing = tuple(vm(f"vm-{n}", name=f"db-{n}", loses_disk=True) for n in range(number))
    (sentence,) = plan(vms=losing).vouches
    counts, _, names = sentence.partition(": ")
    assert counts == f"the local disks of {number:,} VMs on compute-1 are lost for good"
    assert names.split(", ") == [one.name for one in losing]


@pytest.mark.parametrize(
    ("votes", "is_enough"),
    [
        ((), False),
        ((vote("U0BOB"),), False),
        ((vote("U0BOB"), vote("U0BOB")), False),
        ((vote("U0BOB"), vote("U0CAROL")), True),
        ((vote("U0BOB"), vote("U0ALICE", choice=Choice.VOUCH)), True),
        ((vote("U0BOB"), vote("U0DAVE", broke_glass=True)), True),
        ((vote("U0BOB"), vote("U0CAROL", void=True)), False),
        ((vote("U0BOB"), vote("U0CAROL", digest=Digest("other"))), False),
        ((vote("U0BOB"), vote("U0CAROL", vouched=())), False),
        ((vote("U0BOB"), vote("U0CAROL", vouched=(LOST,))), False),
        ((vote("U0BOB", vouched=(LOST,)), vote("U0CAROL"), vote("U0DAVE", vouched=("compute-1 is dead",))), True),
    ],
)
def test_every_sentence_needs_two_different_people_who_vouch_for_this_plan(
    votes: tuple[Vote, ...], is_enough: bool
) -> None:
    current = operation(plan=GRAVE, digest=Digest("d"), votes=votes)
    assert current.is_vouched is is_enough
    with_glass = replace(current, votes=(*votes, vote("U0EVE", vouched=(), broke_glass=True)))
    assert RULE.is_met_by(with_glass) is is_enough, "broken glass does not free from it"


def test_enough_people_who_vouch_are_no_quorum() -> None:
    vouched = operation(
        plan=GRAVE,
        digest=Digest("d"),
        votes=(vote("U0ALICE", choice=Choice.VOUCH), vote("U0BOB", choice=Choice.VOUCH)),
    )
    assert vouched.is_vouched
    assert not RULE.is_met_by(vouched)
    assert RULE.is_met_by(replace(vouched, votes=(*vouched.votes, vote("U0CAROL"))))


def test_a_person_has_vouched_who_did_so_for_everything() -> None:
    current = operation(plan=GRAVE, digest=Digest("d"), votes=(vote("U0BOB"), vote("U0CAROL", vouched=(LOST,))))
    assert current.has_vouched(UserId("U0BOB"))
    assert not current.has_vouched(UserId("U0CAROL"))
    assert operation().is_vouched
    assert operation().has_vouched(UserId("U0BOB"))


def test_only_the_requester_vouches_without_approving_while_they_may_ask() -> None:
    RULE.check_may_vouch(ALICE, requester=ALICE.id)
    with pytest.raises(NotAllowed, match="Only the requester"):
        RULE.check_may_vouch(ALICE, requester=UserId("U0BOB"))
    with pytest.raises(NotAllowed):
        RULE.check_may_vouch(replace(ALICE, groups=frozenset()), requester=ALICE.id)


@pytest.mark.parametrize("host", ["", "compute-2", "Compute-1", "compute-11"])
def test_the_hosts_name_is_typed_letter_by_letter(host: str) -> None:
    with pytest.raises(NotConfirmed, match="exactly as compute-1"):
        RULE.check_confirmed(GRAVE, host=host, vouched=GRAVE.vouches)


@pytest.mark.parametrize("vouched", [(), (LOST,), ("compute-1 is dead", "and more")])
def test_every_sentence_is_ticked(vouched: tuple[str, ...]) -> None:
    with pytest.raises(NotConfirmed, match="did not vouch"):
        RULE.check_confirmed(GRAVE, host="compute-1", vouched=vouched)


def test_what_was_typed_and_ticked_as_asked_counts() -> None:
    RULE.check_confirmed(GRAVE, host=" compute-1 ", vouched=GRAVE.vouches)
    RULE.check_confirmed(plan(), host="", vouched=())
    typed = replace(RULE, typed_confirmation=True)
    typed.check_confirmed(plan(), host="compute-1", vouched=())
    with pytest.raises(NotConfirmed):
        typed.check_confirmed(plan(), host="", vouched=())


def test_who_vouched_for_one_sentence_did_not_vouch_for_another() -> None:
    other = replace(DEAD, vouch="compute-1 is dead though it answers")
    found = drift.between(plan(findings=(DEAD,)), plan(findings=(other,)))
    assert not found.only_shrinks
    assert found.lines[0] == "new warning: unproven it is"


def test_a_disk_less_to_lose_is_less_than_what_was_vouched_for() -> None:
    found = drift.between(
        plan(vms=(vm(loses_disk=True), vm("vm-2", loses_disk=True))), plan(vms=(vm(loses_disk=True),))
    )
    assert found.only_shrinks

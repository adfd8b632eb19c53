"""Who may ask, decide and steer, and what a person is told who may not."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import NotAllowed
from bot.domain.operation import Choice, Vote
from bot.domain.rules.policy import EVERYONE, Actor, Rule, Standing
from bot.domain.values import Digest, UserId
from tests.domain.build import NOW, operation

RULE = Rule(requesters=("S0SRE", "U0DAVE"), approvers=("S0LEADS", "U0CHIEF"))
ALICE = Actor(id=UserId("U0ALICE"), standing=Standing.FULL_MEMBER, groups=frozenset({"S0SRE"}))
BOB = Actor(id=UserId("U0BOB"), standing=Standing.FULL_MEMBER, groups=frozenset({"S0SRE", "S0LEADS"}))
CHIEF = Actor(id=UserId("U0CHIEF"), standing=Standing.FULL_MEMBER)
EVE = Actor(id=UserId("U0EVE"), standing=Standing.FULL_MEMBER)


def refused(check: Callable[..., None], *arguments: object, **named: object) -> NotAllowed:
    with pytest.raises(NotAllowed) as caught:
        check(*arguments, **named)
    return caught.value


@pytest.mark.parametrize("actor", [ALICE, BOB, Actor(id=UserId("U0DAVE"), standing=Standing.FULL_MEMBER)])
def test_those_named_by_id_or_group_may_ask(actor: Actor) -> None:
    RULE.check_may_request(actor)


def test_others_may_not_ask_and_hear_who_may() -> None:
    assert refused(RULE.check_may_request, EVE).ask == ("S0SRE", "U0DAVE")
    replace(RULE, requesters=(EVERYONE,)).check_may_request(EVE)


def test_an_empty_list_names_nobody() -> None:
    nobody = Rule(requesters=(), approvers=())
    refused(nobody.check_may_request, ALICE)
    assert "not an approver" in refused(nobody.check_may_decide, BOB, requester=ALICE.id).sentence


def test_everyone_is_a_word_for_requesters_only() -> None:
    open_to_all = Rule(requesters=(EVERYONE,), approvers=(EVERYONE,))
    refused(open_to_all.check_may_decide, BOB, requester=ALICE.id)


def test_approvers_decide_about_what_others_asked_for() -> None:
    RULE.check_may_decide(BOB, requester=ALICE.id)
    RULE.check_may_decide(CHIEF, requester=ALICE.id)
    assert refused(RULE.check_may_decide, EVE, requester=ALICE.id).ask == ("S0LEADS", "U0CHIEF")


def test_nobody_decides_about_their_own_request_unless_policy_says_so() -> None:
    assert "You asked for this yourself" in refused(RULE.check_may_decide, BOB, requester=BOB.id).sentence
    replace(RULE, self_approval=True).check_may_decide(BOB, requester=BOB.id)
    refused(replace(RULE, self_approval=True).check_may_decide, ALICE, requester=ALICE.id)


def test_the_requester_and_the_approvers_may_steer() -> None:
    RULE.check_may_steer(ALICE, requester=ALICE.id)
    RULE.check_may_steer(BOB, requester=ALICE.id)
    assert refused(RULE.check_may_steer, EVE, requester=ALICE.id).ask == ("U0ALICE", "S0LEADS", "U0CHIEF")


@pytest.mark.parametrize("standing", sorted(set(Standing) - {Standing.FULL_MEMBER}))
def test_only_full_members_ever_act_however_policy_names_them(standing: Standing) -> None:
    anybody = Rule(requesters=(EVERYONE, "U0X"), approvers=("U0X",), self_approval=True)
    stranger = Actor(id=UserId("U0X"), standing=standing)
    for check in (
        lambda: anybody.check_may_request(stranger),
        lambda: anybody.check_may_decide(stranger, requester=UserId("U0Y")),
        lambda: anybody.check_may_steer(stranger, requester=stranger.id),
    ):
        error = refused(check)
        assert error.remedy == "Ask a colleague who is a full member."
        assert standing.value in error.sentence or standing is Standing.DEACTIVATED


def test_the_terms_of_a_rule_do_not_depend_on_the_order_in_which_it_names_people() -> None:
    assert replace(RULE, approvers=("U0CHIEF", "S0LEADS")).terms() == RULE.terms()
    assert replace(RULE, quorum=2).terms() != RULE.terms()
    assert replace(RULE, self_approval=True).terms() != RULE.terms()
    assert replace(RULE, approvers=("S0LEADS",)).terms() != RULE.terms()


ids = st.sampled_from(["U0A", "U0B", "S0A", "S0B", EVERYONE])
actors = st.builds(
    Actor,
    id=st.sampled_from([UserId("U0A"), UserId("U0B")]),
    standing=st.sampled_from(list(Standing)),
    groups=st.frozensets(st.sampled_from(["S0A", "S0B"])),
)
rules = st.builds(
    Rule,
    requesters=st.lists(ids, max_size=3).map(tuple),
    approvers=st.lists(ids, max_size=3).map(tuple),
    break_glass=st.lists(ids, max_size=2).map(tuple),
    self_approval=st.booleans(),
)


@given(rules, actors, st.sampled_from([UserId("U0A"), UserId("U0B")]))
def test_whoever_decides_is_a_full_member_named_as_approver_and_not_the_requester(
    rule: Rule, actor: Actor, requester: UserId
) -> None:
    try:
        rule.check_may_decide(actor, requester=requester)
    except NotAllowed:
        return
    assert actor.standing is Standing.FULL_MEMBER
    assert {actor.id, *actor.groups} & set(rule.approvers)
    assert actor.id != requester or rule.self_approval


@given(rules, actors)
def test_whoever_breaks_glass_is_a_full_member_named_for_that(rule: Rule, actor: Actor) -> None:
    named = bool({actor.id, *actor.groups} & set(rule.break_glass))
    if actor.standing is Standing.FULL_MEMBER and named:
        rule.check_may_break_glass(actor)
        return
    error = refused(rule.check_may_break_glass, actor)
    assert error.ask == rule.break_glass or actor.standing is not Standing.FULL_MEMBER


def test_everyone_is_no_word_for_those_who_may_break_glass() -> None:
    refused(replace(RULE, break_glass=(EVERYONE,)).check_may_break_glass, BOB)


votes = st.builds(
    Vote,
    by=st.sampled_from([UserId("U0A"), UserId("U0B"), UserId("U0C")]),
    choice=st.sampled_from(Choice),
    digest=st.sampled_from([Digest("this"), Digest("another")]),
    at=st.just(NOW),
    broke_glass=st.booleans(),
    void=st.booleans(),
)


@given(st.lists(votes, max_size=6), st.integers(1, 3), st.booleans())
def test_a_plan_may_be_executed_with_enough_approvals_of_it_or_broken_glass_for_it(
    cast: list[Vote], quorum: int, breakable: bool
) -> None:
    rule = replace(RULE, quorum=quorum, break_glass=("U0A",) if breakable else ())
    decided = operation(digest=Digest("this"), votes=tuple(cast))
    yes = [v for v in cast if v.choice is Choice.APPROVE and v.digest == "this" and not v.void]
    enough = len({v.by for v in yes if not v.broke_glass}) >= quorum  # broken glass counts alone or not at all
    assert rule.is_met_by(decided) is (enough or (breakable and any(v.broke_glass for v in yes)))


@given(rules, actors)
def test_who_has_a_part_in_a_rule_is_named_in_it_somewhere(rule: Rule, actor: Actor) -> None:
    anywhere = {actor.id, *actor.groups} & {*rule.requesters, *rule.approvers, *rule.break_glass}
    assert rule.names(actor) is (bool(anywhere) or EVERYONE in rule.requesters)


def test_whoever_is_named_for_it_may_break_glass() -> None:
    replace(RULE, break_glass=("S0LEADS",)).check_may_break_glass(BOB)
    refused(replace(RULE, break_glass=("S0LEADS",)).check_may_break_glass, ALICE)

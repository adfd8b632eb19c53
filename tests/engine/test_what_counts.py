"""What the engine takes for an approval at the moment of the start, and what it does not take for one any more."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from bot.desk import periodic
from bot.desk.control import Steer
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import NO_BOOKS, Books, Request
from bot.domain.errors import AlreadySettled
from bot.domain.operation import Choice, State, Vote
from bot.domain.plans import drift
from bot.domain.plans.plan import Finding, Plan, Topic, Verdict, digest_of
from bot.domain.values import Digest, OperationId, UserId
from tests.domain.build import TERMS, pairs
from tests.tiers import examples
from tests.workshop import ALICE, BOB, CAROL, RULE, Workshop


async def waits(shop: Workshop, id: OperationId) -> bool:
    return (await shop.operation(id)).state is State.AWAITING_APPROVAL and shop.cloud.starts == []


@pytest.mark.parametrize(
    "policy",
    [{"approvers": ("S0OTHERS",)}, {"self_approval": True}, {"quorum": 2}, {"approvers": ("S0LEADS", "S0SRE")}],
)
async def test_an_approval_given_under_another_policy_is_asked_for_again(
    shop: Workshop, policy: dict[str, Any]
) -> None:
    id = await shop.approved()
    shop.rule = replace(RULE, **policy)
    await shop.work()
    assert await waits(shop, id)
    assert "policy" in (await shop.operation(id)).drift[0]


async def test_the_same_with_a_plan_that_also_shrank(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.vms["vm-5"] = "host-2"
    shop.rule = replace(RULE, approvers=("S0OTHERS",))
    await shop.work()
    assert await waits(shop, id)


async def test_an_approval_is_good_for_its_time_though_nobody_was_there_to_start_it(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.clock.sleep(RULE.expires.total_seconds())
    await shop.work()
    assert (await shop.operation(id)).state is State.CANCELLED
    assert shop.cloud.starts == []


async def test_just_before_that_it_is_good(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.clock.sleep(RULE.expires.total_seconds() - 1)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_an_approval_of_a_plan_that_was_superseded_does_not_count_when_that_plan_comes_back(
    shop: Workshop,
) -> None:
    id = await shop.approved()
    shop.cloud.vms["vm-9"] = "host-1"
    await shop.work()
    del shop.cloud.vms["vm-9"]
    await shop.steer(id, Steer.RECHECK, by=ALICE)
    await shop.work()
    assert await waits(shop, id)
    assert (await shop.operation(id)).approvals == ()
    await shop.vote(id, by=BOB)  # who may say yes to it again
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_a_re_check_that_finds_the_same_plan_keeps_the_approvals_it_has(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    id = await shop.ask()
    await shop.work()
    await shop.vote(id, by=BOB)
    await shop.steer(id, Steer.RECHECK, by=ALICE)
    await shop.work()
    assert [v.by for v in (await shop.operation(id)).approvals] == [BOB.id]
    with pytest.raises(AlreadySettled, match="voted on this plan already"):
        await shop.vote(id, by=BOB)
    await shop.vote(id, by=CAROL)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_a_re_check_that_finds_another_plan_voids_them_for_good(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    id = await shop.ask()
    await shop.work()
    await shop.vote(id, by=BOB)
    for change in ({"vm-9": "host-1"}, {"vm-9": "host-2"}):
        shop.cloud.vms |= change
        await shop.steer(id, Steer.RECHECK, by=ALICE)
        await shop.work()
    assert (await shop.operation(id)).approvals == ()
    await shop.vote(id, by=CAROL)
    assert await waits(shop, id)


async def queued_with(shop: Workshop, *votes: Vote) -> OperationId:
    """An operation in the queue with these votes, by whatever way they came there."""
    id = await shop.ask()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.digest is not None
    stored = tuple(replace(vote, digest=operation.digest) for vote in votes)
    async with shop.archive.unit() as unit:
        queued = replace(operation, state=State.QUEUED, votes=stored, changed_at=shop.clock.now())
        await unit.operations.save(queued, Entry(event=AuditEvent.OTHER))
        await unit.commit()
    return id


def vote(shop: Workshop, by: str, **marks: Any) -> Vote:
    return Vote(by=UserId(by), choice=Choice.APPROVE, digest=Digest(""), at=shop.clock.now(), **marks)


async def test_the_requesters_own_approval_does_not_count_however_it_came_there(shop: Workshop) -> None:
    id = await queued_with(shop, vote(shop, ALICE.id))
    await shop.work()
    assert await waits(shop, id)


async def test_broken_glass_that_counts_no_more_is_not_taken_for_an_ordinary_approval(shop: Workshop) -> None:
    """Who may break glass need not be an approver."""
    id = await queued_with(shop, vote(shop, "U0OTHER", broke_glass=True))
    await shop.work()
    assert await waits(shop, id)


async def test_a_void_approval_does_not_count(shop: Workshop) -> None:
    id = await queued_with(shop, vote(shop, BOB.id, void=True))
    await shop.work()
    assert await waits(shop, id)


async def test_a_second_risk_of_a_known_kind_asks_again(shop: Workshop) -> None:
    tight = Finding(code="tight", verdict=Verdict.WARNING, topic=Topic.ROOM, sentence="host-2 is nearly full")
    shop.cloud.blockers = [tight]
    id = await shop.approved()
    shop.cloud.blockers.append(replace(tight, sentence="host-3 is nearly full"))
    await shop.work()
    assert await waits(shop, id)


async def test_a_dry_run_made_serious_by_another_person_is_theirs_so_they_do_not_approve_it(shop: Workshop) -> None:
    id = await shop.ask(by=ALICE, check=True)
    await shop.work()
    await shop.steer(id, Steer.REQUEST_APPROVAL, by=BOB)
    await shop.work()
    with pytest.raises(Exception, match="asked for this yourself"):
        await shop.vote(id, by=BOB)
    await shop.vote(id, by=CAROL)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_an_approval_that_loses_the_race_with_the_expiry_changes_nothing(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    await shop.clock.sleep(RULE.expires.total_seconds())
    with pytest.raises(AlreadySettled, match="expired"):
        await shop.vote(id)
    assert await periodic.expire(shop.desk.archive, shop.desk.clock) == 1
    with pytest.raises(AlreadySettled):
        await shop.vote(id)
    assert (await shop.operation(id)).votes == ()


async def test_a_cancel_between_the_survey_and_the_start_wins(shop: Workshop) -> None:
    id = await shop.approved()
    survey = shop.cloud.survey

    async def cancelled_meanwhile(request: Request, books: Books = NO_BOOKS) -> dict[str, str]:
        found = await survey(request, books)
        await shop.steer(id, Steer.CANCEL, by=ALICE)
        return found

    shop.cloud.survey = cancelled_meanwhile  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(id)).state is State.CANCELLED
    assert shop.cloud.starts == []


async def test_a_retry_looks_at_what_the_world_has_become_before_it_acts(shop: Workshop) -> None:
    shop.cloud.poll = 60.0
    shop.cloud.fails = {"vm-2", "vm-3"}
    id = await shop.approved()
    await shop.work()
    shop.cloud.vms["vm-2"] = "host-2"  # somebody moved it by hand
    await shop.clock.sleep(timedelta(hours=9).total_seconds())
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert (shop.cloud.starts.count("move:vm-2"), shop.cloud.starts.count("move:vm-3")) == (1, 2)


@settings(max_examples=examples(100))
@given(pairs())
def test_a_plan_that_may_start_in_the_place_of_another_is_a_part_of_it(pair: tuple[Plan, Plan]) -> None:
    """Where only_shrinks lets a plan through: no VM, step, argument or risk is in it that was not approved."""
    approved, present = pair
    if not drift.between(approved, present).only_shrinks:
        return
    if digest_of(approved, terms=TERMS) == digest_of(present, terms=TERMS):
        return
    old = {vm.id: vm for vm in approved.vms}
    for vm in present.vms:
        before = old[vm.id]
        assert (before.name, before.status, before.disposition) == (vm.name, vm.status, vm.disposition)
        assert before.loses_disk or not vm.loses_disk
    steps = {s.key: s for s in approved.steps}
    left = old.keys() - {vm.id for vm in present.vms}
    for s in present.steps:
        was = steps[s.key]
        assert (was.verb, was.target, was.by, was.phase, was.follows) == (s.verb, s.target, s.by, s.phase, s.follows)
        for name, value in s.arguments.items():
            before_it = was.arguments[name]
            if value != before_it:
                assert isinstance(before_it, list)
                assert isinstance(value, list)
                assert [one for one in before_it if one not in left] == value
    dropped = [s for s in approved.steps if s.key not in {one.key for one in present.steps}]
    assert all(s.vm in left for s in dropped)
    risks = [(f.code, f.vm or "") for f in approved.findings if f.verdict is not Verdict.OK]
    for f in present.findings:
        if f.verdict is not Verdict.OK:
            risks.remove((f.code, f.vm or ""))  # raises for one too many
    assert approved.facts == present.facts

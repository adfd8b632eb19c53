"""What two people must vouch for: who counts, what they put in, and what the engine takes for it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.desk.control import Steer
from bot.desk.votes import Confirmation
from bot.domain.audit import AuditEvent, Entry, Recorded
from bot.domain.errors import AlreadySettled, NotAllowed, NotConfirmed
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, News
from bot.domain.operation import Choice, Operation, State, Vote
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.rules.policy import Actor, Standing
from bot.domain.values import Digest, OperationId
from tests.news import facts_of
from tests.workshop import ALICE, BOB, CAROL, DAVE, RULE, Workshop

DEAD = "host-1 is dead: nobody could read its power"
LOST = "the local disks of 1 VM on host-1 are lost for good: name-vm-1"
UNPROVEN = Finding(
    code="unproven-death", verdict=Verdict.WARNING, topic=Topic.EVIDENCE, sentence="Nothing proves it.", vouch=DEAD
)
ALL = Confirmation(host="host-1", vouched=(DEAD, LOST))


async def waiting(shop: Workshop, *, by: Actor = ALICE) -> OperationId:
    """A plan that waits for two people who vouch for a death and for the loss of a disk."""
    shop.cloud.blockers = [UNPROVEN]
    shop.cloud.loses = {"vm-1"}
    id = await shop.ask(by=by)
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.AWAITING_APPROVAL
    assert operation.plan is not None
    assert operation.plan.vouches == (DEAD, LOST)
    return id


async def says(
    shop: Workshop,
    id: OperationId,
    choice: Choice = Choice.APPROVE,
    *,
    by: Actor,
    confirmed: Confirmation = ALL,
    digest: Digest | None = None,
) -> Operation:
    digest = digest or (await shop.operation(id)).digest
    assert digest is not None
    await shop.desk.vote(id, choice, digest=digest, by=by, key=await shop.key(), confirmed=confirmed)
    return await shop.operation(id)


async def breaks(shop: Workshop, id: OperationId, *, by: Actor, confirmed: Confirmation = ALL) -> Operation:
    digest = (await shop.operation(id)).digest
    assert digest is not None
    await shop.desk.break_glass(id, digest=digest, reason="asleep", by=by, key=await shop.key(), confirmed=confirmed)
    return await shop.operation(id)


async def audit(shop: Workshop, id: OperationId, event: str) -> list[Recorded]:
    async with shop.archive.unit() as unit:
        _, entries = await unit.audit.entries(id, limit=500)
    return [one for one in entries if one.entry.event == event]


async def test_an_approver_and_the_requester_vouch_and_it_goes_ahead(shop: Workshop) -> None:
    id = await waiting(shop)
    assert (await says(shop, id, by=BOB)).state is State.AWAITING_APPROVAL
    assert (await says(shop, id, Choice.VOUCH, by=ALICE)).state is State.QUEUED
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_the_requester_may_vouch_first(shop: Workshop) -> None:
    id = await waiting(shop)
    assert (await says(shop, id, Choice.VOUCH, by=ALICE)).state is State.AWAITING_APPROVAL
    assert (await says(shop, id, by=BOB)).state is State.QUEUED


async def test_two_approvers_vouch_where_one_approval_would_do(shop: Workshop) -> None:
    id = await waiting(shop)
    assert (await says(shop, id, by=BOB)).state is State.AWAITING_APPROVAL
    assert (await says(shop, id, by=CAROL)).state is State.QUEUED


async def test_after_the_first_vouch_whoever_may_be_the_second_is_called(shop: Workshop) -> None:
    id = await waiting(shop)
    await says(shop, id, by=BOB)
    calls = [n for n in await shop.news() if n.kind is Kind.VOUCH_WANTED]
    assert {n.audience for n in calls} == {Audience.THREAD, Audience.INCIDENT, Audience.ABSENT}
    assert {n.ask for n in calls} == {("U0ALICE", "S0LEADS")}
    assert {facts_of(n)["may_vouch"] for n in calls} == {True}


async def test_once_the_requester_has_vouched_an_approver_is_called_for_the_second(shop: Workshop) -> None:
    id = await waiting(shop)
    await says(shop, id, Choice.VOUCH, by=ALICE)
    calls = [n for n in await shop.news() if n.kind is Kind.VOUCH_WANTED]
    assert {n.ask for n in calls} == {("S0LEADS",)}
    assert {facts_of(n)["may_vouch"] for n in calls} == {False}
    await says(shop, id, by=BOB)
    assert [n for n in await shop.news() if n.kind is Kind.VOUCH_WANTED] == calls  # both have: nobody is called


async def test_vouching_is_no_approval(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    id = await waiting(shop)
    await says(shop, id, Choice.VOUCH, by=ALICE)
    operation = await says(shop, id, by=BOB)
    assert operation.is_vouched
    assert operation.state is State.AWAITING_APPROVAL
    assert (await says(shop, id, by=CAROL)).state is State.QUEUED


async def test_one_person_is_never_two(shop: Workshop) -> None:
    shop.rule = replace(RULE, self_approval=True)
    id = await waiting(shop, by=BOB)
    await says(shop, id, Choice.VOUCH, by=BOB)
    assert (await says(shop, id, by=BOB)).state is State.AWAITING_APPROVAL
    for choice in (Choice.VOUCH, Choice.APPROVE):
        with pytest.raises(AlreadySettled):
            await says(shop, id, choice, by=BOB)
    assert (await says(shop, id, by=CAROL)).state is State.QUEUED


@pytest.mark.parametrize(
    "confirmed",
    [
        Confirmation(),
        replace(ALL, host=""),
        replace(ALL, host="host-10"),
        replace(ALL, host="HOST-1"),
        replace(ALL, vouched=()),
        replace(ALL, vouched=(DEAD,)),
        replace(ALL, vouched=(LOST, "something else")),
    ],
)
async def test_a_click_without_the_window_or_with_anything_else_in_it_counts_nothing(
    shop: Workshop, confirmed: Confirmation
) -> None:
    shop.rule = replace(RULE, break_glass=(DAVE.id,))
    id = await waiting(shop)
    for choice, by in ((Choice.APPROVE, BOB), (Choice.VOUCH, ALICE)):
        with pytest.raises(NotConfirmed):
            await says(shop, id, choice, by=by, confirmed=confirmed)
    assert (await shop.operation(id)).votes == ()
    await says(shop, id, Choice.VOUCH, by=ALICE)
    with pytest.raises(NotConfirmed):
        await breaks(shop, id, by=DAVE, confirmed=confirmed)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_a_rejection_needs_no_such_thing(shop: Workshop) -> None:
    id = await waiting(shop)
    await says(shop, id, Choice.VOUCH, by=ALICE)
    assert (await says(shop, id, Choice.REJECT, by=BOB, confirmed=Confirmation())).state is State.DENIED


@pytest.mark.parametrize(
    "actor", [BOB, DAVE, replace(ALICE, standing=Standing.GUEST), replace(ALICE, groups=frozenset())]
)
async def test_only_the_requester_vouches_without_approving(shop: Workshop, actor: Actor) -> None:
    id = await waiting(shop)
    with pytest.raises(NotAllowed):
        await says(shop, id, Choice.VOUCH, by=actor)
    assert (await shop.operation(id)).votes == ()


async def test_where_nothing_is_to_be_vouched_for_nobody_vouches(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    with pytest.raises(AlreadySettled, match="asks nobody to vouch"):
        await says(shop, id, Choice.VOUCH, by=ALICE)


async def test_broken_glass_does_not_free_from_the_second_person(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2, break_glass=(DAVE.id, ALICE.id))
    id = await waiting(shop)
    with pytest.raises(NotAllowed, match="nobody else has yet"):
        await breaks(shop, id, by=DAVE)
    await says(shop, id, Choice.VOUCH, by=ALICE)
    with pytest.raises(NotAllowed, match="nobody else has yet"):
        await breaks(shop, id, by=ALICE)
    assert (await breaks(shop, id, by=DAVE)).state is State.QUEUED
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_another_plan_voids_who_vouched_as_it_voids_votes_and_the_same_plan_keeps_them(shop: Workshop) -> None:
    id = await waiting(shop)
    await says(shop, id, Choice.VOUCH, by=ALICE)
    await shop.steer(id, Steer.RECHECK, by=ALICE)
    await shop.work()
    assert [v.by for v in (await shop.operation(id)).vouched_by(DEAD)] == [ALICE.id]
    with pytest.raises(AlreadySettled, match="vouched for this plan already"):
        await says(shop, id, Choice.VOUCH, by=ALICE)
    before = (await shop.operation(id)).digest
    shop.cloud.loses = {"vm-1", "vm-2"}
    await shop.steer(id, Steer.RECHECK, by=ALICE)
    await shop.work()
    operation = await shop.operation(id)
    assert operation.vouched_by(DEAD) == ()
    with pytest.raises(AlreadySettled, match="plan has changed"):
        await says(shop, id, Choice.VOUCH, by=ALICE, digest=before)


async def test_what_must_be_vouched_for_only_since_the_approval_is_asked_for(shop: Workshop) -> None:
    id = await shop.approved()
    shop.cloud.blockers = [UNPROVEN]
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []


async def test_another_sentence_of_the_same_finding_is_asked_for_anew(shop: Workshop) -> None:
    id = await waiting(shop)
    await says(shop, id, by=BOB)
    await says(shop, id, by=CAROL)
    shop.cloud.blockers = [replace(UNPROVEN, vouch="host-1 is dead though its BMC says that it runs")]
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []


async def test_less_loss_than_was_vouched_for_goes_on(shop: Workshop) -> None:
    shop.cloud.loses = {"vm-2"}
    id = await waiting(shop)
    await says(shop, id, by=BOB)
    await says(shop, id, by=CAROL)
    shop.cloud.loses = set()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"vouched": (DEAD,)}),
        ({}, {"vouched": ()}),
        ({}, {"by": BOB.id}),
        ({"void": True}, {}),
        ({"digest": Digest("0" * 64)}, {}),
    ],
)
async def test_the_engine_takes_nothing_else_for_two_people_who_vouch(
    shop: Workshop, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """However the row came to be so."""
    id = await waiting(shop)
    operation = await shop.operation(id)
    assert operation.digest is not None
    bob = Vote(by=BOB.id, choice=Choice.APPROVE, digest=operation.digest, at=shop.clock.now(), vouched=(DEAD, LOST))
    carol = replace(bob, by=CAROL.id)
    await queue(shop, operation, replace(bob, **first), replace(carol, **second))
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []
    await queue(shop, await shop.operation(id), bob, carol)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def queue(shop: Workshop, operation: Operation, *votes: Vote) -> None:
    queued = replace(operation, state=State.QUEUED, votes=votes, changed_at=shop.clock.now())
    async with shop.archive.unit() as unit:
        await unit.operations.save(queued, Entry(event=AuditEvent.OTHER))
        await unit.commit()


async def test_of_many_disks_that_are_lost_the_audit_has_every_name_that_was_signed_for(shop: Workshop) -> None:
    shop.cloud.vms = {f"vm-{n}": "host-1" for n in range(43)}
    shop.cloud.loses = set(shop.cloud.vms)
    id = await shop.ask()
    await shop.work()
    (sentence,) = (await shop.operation(id)).vouches
    await says(shop, id, by=BOB, confirmed=Confirmation(host="host-1", vouched=(sentence,)))
    (signed,) = [str(one.entry.facts["sentence"]) for one in await audit(shop, id, "vouched")]
    assert set(signed.rpartition(": ")[2].split(", ")) == {f"name-{vm}" for vm in shop.cloud.vms}


async def test_each_who_vouches_stands_in_the_audit_with_the_sentence_and_in_the_thread(shop: Workshop) -> None:
    id = await waiting(shop)
    await says(shop, id, by=BOB)
    await says(shop, id, Choice.VOUCH, by=ALICE)
    lines = [(one.entry.actor, one.entry.facts["sentence"]) for one in await audit(shop, id, "vouched")]
    assert lines == [(BOB.id, DEAD), (BOB.id, LOST), (ALICE.id, DEAD), (ALICE.id, LOST)]
    (approved,) = await audit(shop, id, "approved")
    assert approved.entry.actor is None, "whose word came last has not approved"
    assert approved.entry.facts["approved_by"] == [BOB.id]
    told = [n for n in await shop.news() if n.kind in {Kind.VOUCHED, Kind.APPROVED, Kind.QUORUM}]
    assert [_said(n) for n in told] == [
        (Kind.VOUCHED, BOB.id, 1),
        (Kind.APPROVED, BOB.id, 1),
        (Kind.VOUCHED, ALICE.id, 2),
        (Kind.QUORUM, None, None),
    ]


def _said(news: News) -> tuple[object, ...]:
    return news.kind, facts_of(news)["by"], facts_of(news).get("count")


async def test_typed_confirmation_asks_for_the_name_on_every_plan_and_for_nobody_else(shop: Workshop) -> None:
    shop.rule = replace(RULE, typed_confirmation=True)
    id = await shop.ask()
    await shop.work()
    with pytest.raises(NotConfirmed, match="host-1"):
        await says(shop, id, by=BOB, confirmed=Confirmation(host="host-2"))
    assert (await says(shop, id, by=BOB, confirmed=Confirmation(host="host-1"))).state is State.QUEUED


async def test_an_approval_from_before_names_had_to_be_typed_is_asked_for_again(shop: Workshop) -> None:
    id = await shop.approved()
    shop.rule = replace(RULE, typed_confirmation=True)
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []

"""Going ahead alone: who may, on which plan, how loudly, and what the engine takes for an approval."""

from dataclasses import replace
from typing import Any

import pytest

from bot.desk import periodic
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled, BadCommand, NotAllowed
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import Choice, State, Vote
from bot.domain.rules.policy import Actor, Standing
from bot.domain.values import Digest, OperationId
from tests.news import facts_of
from tests.workshop import ALICE, BOB, CAROL, DAVE, RULE, Workshop

ALARM = replace(RULE, quorum=2, break_glass=("U0ALICE", "S0LEADS"))


async def break_glass(
    shop: Workshop, id: OperationId, *, by: Actor = ALICE, reason: str = "leads asleep", digest: Digest | None = None
) -> None:
    digest = digest or (await shop.operation(id)).digest
    assert digest is not None
    await shop.desk.break_glass(id, digest=digest, reason=reason, by=by, key=await shop.key())


async def waiting(shop: Workshop) -> OperationId:
    shop.rule = ALARM
    id = await shop.ask()
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    return id


async def test_one_who_may_break_glass_goes_ahead_alone_with_their_own_request(shop: Workshop) -> None:
    id = await waiting(shop)
    await break_glass(shop, id)
    operation = await shop.operation(id)
    assert operation.state is State.QUEUED
    assert [(v.by, v.broke_glass, v.reason) for v in operation.votes] == [("U0ALICE", True, "leads asleep")]
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_it_is_told_in_the_thread_and_in_the_incident_channel_and_stands_in_the_audit(shop: Workshop) -> None:
    id = await waiting(shop)
    await shop.vote(id, by=BOB)
    await break_glass(shop, id)
    told = [n for n in await shop.news() if n.kind is Kind.GLASS_BROKEN]
    assert {n.audience for n in told} == {Audience.THREAD, Audience.INCIDENT}
    assert all(facts_of(n) == {"by": "U0ALICE", "reason": "leads asleep", "count": 1, "quorum": 2} for n in told)


@pytest.mark.parametrize("actor", [DAVE, replace(ALICE, standing=Standing.GUEST), replace(BOB, groups=frozenset())])
async def test_nobody_else_may(shop: Workshop, actor: Actor) -> None:
    id = await waiting(shop)
    with pytest.raises(NotAllowed):
        await break_glass(shop, id, by=actor)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_where_policy_names_nobody_an_approver_cannot_either(shop: Workshop) -> None:
    shop.rule = replace(ALARM, break_glass=())
    id = await shop.ask()
    await shop.work()
    with pytest.raises(NotAllowed, match="break glass"):
        await break_glass(shop, id, by=BOB)


@pytest.mark.parametrize("reason", ["", "  \n"])
async def test_without_a_reason_nothing_is_done(shop: Workshop, reason: str) -> None:
    id = await waiting(shop)
    with pytest.raises(BadCommand, match="reason"):
        await break_glass(shop, id, reason=reason)
    assert (await shop.operation(id)).votes == ()


async def test_an_approver_whose_vote_did_not_suffice_may_still_break_glass(shop: Workshop) -> None:
    id = await waiting(shop)
    await shop.vote(id, by=BOB)
    await break_glass(shop, id, by=BOB)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_glass_cannot_be_broken_for_a_plan_that_was_superseded_decided_or_expired(shop: Workshop) -> None:
    id = await waiting(shop)
    with pytest.raises(AlreadySettled, match="plan has changed"):
        await break_glass(shop, id, digest=Digest("0" * 64))
    await shop.clock.sleep(30 * 60)
    with pytest.raises(AlreadySettled, match="expired"):
        await break_glass(shop, id)
    await periodic.expire(shop.desk.archive, shop.desk.clock)
    with pytest.raises(AlreadySettled):
        await break_glass(shop, id)


async def test_it_counts_for_the_plan_that_was_shown_and_for_no_later_one(shop: Workshop) -> None:
    id = await waiting(shop)
    await break_glass(shop, id)
    shop.cloud.vms["vm-9"] = "host-1"
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []
    await shop.vote(id, by=BOB)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    await shop.vote(id, by=CAROL)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    "tampered",
    [
        {"broke_glass": False},
        {"digest": Digest("0" * 64)},
        {"choice": Choice.REJECT},
    ],
)
async def test_the_engine_takes_nothing_else_for_broken_glass(shop: Workshop, tampered: dict[str, Any]) -> None:
    id = await waiting(shop)
    operation = await shop.operation(id)
    assert operation.digest is not None
    vote = Vote(by=ALICE.id, choice=Choice.APPROVE, digest=operation.digest, at=shop.clock.now(), broke_glass=True)
    await save(shop, id, replace(vote, **tampered))
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []
    await save(shop, id, vote)
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED


async def test_the_engine_does_not_take_it_once_policy_lets_nobody_break_glass_any_more(shop: Workshop) -> None:
    id = await waiting(shop)
    await break_glass(shop, id)
    shop.rule = replace(ALARM, break_glass=())
    await shop.work()
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    assert shop.cloud.starts == []


async def save(shop: Workshop, id: OperationId, vote: Vote) -> None:
    """Put an operation into the queue with one vote, by whatever way it came there."""
    operation = await shop.operation(id)
    async with shop.archive.unit() as unit:
        await unit.operations.save(replace(operation, state=State.QUEUED, votes=(vote,)), Entry(event=AuditEvent.OTHER))
        await unit.commit()

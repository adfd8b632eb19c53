"""Clicks in the same moment at the doors of several replicas over one PostgreSQL: one decision, whoever is first."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

from bot.desk import periodic
from bot.desk.control import Steer
from bot.desk.votes import Confirmation
from bot.domain.errors import Refusal
from bot.domain.messages.kind import Kind
from bot.domain.operation import Choice, State
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.ports import Recorded
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from tests.workshop import ALICE, BOB, CAROL, RULE, LeapingClock, Workshop

ROUNDS = 8
DEAD = "host-1 is dead"
UNPROVEN = Finding(code="d", verdict=Verdict.WARNING, topic=Topic.EVIDENCE, sentence="It may live.", vouch=DEAD)
CONFIRMED = Confirmation(host="host-1", vouched=(DEAD,))


def vote(
    shop: Workshop, id: OperationId, digest: Any, by: Actor, choice: Choice = Choice.APPROVE
) -> Coroutine[Any, Any, None]:
    return shop.desk.vote(id, choice, digest=digest, by=by, key=f"{by.id} {choice} {id}", confirmed=CONFIRMED)


async def waiting(shop: Workshop) -> tuple[OperationId, Any]:
    id = await shop.ask()
    await shop.work()
    return id, (await shop.operation(id)).digest


async def at_once(*clicks: Coroutine[Any, Any, None]) -> tuple[int, list[Refusal]]:
    """How many counted, and what the others were told."""
    ends = await asyncio.gather(*clicks, return_exceptions=True)
    assert [end for end in ends if end is not None and not isinstance(end, Refusal)] == []
    return ends.count(None), [end for end in ends if isinstance(end, Refusal)]


async def events(shop: Workshop, id: OperationId) -> Sequence[Recorded]:
    async with shop.archive.unit() as unit:
        return (await unit.audit.entries(id, limit=500))[1]


async def count(shop: Workshop, id: OperationId, event: str) -> int:
    return sum(one.entry.event == event for one in await events(shop, id))


async def end(shop: Workshop, id: OperationId) -> None:
    """Free the host for the next round."""
    if (await shop.operation(id)).is_live:
        await shop.steer(id, Steer.CANCEL, by=ALICE)


async def test_two_approvals_where_one_is_enough_make_one_decision(shops: list[Workshop]) -> None:
    for _ in range(ROUNDS):
        id, digest = await waiting(shops[0])
        counted, refused = await at_once(vote(shops[0], id, digest, BOB), vote(shops[1], id, digest, CAROL))
        assert counted == 1
        assert [one.sentence for one in refused] == ["Already approved"]
        operation = await shops[2].operation(id)
        assert (operation.state, len(operation.votes)) == (State.QUEUED, 1)
        assert await count(shops[3], id, "approved") == 1
        await end(shops[0], id)
    told = await shops[0].kinds()
    assert told.count(Kind.QUORUM) == ROUNDS


async def test_two_approvals_where_two_are_needed_both_count_and_decide_once(shops: list[Workshop]) -> None:
    for shop in shops:
        shop.rule = replace(RULE, quorum=2)
    for _ in range(ROUNDS):
        id, digest = await waiting(shops[0])
        counted, _ = await at_once(vote(shops[0], id, digest, BOB), vote(shops[1], id, digest, CAROL))
        assert counted == 2
        assert (await shops[2].operation(id)).state is State.QUEUED
        assert (await count(shops[3], id, "vote"), await count(shops[3], id, "approved")) == (1, 1)
        await end(shops[0], id)


async def test_a_yes_and_a_no_in_the_same_moment_make_one_decision(shops: list[Workshop]) -> None:
    for _ in range(ROUNDS):
        id, digest = await waiting(shops[0])
        counted, refused = await at_once(
            vote(shops[0], id, digest, BOB), vote(shops[1], id, digest, CAROL, Choice.REJECT)
        )
        assert (counted, len(refused)) == (1, 1)
        operation = await shops[2].operation(id)
        assert (operation.state is State.QUEUED) is (operation.votes[0].choice is Choice.APPROVE)
        assert len(operation.votes) == 1
        await end(shops[0], id)


async def test_one_person_who_clicks_at_every_door_votes_once(shops: list[Workshop]) -> None:
    for shop in shops:
        shop.rule = replace(RULE, quorum=2)
    id, digest = await waiting(shops[0])
    clicks = [
        shop.desk.vote(id, Choice.APPROVE, digest=digest, by=BOB, key=f"click {n}") for n, shop in enumerate(shops)
    ]
    assert (await at_once(*clicks))[0] == 1
    operation = await shops[0].operation(id)
    assert (operation.state, len(operation.votes)) == (State.AWAITING_APPROVAL, 1)


async def test_a_lead_and_the_requester_who_vouch_in_the_same_moment_are_two(shops: list[Workshop]) -> None:
    shops[0].cloud.blockers = [UNPROVEN]
    for _ in range(ROUNDS):
        id, digest = await waiting(shops[0])
        counted, _ = await at_once(vote(shops[0], id, digest, BOB), vote(shops[1], id, digest, ALICE, Choice.VOUCH))
        assert counted == 2
        assert (await shops[2].operation(id)).state is State.QUEUED
        assert (await count(shops[3], id, "vouched"), await count(shops[3], id, "approved")) == (2, 1)
        await end(shops[0], id)


async def test_an_approval_and_a_cancel_in_the_same_moment_leave_nothing_that_starts_by_itself(
    shops: list[Workshop],
) -> None:
    for _ in range(ROUNDS):
        id, digest = await waiting(shops[0])
        cancel = shops[1].desk.steer(id, Steer.CANCEL, by=ALICE, key=f"cancel {id}")
        await at_once(vote(shops[0], id, digest, BOB), cancel)
        operation = await shops[2].operation(id)
        assert operation.state is State.CANCELLED, "approved first or not, a cancel before the start counts"


async def test_an_expiry_that_every_replica_ticks_is_one(shops: list[Workshop], clock: LeapingClock) -> None:
    id, digest = await waiting(shops[0])
    await clock.sleep(RULE.expires.total_seconds())
    late = vote(shops[0], id, digest, BOB)
    ends = await asyncio.gather(
        *(periodic.expire(shop.desk.archive, shop.desk.clock) for shop in shops), late, return_exceptions=True
    )
    assert sum(end for end in ends if isinstance(end, int)) == 1
    assert isinstance(ends[-1], Refusal)
    operation = await shops[1].operation(id)
    assert (operation.state, operation.votes) == (State.EXPIRED, ())
    assert await count(shops[2], id, "expired") == 1

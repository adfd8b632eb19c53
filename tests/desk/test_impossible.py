"""What nobody could ever approve is blocked by a finding on its card, and never goes out for approval."""

from dataclasses import replace
from typing import Any

import pytest

from bot.desk.control import Steer
from bot.domain.messages.kind import Kind
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.rules.policy import Actor
from tests.desk.crowd import LEADS, Crowd
from tests.workshop import ALICE, BOB, RULE, Workshop


async def checked(shop: Workshop, *, by: Actor = ALICE, check: bool = False) -> Operation:
    shop.people = shop.people or Crowd()
    id = await shop.ask(by=by, check=check)
    await shop.work()
    return await shop.operation(id)


def policy_findings(operation: Operation) -> list[Finding]:
    assert operation.plan is not None
    return [f for f in operation.plan.findings if f.topic is Topic.POLICY]


@pytest.mark.parametrize("check", [False, True])
async def test_a_quorum_that_cannot_be_reached_blocks_a_request_and_a_dry_run(shop: Workshop, check: bool) -> None:
    shop.rule = replace(RULE, quorum=2)
    operation = await checked(shop, by=BOB, check=check)
    assert operation.state is State.BLOCKED
    (finding,) = policy_findings(operation)
    assert finding.verdict is Verdict.BLOCKER
    assert finding.sentence == "Policy wants 2 approvals, but only 1 person besides the requester could give one."
    assert "evacuate on toy" in finding.remedy
    assert Kind.WAITING not in await shop.kinds()
    assert (await checked(shop, by=ALICE)).state is State.AWAITING_APPROVAL


@pytest.mark.parametrize("changes", [{"self_approval": True}, {"break_glass": ("U0CHIEF",)}, {"quorum": 1}])
async def test_it_is_let_through_where_somebody_could_let_it_pass(shop: Workshop, changes: dict[str, Any]) -> None:
    shop.rule = replace(replace(RULE, quorum=2), **changes)
    assert (await checked(shop, by=BOB)).state is State.AWAITING_APPROVAL


async def test_a_dry_run_that_turns_serious_is_judged_for_who_asks_then(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    dry = await checked(shop, by=ALICE, check=True)
    assert dry.state is State.READY
    await shop.steer(dry.id, Steer.REQUEST_APPROVAL, by=BOB)
    await shop.work()
    assert (await shop.operation(dry.id)).state is State.BLOCKED


async def test_what_two_must_vouch_for_is_blocked_where_there_is_no_second_person(shop: Workshop) -> None:
    shop.people = Crowd(groups={**LEADS, "S0LEADS": ("U0BOB",)})
    shop.rule = replace(RULE, self_approval=True)
    assert (await checked(shop, by=BOB, check=True)).state is State.READY
    shop.cloud.loses = {"vm-1"}
    operation = await checked(shop, by=BOB)
    assert operation.state is State.BLOCKED
    assert [f.code for f in policy_findings(operation)] == ["vouching-impossible"]
    assert (await checked(shop, by=ALICE)).state is State.AWAITING_APPROVAL


async def test_a_slack_that_is_silent_for_a_moment_blocks_nothing(shop: Workshop) -> None:
    shop.people = Crowd(silent=2)
    assert (await checked(shop)).state is State.AWAITING_APPROVAL


async def test_a_slack_that_stays_silent_blocks_what_could_not_be_found_out(shop: Workshop) -> None:
    shop.people = Crowd(silent=9)
    operation = await checked(shop)
    assert operation.state is State.BLOCKED
    assert [(f.code, f.verdict) for f in policy_findings(operation)] == [("approvers-unknown", Verdict.UNKNOWN)]


async def test_who_has_approved_already_is_not_counted_out_when_groups_change_hands(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    operation = await checked(shop)
    await shop.vote(operation.id, by=BOB)
    shop.people = Crowd(groups={**LEADS, "S0LEADS": ("U0CAROL",)})
    await shop.steer(operation.id, Steer.RECHECK, by=ALICE)
    await shop.work()
    assert (await shop.operation(operation.id)).state is State.AWAITING_APPROVAL

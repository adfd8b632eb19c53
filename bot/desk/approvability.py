"""Whether enough people could ever say yes: what policy makes impossible is a finding on the card, with why."""

from collections.abc import Sequence

from bot.domain.counting import counted
from bot.domain.errors import CouldNotAsk
from bot.domain.operation import VOUCHERS, Operation
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.ports import People
from bot.domain.rules.policy import Rule
from bot.domain.values import UserId


async def approvers(people: People, rule: Rule, *, requester: UserId | None) -> Sequence[UserId]:
    """Full members who could approve, no more of them than the quorum needs.

    Args:
        people: who is who.
        rule: the policy.
        requester: who asks, and counts only where policy says so; None: somebody who is no approver.

    Raises:
        CouldNotAsk: Slack did not answer.
    """
    found = await people.named(rule.approvers, most=rule.quorum + 1)
    counting = [one for one in found if rule.self_approval or one != requester]
    return counting[: rule.quorum]


async def is_possible(people: People, rule: Rule, *, requester: UserId) -> bool:
    """Whether this person's request could be approved by enough people, or by one who may break glass.

    Raises:
        CouldNotAsk: Slack did not answer.
    """
    able = await approvers(people, rule, requester=requester)
    return len(able) >= rule.quorum or bool(await people.named(rule.break_glass, most=1))


async def finding(people: People, rule: Rule, operation: Operation) -> Finding | None:
    """Why nobody could ever say yes to this operation's plan; None when they could.

    Args:
        people: who is who.
        rule: the policy it will be decided under.
        operation: with its plan.
    """
    requester = operation.requested_by
    try:
        if not await is_possible(people, rule, requester=requester):
            able = await approvers(people, rule, requester=requester)
            return _unapprovable(able, rule, operation)
        if operation.vouches:
            named = await people.named([*rule.approvers, *rule.break_glass], most=VOUCHERS)
            return None if len({requester, *named}) >= VOUCHERS else _unvouchable()
    except CouldNotAsk as refusal:
        remedy = refusal.remedy or "Ask again when Slack answers."
        return _finding("approvers-unknown", refusal.sentence, remedy, verdict=Verdict.UNKNOWN)
    return None


def _unapprovable(able: Sequence[UserId], rule: Rule, operation: Operation) -> Finding:
    where = f"{operation.request.action} on {operation.request.cloud}"
    remedy = f"Ask an admin to name more approvers, or a smaller quorum, for {where}."
    return _finding("quorum-impossible", said(able, rule, besides="besides the requester"), remedy)


def _unvouchable() -> Finding:
    sentence = "Two people must vouch for this, but nobody besides the requester could."
    return _finding("vouching-impossible", sentence, "Ask an admin to name more approvers.")


def _finding(code: str, sentence: str, remedy: str, *, verdict: Verdict = Verdict.BLOCKER) -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.POLICY, sentence=sentence, remedy=remedy)


def said(able: Sequence[UserId], rule: Rule, *, besides: str = "") -> str:
    """Why a quorum cannot be reached.

    Args:
        able: who could approve.
        rule: the policy.
        besides: who else may not, where the policy says so: "besides the requester".
    """
    number = f"only {counted(len(able), 'person', 'people')}" if able else "nobody"
    needed = counted(rule.quorum, "approval")
    there = f" {besides}" if besides and not rule.self_approval else ""
    return f"Policy wants {needed}, but {number}{there} could give one."

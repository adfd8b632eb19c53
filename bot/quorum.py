"""Whether enough people could ever approve: a request that nobody can grant is refused at once, with why."""

from collections.abc import Sequence

from bot.domain.errors import NotAllowed
from bot.domain.policy import Rule
from bot.domain.ports import People
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


async def check_possible(people: People, rule: Rule, *, requester: UserId, where: str) -> None:
    """Let a request pass that could be approved by enough people, or by one who may break glass.

    Args:
        people: who is who.
        rule: the policy it will be decided under.
        requester: who asks.
        where: the cloud and action, as an admin finds them in the settings.

    Raises:
        NotAllowed: nobody could ever say yes to it.
        CouldNotAsk: Slack did not answer.
    """
    able = await approvers(people, rule, requester=requester)
    if len(able) >= rule.quorum or await people.named(rule.break_glass, most=1):
        return
    raise NotAllowed(said(able, rule), remedy=f"Ask an admin to name more approvers, or a smaller quorum, for {where}.")


def said(able: Sequence[UserId], rule: Rule, *, besides: str = "besides you") -> str:
    """Why a quorum cannot be reached."""
    number = "nobody" if not able else "only one person" if len(able) == 1 else f"only {len(able)} people"
    needed = "one approval" if rule.quorum == 1 else f"{rule.quorum} approvals"
    there = f" {besides}" if besides and not rule.self_approval else ""
    return f"Policy wants {needed}, but {number}{there} could give one."

"""People's decisions about exactly the plan they saw: votes, and broken glass. Each in the caller's transaction."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.errors import AlreadySettled, BadCommand
from bot.domain.news import Audience, Kind, News
from bot.domain.operation import Choice, Event, Operation, State, Vote
from bot.domain.policy import Actor, Rule
from bot.domain.ports import Entry, Unit
from bot.domain.values import Digest, Facts
from bot.turning import settled, turn


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What somebody decided, on which plan."""

    choice: Choice
    digest: Digest  #: of the plan that they saw
    by: Actor
    at: datetime
    reason: str = ""

    def vote(self, *, broke_glass: bool = False) -> Vote:
        """The vote to store."""
        return Vote(
            by=self.by.id,
            choice=self.choice,
            digest=self.digest,
            at=self.at,
            reason=self.reason,
            broke_glass=broke_glass,
        )


def check_may_vote(operation: Operation, rule: Rule, decision: Decision) -> None:
    """Let a vote pass that would count.

    Raises:
        NotAllowed, AlreadySettled
    """
    rule.check_may_decide(decision.by, requester=operation.requested_by)
    _check_open(operation, decision)
    cast_before = (v for v in operation.votes if v.digest == decision.digest and not (v.void or v.broke_glass))
    if any(v.by == decision.by.id for v in cast_before):
        raise AlreadySettled("You have voted on this plan already; one vote a person.")


def check_may_break_glass(operation: Operation, rule: Rule, decision: Decision) -> None:
    """Let somebody pass who may go ahead alone now. Having voted before does not matter.

    Raises:
        NotAllowed, AlreadySettled
    """
    rule.check_may_break_glass(decision.by)
    _check_open(operation, decision)


def _check_open(operation: Operation, decision: Decision) -> None:
    if operation.state is not State.AWAITING_APPROVAL:
        raise settled(operation)
    if operation.digest != decision.digest:
        raise AlreadySettled(
            "The plan has changed since this button was drawn, so your click was not counted.",
            remedy="Read the card as it stands now and decide on that plan.",
        )
    if operation.expires_at is not None and decision.at >= operation.expires_at:
        raise AlreadySettled(
            "This request expired before your click arrived.", remedy="Ask again if it is still wanted."
        )


async def cast(unit: Unit, operation: Operation, rule: Rule, decision: Decision) -> str:
    """Count a vote, and turn the operation when it decides; answers what became of it.

    Raises:
        NotAllowed, AlreadySettled
    """
    check_may_vote(operation, rule, decision)
    voted = replace(operation, votes=(*operation.votes, decision.vote()))
    by, at = decision.by.id, decision.at
    facts: Facts = {"digest": decision.digest, "reason": decision.reason}
    if decision.choice is Choice.REJECT:
        told = {"reason": decision.reason, "requester": operation.requested_by}
        await turn(unit, voted, Event.REJECTED, at, by, facts, **told)
        return "rejected"
    count = rule.count(voted)
    counted: Facts = {"by": by, "count": count, "quorum": rule.quorum}
    if count < rule.quorum:
        await unit.save(replace(voted, changed_at=at), Entry(event="vote", actor=by, facts={**facts, **counted}))
        await unit.tell(News(kind=Kind.APPROVED, operation=voted.id, facts=counted))
        return "vote counted"
    await turn(unit, voted, Event.APPROVED, at, by, {**facts, **counted}, count=count, quorum=rule.quorum)
    return "approved"


async def break_glass(unit: Unit, operation: Operation, rule: Rule, decision: Decision) -> str:
    """Let one person go ahead alone with exactly this plan: loud in the thread, the incident channel and the audit.

    Raises:
        BadCommand: without a reason.
        NotAllowed, AlreadySettled
    """
    check_may_break_glass(operation, rule, decision)
    if not decision.reason.strip():
        raise BadCommand("Breaking glass needs a reason; nothing was done.", remedy="Press Break Glass again.")
    voted = replace(operation, votes=(*operation.votes, decision.vote(broke_glass=True)))
    told: Facts = {
        "by": decision.by.id,
        "reason": decision.reason,
        "count": rule.count(operation),
        "quorum": rule.quorum,
    }
    facts: Facts = {**told, "digest": decision.digest}
    moved = voted.after(Event.APPROVED, at=decision.at)
    await unit.save(moved, Entry(event="glass broken", actor=decision.by.id, facts=facts))
    news = News(kind=Kind.GLASS_BROKEN, operation=operation.id, facts=told)
    await unit.tell(news, replace(news, audience=Audience.INCIDENT))
    return "glass broken"

"""People's decisions about exactly the plan they saw: votes, vouching, broken glass; in the caller's transaction."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.desk.transition import apply, settled
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled, BadCommand, NotAllowed
from bot.domain.messages.decided import (
    GlassBroken,
    OneApproved,
    OneVouched,
    QuorumReached,
    RequestRejected,
    VouchWanted,
)
from bot.domain.messages.news import Audience, News, calling
from bot.domain.operation import VOUCHERS, Choice, Event, Operation, PlannedOperation, State, Vote
from bot.domain.ports import Unit
from bot.domain.rules.policy import Actor, Rule
from bot.domain.values import Digest, Facts


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What somebody put into the window in which they said yes."""

    host: str = ""  #: the host's name, as they typed it
    vouched: tuple[str, ...] = ()  #: the sentences that they ticked


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What somebody decided, on which plan."""

    choice: Choice
    digest: Digest  #: of the plan that they saw
    by: Actor
    at: datetime
    reason: str = ""
    confirmed: Confirmation = field(default_factory=Confirmation)

    def vote(self, operation: PlannedOperation, *, broke_glass: bool = False) -> Vote:
        """The vote to store; it vouches for what this operation's plan asks, and for nothing else."""
        sentences = operation.plan.vouches if self.choice is not Choice.REJECT else ()
        return Vote(
            by=self.by.id,
            choice=self.choice,
            digest=self.digest,
            at=self.at,
            reason=self.reason,
            broke_glass=broke_glass,
            vouched=tuple(sentence for sentence in sentences if sentence in self.confirmed.vouched),
        )


def check_may_vote(operation: Operation, rule: Rule, decision: Decision) -> PlannedOperation:
    """Let a vote pass that would count, once it is confirmed; answers the operation with the plan that it is cast on.

    Raises:
        NotAllowed, AlreadySettled
    """
    if decision.choice is Choice.VOUCH:
        rule.check_may_vouch(decision.by, requester=operation.requested_by)
    else:
        rule.check_may_decide(decision.by, requester=operation.requested_by)
    planned = _check_open(operation, decision)
    cast_before = [v for v in operation.votes if v.digest == decision.digest and not (v.void or v.broke_glass)]
    mine = [v.choice for v in cast_before if v.by == decision.by.id]
    if any(choice is not Choice.VOUCH for choice in mine):
        raise AlreadySettled("You have voted on this plan already; one vote per person.")
    if decision.choice is Choice.VOUCH:
        if not planned.plan.vouches:
            raise AlreadySettled("This plan asks nobody to vouch for anything.")
        if mine:
            raise AlreadySettled("You have vouched for this plan already.")
    return planned


def check_may_break_glass(operation: Operation, rule: Rule, decision: Decision) -> PlannedOperation:
    """Let somebody pass who may go ahead now, with the plan that is answered. Having voted before does not matter.

    What two people must vouch for, two people must vouch for here too: whoever breaks glass is one of them.

    Raises:
        NotAllowed: not among those who may, or nobody else has vouched yet.
        AlreadySettled
    """
    rule.check_may_break_glass(decision.by)
    planned = _check_open(operation, decision)
    for sentence in planned.plan.vouches:
        if not any(vote.by != decision.by.id for vote in operation.vouched_by(sentence)):
            raise NotAllowed(
                f"Two people must vouch for this, with broken glass too, and nobody else has yet: {sentence}.",
                remedy="The requester may do so by Vouch, an approver by Approve.",
                ask=tuple(who for who in (operation.requested_by, *rule.approvers) if who != decision.by.id),
            )
    return planned


def _check_open(operation: Operation, decision: Decision) -> PlannedOperation:
    """The operation, with the very plan that was decided on."""
    if operation.state is not State.AWAITING_APPROVAL:
        raise settled(operation)
    if not isinstance(operation, PlannedOperation) or operation.digest != decision.digest:
        raise AlreadySettled(
            "The plan has changed since this button was drawn, so your click was not counted.",
            remedy="Read the card as it stands now and decide on that plan.",
        )
    if operation.expires_at is not None and decision.at >= operation.expires_at:
        raise AlreadySettled(
            "This request expired before your click arrived.", remedy="Ask again if it is still wanted."
        )
    return operation


def _check_confirmed(operation: PlannedOperation, rule: Rule, decision: Decision) -> None:
    """Whatever button or window it came by: a yes counts only as confirmed as the stored plan asks."""
    rule.check_confirmed(operation.plan, host=decision.confirmed.host, vouched=decision.confirmed.vouched)


async def cast(unit: Unit, operation: Operation, rule: Rule, decision: Decision) -> str:
    """Count a vote, and move the operation on when it decides; answers what became of it.

    Raises:
        NotAllowed, AlreadySettled
        NotConfirmed: the host's name was not typed, or not every sentence was ticked.
    """
    operation = check_may_vote(operation, rule, decision)
    by, at = decision.by.id, decision.at
    facts: Facts = {"digest": decision.digest, "reason": decision.reason}
    vote = decision.vote(operation)
    voted = replace(operation, votes=(*operation.votes, vote))
    if decision.choice is Choice.REJECT:
        told = RequestRejected(by=by, requester=operation.requested_by, reason=decision.reason)
        await apply(unit, voted, Event.REJECTED, at, by, facts, told=told)
        return "rejected"
    _check_confirmed(operation, rule, decision)
    count = rule.count(voted)
    counted: Facts = {"by": by, "count": count, "quorum": rule.quorum}
    if vote.vouched:
        await _tell_vouched(unit, voted, vote)
    if rule.is_met_by(voted):
        # whose word came last need not have approved: the audit says who did
        last = by if decision.choice is Choice.APPROVE else None
        facts = {**facts, **counted, "by": last, "approved_by": [v.by for v in voted.approvals]}
        approved = QuorumReached(by=last, requester=voted.requested_by, starts_at=voted.starts_at)
        await apply(unit, voted, Event.APPROVED, at, last, facts, told=approved)
        return "approved"
    changed = replace(voted, changed_at=at)
    is_vouch = decision.choice is Choice.VOUCH
    event, facts = (AuditEvent.VOUCH, facts) if is_vouch else (AuditEvent.VOTE, {**facts, **counted})
    await unit.operations.save(changed, Entry(event=event, actor=by, facts=facts))
    if not is_vouch:
        await unit.outbox.tell(News(what=OneApproved(by=by, count=count, quorum=rule.quorum), operation=voted.id))
    if vote.vouched and not voted.is_vouched:
        await unit.outbox.tell(*_call_the_second(voted, rule))
    return "vouch counted" if is_vouch else "vote counted"


def _call_the_second(voted: Operation, rule: Rule) -> tuple[News, ...]:
    """Call whoever may be the second person to vouch."""
    by = [vote.by for vote in voted.votes if vote.digest == voted.digest and not vote.void and vote.vouched]
    may_vouch = voted.requested_by not in by
    wanted = VouchWanted(by=by[0], count=len(set(by)), needed=VOUCHERS, may_vouch=may_vouch)
    may = [who for who in (voted.requested_by, *rule.approvers) if who not in by]
    return calling(News(what=wanted, operation=voted.id), may)


async def _tell_vouched(unit: Unit, voted: Operation, vote: Vote) -> None:
    """What somebody vouched for, sentence by sentence, for the audit; and once for the thread."""
    for sentence in vote.vouched:
        facts: Facts = {"digest": vote.digest, "sentence": sentence, "host": voted.request.host_name}
        await unit.audit.record(voted.id, Entry(event=AuditEvent.VOUCHED, actor=vote.by, facts=facts))
    count = min(len(voted.vouched_by(sentence)) for sentence in vote.vouched)
    told = OneVouched(by=vote.by, sentences=vote.vouched, count=count, needed=VOUCHERS)
    await unit.outbox.tell(News(what=told, operation=voted.id))


async def break_glass(unit: Unit, operation: Operation, rule: Rule, decision: Decision) -> str:
    """Let one person go ahead alone with exactly this plan: loud in the thread, the incident channel and the audit.

    Raises:
        BadCommand: without a reason.
        NotAllowed, AlreadySettled
        NotConfirmed: the host's name was not typed, or not every sentence was ticked.
    """
    operation = check_may_break_glass(operation, rule, decision)
    if not decision.reason.strip():
        raise BadCommand("Breaking glass needs a reason; nothing was done.", remedy="Press Break Glass again.")
    _check_confirmed(operation, rule, decision)
    vote = decision.vote(operation, broke_glass=True)
    voted = replace(operation, votes=(*operation.votes, vote))
    if vote.vouched:
        await _tell_vouched(unit, voted, vote)
    by, count = decision.by.id, rule.count(operation)
    facts: Facts = {
        "by": by,
        "reason": decision.reason,
        "count": count,
        "quorum": rule.quorum,
        "digest": decision.digest,
    }
    moved = voted.after(Event.APPROVED, at=decision.at)
    await unit.operations.save(moved, Entry(event=AuditEvent.GLASS_BROKEN, actor=decision.by.id, facts=facts))
    told = GlassBroken(by=by, reason=decision.reason, count=count, quorum=rule.quorum)
    news = News(what=told, operation=operation.id)
    await unit.outbox.tell(news, replace(news, audience=Audience.INCIDENT))
    return "glass broken"

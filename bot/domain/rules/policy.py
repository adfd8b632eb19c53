"""Who may ask, who may approve, how many, until when."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from bot.domain.errors import NotAllowed, NotConfirmed
from bot.domain.operation import Operation
from bot.domain.plans.plan import Plan
from bot.domain.rules.calendar import Freeze
from bot.domain.values import Facts, UserId

_AGAIN = "Press the button on the card as it stands now, type the name and tick every sentence."
EVERYONE = "*"
"""In a list of requesters: every full member of the workspace."""


class Standing(StrEnum):
    """What a Slack user is to the workspace. Only full members ever act."""

    FULL_MEMBER = "full member"
    GUEST = "guest"
    BOT = "bot"
    DEACTIVATED = "deactivated"
    FOREIGN = "member of another workspace"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A person as Slack knows them at this moment."""

    id: UserId
    standing: Standing
    groups: frozenset[str] = frozenset()  #: ids of the user groups they are in
    zone: str = ""  #: name of their time zone, when Slack tells

    def is_one_of(self, who: Sequence[str]) -> bool:
        """Whether a list of user and group ids names this person. An empty list names nobody."""
        return self.id in who or any(group in who for group in self.groups)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The policy of one cloud and action."""

    requesters: tuple[str, ...]
    approvers: tuple[str, ...]
    break_glass: tuple[str, ...] = ()
    quorum: int = 1
    self_approval: bool = False
    typed_confirmation: bool = False  #: whoever approves types the host's name, on every plan
    expires: timedelta = timedelta(minutes=30)
    remind_before: timedelta = timedelta(minutes=10)  #: a start, or an expiry, people are reminded of it
    escalate_to: tuple[str, ...] = ()  #: who is called when nobody has decided; none of them approves by that
    escalate_after: timedelta = timedelta(minutes=15)
    freezes: tuple[Freeze, ...] = ()  #: when this may not be begun; none of an evacuation

    def terms(self) -> Facts:
        """What of the policy an approver relies on; part of the digest."""
        typed = {"typed_confirmation": True} if self.typed_confirmation else {}
        return {
            "approvers": sorted(self.approvers),
            "quorum": self.quorum,
            "self_approval": self.self_approval,
            **typed,
        }

    def lets_request(self, actor: Actor) -> bool:
        """Whether this full member is among the requesters."""
        return EVERYONE in self.requesters or actor.is_one_of(self.requesters)

    def names(self, actor: Actor) -> bool:
        """Whether this full member has any part in it: asks, approves or breaks glass."""
        return self.lets_request(actor) or actor.is_one_of((*self.approvers, *self.break_glass))

    def check_may_request(self, actor: Actor) -> None:
        """Let a requester pass.

        Raises:
            NotAllowed: not a full member, or not among the requesters.
        """
        _check_full_member(actor)
        if not self.lets_request(actor):
            raise NotAllowed(
                "You are not among those who may ask for this.",
                ask=self.requesters,
            )

    def check_may_decide(self, actor: Actor, *, requester: UserId) -> None:
        """Let an approver pass.

        Raises:
            NotAllowed: not a full member, not an approver, or the requester where policy forbids that.
        """
        _check_full_member(actor)
        if not actor.is_one_of(self.approvers):
            raise NotAllowed(
                "You are not an approver for this.",
                ask=self.approvers,
            )
        if actor.id == requester and not self.self_approval:
            raise NotAllowed(
                "You asked for this yourself, so somebody else must approve it.",
                ask=self.approvers,
            )

    def check_may_vouch(self, actor: Actor, *, requester: UserId) -> None:
        """Let the requester pass, who may vouch without approving; approvers vouch by approving.

        Raises:
            NotAllowed: somebody else, or somebody who may not ask for this any more.
        """
        self.check_may_request(actor)
        if actor.id != requester:
            raise NotAllowed(
                "Only the requester vouches without approving; approvers vouch when they approve.",
                ask=(requester, *self.approvers),
            )

    def is_window_needed(self, plan: Plan) -> bool:
        """Whether a yes to this plan takes more than a click: the host's name typed, and what must be vouched for."""
        return self.typed_confirmation or bool(plan.vouches)

    def check_confirmed(self, plan: Plan, *, host: str, vouched: Collection[str]) -> None:
        """Let a yes pass that was confirmed as this plan asks.

        Args:
            plan: what is said yes to.
            host: its name, as typed.
            vouched: the sentences that were ticked.

        Raises:
            NotConfirmed: another name or none, or a sentence that was not ticked.
        """
        if not self.is_window_needed(plan):
            return
        if host.strip() != plan.host_name:
            raise NotConfirmed(
                f"The name of the host was not typed exactly as {plan.host_name}, so nothing was counted.",
                remedy=_AGAIN,
            )
        if missing := [sentence for sentence in plan.vouches if sentence not in vouched]:
            raise NotConfirmed(f"You did not vouch for this, so nothing was counted: {missing[0]}.", remedy=_AGAIN)

    def check_may_break_glass(self, actor: Actor) -> None:
        """Let somebody pass who may go ahead alone, with their own request too.

        Raises:
            NotAllowed: not a full member, or not among those who may.
        """
        _check_full_member(actor)
        if not actor.is_one_of(self.break_glass):
            raise NotAllowed("You are not among those who may break glass here.", ask=self.break_glass)

    def is_met_by(self, operation: Operation) -> bool:
        """Whether the plan that is stored now may be executed: enough approvals of it, or broken glass.

        Broken glass counts only while policy still names somebody who may. What two people must vouch for they must
        vouch for in either case.
        """
        alone = operation.broken_glass is not None and bool(self.break_glass)
        return (alone or self.count(operation) >= self.quorum) and operation.is_vouched

    def count(self, operation: Operation) -> int:
        """How many people's approvals count for the plan that is stored now.

        Broken glass counts alone or not at all: who may break it need not be an approver. The requester's does not
        count where policy says so, however it came to be stored.
        """
        ordinary = replace(operation, votes=tuple(v for v in operation.votes if not v.broke_glass))
        return sum(1 for v in ordinary.approvals if self.self_approval or v.by != operation.requested_by)

    def check_may_steer(self, actor: Actor, *, requester: UserId) -> None:
        """Let the requester or an approver cancel or retry.

        Raises:
            NotAllowed: neither of them.
        """
        _check_full_member(actor)
        if actor.id != requester and not actor.is_one_of(self.approvers):
            raise NotAllowed(
                "Only the requester and the approvers can do this.",
                ask=(requester, *self.approvers),
            )


def _check_full_member(actor: Actor) -> None:
    if actor.standing is not Standing.FULL_MEMBER:
        raise NotAllowed(
            f"Muster takes orders only from full members of this workspace; you are a {actor.standing}."
            if actor.standing is not Standing.DEACTIVATED
            else "Muster takes no orders from deactivated accounts.",
            remedy="Ask a colleague who is a full member.",
        )

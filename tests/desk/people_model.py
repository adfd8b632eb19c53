"""The model that random courses of four people are held against, on a page."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.operation import State
from bot.domain.rules.policy import Rule
from bot.domain.values import UserId


@dataclass(frozen=True)
class Seen:
    """A plan, as far as anybody relies on it."""

    vms: frozenset[str]
    lost: frozenset[str]
    unproven: bool

    def is_part_of(self, other: "Seen") -> bool:
        return self.vms <= other.vms and self.lost <= other.lost and self.unproven <= other.unproven

    @property
    def must_vouch(self) -> bool:
        return self.unproven or bool(self.lost)


@dataclass
class Said:
    """What somebody said about the plan that was shown then."""

    by: UserId
    how: str  #: "approve", "vouch", "break glass"
    vouches: bool


@dataclass
class Told:
    """One request as the model tells its story."""

    requester: UserId
    state: State
    shown: Seen | None = None
    terms: tuple[int, bool] = (0, False)
    said: list[Said] = field(default_factory=list)  #: what counts of it; emptied when another plan is shown
    until: datetime | None = None  #: when it expires
    since: datetime | None = None  #: when it was approved

    @property
    def needs_two(self) -> bool:
        return self.shown is not None and self.shown.must_vouch

    def voted(self, who: UserId) -> bool:
        return any(one.by == who and one.how == "approve" for one in self.said)

    def is_enough(self, policy: Rule) -> bool:
        """Enough people said yes to what is shown, and two of them vouch where that is needed."""
        approved = {one.by for one in self.said if one.how == "approve"}
        if not policy.self_approval:
            approved -= {self.requester}
        alone = bool(policy.break_glass) and any(one.how == "break glass" for one in self.said)
        vouching = {one.by for one in self.said if one.vouches}
        return (alone or len(approved) >= policy.quorum) and (not self.needs_two or len(vouching) >= 2)

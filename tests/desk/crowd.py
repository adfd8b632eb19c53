"""People in groups, as Slack would tell; or a Slack that does not answer for a while."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.errors import CouldNotAsk
from bot.domain.rules.policy import Actor, Standing
from bot.domain.values import UserId

LEADS = {"S0LEADS": ("U0BOB", "U0CAROL"), "S0SRE": ("U0ALICE", "U0BOB"), "S0CHIEFS": ("U0CHIEF",)}


@dataclass
class Crowd:
    """Who is in which group."""

    groups: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(LEADS))
    silent: int = 0  #: so many questions stay without an answer

    async def actor(self, user: UserId) -> Actor:
        return Actor(id=user, standing=Standing.FULL_MEMBER)

    async def named(self, who: Sequence[str], *, most: int) -> Sequence[UserId]:
        if self.silent > 0:
            self.silent -= 1
            raise CouldNotAsk("Slack could not be asked (ratelimited).", remedy="Try again in 30 s.")
        found = dict.fromkeys(user for one in who for user in self.groups.get(one, (one,)))
        return [UserId(user) for user in found][:most]

"""Who is who."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.rules.policy import Actor
from bot.domain.values import UserId


class People(Protocol):
    """Who is who, asked of Slack."""

    async def actor(self, user: UserId) -> Actor:
        """A person with their standing and groups, a short cache old at most.

        Raises:
            bot.domain.errors.CouldNotAsk: Slack did not answer.
        """
        ...

    async def named(self, who: Sequence[str], *, most: int) -> Sequence[UserId]:
        """Full members that a list of user and group ids names: all, or `most` of them.

        Raises:
            bot.domain.errors.CouldNotAsk: Slack did not answer.
        """
        ...

"""Stands in for a cloud that is in the settings no more, while operations of it are live."""

from collections.abc import Mapping, Sequence
from math import inf

from bot.domain.cloud import NO_BOOKS, Books, Host, Refused, Request, Sighting, Unreachable
from bot.domain.plans.plan import Plan, Receipt, Step
from bot.domain.values import Action, StepKey


class MissingCloud:
    """A cloud that is in the settings no more: it cannot be asked, and an operation of it waits until it is back.

    Args:
        name: as the operations know it.
    """

    actions = frozenset[Action]()
    concurrency = 1
    rate = inf
    poll = 5.0
    deadline = 5.0

    def __init__(self, name: str) -> None:
        self.name = name

    def _gone(self) -> Unreachable:
        return Unreachable(
            f"Cloud {self.name} is not in the settings of Muster any more.",
            remedy="Put it back into muster.toml and start Muster again, or cancel the operation.",
        )

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:  # noqa: ARG002 - the port's arguments
        """See `bot.domain.cloud.Cloud`."""
        raise self._gone()

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> None:  # noqa: ARG002 - the port's arguments
        """See `bot.domain.cloud.Cloud`. To ask again is of no use before somebody has changed the settings."""
        gone = self._gone()
        raise Refused(gone.sentence, remedy=gone.remedy)

    def plan(self, request: Request, survey: None) -> Plan:  # noqa: ARG002 - the port's arguments
        """See `bot.domain.cloud.Cloud`."""
        raise self._gone()

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:  # noqa: ARG002 - the port's arguments
        """See `bot.domain.cloud.Cloud`."""
        raise self._gone()

    async def start(self, step: Step) -> Receipt:  # noqa: ARG002 - the port's arguments
        """See `bot.domain.cloud.Cloud`."""
        raise self._gone()

    async def check(self) -> Sequence[str]:
        """See `bot.domain.cloud.Cloud`."""
        return [str(self._gone())]

    async def aclose(self) -> None:
        """See `bot.domain.cloud.Cloud`."""

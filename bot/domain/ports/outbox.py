"""News that waits to be told."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.messages.news import News
from bot.domain.ports.records import Outgoing


class Outbox(Protocol):
    """The news of a unit of work."""

    async def tell(self, *news: News) -> None:
        """Queue news for delivery."""
        ...

    async def waiting(self, *, limit: int, put_off: Collection[int] = ()) -> Sequence[Outgoing]:
        """The next news of each lane, private notes first, then the oldest; of no lane whose next is put off."""
        ...

    async def followers(self, line: Outgoing, *, limit: int) -> Sequence[Outgoing]:
        """What waits in the lane of a line behind it, oldest first."""
        ...

    async def line_of(self, news: News) -> str:
        """The ts of the line that stands for news of a kind in `ONE_LINE`; empty when none does."""
        ...

    async def attempt(self, ids: Sequence[int], *, now: datetime) -> None:
        """Mark news as about to be posted."""
        ...

    async def told(self, ids: Sequence[int], *, ts: str) -> None:
        """Mark news as posted."""
        ...

    async def postpone(self, ids: Sequence[int], *, why: str) -> None:
        """Note why news could not be told, to be tried again."""
        ...

    async def give_up(self, ids: Sequence[int], *, why: str) -> None:
        """Never try again: Slack will not take it, ever (channel gone, person gone). Audited."""
        ...

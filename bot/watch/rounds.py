"""The rounds: one look at the hosts of every cloud, judged twice: who is down, and what our operations left over.

A round is harmless to repeat and remembers nothing: rows decide, whichever process looks.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.cloud import AnyCloud, CloudError
from bot.domain.ports import Archive, Clock, Stale
from bot.runtime.log import logger
from bot.watch import down, left_over

log = logger(__name__)

MOST_HOSTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """Looks at hosts without being asked."""

    archive: Archive
    clock: Clock
    clouds: Mapping[str, AnyCloud]
    every: timedelta  #: between two rounds
    left_over_after: timedelta  #: how long a host may stay out of service before people are reminded of it
    tells_of_down_hosts: bool = True

    async def go(self) -> None:
        """Look at every cloud once; a cloud that does not answer is left for the next round."""
        with suppress(Stale):
            await down.end_unwatched(
                self.archive, self.clock, watched=self.clouds.keys() if self.tells_of_down_hosts else ()
            )
        await asyncio.gather(*(self._at(cloud) for cloud in self.clouds.values()))

    async def _at(self, cloud: AnyCloud) -> None:
        try:
            async with asyncio.timeout(cloud.deadline):
                hosts = await cloud.hosts("", limit=MOST_HOSTS)
        except (CloudError, TimeoutError) as error:
            why = str(error) or f"no answer within {cloud.deadline:.0f} s"
            log.warning("the hosts of a cloud could not be looked at", cloud=cloud.name, error=why)
            return
        if not hosts:
            return  # a cloud that lists no host tells nothing about any
        gap = self.every * 0.6  # replicas look at different moments; two of their looks must not count as two polls
        try:
            if self.tells_of_down_hosts:
                await down.judge(self.archive, self.clock, cloud, hosts, gap=gap)
            await left_over.judge(self.archive, self.clock, cloud, hosts, after=self.left_over_after)
        except Stale:
            return  # another process judged the same look first

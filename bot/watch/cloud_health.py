"""Whether a cloud answers: asked now and then, so that somebody knows before people need it."""

import asyncio

from bot.domain.cloud import AnyCloud, CloudError
from bot.domain.ports import Clock
from bot.runtime.log import logger

log = logger(__name__)

WHILE_WELL = 60.0
WHILE_AILING = 10.0
"""Seconds between two questions."""
ANSWER_SECONDS = 60.0


class CloudHealth:
    """Whether one cloud can be used now.

    Args:
        cloud: which.
        clock: by it the next question comes.
    """

    def __init__(self, *, cloud: AnyCloud, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._is_told = False
        self.ailment = "not asked yet"
        """Why nothing can be done there now, in a few words without the cloud's own; empty when it answers."""

    async def run(self) -> None:
        """Ask again and again until cancelled."""
        while True:
            self.ailment = await self._ask()
            if not self.ailment and self._is_told:
                log.info("a cloud answers again", cloud=self._cloud.name)
            self._is_told = bool(self.ailment)
            await self._clock.sleep(WHILE_AILING if self.ailment else WHILE_WELL)

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._cloud.hosts("", limit=1)
        except Exception as error:  # noqa: BLE001  # whatever an adapter raises means: it cannot be used now
            if not self._is_told:
                why = error.sentence if isinstance(error, CloudError) else f"{type(error).__name__}: {error}"
                log.warning("a cloud does not answer", cloud=self._cloud.name, why=why)
            return f"does not answer ({type(error).__name__})"
        return ""

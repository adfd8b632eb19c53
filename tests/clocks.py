"""A case's clock for those who sleep: they take the time along, or leave it where it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.ports import Clock


class Passing(Clock, Protocol):
    """A clock that a case moves on."""

    async def pass_time(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class TakingAlong:
    """Whoever sleeps moves it on."""

    clock: Passing

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.clock.pass_time(seconds)


class StandingStill(TakingAlong):
    """Whoever sleeps wakes at once."""

    async def sleep(self, seconds: float) -> None:
        return None

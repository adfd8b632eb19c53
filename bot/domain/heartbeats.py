"""Heartbeats: what works by itself says so each time it comes round; what has not for too long hangs. Pure."""

from collections.abc import Mapping

from bot.domain.ports import Clock


class Heartbeats:
    """The last beat of each part of this process, by the clock for spans."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[str, tuple[float, float]] = {}

    def beat(self, part: str, *, within: float) -> None:
        """A part has come round, or begins; it hangs if it does not so again within that many seconds."""
        self._beats[part] = (self._clock.monotonic(), within)

    def ended(self, part: str) -> None:
        """A part has come to its end: nothing is expected of it any more."""
        self._beats.pop(part, None)

    @property
    def parts(self) -> frozenset[str]:
        """Those of which beats are expected."""
        return frozenset(self._beats)

    def hanging(self) -> Mapping[str, str]:
        """The parts whose beat is overdue, and for how long they have been silent."""
        now = self._clock.monotonic()
        silent = {part: (now - at, within) for part, (at, within) in self._beats.items()}
        return {part: f"last seen {age:.0f} s ago" for part, (age, within) in silent.items() if age > within}

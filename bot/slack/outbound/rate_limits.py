"""How fast we may speak: Slack's rate limits, shared by everything the board posts and edits."""

from bot.domain.ports import Clock

# https://docs.slack.dev/apis/web-api/rate-limits: about one post a second in a channel; chat.update is tier 3, 50 a
# minute for the whole workspace; a card is worth reading again every 3 s at most.
POST_GAP = 1.0
EDIT_GAP = 3.0
EDITS_A_MINUTE = 42.0
EDIT_BURST = 8.0
LEFT_BY_STATES = 2.0
"""Edits of the burst that all others leave to what somebody has just paused or stopped, however many have begun."""
LEFT_BY_PROGRESS = 4.0
"""Edits of the burst that progress leaves to what people must know or click, however many operations are moving."""

POST = "chat.postMessage"
EDIT = "chat.update"
EPHEMERAL = "chat.postEphemeral"


class RateLimits:
    """Says whether a call may be made now, and when the next one may.

    Args:
        clock: by it calls are counted.
        is_taken_over: somebody else spoke until now, and may have spent all of it just so: none is left.
    """

    def __init__(self, clock: Clock, *, is_taken_over: bool = False) -> None:
        self._clock = clock
        self.is_taken_over = is_taken_over
        self._edits = 0.0 if is_taken_over else EDIT_BURST
        self._counted_at = clock.monotonic()
        self._free_at = {POST: self._counted_at + POST_GAP} if is_taken_over else dict[str, float]()
        self._soonest: float | None = None

    def allows(self, method: str, place: str, *, leaves: float = 0.0) -> bool:
        """Whether `method` may be called for `place` (a channel, or a card's operation) now.

        A "no" is remembered, so that `soonest` can tell when to come back. What can wait `leaves` edits to others.
        """
        now = self._clock.monotonic()
        due = max(self._free_at.get(method, now), self._free_at.get(f"{method} {place}", now))
        if method == EDIT:
            due = max(due, self._edit_due(now, left=leaves))
        if due <= now:
            return True
        self._soonest = due if self._soonest is None else min(self._soonest, due)
        return False

    def took(self, method: str, place: str) -> None:
        """Note a call."""
        now = self._clock.monotonic()
        if method == EDIT:
            self._edit_due(now)
            self._edits -= 1
            self._free_at[f"{method} {place}"] = now + EDIT_GAP
        elif method == POST:
            self._free_at[f"{method} {place}"] = now + POST_GAP
        if len(self._free_at) > 1_000:
            self._free_at = {name: due for name, due in self._free_at.items() if due > now}

    def hold(self, method: str, *, seconds: float) -> None:
        """Slack said: not before so many seconds. Holds for the whole method."""
        until = self._clock.monotonic() + seconds
        self._free_at[method] = max(until, self._free_at.get(method, until))
        self.come_back(until)

    def come_back(self, at: float) -> None:
        """Something waits until that moment of the clock for spans."""
        self._soonest = at if self._soonest is None else min(self._soonest, at)

    def soonest(self, *, most: float) -> float:
        """Seconds until something that had to wait may go on, at most `most`; forgets what it was asked before."""
        due, self._soonest = self._soonest, None
        if due is None:
            return most
        return min(most, max(0.01, due - self._clock.monotonic()))

    def _edit_due(self, now: float, *, left: float = 0.0) -> float:
        """When the shared budget has room for one more edit and `left` more."""
        rate = EDITS_A_MINUTE / 60
        passed = now - self._counted_at
        self._edits = min(EDIT_BURST, self._edits + passed * rate)
        self._counted_at = now
        if self._edits >= 1 + left:
            return now
        return now + (1 + left - self._edits) / rate

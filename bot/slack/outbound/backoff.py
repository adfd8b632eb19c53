"""When what Slack did not take is offered to it again: after 2, 4, 8 … seconds, a minute at most."""

from bot.domain.ports import Clock
from bot.runtime.log import logger
from bot.slack.outbound.rate_limits import RateLimits
from bot.slack.wire import SlackError

log = logger(__name__)

STORE_SECONDS = 2.0
"""Between two tries of what the database did not take."""


def pause_after(tries: int) -> float:
    """Seconds until what came to nothing so often in a row is offered again."""
    return min(60.0, 2.0 ** min(tries, 6))


class BackOff:
    """Counts tries of things that have a name.

    Args:
        clock: by it waits are measured.
        pace: told when something may go on.
        what: is kept, for the log: "a card".
    """

    def __init__(self, clock: Clock, pace: RateLimits, *, what: str) -> None:
        self._clock = clock
        self._pace = pace
        self._what = what
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def waits(self, name: str) -> bool:
        """Whether it is too early for the next try."""
        due = self._not_before.get(name)
        if due is None or due <= self._clock.monotonic():
            return False
        self._pace.come_back(due)
        return True

    def failed(self, name: str, error: SlackError) -> None:
        """Note a try that came to nothing."""
        tries = self._tries[name] = self.tries(name) + 1
        due = self._not_before[name] = self._clock.monotonic() + pause_after(tries)
        self._pace.come_back(due)
        if tries == 1:
            log.warning("something waits for Slack", what=self._what, name=name, code=error.code)

    def not_stored(self, name: str) -> None:
        """Note that the database did not take it, of which the archive tells: the next try is soon, however often."""
        due = self._not_before[name] = self._clock.monotonic() + STORE_SECONDS
        self._pace.come_back(due)

    def put_off(self, name: str, *, seconds: float) -> None:
        """Note that it is to wait for so long, which is nobody's failure."""
        due = self._not_before[name] = self._clock.monotonic() + seconds
        self._pace.come_back(due)

    def rest(self, name: str, *, seconds: float) -> None:
        """Note that it was done, and is not to be done again for so long."""
        self.done(name)
        self._not_before[name] = self._clock.monotonic() + seconds

    def done(self, name: str) -> None:
        """Forget its tries."""
        self._tries.pop(name, None)
        self._not_before.pop(name, None)

    def tries(self, name: str) -> int:
        """How often it came to nothing in a row."""
        return self._tries.get(name, 0)

"""For how long looks have shown a thing as it is: spans that no clock of CloudTower's has a part in.

A task bears the date of its end by the tower's own clock. Where that is behind ours, a task that has just ended looks
like one that ended long ago: what lags behind it would be judged at once, and a host that has not even begun to
restart would count as back. What was seen lives in memory only: after a restart spans begin anew, which costs patience.
"""

from collections.abc import Callable
from datetime import timedelta

_MOST = 5000  #: things that are remembered at most


class FirstSeen:
    """What looks have shown.

    Args:
        monotonic: seconds by a clock that nobody sets.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, tuple[str, float]] = {}

    def since(self, id: str, state: str) -> timedelta:
        """For how long a thing has been shown so, up to now.

        Args:
            id: of the thing.
            state: as it is shown now.
        """
        now = self._monotonic()
        was, first = self._seen.pop(id, (state, now))
        self._seen[id] = (state, first if was == state else now)  # those that were looked at last come last
        if len(self._seen) > _MOST:
            del self._seen[next(iter(self._seen))]
        return timedelta(seconds=now - self._seen[id][1])

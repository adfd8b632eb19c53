"""Calls that Slack may still carry out though no answer came: it has them, or a machine on the way to it has.

Until then that a message is not there proves nothing, and an edit may yet overwrite a newer one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from bot.domain.ports import Clock
from bot.slack.views.message import Message
from bot.slack.wire import SlackBusy

LATE_SECONDS = 30.0
"""How long after a call without an answer Slack may still do what it asks."""
LOOK_SECONDS = 5.0
"""Between two looks for what may still appear."""
_REMEMBERED = 1_000


class MayStillAppear(SlackBusy):
    """A message does not stand, but its post is too recent to say that it never will: look again before posting it."""

    def __init__(self, seconds: float) -> None:
        super().__init__("may_still_appear", seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """An edit that was carried out, and is to be made again once no older one can come after it."""

    channel: str
    ts: str
    message: Message
    pace_of: str
    due: float


class LateCalls:
    """Remembers which posts and edits may still come.

    Args:
        clock: by its spans they do.
        is_taken_over: somebody else spoke until now, whose edits may come after ours.
    """

    def __init__(self, clock: Clock, *, is_taken_over: bool) -> None:
        self._clock = clock
        self._edits_of_others_until = clock.monotonic() + (LATE_SECONDS if is_taken_over else 0.0)
        self._edits_until: dict[tuple[str, str], float] = {}  # by message
        self._again: dict[tuple[str, str], Edit] = {}  # by message: what stands there
        self._over: set[str] = set()  # marks of posts that will not appear later than now
        self._posted_at: dict[str, float] = {}  # by mark: when it was posted, or first missed where others posted it

    def posts(self, marks: Collection[str]) -> None:
        """Note that messages are posted now."""
        if len(self._posted_at) > _REMEMBERED:
            self._posted_at.clear()
        self._over.difference_update(marks)
        self._posted_at |= dict.fromkeys(marks, self._clock.monotonic())

    def posts_no_more(self, marks: Collection[str]) -> None:
        """Note that they stand by now, or will not from that call: Slack answered, or was not reached."""
        if len(self._over) > _REMEMBERED:
            self._over.clear()
        self._over.update(marks)

    def check_missing(self, marks: Collection[str]) -> None:
        """Hold against the time whether messages that were posted, and do not stand, never will.

        Raises:
            MayStillAppear: one of them may.
        """
        now = self._clock.monotonic()
        posted_at = [self._posted_at.setdefault(mark, now) for mark in marks if mark not in self._over]
        left = max((at + LATE_SECONDS - now for at in posted_at), default=0.0)
        if left > 0:
            raise MayStillAppear(min(left, LOOK_SECONDS))

    def edit_lost(self, channel: str, ts: str) -> None:
        """Note that no answer came to an edit just now."""
        self._edits_until[channel, ts] = self._clock.monotonic() + LATE_SECONDS

    def edited(self, channel: str, ts: str, message: Message, *, pace_of: str) -> None:
        """Note an edit that was carried out; it is made again if an older one may come after it."""
        until = self._edits_until.get((channel, ts), self._edits_of_others_until)
        if until > self._clock.monotonic():
            self._again[channel, ts] = Edit(channel=channel, ts=ts, message=message, pace_of=pace_of, due=until)
        else:
            self.edits_no_more(channel, ts)

    def edits_no_more(self, channel: str, ts: str) -> None:
        """Forget a message: it stands as it should, or is gone."""
        self._edits_until.pop((channel, ts), None)
        self._again.pop((channel, ts), None)

    def due(self) -> Sequence[Edit]:
        """The edits that are to be made again now."""
        now = self._clock.monotonic()
        return [edit for edit in self._again.values() if edit.due <= now]

    def put_off(self, edit: Edit, *, seconds: float) -> None:
        """Note that such an edit came to nothing, and is to be tried again."""
        again = replace(edit, due=self._clock.monotonic() + seconds)
        self._again[edit.channel, edit.ts] = again

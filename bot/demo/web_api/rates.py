"""Slack's rate limits: a bucket per method and workspace, and one message a second per channel.

Tiers: docs.slack.dev "Rate limits". Buckets are a small burst deep and refill at the tier's pace.
"""

import importlib.resources
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.demo.web_api.errors import RateLimited


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """So many calls a minute, `burst` of them at once."""

    per_minute: float
    burst: int


TIERS: Mapping[str, RateLimit] = {
    "Tier1": RateLimit(per_minute=1, burst=5),
    "Tier2": RateLimit(per_minute=20, burst=10),
    "Tier3": RateLimit(per_minute=50, burst=20),
    "Tier4": RateLimit(per_minute=100, burst=30),
}
SPECIAL: Mapping[str, RateLimit] = {
    "auth.test": RateLimit(per_minute=600, burst=60),
    "chat.getPermalink": RateLimit(per_minute=600, burst=60),
    "chat.postMessage": RateLimit(per_minute=300, burst=60),
    "blocks.validate": RateLimit(per_minute=100, burst=30),
}
POSTS_PER_CHANNEL = RateLimit(per_minute=60, burst=5)
"""chat.postMessage: about one a second per channel, short bursts tolerated."""


@dataclass(kw_only=True)
class _Bucket:
    level: float
    at: float


@dataclass(kw_only=True)
class Rates:
    """All buckets. `now` is Unix time in seconds."""

    now: Callable[[], float]
    enforced: bool = True
    tiers: Mapping[str, RateLimit] = field(default_factory=lambda: TIERS)
    posts_per_channel: RateLimit = POSTS_PER_CHANNEL
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _tier_of: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        file = importlib.resources.files("bot.demo") / "slack_schemas" / "rate_limit_tiers.json"
        self._tier_of = json.loads(file.read_text())

    def pace_of(self, method: str) -> RateLimit:
        """What holds for the method; the strictest that is documented where the sources differ."""
        return SPECIAL.get(method) or self.tiers.get(self._tier_of.get(method, ""), self.tiers["Tier2"])

    def spend(self, method: str, *, channel: str | None = None) -> None:
        """Count one call. Raises RateLimited when there have been too many."""
        if not self.enforced:
            return
        self._spend(method, self.pace_of(method))
        if method == "chat.postMessage" and channel:
            self._spend(f"{method} {channel}", self.posts_per_channel)

    def _spend(self, key: str, pace: RateLimit) -> None:
        now = self.now()
        bucket = self._buckets.setdefault(key, _Bucket(level=float(pace.burst), at=now))
        bucket.level = min(float(pace.burst), bucket.level + (now - bucket.at) * pace.per_minute / 60)
        bucket.at = now
        if bucket.level < 1:
            raise RateLimited(max(1, math.ceil((1 - bucket.level) * 60 / pace.per_minute)))
        bucket.level -= 1

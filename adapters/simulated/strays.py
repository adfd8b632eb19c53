"""Rows of Nova's services beside those of the hosts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(eq=False, kw_only=True)
class StrayService:
    """A row of a compute service beside those of the hosts: of a host in another cell, or of one long retired."""

    service_id: str
    name: str  #: of its host
    started_at: datetime
    zone: str = "nova"
    enabled: bool = True
    disabled_reason: str | None = None
    forced_down: bool = False
    last_beat: datetime | None = None  #: None: it reports like a living one
    skew: float = 0.0  #: as of a host
    changed_at: datetime | None = None

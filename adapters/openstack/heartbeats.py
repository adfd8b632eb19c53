"""How often in a row a compute service was up when it reported: one report alone may be the last before it dies again.

The count lives in memory only. After a restart it begins anew, which costs a host that returns a few seconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.openstack.things import Service

_GAP = timedelta(minutes=2)  #: between two reports that are counted as a row


@dataclass(frozen=True)
class _Row:
    last: datetime
    beats: int


class Heartbeats:
    """Counts the heartbeats that looks come across."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    def count(self, service: Service) -> int:
        """Note what a service shows now, and answer how many different heartbeats it was up with, in a row."""
        at = service.updated_at
        if not service.is_up or at is None:
            self._rows.pop(service.id, None)
            return 0
        row = self._rows.get(service.id)
        if row is None or at - row.last > _GAP:
            row = _Row(at, 1)
        elif at > row.last:
            row = _Row(at, row.beats + 1)
        self._rows[service.id] = row
        return row.beats

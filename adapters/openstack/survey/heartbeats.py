"""Which compute services report, by what moves between two looks, and how often in a row one was up when it reported.

Nova tells one moment of a row, `updated_at`, which moves with every change of the row: by a heartbeat, which a
nova-compute sends whatever Nova calls it (`nova/servicegroup/drivers/db.py`, `_report_state`), and by whoever disables
it, enables it or forces it down. The API does not show the heartbeat alone (`last_seen_up`). So a heartbeat is what
moves that moment while all else of the row stays as it was; to write down what is there already changes no row. The
controllers' clocks differ, so how far the moment is from ours says nothing.

What was seen lives in memory only. After a restart it begins anew, which costs a host that returns a few seconds; what
must outlive it is in the marks of the steps (`service.has_beaten`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.openstack.model.computes import last_heard
from adapters.openstack.model.resources import Life, Service

_GAP = timedelta(minutes=2)  #: between two reports that are counted as a row
_WITHIN = timedelta(seconds=90)  #: since its last heartbeat, of a host that counts as one that reports
_RECENT = timedelta(seconds=20)  #: two reports where nobody chose otherwise
_SOONEST = timedelta(seconds=8)  #: so soon no Nova calls a host down by its silence, however short its down time is set


@dataclass(frozen=True)
class _Row:
    service: Service  #: as it was shown last
    beats: int  #: in a row, with the service up
    beaten: datetime | None = None  #: by the clock of the cloud, when a heartbeat was seen that came while it was down
    is_explained: bool = False  #: what wrote it last was a change by somebody, of a row that was down already


class ServiceHeartbeats:
    """What looks have come across."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._newest: datetime | None = None

    def note(self, services: Sequence[Service]) -> None:
        """Take note of what a list shows.

        Args:
            services: all of Nova's, or the rows of one host.
        """
        shown = last_heard(services)
        if shown is not None and (self._newest is None or len({s.host for s in services}) > 1):
            self._newest = shown
        elif shown is not None and self._newest is not None:
            self._newest = max(shown, self._newest)
        for service in services:
            self._rows[service.id] = self._next(self._rows.get(service.id), service)

    def _next(self, row: _Row | None, service: Service) -> _Row:
        first = 1 if service.is_up and service.updated_at is not None else 0
        if row is None or service.updated_at is None:
            return _Row(service, first)
        if service.updated_at == row.service.updated_at:
            beats = max(row.beats, first) if service.is_up else 0
            return _Row(service, beats, row.beaten, row.is_explained)
        if not is_same_record(row.service, service):
            beats = max(row.beats, first) if service.is_up else 0
            return _Row(service, beats, is_explained=not row.service.is_up)
        if not service.is_up:
            return _Row(service, 0, self._newest)
        return _Row(service, 1 if _gap(row.service, service) > _GAP else row.beats + 1)

    def count(self, service: Service) -> int:
        """How many different heartbeats a service was up with, in a row, as far as looks have come across them."""
        row = self._rows.get(service.id)
        return row.beats if row is not None else 0

    def life(self, service: Service) -> Life:
        """What is known of a service that Nova calls down, once it was noted."""
        row, now = self._rows.get(service.id), self._newest
        if row is None or now is None:
            return Life.SILENT
        if row.beaten is not None and abs(now - row.beaten) <= _WITHIN:
            return Life.REPORTS
        at = row.service.updated_at
        is_fresh = at is not None and abs(now - at) <= (_RECENT if row.service.is_forced_down else _SOONEST)
        return Life.UNTOLD if is_fresh and not row.is_explained else Life.SILENT

    def end(self, services: Sequence[Service]) -> None:
        """Forget that hosts reported: they have no power any more."""
        for service in services:
            if service.id in self._rows:
                self._rows[service.id] = _Row(service, 0, is_explained=True)


def is_same_record(one: Service, other: Service) -> bool:
    """Whether nothing of a row has changed but the moment it was written."""
    return one.state == other.state and one.disabled_reason == other.disabled_reason


def _gap(one: Service, other: Service) -> timedelta:
    if one.updated_at is None or other.updated_at is None:
        return timedelta(0)
    return abs(other.updated_at - one.updated_at)

"""The compute hosts of a cloud, and the one that a request is about, with its signs of life. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from adapters.openstack.model.resources import Life, Service, in_turn, standing
from adapters.redfish.power import PowerReading

_RETIRED = {False: timedelta(days=1), True: timedelta(days=30)}
"""For so long a host is silent, disabled or enabled, until nobody can have lost it tonight."""


@dataclass(frozen=True, kw_only=True)
class Computes:
    """Services of Nova, of which one is asked about: its host."""

    host: str
    at: datetime  #: when they were read
    services: tuple[Service, ...]  #: all of Nova
    aggregates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: names, by host
    tags: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """What a host's aggregates say of themselves (their metadata): by host, then by key."""
    bare_metal: frozenset[str] = frozenset()  #: names of the hosts and nodes that are of Ironic
    life: Life = Life.SILENT  #: of the host, if Nova reports it as down
    power: PowerReading | None = None  #: off only where two readings said so; None: no BMC of the host is known
    bmc_called: tuple[str, ...] = ()
    """Where the host has no BMC: what names BMCs have that may be its own, otherwise written."""
    others: Mapping[str, PowerReading] = field(default_factory=dict)
    """The power of other hosts that look dead too, where it was asked for and so as that of the host."""

    @cached_property
    def all(self) -> tuple[Service, ...]:
        """The compute services: of each host the row that stands for it."""
        return standing([s for s in self.services if s.binary == "nova-compute"])

    @cached_property
    def _by_host(self) -> Mapping[str, Service]:
        return {s.host: s for s in reversed(self.all)}

    @property
    def rows(self) -> tuple[Service, ...]:
        """The rows of the host's compute service, the one that stands for it first."""
        return in_turn([s for s in self.services if s.binary == "nova-compute" and s.host == self.host])

    @property
    def service(self) -> Service | None:
        """The compute service of the host."""
        return self._by_host.get(self.host)

    @cached_property
    def survivors(self) -> tuple[Service, ...]:
        """Compute services that the scheduler may choose for VMs."""
        others = (s for s in self.all if s.host != self.host and s.host not in self.bare_metal)
        return tuple(s for s in others if s.is_up and s.is_enabled)

    @property
    def is_bare_metal(self) -> bool:
        """Whether the host is a compute service of Ironic."""
        return self.host in self.bare_metal

    @property
    def deserted(self) -> tuple[str, ...]:
        """Names of the host's aggregates in which no other host is in service; none when there is no other at all."""
        living = {name for s in self.survivors for name in self.aggregates.get(s.host, ())}
        return tuple(name for name in self.aggregates.get(self.host, ()) if self.survivors and name not in living)

    def heard_of(self, host: str) -> datetime | None:
        """When a compute host was heard of last."""
        return self._by_host[host].updated_at if host in self._by_host else None

    def zone_of(self, host: str) -> str | None:
        """The availability zone of a compute host; None when Nova does not list it."""
        return self._by_host[host].zone if host in self._by_host else None


def last_heard(services: Sequence[Service]) -> datetime | None:
    """The clock of the cloud: when any of its services was heard of last."""
    return max((s.updated_at for s in services if s.updated_at), default=None)


def is_retired(service: Service, services: Sequence[Service]) -> bool:
    """Whether a host has been silent for so long that this says nothing about tonight.

    Args:
        service: its row.
        services: of Nova.
    """
    now = last_heard(services)
    if service.is_up or service.updated_at is None or now is None:
        return False
    return now - service.updated_at >= _RETIRED[service.is_enabled]

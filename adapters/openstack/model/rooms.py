"""What hosts have to give, and what servers take of it, by Placement. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from adapters.openstack.model.resources import Amounts, Room, Server


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """The room of each host."""

    by_host: Mapping[str, Room] | None = None  #: None: Placement does not tell
    survivors: frozenset[str] = frozenset()  #: the hosts that the scheduler may choose
    held: Mapping[str, Amounts] | None = field(default_factory=dict)
    """What each server holds on the host of the request; None: Placement does not tell."""

    @cached_property
    def shared(self) -> frozenset[str]:
        """Resource classes that no host has of its own, as all take them from a pool (Ceph): disk, or none."""
        left = [room for host, room in (self.by_host or {}).items() if host in self.survivors]
        is_pooled = bool(left) and not any("DISK_GB" in room.capacity for room in left)
        return frozenset({"DISK_GB"}) if is_pooled else frozenset()

    def needs(self, server: Server) -> Amounts:
        """What a server takes of a host: what it holds there by Placement, else what its flavor says."""
        taken = (self.held or {}).get(server.id) or server.needs
        return {name: amount for name, amount in taken.items() if name not in self.shared} if self.shared else taken

"""The servers that a request is about: those on its host, and those whose records say that they were. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from adapters.openstack.model.resources import Migration, Server, ServerGroup
from bot.domain.listing import Listing


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Servers, with the groups they are in and the records of their moves."""

    listed: Listing[Server] = field(default_factory=Listing)  #: on the host, of any status; and whether that is all
    projects: Mapping[str, str] = field(default_factory=dict)  #: names by id, where they can be read
    groups: tuple[ServerGroup, ...] = ()
    migrations: tuple[Migration, ...] = ()  #: from or to the host, ended ones too
    movers: Mapping[str, Server | None] = field(default_factory=dict)
    """VMs of lasting records by id, wherever they are now; None: deleted; of one that is not in it nobody asked."""
    away: tuple[Server, ...] = ()  #: of the request's ledger, wherever they are now but on the host
    encrypted: frozenset[str] = frozenset()  #: ids of volumes attached to them that are encrypted
    ports_known: bool = True  #: whether Neutron, where there is one, told of their ports
    shares_known: bool = True  #: whether Nova told which shares are attached to them

    @property
    def here(self) -> tuple[Server, ...]:
        """On the host, of any status, as far as that is known."""
        return self.listed.items

    @cached_property
    def seen(self) -> Mapping[str, Server | None]:
        """Those that were asked about, by id: on the host and elsewhere; None: deleted."""
        return {**self.movers, **{s.id: s for s in self.here}}

    @cached_property
    def _by_member(self) -> Mapping[str, ServerGroup]:
        return {member: group for group in reversed(self.groups) for member in group.members}

    @cached_property
    def _by_mover(self) -> Mapping[str, Sequence[Migration]]:
        found: dict[str, list[Migration]] = {}
        for move in self.migrations:
            found.setdefault(move.server, []).append(move)
        return found

    def group_of(self, server: Server) -> ServerGroup | None:
        """The server group that a server is in."""
        return self._by_member.get(server.id)

    def moves_of(self, server: str) -> Sequence[Migration]:
        """The records of one server's moves, by its id."""
        return self._by_mover.get(server, ())

"""Which of the VMs that Muster moved away come back with their host: what speaks against each, and who is meant. Pure.

Whoever can come back may be chosen. A VM that is not where Muster left it is flagged: somebody else has moved it since.
Of those that are meant, only as many are brought back as there is room for, and as their server groups allow.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.openstack.findings import entering, refusals, room, special_vms
from adapters.openstack.model import priority
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Amounts, Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import vms
from adapters.openstack.steps.moves import reservations
from adapters.openstack.wire import versions
from bot.domain.cloud import Left, Request


@dataclass(frozen=True, kw_only=True)
class Away:
    """A VM that Muster moved away, as it is now."""

    left: Left
    server: Server
    reason: str = ""  #: why it cannot come back, as the end of "it …"; empty when it can
    flag: str = ""  #: what speaks against bringing it back; empty: nothing
    obstacle: str = ""  #: why it does not come back though it is meant
    is_meant: bool = False

    @property
    def comes(self) -> bool:
        """Whether the plan brings it back."""
        return self.is_meant and not self.obstacle


def of(request: Request, survey: OpenStackSurvey, settings: OpenStackSettings) -> tuple[Away, ...]:
    """The VMs of the ledger that are elsewhere, in their turn, and in its order where that is the same."""
    left: dict[str, Left] = {one.id: one for one in survey.books.ledger}
    free = _free(survey)
    found: list[Away] = []
    named, mates = frozenset(request.vms), special_vms.by_group(survey, survey.servers.here)
    for server in sorted(survey.servers.away, key=lambda s: -priority.turn(s, settings.priority_metadata)):
        one = left[server.id]
        reason, flag = _reason_against(server, survey), _flag(one, server)
        is_meant = not reason and _is_meant(request, one, settings, named=named, flag=flag)
        obstacle = _obstacle(server, survey.computes, survey.servers, free, mates) if is_meant else ""
        if is_meant and not obstacle:
            _take(free, server.needs)
            if (group := survey.servers.group_of(server)) is not None:
                mates.setdefault(group.id, []).append(server.name)
        found.append(Away(left=one, server=server, reason=reason, flag=flag, obstacle=obstacle, is_meant=is_meant))
    return tuple(found)


def _free(survey: OpenStackSurvey) -> dict[str, int]:
    """What is free on the host, without what other operations have still to bring there."""
    there = (survey.rooms.by_host or {}).get(survey.computes.host)
    free = dict(there.free) if there else {}
    for needs, place in reservations.coming(survey.books.promised):
        if place == survey.computes.host:
            _take(free, needs)
    return free


def _take(free: dict[str, int], needs: Amounts) -> None:
    for name, amount in needs.items():
        free[name] = free.get(name, 0) - amount


def _is_meant(request: Request, left: Left, settings: OpenStackSettings, *, named: frozenset[str], flag: str) -> bool:
    if request.is_choice:
        return left.id in named
    if named:
        return bool({left.id, left.name} & named)
    return settings.brings_back and not flag


def _reason_against(server: Server, survey: OpenStackSurvey) -> str:
    """Why it cannot be moved to exactly this host; empty when it can."""
    zone, nova = survey.computes.service.zone if survey.computes.service else "", versions.spoken(survey.highest)
    if reason := entering.reason_against(server, survey.computes, survey.servers) or refusals.against_moving(
        server, survey.highest
    ):
        return reason
    if server.pinned_zone not in {None, zone}:
        return f"must stay in the zone {server.pinned_zone}"
    if server.is_live and survey.highest < versions.VALIDATED:
        return f"runs, and this Nova ({nova}) would force it onto the host, past its scheduler"
    if not server.is_live and survey.highest < versions.COLD_TARGET:
        return f"is stopped, and this Nova ({nova}) lets nobody choose where it goes"
    return "" if survey.rooms.by_host is not None else "may find no room: Placement does not say how much there is"


def _flag(left: Left, server: Server) -> str:
    if not left.place:
        return "Muster did not see where it went"
    return f"moved since: Muster left it on {left.place}" if server.host != left.place else ""


def _obstacle(
    server: Server, computes: Computes, servers: Servers, free: dict[str, int], mates: Mapping[str, Sequence[str]]
) -> str:
    """Why Nova would not take it back; empty when nothing is known against it.

    Args:
        server: the VM.
        computes: the hosts of the cloud, and the one that is asked about.
        servers: those on the host and those that left it, with their moves.
        free: what is free there, after those that come back before it.
        mates: names of VMs that are there then, by their server group.
    """
    if not room.fits(free, server.needs):
        short = [name for name, amount in server.needs.items() if amount > free.get(name, 0)]
        there = {name: max(0, free.get(name, 0)) for name in short}
        return (
            f"there is no room left for it on {computes.host}: it needs {room.spoken(server.needs, short)}; free:"
            f" {room.spoken(there, short)}"
        )
    group = servers.group_of(server)
    if group is None:
        return ""
    mine = mates.get(group.id, ())
    if group.policy == special_vms.ANTI_AFFINITY and mine:
        return f"it must be kept apart from {mine[0]} (server group {group.name}, {group.policy})"
    if group.policy == special_vms.AFFINITY and not mine and len(group.members) > 1:
        return (
            f"it must stay on one host with others (server group {group.name}, {group.policy}), and Nova moves them one"
            " by one"
        )
    return ""


def remarks(away: Away, servers: Servers) -> Iterator[str]:
    """What people should know of it, the worst first."""
    yield from filter(None, (away.reason, away.obstacle, away.flag))
    if away.left.status != away.server.status:
        yield f"was {away.left.status}"
    yield from vms.remarks(away.server, servers)

"""Where each VM of a dead host would go best: spread over the survivors by their room. Pure.

A nova-compute takes one claim at a time, and its claims slow down with every server already there (measured on Nova 34:
60 VMs piled on one target took 2.5 times as long as spread over three). A target named here is a wish: the scheduler
validates it, and where it refuses, it is asked for its own choice. So only plain cases are wished for, and all others
are the scheduler's from the beginning.
"""

from collections.abc import Mapping, Sequence

from adapters.openstack.findings.room import fits, free_on
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Amounts, Server
from adapters.openstack.model.survey import OpenStackSurvey
from bot.domain.plans.plan import Step

_PLAIN = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})
"""What every compute has; a VM that needs more than that is for the scheduler alone."""
MOST_BESIDES = 4
"""Targets kept for a VM besides its best: enough to shun one that claims nothing."""


def wishes(
    survey: OpenStackSurvey, leaving: Sequence[Server], *, others: Sequence[Step] = ()
) -> Mapping[str, tuple[str, ...]]:
    """The targets of each VM by its id, the best first; those that are not in it are left to the scheduler.

    The others behind the best have room for it still when all the VMs have gone to their best.

    Args:
        survey: the cloud.
        leaving: the VMs that leave the host, in the order in which they will.
        others: what other operations have still to start.
    """
    alike = _alike(survey.computes)
    free = {
        host: dict(amounts) for host, amounts in free_on(survey.computes, survey.rooms, others).items() if host in alike
    }
    room = {host: amounts.get("MEMORY_MB", 0) for host, amounts in free.items()}
    given = dict.fromkeys(free, 0)
    found: dict[str, str] = {}
    for server in leaving:
        needs = survey.rooms.needs(server)
        fit = [host for host, amounts in free.items() if fits(amounts, needs)]
        if not _is_plain(server, survey) or not fit:
            continue
        # shares in proportion to the room, as seats are given by votes; in turns, so that neighbours in time part
        best = max(fit, key=lambda host: (room[host] / (given[host] + 1), host))
        given[best] += 1
        for name, amount in needs.items():
            free[best][name] = free[best].get(name, 0) - amount
        found[server.id] = best
    by_id = {server.id: server for server in leaving}
    return {id: (first, *_also(free, survey.rooms.needs(by_id[id]), first)) for id, first in found.items()}


def _also(free: Mapping[str, Amounts], needs: Amounts, best: str) -> Sequence[str]:
    """Where a VM would fit besides, the roomiest first."""
    fit = [host for host, amounts in free.items() if host != best and fits(amounts, needs)]
    return sorted(fit, key=lambda host: (-free[host].get("MEMORY_MB", 0), host))[:MOST_BESIDES]


def _alike(computes: Computes) -> frozenset[str]:
    """The survivors in the zone and the very aggregates of the host: what the scheduler might forbid elsewhere."""
    mine = frozenset(computes.aggregates.get(computes.host, ()))
    zone = computes.service.zone if computes.service else ""
    return frozenset(
        s.host for s in computes.survivors if s.zone == zone and frozenset(computes.aggregates.get(s.host, ())) == mine
    )


def _is_plain(server: Server, survey: OpenStackSurvey) -> bool:
    """Whether a refusal would cost nothing, and nothing but room decides about its target.

    Nova puts a VM whose target is refused into ERROR, and forgets that it was stopped.
    """
    zone = survey.computes.service.zone if survey.computes.service else ""
    return (
        server.vm_state == "active"
        and survey.servers.group_of(server) is None
        and server.pinned_zone in {None, zone}
        and not (server.traits or server.scope or server.devices or server.ports or server.has_promised_bandwidth)
        and all(name in _PLAIN for name, amount in survey.rooms.needs(server).items() if amount)
    )

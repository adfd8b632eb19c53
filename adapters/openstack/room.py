"""Whether the VMs of a host fit on the hosts that are left, by Placement's numbers. Pure.

Nova's scheduler decides in the end; a shortage shown here is one it cannot talk its way out of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from adapters.openstack.things import Amounts, OpenStackSurvey, Room, Server
from bot.domain.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

_UNITS = {"VCPU": "vCPU", "MEMORY_MB": "GiB", "DISK_GB": "GB disk"}


_FEWER = ", or leave some VMs out with `--vm`"


def of_room(
    survey: OpenStackSurvey, leaving: Sequence[Server], *, to: str = "", fewer: str = _FEWER
) -> Iterator[Finding]:
    """Judge the room for some servers.

    Args:
        survey: the cloud.
        leaving: the servers that shall leave the host.
        to: the one host they shall go to; empty: any survivor.
        fewer: how a person asks for fewer VMs, as the end of a remedy; empty: there is no such way.
    """
    if not leaving or not survey.survivors or (to and to not in {s.host for s in survey.survivors}):
        return  # nothing to place, or the lack of hosts is a finding already
    if survey.room is None:
        yield _room(
            "room-unknown",
            Verdict.UNKNOWN,
            "Placement does not tell how much room the other hosts have.",
            "Check that the catalog has Placement, at 1.27 or later, and that Muster's account may read it.",
        )
        return
    zones = {s.host: s.zone for s in survey.survivors}
    free = _free(survey.room, zones, to)
    where = f"on {to}" if to else "on the hosts that are left"
    fits_nowhere = [
        s for s in leaving if not any(_may(s, h, zones) and fits(f, survey.needs(s)) for h, f in free.items())
    ]
    if fits_nowhere:
        yield from (_nowhere(s, survey.needs(s), where, fewer) for s in fits_nowhere)
    else:
        yield _all_together(survey, leaving, free, zones, where, fewer)


def free_on(survey: OpenStackSurvey) -> Mapping[str, Amounts]:
    """What is free on each host that the scheduler may choose; empty when Placement does not tell."""
    return _free(survey.room or {}, {s.host: s.zone for s in survey.survivors}, "")


def _all_together(
    survey: OpenStackSurvey,
    leaving: Sequence[Server],
    free: Mapping[str, dict[str, int]],
    zones: Mapping[str, str],
    where: str,
    fewer: str,
) -> Finding:
    """Each server fits somewhere; do they fit all at once?"""
    needed, there = _sum(survey.needs(s) for s in leaving), _sum(free.values())
    short = [name for name, amount in needed.items() if amount > there.get(name, 0)]
    if short:
        return _room(
            "no-room",
            Verdict.BLOCKER,
            f"There is not enough room {where}: the VMs need {spoken(needed, short)}, free are {spoken(there, short)}.",
            f"Make room or enable another host{fewer}.",
        )
    left_over = _pack(survey, leaving, free, zones)
    if left_over:
        names = ", ".join(s.name for s in left_over[:5])
        return _room(
            "tight-room",
            Verdict.WARNING,
            f"Room {where} is enough in sum but scattered: {len(left_over)} VMs may find no host ({names}).",
            "Make room on one of the hosts, or expect to retry them.",
        )
    return _suffices(needed, there, where, hosts=len(free))


def _free(room: Mapping[str, Room], zones: Mapping[str, str], to: str) -> dict[str, dict[str, int]]:
    """What is free on each host that the scheduler may choose."""
    return {
        host: dict(room[host].free)
        for host in sorted(zones)
        if host in room and to in {"", host} and "COMPUTE_STATUS_DISABLED" not in room[host].traits
    }


def _suffices(needed: Amounts, there: Amounts, where: str, *, hosts: int) -> Finding:
    shown = [name for name in _UNITS if needed.get(name)]
    who = "1 host has" if hosts == 1 else f"{hosts} hosts have"
    return _room(
        "room",
        Verdict.OK,
        f"There is room {where}: the VMs need {spoken(needed, shown)}; {who} {spoken(there, shown)} free.",
    )


def _room(code: str, verdict: Verdict, sentence: str, remedy: str = "") -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.ROOM, sentence=sentence, remedy=remedy)


def spoken(amounts: Amounts, names: Sequence[str]) -> str:
    """As people say it: "12 vCPU, 48 GiB"."""
    parts = []
    for name in names:
        amount = amounts.get(name, 0)
        number = f"{amount / 1024:.4g}" if name == "MEMORY_MB" else str(amount)
        parts.append(f"{number} {_UNITS.get(name, name)}")
    return ", ".join(parts)


def _nowhere(server: Server, needs: Amounts, where: str, fewer: str) -> Finding:
    names = [name for name in needs if needs[name]]
    zone = f" in zone {server.pinned_zone}, where it must stay" if server.pinned_zone else ""
    return Finding(
        code="fits-nowhere",
        verdict=Verdict.BLOCKER,
        topic=Topic.ROOM,
        vm=VmId(server.id),
        sentence=f"There is no room {where}{zone} for {server.name}, which needs {spoken(needs, names)}.",
        remedy=f"Make room for it{fewer}.",
    )


def _pack(
    survey: OpenStackSurvey,
    leaving: Sequence[Server],
    free: Mapping[str, dict[str, int]],
    zones: Mapping[str, str],
) -> list[Server]:
    """The servers left over when the biggest are placed first, each on the host with most memory left."""
    rest = {host: dict(amounts) for host, amounts in free.items()}
    left_over = []
    for server in sorted(leaving, key=lambda s: (-survey.needs(s).get("MEMORY_MB", 0), s.id)):
        needs = survey.needs(server)
        fit = [h for h, amounts in rest.items() if _may(server, h, zones) and fits(amounts, needs)]
        if not fit:
            left_over.append(server)
            continue
        best = max(fit, key=lambda h: rest[h].get("MEMORY_MB", 0))
        for name, amount in needs.items():
            rest[best][name] = rest[best].get(name, 0) - amount
    return left_over


def _may(server: Server, host: str, zones: Mapping[str, str]) -> bool:
    return server.pinned_zone in {None, zones.get(host)}


def fits(free: Amounts, needs: Amounts) -> bool:
    """Whether what is free is enough."""
    return all(free.get(name, 0) >= amount for name, amount in needs.items() if amount)


def _sum(many: Iterable[Amounts]) -> dict[str, int]:
    total: dict[str, int] = {}
    for amounts in many:
        for name, amount in amounts.items():
            total[name] = total.get(name, 0) + amount
    return total

"""Whether the VMs of a host fit on the hosts that are left, by Placement's numbers. Pure.

What other operations of Muster have still to move counts as there already. Nova's scheduler decides in the end; a
shortage shown here is one it cannot talk its way out of.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Amounts, Room, Server
from adapters.openstack.model.rooms import Rooms
from adapters.openstack.steps.moves import reservations
from bot.domain.counting import counted, gib, listed
from bot.domain.plans.plan import Finding, Step, Topic, Verdict
from bot.domain.values import VmId

_UNITS = {"VCPU": "vCPU", "PCPU": "PCPU", "MEMORY_MB": "", "DISK_GB": "GB disk"}
_NAMED = 5  #: VMs named one by one, each with what it needs


def of_room(
    computes: Computes,
    rooms: Rooms,
    leaving: Sequence[Server],
    *,
    to: str = "",
    others: Sequence[Step] = (),
    staying: int = 0,
) -> Iterator[Finding]:
    """Judge the room for some servers, all of which have to leave.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        rooms: what the hosts have to give.
        leaving: the servers that shall leave the host.
        to: the one host they shall go to; empty: any survivor.
        others: what other operations have still to start.
        staying: how many more were to leave, and stay for want of room.
    """
    if not leaving or not computes.survivors or (to and to not in {s.host for s in computes.survivors}):
        return  # nothing to place, or the lack of hosts is a finding already
    if rooms.by_host is None:
        yield _room(
            "room-unknown",
            Verdict.UNKNOWN,
            "Placement does not say how much room the other hosts have.",
            "Check that the catalog has Placement, at 1.27 or later, and that Muster's account may read it.",
        )
        return
    free = _free_for(computes, rooms, to, others)
    fits_nowhere = [s for s in leaving if not _somewhere(computes, rooms, s, free)]
    if fits_nowhere:
        found = [_nowhere(rooms, s, to) for s in fits_nowhere]
    else:
        found = [
            _all_together(computes, rooms, leaving, free, to, coming=reservations.how_many(others), staying=staying)
        ]
    untold = sorted(s.host for s in computes.survivors if s.host not in rooms.by_host and to in {"", s.host})
    if untold and any(f.verdict is Verdict.BLOCKER for f in found):
        yield _untold(found[0], untold)
    else:
        yield from found


def too_little_for(
    computes: Computes, rooms: Rooms, in_turn: Sequence[Server], *, to: str = "", others: Sequence[Step] = ()
) -> Mapping[str, str]:
    """The servers that stay behind for want of room so that the others can go: the reason of each, by its id.

    Empty as well where none of them has room, and where Placement does not tell: that is for `of_room` to judge.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        rooms: what the hosts have to give.
        in_turn: the servers that shall leave the host; where room is short, the earlier ones have it.
        to: the one host they shall go to; empty: any survivor.
        others: what other operations have still to start.
    """
    free = _free_for(computes, rooms, to, others)
    fit = [s for s in in_turn if _somewhere(computes, rooms, s, free)]
    fitting = {s.id for s in fit}
    staying = {s.id: f"no room {_where(to)}" for s in in_turn if s.id not in fitting}
    if _short(rooms, fit, free):
        staying |= {s.id: "no room once those that go first have theirs" for s in _pack(computes, rooms, fit, free)}
    return staying if len(staying) < len(in_turn) else {}


def of_those_that_stay(rooms: Rooms, staying: Sequence[Server], *, to: str = "") -> Iterator[Finding]:
    """Name the servers that stay behind for want of room.

    Args:
        rooms: what the hosts have to give.
        staying: those that `too_little_for` has told.
        to: the one host the others go to; empty: any survivor.
    """
    if not staying:
        return
    named = listed([f"{s.name} ({_wants(rooms, s)})" for s in staying], most=_NAMED)
    stay = "it stays" if len(staying) == 1 else f"these {len(staying):,} stay"
    yield _room(
        "stays-for-room",
        Verdict.WARNING,
        f"There is no room {_where(to)} for {named}: {stay} behind.",
        "Make room and ask anew, or choose others to stay in their place.",
    )


def free_on(computes: Computes, rooms: Rooms, others: Sequence[Step] = ()) -> Mapping[str, Amounts]:
    """What is free on each host that the scheduler may choose; empty when Placement does not tell.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        rooms: what the hosts have to give.
        others: what other operations have still to start.
    """
    room = rooms.by_host or {}
    free = {
        s.host: dict(room[s.host].free)
        for s in sorted(computes.survivors, key=lambda s: s.host)
        if s.host in room and "COMPUTE_STATUS_DISABLED" not in room[s.host].traits
    }
    for needs, place in reservations.coming(others):
        fit = [place] if place in free else [h for h, amounts in free.items() if fits(amounts, needs)] or list(free)
        if fit:
            _take(free, max(fit, key=lambda h: free[h].get("MEMORY_MB", 0)), needs)
    return free


def _free_for(computes: Computes, rooms: Rooms, to: str, others: Sequence[Step]) -> Mapping[str, dict[str, int]]:
    """What is free on the one host that was asked for, or on each that the scheduler may choose."""
    return {host: dict(amounts) for host, amounts in free_on(computes, rooms, others).items() if to in {"", host}}


def _somewhere(computes: Computes, rooms: Rooms, server: Server, free: Mapping[str, Amounts]) -> bool:
    return any(
        _may(computes, rooms, server, host) and fits(amounts, rooms.needs(server)) for host, amounts in free.items()
    )


def _short(rooms: Rooms, leaving: Sequence[Server], free: Mapping[str, Amounts]) -> list[str]:
    """The resources of which there is too little in sum."""
    needed, there = _sum(rooms.needs(s) for s in leaving), _sum(free.values())
    return [name for name, amount in needed.items() if amount > there.get(name, 0)]


def _where(to: str) -> str:
    return f"on {to}" if to else "on the hosts that are left"


def _all_together(
    computes: Computes,
    rooms: Rooms,
    leaving: Sequence[Server],
    free: Mapping[str, dict[str, int]],
    to: str,
    *,
    coming: int,
    staying: int,
) -> Finding:
    """Each server fits somewhere; do they fit all at once?"""
    needed, there, where = _sum(rooms.needs(s) for s in leaving), _sum(free.values()), _where(to)
    short = _short(rooms, leaving, free)
    kept = f" ({counted(coming, 'VM')} of other operations counted as there already)" if coming else ""
    if short:
        return _room(
            "no-room",
            Verdict.BLOCKER,
            f"There is not enough room {where}: {_needing(leaving)} {spoken(needed, short)}; free:"
            f" {spoken(there, short)}{kept}.",
            "Make room or enable another host.",
        )
    biggest_first = sorted(leaving, key=lambda s: (-rooms.needs(s).get("MEMORY_MB", 0), s.id))
    left_over = _pack(computes, rooms, biggest_first, free)
    if left_over:
        names = listed([s.name for s in left_over], most=_NAMED)
        return _room(
            "tight-room",
            Verdict.WARNING,
            f"Room {where} is enough in total but scattered: {counted(len(left_over), 'VM')} may find no host"
            f" ({names}){kept}.",
            "Make room on one of the hosts, or expect to retry them.",
        )
    shown = [name for name in _UNITS if needed.get(name)]
    who = counted(len(free), "host has", "hosts have")
    rest = f"{who} {spoken(there, shown)} free{kept}.{_besides(rooms, free)}"
    if staying:
        these = "it needs" if len(leaving) == 1 else "these need"
        some = f"{len(leaving):,} of {counted(len(leaving) + staying, 'VM')}"
        sentence = f"There is room {where} for {some} only: {these} {spoken(needed, shown)}; {rest}"
        return _room("room", Verdict.OK, sentence)
    return _room("room", Verdict.OK, f"There is room {where}: {_needing(leaving)} {spoken(needed, shown)}; {rest}")


def _needing(leaving: Collection[Server]) -> str:
    return "the VM needs" if len(leaving) == 1 else "the VMs need"


def _besides(rooms: Rooms, hosts: Collection[str]) -> str:
    """What of the room is not in the sum: hosts that promised more than they have, and disk from a pool."""
    over = [f"{host} ({said})" for host in hosts if (said := _overcommitted((rooms.by_host or {})[host]))]
    told = (
        f" More is promised than there is on {listed(over, most=_NAMED)}: what needs more of it goes elsewhere."
        if over
        else ""
    )
    return told + (" Disk comes from a pool that the hosts share, and is not counted." if rooms.shared else "")


def _overcommitted(room: Room) -> str:
    """What a host has promised more of than it has: "112 vCPU of 32 vCPU"; empty where there is none."""
    over = [name for name in room.capacity if room.used.get(name, 0) > room.capacity[name]]
    return ", ".join(f"{spoken(room.used, [name])} of {spoken(room.capacity, [name])}" for name in over)


def _room(code: str, verdict: Verdict, sentence: str, remedy: str = "") -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.ROOM, sentence=sentence, remedy=remedy)


def spoken(amounts: Amounts, names: Collection[str]) -> str:
    """As people say it, whatever order Placement has them in: "12 vCPU, 48 GiB"."""
    parts = []
    for name in [*(n for n in _UNITS if n in names), *(n for n in names if n not in _UNITS)]:
        amount = amounts.get(name, 0)
        parts.append(gib(amount / 1024) if name == "MEMORY_MB" else f"{amount:,} {_UNITS.get(name, name)}")
    return ", ".join(parts)


def _untold(short: Finding, hosts: Sequence[str]) -> Finding:
    """Too little room, while Placement is silent about hosts in service: they are full, or its answer is not whole."""
    return _room(
        "room-unknown",
        Verdict.UNKNOWN,
        f"{short.sentence} But Placement tells nothing of {listed(hosts, most=_NAMED)}: full, or missing from its"
        " answer.",
        "Check again in a minute; if it stays so, make room, or look at the providers of these hosts.",
    )


def _nowhere(rooms: Rooms, server: Server, to: str) -> Finding:
    return Finding(
        code="fits-nowhere",
        verdict=Verdict.BLOCKER,
        topic=Topic.ROOM,
        vm=VmId(server.id),
        sentence=f"There is no room for {server.name} {_where(to)}: it needs {_wants(rooms, server)}.",
        together=f"find no room {_where(to)}: not even one of them alone. What each needs stands beside it in Details.",
        remedy="Make room.",
    )


def _wants(rooms: Rooms, server: Server) -> str:
    """What a host must have for it, as people say it."""
    needs = rooms.needs(server)
    asks = [f"a host in zone {server.pinned_zone}"] if server.pinned_zone else []
    asks += [f"a host {'with' if how == 'required' else 'without'} {trait}" for trait, how in server.traits.items()]
    return " and ".join([spoken(needs, [name for name in needs if needs[name]]), *asks])


def _pack(computes: Computes, rooms: Rooms, in_order: Iterable[Server], free: Mapping[str, Amounts]) -> list[Server]:
    """The servers left over when they are placed in this order, each on the host with most memory left."""
    rest = {host: dict(amounts) for host, amounts in free.items()}
    left_over = []
    for server in in_order:
        needs = rooms.needs(server)
        fit = [h for h, amounts in rest.items() if _may(computes, rooms, server, h) and fits(amounts, needs)]
        if not fit:
            left_over.append(server)
            continue
        _take(rest, max(fit, key=lambda h: rest[h].get("MEMORY_MB", 0)), needs)
    return left_over


def _may(computes: Computes, rooms: Rooms, server: Server, host: str) -> bool:
    """Whether a host may take a server at all, however empty it is: its zone, its traits, its size."""
    room = (rooms.by_host or {})[host]
    return (
        server.pinned_zone in {None, computes.zone_of(host)}
        and all((trait in room.traits) is (how == "required") for trait, how in server.traits.items())
        and all(amount <= room.largest.get(name, amount) for name, amount in rooms.needs(server).items())
    )


def fits(free: Amounts, needs: Amounts) -> bool:
    """Whether what is free is enough."""
    return all(free.get(name, 0) >= amount for name, amount in needs.items() if amount)


def _take(free: Mapping[str, dict[str, int]], host: str, needs: Amounts) -> None:
    for name, amount in needs.items():
        free[host][name] = max(0, free[host].get(name, 0) - amount)


def _sum(many: Iterable[Amounts]) -> dict[str, int]:
    total: dict[str, int] = {}
    for amounts in many:
        for name, amount in amounts.items():
            total[name] = total.get(name, 0) + amount
    return total

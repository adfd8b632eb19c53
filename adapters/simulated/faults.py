"""Faults to order: what shall go wrong with a call, a move or a cell, how often, and from which time on.

They are kept in `World.faults`, so that a test and the buttons of the demo's page order the same things:

    world.faults.order(CallFault(effect=Effect.LOSE_REPLY, method="POST", path="/action$", body="evacuate"))
    world.faults.order(CallFault(effect=Effect.ANSWER, status=401, face="cloudtower", times=None, until_login=True))
    world.faults.order_move(MoveFault(how=Break.NO_HOST, kind=MoveKind.EVACUATION, vm="db-1", first=2))
    world.faults.silence("compute-1", "compute-2")
"""

import asyncio
import re
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.simulated.records import Move, MoveKind, SimVm


class Effect(StrEnum):
    """What happens to a call instead of the ordinary."""

    ANSWER = "answer"
    """Nothing takes effect; the answer is `status`."""
    CUT = "cut"
    """Nothing takes effect; the connection is cut."""
    LOSE_REPLY = "lose-reply"
    """It takes effect, and the connection is cut instead of an answer."""
    LATE = "late"
    """The connection is cut at once, or a proxy answers `gateway`; it takes effect `seconds` later."""
    SLOW = "slow"
    """It takes effect at once; the answer waits `seconds` (of the World's `sleep`)."""
    HOLD = "hold"
    """The call waits at the door until `release`, then all goes its ordinary way."""


@dataclass(eq=False, kw_only=True)
class CallFault:
    """An order about HTTP calls. Patterns are regular expressions searched for; empty ones match all."""

    effect: Effect
    face: str = ""  #: openstack, cloudtower or redfish
    method: str = ""
    path: str = ""  #: as on the wire, with its prefix and without the query
    body: str = ""
    first: int = 1  #: it begins with the n-th call that matches
    times: int | None = 1  #: how many calls it hits; None: until removed
    status: int = 503
    message: str = ""  #: ANSWER: the service's own words; empty: those of the fault
    retry_after: int | None = None  #: seconds, for the header
    seconds: float = 0.0
    gateway: int = 0  #: LATE: the status that a proxy answers; 0: none
    until_login: bool = False  #: a successful login ends it
    seen: int = 0  #: calls that matched so far
    hits: int = 0  #: calls it was applied to
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  #: HOLD: a call waits at the door
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let held calls go on."""
        self._open.set()

    async def wait(self) -> None:
        """Wait until released."""
        self.arrived.set()
        await self._open.wait()


class Break(StrEnum):
    """How a move goes wrong."""

    NO_HOST = "no-host"
    """The scheduler finds no host."""
    PRECHECK = "precheck"
    """The target refuses before anything was copied (live migration)."""
    SPAWN = "spawn"
    """The guest cannot be started, or copied, there."""
    HANG = "hang"
    """It never gets further than its first stage."""


@dataclass(eq=False, kw_only=True)
class MoveFault:
    """An order about moves of VMs."""

    how: Break
    kind: MoveKind | None = None
    vm: str = ""  #: name, uuid or cuid; empty: any
    to: str = ""  #: name of the target; empty: any (and the only choice for NO_HOST)
    reason: str = "disk image missing"
    first: int = 1
    times: int | None = 1
    seen: int = 0
    hits: int = 0


class CloudFaults:
    """What was ordered and is not yet used up."""

    def __init__(self) -> None:
        self.calls: list[CallFault] = []
        self.moves: list[MoveFault] = []
        self.silent: frozenset[str] = frozenset()  #: names of hosts whose cell of Nova does not answer

    def silence(self, *hosts: str) -> None:
        """Let the database of the cell of these hosts, and of no others, be away: Nova leaves out what is in it."""
        self.silent = frozenset(hosts)

    def order(self, fault: CallFault) -> CallFault:
        self.calls.append(fault)
        return fault

    def order_move(self, fault: MoveFault) -> MoveFault:
        self.moves.append(fault)
        return fault

    def clear(self) -> None:
        """Everything ordered is forgotten; held calls go on."""
        for fault in self.calls:
            fault.release()
        self.calls.clear()
        self.moves.clear()
        self.silence()

    def logged_in(self, face: str) -> None:
        """Somebody logged in at `face`: faults that only last until then are over."""
        self.calls = [f for f in self.calls if not (f.until_login and f.hits and f.face in {"", face})]

    def for_call(self, *, face: str, method: str, path: str, body: str) -> CallFault | None:
        """The first order that applies to this call, which uses it once."""
        for fault in self.calls:
            if (
                fault.face in {"", face}
                and fault.method in {"", method}
                and re.search(fault.path, path)
                and re.search(fault.body, body)
                and _applies(fault)
            ):
                return fault
        return None

    def for_move(self, move_kind: MoveKind, vm: SimVm, *, to: str, how: set[Break]) -> MoveFault | None:
        """The first order of one of the kinds `how` that applies to this move, which uses it once."""
        for fault in self.moves:
            if (
                fault.how in how
                and fault.kind in {None, move_kind}
                and fault.vm in {"", vm.name, vm.id, vm.cuid}
                and fault.to in {"", to}
                and _applies(fault)
            ):
                return fault
        return None

    def of_move(self, move: Move, how: set[Break]) -> MoveFault | None:
        """The same for a move that has its record already."""
        return self.for_move(move.kind, move.vm, to=move.dest.name if move.dest else "", how=how)


def _applies(fault: CallFault | MoveFault) -> bool:
    """Count this match and tell whether the fault hits it."""
    fault.seen += 1
    if fault.seen < fault.first or (fault.times is not None and fault.hits >= fault.times):
        return False
    fault.hits += 1
    return True

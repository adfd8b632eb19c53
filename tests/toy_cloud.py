"""A cloud of dictionaries that keeps state, takes time and fails to order: the port straight over its own truth."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from typing import Any

from bot.domain.cloud import NO_BOOKS, Books, Host, Refused, Request, Seen, Sighting, Unreachable
from bot.domain.plans.plan import By, Disposition, Finding, Plan, PlannedStep, Receipt, Step, Topic, Verdict, Vm
from bot.domain.ports import Clock
from bot.domain.steady_clock import SteadyClock
from bot.domain.values import Action, Facts, HostId, StepKey, VmId

MOVE_SECONDS = 5.0
DEADLINE = timedelta(minutes=2)
DEAD = ("host-1", "host-10")


class Wrecked(BaseException):
    """Something was done that must never be done; nothing that runs a step may take it for a lost answer."""


def _never(happened: bool, what: str) -> None:
    if happened:
        raise Wrecked(what)


@dataclass
class Move:
    id: str
    vm: str
    at: datetime
    to: str
    fails: bool = False
    refused: bool = False
    hangs: bool = False
    aborted: bool = False


@dataclass
class ToyCloud:
    """`host-1` is dead, `host-10` as well; their VMs are to be moved to `host-2`."""

    clock: Clock  #: by it the cloud takes its time; how Muster's machine is set is nothing to it
    vms: dict[str, str]  #: vm -> host
    name: str = "toy"
    actions: frozenset[Action] = frozenset({Action.EVACUATE})
    concurrency: int = 3
    rate: float = inf
    away_until: float = 0.0  #: moment of the clock for spans until which nothing may be begun, for `host-2` is not up
    poll: float = 1.0
    deadline: float = 20.0
    groups: dict[str, str] = field(default_factory=dict)
    disabled: bool = False
    blockers: list[Finding] = field(default_factory=list)
    loses: set[str] = field(default_factory=set)  #: VMs whose disk is on the dead host alone
    moves: list[Move] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)  #: every mutating call that took effect
    refuse: dict[str, str] = field(default_factory=dict)
    puts_off: dict[str, list[float]] = field(default_factory=dict)  #: seconds that so many calls of a step are to wait
    breaks_until: float = 0.0  #: moment of the clock for spans until which it ends every call with an error
    broke: list[float] = field(default_factory=list)  #: when it did so
    put_off: list[tuple[str, float]] = field(default_factory=list)  #: what was put off, and when
    lose: dict[str, str] = field(default_factory=dict)  #: "before" or "after" the effect; a word a call
    fails: set[str] = field(default_factory=set)  #: VMs whose next move fails
    silent: int = 0  #: so many looks and surveys fail
    most_at_once: int = 0
    shows_after: float = 0.0  #: seconds until a look can see a move that was accepted
    hangs: set[str] = field(default_factory=set)  #: VMs whose next move never ends by itself
    waits: set[str] = field(default_factory=set)  #: VMs whose move waits for its turn in the cloud
    relief: str = ""  #: what is done to a move past its deadline: "abort", "hurry" or "ask"
    wish: str = ""  #: where VMs would best go
    wishes: dict[str, str] = field(default_factory=dict)  #: by VM, where others would than that
    turns_away: set[str] = field(default_factory=set)  #: VMs that this host does not take
    locks: bool = False  #: whether VMs are locked while they are moved
    locked: set[str] = field(default_factory=set)
    move_seconds: float = MOVE_SECONDS
    look_seconds: float = 0.0
    on_move: Callable[[], Awaitable[object]] | None = None  #: done once, while the next move is started
    meddler: str = ""  #: this VM is moved by somebody else right after it was first looked at

    def __post_init__(self) -> None:
        self.time = SteadyClock(self.clock)

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        return [Host(id=HostId(n), name=n) for n in ("host-1", "host-2", "host-10") if matching in n][:limit]

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> dict[str, str]:
        self._answer()
        return {vm: host for vm, host in self._truth().items() if host == request.host}

    def plan(self, request: Request, survey: dict[str, str]) -> Plan:
        vms = tuple(
            Vm(
                id=VmId(v),
                name=f"name-{v}",
                status="ACTIVE",
                disposition=Disposition.EVACUATE,
                loses_disk=v in self.loses,
            )
            for v in sorted(survey)
        )
        disable = PlannedStep(
            key=StepKey("disable"),
            phase="Out",
            verb="disable",
            target=request.host,
            title="disable host-1",
            essential=True,
        )
        moves = tuple(step for v in vms for step in self._steps_of(v))
        reliefs = tuple(
            replace(
                move,
                key=StepKey(f"{self.relief}:{move.target}"),
                verb=self.relief,
                title=f"{self.relief} {move.title}",
                by=By.PERSON if self.relief == "ask" else By.MUSTER,
                apart="",
                follows=None,
                relieves=move.key,
                deadline=DEADLINE,
            )
            for move in moves
            if self.relief and move.verb == "move"
        )
        empty = PlannedStep(
            key=StepKey("empty"),
            phase="Verify",
            verb="empty",
            target=request.host,
            title="host-1 is empty",
            by=By.CLOUD,
        )
        ok = Finding(code="down", verdict=Verdict.OK, topic=Topic.EVIDENCE, sentence="host-1 is down")
        return Plan(
            action=request.action,
            host=request.host,
            host_name=request.host_name,
            findings=(ok, *self.blockers),
            vms=vms,
            phases=("Out", "Move", "Verify"),
            steps=(disable, *moves, *reliefs, empty),
        )

    def _steps_of(self, vm: Vm) -> list[PlannedStep]:
        move = PlannedStep(
            key=StepKey(f"move:{vm.id}"),
            phase="Move",
            verb="move",
            target=vm.id,
            title=f"move {vm.name}",
            vm=vm.id,
            apart=self.groups.get(vm.id, ""),
            wish=self.wishes.get(vm.id, self.wish),
        )
        if not self.locks:
            return [move]
        lock = replace(move, key=StepKey(f"lock:{vm.id}"), verb="lock", title=f"lock {vm.name}", apart="")
        unlock = replace(
            lock,
            key=StepKey(f"unlock:{vm.id}"),
            verb="unlock",
            title=f"unlock {vm.name}",
            follows=move.key,
            tidies=lock.key,
        )
        return [lock, replace(move, follows=lock.key), unlock]

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        self._answer()
        await self.clock.sleep(self.look_seconds)
        sightings = {s.key: self._look(s) for s in steps}
        if self.meddler in {s.target for s in steps}:
            self.moves.append(Move("by hand", self.meddler, self.time.now(), "host-2"))
            self.meddler = ""
        return sightings

    def _look(self, step: Step) -> Sighting:
        truth = self._truth()
        if step.verb == "disable":
            return Sighting(seen=Seen.DONE if self.disabled else Seen.NEVER_STARTED, mark={"disabled": self.disabled})
        if step.verb in {"lock", "unlock"}:
            is_so = (step.target in self.locked) is (step.verb == "lock")
            return Sighting(seen=Seen.DONE if is_so else Seen.NEVER_STARTED, place=truth[step.target])
        if step.verb == "empty":
            left = [v for v, h in truth.items() if h == step.target]
            return Sighting(
                seen=Seen.UNDERWAY if left else Seen.DONE, sentence=f"{len(left)} left", movement=str(len(left))
            )
        if step.verb in {"abort", "hurry", "ask"}:
            return self._relieved(step)
        before: Any = step.before["moves"] if step.before else None
        visible = [m for m in self.moves if self.time.now() - m.at >= timedelta(seconds=self.shows_after)]
        known = [m.id for m in visible if m.vm == step.target]
        new = [m for m in visible if m.vm == step.target and (before is None or m.id not in before)]
        if before is None:
            new = [m for m in new if not self._ended(m)]
        if new:
            move = new[-1]
            if not self._ended(move):
                waits = step.target in self.waits
                return Sighting(seen=Seen.UNDERWAY, movement=move.id, place=truth[step.target], waits=waits)
            if move.aborted:
                return Sighting(seen=Seen.FAILED, sentence="It was aborted.")
            if move.refused:
                mark: Facts = {"moves": known, "refused": True}
                return Sighting(seen=Seen.TURNED_AWAY, sentence=f"{move.to} did not take it.", mark=mark)
            if move.fails:
                return Sighting(seen=Seen.FAILED, sentence="No valid host was found.", remedy="Make room.")
            return Sighting(seen=Seen.DONE, place=truth[step.target])
        if truth.get(step.target) not in DEAD:
            return Sighting(seen=Seen.DONE, place=truth.get(step.target, ""), sentence="moved by others")
        refused = any(m.refused for m in visible if m.vm == step.target)
        not_yet = "host-2 is not up." if self.clock.monotonic() < self.away_until else ""
        return Sighting(seen=Seen.NEVER_STARTED, not_yet=not_yet, mark={"moves": known, "refused": refused})

    async def start(self, step: Step) -> Receipt:
        if self.clock.monotonic() < self.breaks_until and step.vm:
            self.broke.append(self.clock.monotonic())
            raise Unreachable("it broke", raw="503", is_over=True)
        if self.puts_off.get(step.key):
            self.put_off.append((step.key, self.clock.monotonic()))
            raise Unreachable("asked too often", raw="429", put_off=self.puts_off[step.key].pop(0))
        if step.key in self.refuse:
            raise Refused(self.refuse.pop(step.key), remedy="Do something.", raw="409")
        fate, _, others = self.lose.pop(step.key, "").partition(" ")
        self.lose |= {step.key: others} if others else {}
        if fate == "before":
            raise Unreachable("connection refused")
        self.starts.append(step.key)
        if step.verb == "disable":
            self.disabled = True
        elif step.verb == "lock":
            self.locked.add(step.target)
        elif step.verb == "unlock":
            self.locked.remove(step.target)
        elif step.verb in {"abort", "hurry"}:
            move = next(m for m in reversed(self.moves) if m.vm == step.target)
            _never(self._ended(move), f"{step.target} was relieved though it had ended")
            move.hangs, move.aborted, move.at = False, step.verb == "abort", self.time.now()
        else:
            meanwhile, self.on_move = self.on_move, None
            if meanwhile is not None:
                await meanwhile()
            underway = [m for m in self.moves if not self._ended(m)]
            _never(step.target in {m.vm for m in underway}, f"{step.target} was moved twice at once")
            _never(self._truth()[step.target] not in DEAD, f"{step.target} was moved again")
            self.most_at_once = max(self.most_at_once, len(underway) + 1)
            groups = [self.groups.get(m.vm) for m in underway if self.groups.get(m.vm)]
            _never(self.groups.get(step.target) in groups, "two of one server group at once")
            fails = step.target in self.fails
            self.fails.discard(step.target)
            wished = step.wish and not (step.before or {}).get("refused")
            to = step.wish if wished else "host-2"
            refused = bool(wished) and step.target in self.turns_away
            hangs = step.target in self.hangs
            self.hangs.discard(step.target)
            self.moves.append(Move(f"m{len(self.moves)}", step.target, self.time.now(), to, fails, refused, hangs))
        if fate == "after":
            raise Unreachable("connection reset")
        return Receipt(id=f"req-{len(self.starts)}")

    def _relieved(self, step: Step) -> Sighting:
        move = next(m for m in reversed(self.moves) if m.vm == step.target)
        if self._ended(move):
            return Sighting(seen=Seen.DONE, sentence="It has ended.")
        return Sighting(
            seen=Seen.NEVER_STARTED if move.hangs and step.by is By.MUSTER else Seen.UNDERWAY, movement=str(move.hangs)
        )

    async def check(self) -> Sequence[str]:
        return []

    async def aclose(self) -> None:
        return

    def _answer(self) -> None:
        if self.silent > 0:
            self.silent -= 1
            raise Unreachable("the cloud does not answer", remedy="wait")

    def _ended(self, move: Move) -> bool:
        return not move.hangs and self.time.now() - move.at >= timedelta(seconds=self.move_seconds)

    def _truth(self) -> dict[str, str]:
        """Where every VM is now."""
        for move in self.moves:
            if self._ended(move) and not (move.fails or move.refused or move.aborted) and self.vms.get(move.vm) in DEAD:
                self.vms[move.vm] = move.to
        return self.vms

"""What the contract needs of each cloud: a world arranged, one face of it served, and the adapter that speaks to it.

A case arranges the *world* and asks the *port*, so one case serves every cloud, simulated or real. A new cloud is one
more arena in `conftest.py`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import LoggedCall, Maintenance, SimHost, SimVm
from adapters.simulated.world import World
from bot.domain import ledger
from bot.domain.cloud import NO_BOOKS, AnyCloud, Books, Left, Request, Seen, Sighting
from bot.domain.cloud import Host as Listed
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import By, Plan, Step, digest_of
from bot.domain.progress.steps import StepRecord, StepState, after_look, laid_out
from bot.domain.progress.turns import not_needed, to_start
from bot.domain.values import Action, HostId, OperationId, StepKey, UserId
from tests.clocks import Passing
from tests.steps import steps_of

START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A VM as a case needs it, as the cloud has it now."""

    id: str  #: what the port knows it by
    name: str
    host: str  #: name of the host where it is
    status: str  #: in the cloud's own words


@dataclass(kw_only=True)
class Arena(ABC):
    """One cloud in its simulated world. The host under test is in the state that `action` is asked for."""

    face: str  #: its name in the world's call log and faults
    action: Action
    clock: Passing
    world: World
    host: SimHost
    cloud: AnyCloud
    moves: str  #: what the path of the call that starts moving VMs matches, as a pattern
    address: str = ""
    lost: Seen = Seen.UNDERWAY  #: what a look shows at once of a call whose answer was lost
    arranged: int = 0  #: how many calls of the log belong to the arrangement

    @property
    @abstractmethod
    def host_id(self) -> HostId:
        """What the port knows the host by."""

    @abstractmethod
    def add_vm(self, name: str) -> SimVm:
        """One more running VM that the action can move."""

    @abstractmethod
    def move_verbs(self) -> frozenset[str]:
        """Verbs of the steps whose call starts moving VMs."""

    @abstractmethod
    def unreachable(self) -> AbstractAsyncContextManager[AnyCloud]:
        """The adapter, pointed at an address where nobody answers."""

    @abstractmethod
    def with_bad_credentials(self) -> AbstractAsyncContextManager[AnyCloud]:
        """The adapter, with credentials that the cloud does not accept."""

    def subjects(self) -> Sequence[SimVm]:
        """The VMs that the action is about."""
        return self.world.vms_on(self.host)

    def is_where_it_should_be(self, guest: Guest) -> bool:
        """Whether a VM is where the action shall bring it."""
        return guest.host != self.host.name

    def id_of(self, vm: SimVm) -> str:
        """What the port knows a VM by."""
        return vm.id

    async def guests(self) -> Sequence[Guest]:
        """The VMs that the plan shall name."""
        return [
            Guest(id=self.id_of(vm), name=vm.name, host=vm.host.name if vm.host else "", status=vm.power)
            for vm in self.subjects()
        ]

    async def misplaced(self) -> Sequence[Guest]:
        """Those of them that are not yet where the action shall bring them."""
        return [guest for guest in await self.guests() if not self.is_where_it_should_be(guest)]

    async def one_more(self, name: str) -> None:
        """Let there be one more VM that the request means."""
        self.add_vm(name)

    async def delete(self, guest: Guest) -> None:
        """Somebody deletes a VM."""
        self.world.delete_vm(guest.name)

    def request(self, **changes: Any) -> Request:
        """What a person would ask for."""
        asked = Request(
            action=self.action,
            cloud=self.cloud.name,
            host=self.host_id,
            host_name=self.host.name,
            run=OperationId("01K7ZZZZZZZZZZZZZZZZZZZZZZ"),
            reason="dead power supply",
        )
        return replace(asked, **changes)

    @property
    def books(self) -> Books:
        """What Muster itself knows about the host."""
        return NO_BOOKS

    async def planned(self, **changes: Any) -> Plan:
        """Survey and plan."""
        request = self.request(**changes)
        return self.cloud.plan(request, await self.cloud.survey(request, self.books))

    def calls(self) -> Sequence[LoggedCall]:
        """What the cloud was asked so far, logins and discovery included."""
        return [c for c in self.world.calls[self.arranged :] if c.face == self.face]

    def mutations(self) -> Sequence[LoggedCall]:
        """What it was asked to change so far."""
        return [c for c in self.calls() if c.changes]

    def move_calls(self) -> Sequence[LoggedCall]:
        """The calls so far that start moving VMs."""
        return [c for c in self.mutations() if re.search(self.moves, c.path)]

    def fault(self, effect: Effect, **order: Any) -> CallFault:
        """Order that the next call that moves VMs goes wrong."""
        return self.world.faults.order(
            CallFault(effect=effect, face=self.face, **{"method": "POST", "path": self.moves} | order)
        )

    async def pass_time(self, seconds: float) -> None:
        """Let that much simulated time pass."""
        await self.clock.pass_time(seconds)
        self.world.settle()


@dataclass(kw_only=True)
class ReturnArena(Arena):
    """A cloud whose host Muster has taken out of service, and which is to return with its VMs."""

    ledger: tuple[Left, ...] = ()  #: the VMs that were moved away, as Muster's books have them

    @property
    def books(self) -> Books:
        return Books(ledger=self.ledger)

    def subjects(self) -> Sequence[SimVm]:
        return [self.world.vms[left.id] for left in self.ledger if left.id in self.world.vms]

    def is_where_it_should_be(self, guest: Guest) -> bool:
        return guest.host == self.host.name

    def request(self, **changes: Any) -> Request:
        """All VMs come back unless `vms` says otherwise."""
        asked = {"vms": tuple(left.id for left in self.ledger), "is_choice": True}
        return super().request(**asked | changes)

    async def is_in_service(self) -> bool:
        """Whether the cloud would put VMs on the host."""
        host = self.host
        is_taken_out = not host.enabled or host.forced_down or host.maintenance is not Maintenance.IN_USE
        return not is_taken_out and self.world.is_up(host)

    async def move_on(self, guest: Guest) -> str:
        """Somebody moves a VM to another host, but not to the one that returns; answers that host's name."""
        there = next(
            host
            for host in self.world.hosts.values()
            if host.cluster is self.host.cluster and host.name not in {guest.host, self.host.name}
        )
        self.world.relocate(self.world.vm(guest.id), there)
        return there.name

    async def kill_host(self) -> None:
        """The host dies, and the cloud has noticed."""
        self.world.kill_host(self.host.name)
        await self.pass_time(120)

    async def empty(self, **changes: Any) -> None:
        """Take the host out of service as Muster does, and write the books."""
        asked = Arena.request(self, **changes)
        plan = self.cloud.plan(asked, await self.cloud.survey(asked))
        done = await carry_out(self, plan)
        assert not done.bad()
        entered = Operation(
            id=asked.run,
            request=asked,
            host=Listed(id=self.host_id, name=self.host.name),
            requested_by=UserId("U0ALICE"),
            channel="C0OPS",
            state=State.SUCCEEDED,
            created_at=START,
            changed_at=START,
        )
        self.ledger = ledger.of([(entered.with_plan(plan, digest_of(plan, terms={})), list(done.records.values()))])
        self.arranged = len(self.world.calls)


ArenaOf: TypeAlias = Callable[..., AbstractAsyncContextManager[Arena]]
"""`arena_of(vms=3)`: a fresh arena whose host has that many VMs."""
ReturnOf: TypeAlias = Callable[..., AbstractAsyncContextManager[ReturnArena]]
"""The same, of a host that has been taken out of service with that many VMs."""


@dataclass
class Carried:
    """What became of a plan that was carried out."""

    records: Mapping[StepKey, StepRecord]

    @property
    def states(self) -> Mapping[str, StepState]:
        return {str(key): record.state for key, record in self.records.items()}

    def bad(self) -> list[str]:
        """Steps that were not done, with their sentences."""
        return [
            f"{r.step.title}: {r.state}, {r.sentence} [{r.raw}]"
            for r in self.records.values()
            if r.counts and r.state is not StepState.DONE
        ]


async def carry_out(arena: Arena, plan: Plan, *, rounds: int = 400) -> Carried:
    """Do what the workshop does with a plan, without an archive: look, intend, start once, look until it has ended."""
    records = {r.key: r for r in laid_out(plan.steps)}
    for _ in range(rounds):
        for skipped in not_needed(list(records.values()), plan.phases):
            records[skipped.key] = skipped.end(StepState.NOT_NEEDED, now=arena.clock.now())
        open_ones = [r for r in records.values() if not r.has_ended]
        if not open_ones:
            return Carried(records)
        ready = to_start(list(records.values()), plan.phases, limit=arena.cloud.concurrency, now=arena.clock.now())
        watched = [r for r in open_ones if r.state is not StepState.PLANNED]
        sightings = await arena.cloud.look([r.step for r in (*watched, *ready)])
        for record in (*watched, *ready):
            records[record.key] = after_look(record, sightings[record.key], now=arena.clock.now())
        for record in ready:
            looked = records[record.key]
            if looked.state is StepState.PLANNED and looked.step.by is By.MUSTER:
                records[record.key] = await start(arena, looked, sightings[record.key])
        await arena.pass_time(1)
    return Carried(records)


async def start(arena: Arena, record: StepRecord, seen: Sighting) -> StepRecord:
    """Intend a step, look again as the workshop does, and start it."""
    intended = record.intend(seen.mark, now=arena.clock.now())
    again = (await arena.cloud.look([intended.step]))[record.key]
    if again.seen is not Seen.NEVER_STARTED:
        return after_look(intended, again, now=arena.clock.now())
    return intended.accept(await arena.cloud.start(intended.step), now=arena.clock.now())


async def up_to_the_move(arena: Arena, plan: Plan) -> Step:
    """Carry out what comes before the first VM moves; answers the step that starts moving VMs, marked as intended."""
    step = first_move(arena, plan)
    before = [s for s in plan.steps if plan.phases.index(s.phase) < plan.phases.index(step.phase)]
    done = await carry_out(arena, replace(plan, steps=tuple(before)))
    assert not done.bad()
    seen = (await arena.cloud.look([step]))[step.key]
    assert seen.seen is Seen.NEVER_STARTED, seen
    return replace(step, before=seen.mark)


def first_move(arena: Arena, plan: Plan) -> Step:
    """The step whose call starts moving VMs."""
    verbs = arena.move_verbs()
    return next(s for s in steps_of(plan) if s.by is By.MUSTER and s.verb in verbs)

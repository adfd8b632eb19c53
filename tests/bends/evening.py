"""One operation from the question to its true end, by the whole bot, while a wire bends what it reads.

The bot is all of it but Slack's socket: desk, archive, runner, the real adapter over a socket, card and thread lines.
People are reasonable: they approve a plan that shows what is so, ask again later when it says that something could not
be found out, and retry what fell short. Time leaps: whoever sleeps takes the clock along.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.simulated.records import SimHost
from adapters.simulated.world import World
from bot.desk.control import Steer
from bot.desk.desk import Desk
from bot.desk.votes import Confirmation
from bot.domain.cloud import AnyCloud
from bot.domain.errors import CouldNotAsk, Refusal
from bot.domain.operation import Choice, Operation, State
from bot.domain.plans.plan import Plan
from bot.domain.ports import Card
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.rules.order import Order
from bot.domain.values import Action, OperationId
from bot.engine.leased import LeasedOperation
from bot.engine.runner import Runner
from bot.slack.views import thread
from bot.slack.views.cards import card
from bot.store.archive import SqlArchive
from tests.bends import truth
from tests.bends.wire import BENDS, Answer, Bend, Question, Wire
from tests.deliveries import recorded
from tests.store.outbox import waiting
from tests.workshop import ALICE, BOB, CAROL, RULE, LeapingClock

LASTS = 60.0
"""How many seconds after its first bent answer a bend ends."""
MOST_BENT = 40
"""How many answers a bend bends at most."""
COMES, LEAVES = 2.0, 60.0
"""When after the first call a VM comes up on the host that is being emptied, and how much later it leaves."""
LATER = 45.0
"""How many seconds people let pass before they ask again."""
TRIES = 12
"""How often people ask again, approve anew or retry before it counts as never."""


MOMENTS = ("asked", "approved", "moving")
"""Of an operation: from the question on, from the approval on, and from the first call that changes something on."""


class WatchedClock(LeapingClock):
    """A clock that leaps, and lets somebody look around at every leap."""

    def __init__(self) -> None:
        super().__init__()
        self.watcher: Callable[[], Awaitable[None]] | None = None

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if self.watcher is not None:
            await self.watcher()


@dataclass(kw_only=True)
class Evening:
    """One cloud behind a wire, and the bot before it."""

    clock: WatchedClock
    world: World
    wire: Wire
    cloud: AnyCloud
    archive: SqlArchive
    host: SimHost
    plans: dict[Action, Plan] = field(default_factory=dict)  #: what a healthy cloud's plan says
    bend: tuple[str, str, Bend] | None = None  #: phase, kind and bend of tonight
    most_bent: int = MOST_BENT
    complaints: list[str] = field(default_factory=list)
    detours: list[str] = field(default_factory=list)  #: what people had to do because of the bend
    lines: list[str] = field(default_factory=list)  #: of the thread
    bent_since: datetime | None = None
    _current: OperationId | None = None
    _keys: int = 0
    _calls: int = 0

    # ------------------------------------------------------------------ people

    @property
    def desk(self) -> Desk:
        rules = dict.fromkeys(((self.cloud.name, action) for action in Action), RULE)
        return Desk(archive=self.archive, clock=self.clock, clouds={self.cloud.name: self.cloud}, rules=rules)

    async def key(self) -> str:
        self._keys += 1
        return await recorded(self.desk, self._keys)

    async def operate(self, action: Action) -> Operation | None:
        """Have Alice ask, Bob and Carol approve, and the bot bring it to its end."""
        self._calls = len(self.world.mutations())
        self.enter(f"{action} asked")  # then approved, and moving once the first call was made: see `MOMENTS`
        id = await self._ask(action)
        for _ in range(TRIES):
            if id is None:
                return None
            await self.work(id)
            operation, records = await self.desk.show(id)
            await self.look_around()
            match operation.state:
                case State.AWAITING_APPROVAL if self._is_so(operation):
                    self.enter(f"{action} approved")
                    await self._approve(operation)
                case State.AWAITING_APPROVAL:
                    self.detours.append(f"another plan: {operation.plan and truth.shape(operation.plan)}")
                    await self._later(id, Steer.RECHECK)
                case State.BLOCKED:
                    self.detours.append(f"blocked: {operation.outcome}")
                    await self.clock.sleep(LATER)
                    id = await self._ask(action)
                case State.NEEDS_ATTENTION:
                    short = [f"{r.step.title}: {r.sentence}" for r in records if r.state is not StepState.DONE]
                    self.detours.append(f"needs attention: {short}")
                    await self._later(id, Steer.RETRY)
                case State.SUCCEEDED:
                    for lie in truth.of_end(self.world, self.host, operation, self.plans[action]):
                        self.complain(lie)
                    return operation
                case other:
                    self.complain(f"ended as {other}: {operation.outcome}")
                    return operation
        self.complain(f"never came to its end: {self.detours[-1:]}")
        return None

    async def _ask(self, action: Action) -> OperationId | None:
        order = Order(action=action, cloud=self.cloud.name, host=self.host.name)
        for _ in range(TRIES):
            try:
                return await self.desk.ask(order, by=ALICE, channel="C0OPS", key=await self.key())
            except Refusal as no:
                self.detours.append(f"refused: {no.sentence}")
                if not isinstance(no, CouldNotAsk):
                    self.complain(f"{type(no).__name__}: {no.sentence}")
                await self.clock.sleep(LATER)
        self.complain("could never be asked for")
        return None

    async def _approve(self, operation: Operation) -> None:
        assert operation.plan is not None
        assert operation.digest is not None
        confirmed = Confirmation(host=operation.plan.host_name, vouched=operation.plan.vouches)
        for who in (BOB, CAROL) if operation.plan.vouches else (BOB,):
            choice = Choice.APPROVE if who is BOB else Choice.VOUCH
            await self.desk.vote(
                operation.id, choice, digest=operation.digest, by=who, key=await self.key(), confirmed=confirmed
            )

    async def _later(self, id: OperationId, verb: Steer) -> None:
        await self.clock.sleep(LATER)
        await self.desk.steer(id, verb, by=BOB, key=await self.key())

    # ------------------------------------------------------------------ the bot

    async def work(self, id: OperationId) -> None:
        """Let a worker take it as far as it goes."""
        async with self.archive.unit() as unit:
            lease = await unit.leases.claim("worker", span=timedelta(days=1))
            await unit.commit()
        if lease is None:
            return
        self._current, self.clock.watcher = id, self.look_around
        try:
            held = LeasedOperation(lease=lease, archive=self.archive, clock=self.clock, cloud=self.cloud, rule=RULE)
            await Runner(held).run()
        finally:
            self.clock.watcher = None
            async with self.archive.unit() as unit:
                await unit.leases.release(lease)
                await unit.commit()

    # ------------------------------------------------------------------ the bend

    def somebody_is_late(self) -> None:
        """A VM whose place was decided before the host was closed comes up on it, and leaves it a while later."""

        def comes() -> None:
            one = next(vm for vm in self.world.vms.values() if vm.name.startswith("other"))
            home = one.host or self.host
            self.world.relocate(one, self.host)
            self.world.after(LEAVES, lambda: self.world.relocate(one, home))

        self.world.after(COMES, comes)

    def asked(self) -> Mapping[str, Counter[str]]:
        """How often each kind of read was made, by the moments of the operations."""
        return {phase: kinds for phase, kinds in self.wire.asked.items() if phase}

    def enter(self, phase: str) -> None:
        """A new moment begins: tonight's bend may begin with it."""
        self.wire.phase = phase
        if self.bend is not None and self.bend[0] == phase and self.bent_since is None:
            self.wire.bend(self.bend[1], self._for_a_while(self.bend[2]))

    def _for_a_while(self, bend: Bend) -> Bend:
        """The same bend, until it has lasted long enough."""

        def lasting(question: Question, answer: Answer) -> Answer | Awaitable[Answer | None] | None:
            now = self.clock.now()
            self.bent_since = self.bent_since or now
            if (now - self.bent_since).total_seconds() > LASTS or self.wire.bent >= self.most_bent:
                self.wire.straighten()
                return None
            return bend(question, answer)

        return lasting

    # ------------------------------------------------------------------ what is said, and what is so

    def _is_so(self, operation: Operation) -> bool:
        """Whether a plan shows what is so; the first plan of a healthy evening is what is so."""
        assert operation.plan is not None
        so = self.plans.setdefault(operation.request.action, operation.plan)
        for lie in truth.of_plan(operation.plan, so):
            self.complain(lie)
        return truth.shape(operation.plan) == truth.shape(so)

    async def look_around(self) -> None:
        """Hold what is stored and told now against the world."""
        if self._current is None:
            return
        operation, records = await self.desk.show(self._current)
        said = [
            *truth.of_steps(self.world, self.host, operation, records),
            *truth.of_calls(self.world, self.host, self._calls),
        ]
        action = operation.request.action
        if self.wire.phase == f"{action} approved" and len(self.world.mutations()) > self._calls:
            self.enter(f"{action} moving")
            if action is Action.ENTER:
                self.somebody_is_late()
        so = self.plans.get(action)
        is_old = self.bend is not None and self.bend[2] is BENDS["an old answer"]  # which forbids by what was so
        if operation.state is State.BLOCKED and operation.plan is not None and so is not None and not is_old:
            said += truth.of_block(operation.plan, so)
        for line in await self._told(operation, records):
            said += truth.of_text(self.world, self.host, line)
            said += () if is_old else truth.of_life(self.host, line)
        for lie in said:
            self.complain(lie)

    async def _told(self, operation: Operation, records: Sequence[StepRecord]) -> Sequence[str]:
        """The lines that the board would post now, and the card as it stands."""
        shown = card.render(operation, records, RULE, now=self.clock.now())
        async with self.archive.unit() as unit:
            for posted, revision, _ in await unit.cards.outdated(limit=100):
                await unit.cards.keep(Card(operation=posted.id, channel="C0OPS", ts="1.0", revision=revision))
            told = await waiting(unit)
            await unit.outbox.told([o.id for o in told], ts="1.0")
            await unit.commit()
        lines = [thread.render([o.news], operation, records).text for o in told]
        self.lines += lines
        return [*lines, shown.text, *(r.sentence for r in records)]

    def complain(self, lie: str) -> None:
        """Note once what was said and is not so."""
        if lie not in self.complaints:
            self.complaints.append(lie)

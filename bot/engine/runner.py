"""Takes one operation under a lease from where it stands to where it waits for people or has ended."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bot.domain.abilities import FindsVms, VmPlace
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import CloudError, Sighting
from bot.domain.counting import counted
from bot.domain.messages.executed import AllVerified, LeftUndone, PersonNeeded
from bot.domain.messages.news import News, calling
from bot.domain.operation import EXECUTING, Event, Operation, PlannedOperation, State, VmPlaces
from bot.domain.ports import LeaseLost, Stale, StoreFailed
from bot.domain.progress import fates, set_aside
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState
from bot.domain.rules import targets, timing
from bot.domain.values import Facts, Json, StepKey
from bot.engine import execution, other_operations, step_news, survey
from bot.engine.cloud_outage import CloudOutage
from bot.engine.guarded_cloud import AdapterFailures, GuardedCloud
from bot.engine.leased import LeasedOperation
from bot.engine.pending_calls import Answer, PendingCalls

BREATH = 0.25
"""The part of the time between two looks that lies between the end of one and the next at the least."""
STANDS_SECONDS = 60.0
"""How long nothing may change before the card is drawn anew: it may say how long the rest will take."""


@dataclass
class Runner:
    """One operation's way through the working states."""

    leased: LeasedOperation
    beat: Callable[[], None] = lambda: None  #: called in each round
    outage: CloudOutage = field(init=False)
    pending: PendingCalls = field(default_factory=PendingCalls)
    failures: AdapterFailures = field(default_factory=AdapterFailures)
    foreseen: dict[StepKey, Sighting] = field(default_factory=dict)
    only_waits: bool = False  #: for people, or for a cloud that is silent: it has nothing to begin by itself
    _stands: tuple[Sequence[StepRecord], float] = ((), 0.0)  #: the steps, and since when they are so

    def __post_init__(self) -> None:
        self.outage = CloudOutage(self.leased.clock)
        self.leased = replace(self.leased, cloud=GuardedCloud(self.leased.cloud, self.failures))

    async def run(self) -> None:
        """Work until the operation waits for people or has ended.

        Raises:
            LeaseLost: its time is over, and another worker may hold it; nothing more is written.
        """
        try:
            await self.leased.take_up()
            while await self._one_round():
                pass
        finally:
            with suppress(LeaseLost, Stale, StoreFailed):  # whoever takes it up looks what became of them
                await execution.store(self.leased, await self._last_answers())

    async def _last_answers(self) -> Sequence[Answer]:
        """The answers to what was on the wire. A call that is let go takes up nothing more of the cloud's pace."""
        on_the_wire, answers = self.pending.under_way, list[Answer]()
        try:
            answers += await self.pending.last()
        finally:
            for key in on_the_wire - {answer.record.key for answer in answers}:
                step, now = self.leased.known.records[key].step, self.leased.clock.monotonic()
                self.leased.pacing.answered(step, now=now, is_good=False)
        return answers

    async def _one_round(self) -> bool:
        self.beat()
        try:
            await execution.store(self.leased, self.pending.settle())
            on_the_wire = self.pending.under_way  # read first: what is not in it has its answer in its row
            operation, records = await self.leased.load()
            return await self._work_on(operation, records, on_the_wire)
        except Stale:
            return True  # a person changed it meanwhile: read it again
        except (LeaseLost, StoreFailed):
            raise
        except Exception as error:  # noqa: BLE001 - logged with a reference, and told
            return await self._stumbled(error)

    async def _work_on(
        self, operation: Operation, records: Sequence[StepRecord], on_the_wire: frozenset[StepKey]
    ) -> bool:
        if operation.state is State.CHECKING:
            await survey.check(self.leased, operation)
            return True
        if not isinstance(operation, PlannedOperation):
            return False
        if operation.state is State.QUEUED:
            if timing.is_early(operation, now=self.leased.clock.now()):
                return False
            await self._begin(operation)
            return True
        if operation.state in EXECUTING:
            await self._execute(operation, records, on_the_wire)
            return True
        return False

    async def _begin(self, operation: PlannedOperation) -> None:
        try:
            await survey.begin(self.leased, operation)
        except CloudError as error:
            await self._cloud_is_silent(operation, error)
            return
        await self._heard_again(operation)

    async def _stumbled(self, error: Exception) -> bool:
        """Muster's own fault: it is told, nothing is started on the strength of it, and it is tried again."""
        operation = await self.leased.operation()
        said = self.failures.said("this operation", error)
        if operation.state is State.CHECKING:
            try:
                await survey.could_not_check(self.leased, operation, said)
            except Stale:
                return True
        elif operation.state is State.QUEUED and await survey.is_too_late(self.leased, operation):
            return True
        elif operation.state in EXECUTING or operation.state is State.QUEUED:
            await self._cloud_is_silent(operation, said)
        return True

    async def _execute(
        self, operation: PlannedOperation, records: Sequence[StepRecord], on_the_wire: frozenset[StepKey]
    ) -> None:
        began = self.leased.clock.monotonic()
        await self._draw_anew(operation, records, now=began)
        try:
            between = await execution.round_of(
                self.leased, self.pending, operation, records, foreseen=self.foreseen, on_the_wire=on_the_wire
            )
        except CloudError as error:
            await self._cloud_is_silent(operation, error)
            return
        await self._heard_again(operation)
        self.only_waits = _waits_for_people(operation, records)
        if between is None:
            await self._end(operation)
        elif between:
            passed = self.leased.clock.monotonic() - began
            await self.leased.clock.sleep(max(between - passed, between * BREATH))

    async def _draw_anew(self, operation: Operation, records: Sequence[StepRecord], *, now: float) -> None:
        """Let no card promise an end for long while nothing moves."""
        before, since = self._stands
        if records == before and now - since < STANDS_SECONDS:
            return
        if records == before:
            async with self.leased.unit() as unit:
                await unit.operations.revise(operation.id)
                await unit.commit()
        self._stands = (records, now)

    async def _cloud_is_silent(self, operation: Operation, error: CloudError) -> None:
        """The cloud cannot be looked at: start nothing, say for how long, keep looking."""
        self.only_waits = True
        was_told = self.outage.is_told
        if news := self.outage.goes_on(operation, error):
            facts: Facts = {"sentence": error.sentence, "remedy": error.remedy, "raw": error.raw}
            async with self.leased.unit() as unit:
                if not was_told:
                    await unit.audit.record(operation.id, Entry(event=AuditEvent.CLOUD_SILENT, facts=facts))
                await unit.outbox.tell(*news)
                await unit.commit()
        await self.leased.clock.sleep(self.leased.cloud.poll)

    async def _heard_again(self, operation: Operation) -> None:
        self.only_waits = False
        if news := self.outage.is_over(operation):
            async with self.leased.unit() as unit:
                await unit.outbox.tell(*news)
                await unit.commit()

    async def _end(self, operation: PlannedOperation) -> None:
        """Nothing is in flight and nothing may start: say how it ended, and never "done" over something unverified."""
        _, rows = await self.leased.load()
        operation = await self._look_for_others(operation, rows)
        records = [r for r in rows if r.counts]
        now = self.leased.clock.now()
        if all(r.state is StepState.DONE and not r.aside for r in records):
            took = (self.leased.moment - operation.started_at).total_seconds() if operation.started_at else 0.0
            vms = len({r.step.vm for r in records if r.step.vm})
            ended = replace(operation.after(Event.FINISHED, at=now), outcome=f"{counted(vms, 'VM')} verified")
            entry = Entry(event=AuditEvent.FINISHED, facts={"seconds": took, "vms": vms})
            news = News(what=AllVerified(seconds=took), operation=operation.id)
            await self.leased.save(ended, entry, *step_news.at_the_end(news))
            return
        stands, left = _numbers(records), tuple(r.step.title for r in fates.undone(records))
        event, facts = AuditEvent.ENDED_INCOMPLETE, _recorded(stands, left)
        if operation.state is State.STOPPING:
            outcome = f"stopped with {fates.undone_of_all(records)} left undone"
            ended = replace(operation.after(Event.STOPPED, at=now), outcome=outcome)
            told = step_news.at_the_end(News(what=LeftUndone(left=left), operation=operation.id))
        elif set_aside.is_all_that_is_left(rows, operation.plan.phases):
            ended = replace(operation.after(Event.CLOSED, at=now), outcome=set_aside.outcome(rows))
            facts |= {"sentence": ended.outcome}
            undone = LeftUndone(left=left, sentence=ended.outcome)
            told = step_news.at_the_end(News(what=undone, operation=operation.id))
        else:
            is_planned = any(r.state is StepState.PLANNED and not r.aside for r in records)
            live = await other_operations.requests(self.leased, operation)
            closed = timing.closed(operation, self.leased.rule, now=now) or targets.closed(operation.request, live)
            closed = closed if is_planned else None
            outcome = f"{fates.undone_of_all(records)} not done"
            if closed is not None:
                outcome = f"{closed.sentence} {outcome}"
                facts |= {"sentence": closed.sentence, "remedy": closed.remedy}
                stands = replace(stands, sentence=closed.sentence, remedy=closed.remedy)
            event = AuditEvent.NEEDS_ATTENTION
            ended = replace(operation.after(Event.FELL_SHORT, at=now), outcome=outcome)
            needed = replace(stands, may_skip=bool(set_aside.may_be(rows)))
            news = News(what=needed, operation=operation.id)
            told = calling(news, [operation.requested_by, *self.leased.rule.approvers])
        await self.leased.save(ended, Entry(event=event, facts=facts), *told)

    async def _look_for_others(self, operation: PlannedOperation, records: Sequence[StepRecord]) -> PlannedOperation:
        """With where the VMs are that no step was about; a look that fails says so of each, and holds up no end."""
        last = {vm.id: vm.place or operation.host.name for vm in fates.untouched(operation.plan, records)}
        cloud = self.leased.cloud
        if not last or not isinstance(cloud, FindsVms):
            return operation
        try:
            places = await cloud.find(last)
        except CloudError as error:
            places = [VmPlace(vm=id, unknown=error.sentence) for id in last]
        seen = VmPlaces(at=self.leased.clock.now(), vms=tuple(places)) if places else None
        return replace(operation, others=seen)


def _waits_for_people(operation: Operation, records: Sequence[StepRecord]) -> bool:
    """Whether nothing is begun before somebody resumes it, or does by hand what is theirs to do."""
    going = [r for r in records if r.state in IN_FLIGHT]
    return operation.state is State.PAUSED or (bool(going) and all(r.waits_for_person for r in going))


def _numbers(records: Sequence[StepRecord]) -> PersonNeeded:
    """How many VMs met which fate, or steps where there is no VM; and what of the host itself did not get done."""
    groups = fates.each(records)
    of_vms = [group for group in groups if group[0].step.vm]
    met = Counter(fates.of(group) for group in of_vms or groups)
    left = fates.undone(records)
    return PersonNeeded(
        of=counted(len(of_vms), "VM") if of_vms else counted(len(groups), "step"),
        done=met[Fate.DONE],
        failed=met[Fate.FAILED],
        unknown=met[Fate.UNKNOWN],
        not_done=met[Fate.NOT_DONE] + met[Fate.WAITING] + met[Fate.MOVING],
        aside=met[Fate.SET_ASIDE],
        of_host=tuple(r.step.title for r in left if of_vms and not r.step.vm),
    )


def _recorded(stands: PersonNeeded, left: Sequence[str]) -> dict[str, Json]:
    """The same for the audit."""
    return {
        "of": stands.of,
        "done": stands.done,
        "failed": stands.failed,
        "unknown": stands.unknown,
        "not done": stands.not_done,
        "aside": stands.aside,
        "left": list(left),
        "of host": list(stands.of_host),
    }

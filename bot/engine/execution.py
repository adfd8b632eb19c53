"""One round over the steps of an operation: look at what is in flight, end what has ended, start what may be started.

For each step: look → (as wanted already: done) → commit what was seen and the intent → look again → start once →
commit the receipt → look until it has ended. A crash anywhere resumes at a look.

The pace is that of the cloud (`pace`): so many are begun in a round as it is seen to take up, over all its operations,
counted in the transaction that commits their intents. What waits is looked at once, all together, and remembered: a
list of a host's VMs costs little more than a few of them. The second look, right before the start, is never spared;
where it shows that a remembered one was touched meanwhile, that is looked at anew before anything is made of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import CloudError, PartlySeen, Request, Seen, Sighting
from bot.domain.messages.executed import NothingMoreBegins
from bot.domain.messages.news import News
from bot.domain.operation import Operation, PlannedOperation, State, Told
from bot.domain.plans.plan import By
from bot.domain.ports import Unit
from bot.domain.progress import fates
from bot.domain.progress.finishing import going_on, to_finish
from bot.domain.progress.pace import between_looks
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState, after_look, with_words
from bot.domain.progress.turns import not_needed, to_start, to_tidy
from bot.domain.rules import targets, timing
from bot.domain.rules.timing import Closed
from bot.domain.values import Facts, StepKey
from bot.engine import other_operations, step_news
from bot.engine.leased import LeasedOperation
from bot.engine.pacing import is_paced
from bot.engine.pending_calls import Answer, PendingCalls, start_one

_NOT_STARTED = "Not started: a step it depends on did not get done."
_NOT_NEEDED = "Not needed."
_NOTHING = Sighting(seen=Seen.UNCLEAR, sentence="The cloud said nothing about it.")


@dataclass(frozen=True, kw_only=True)
class _Round:
    """What one round works on."""

    leased: LeasedOperation
    pending: PendingCalls
    operation: Operation
    records: Sequence[StepRecord]  #: all steps, as stored
    phases: Sequence[str]
    foreseen: dict[StepKey, Sighting]  #: of steps never started, by a look of an earlier round or of this one
    target: Closed | None  #: why nothing more may be sent to the target that people named

    def coming(self, records: Sequence[StepRecord]) -> Sequence[StepRecord]:
        """The steps that may be started as far as their operation goes, by turns."""
        if self.operation.state is State.STOPPING:
            return to_tidy(records)
        if self.operation.state is not State.RUNNING:
            return []
        take_up = to_finish if self.closed else to_start
        return take_up(records, self.phases, limit=len(records), now=self.leased.moment)

    def wait(self, records: Sequence[StepRecord]) -> float:
        """Seconds to let pass until the next look."""
        own, poll = [r for r in records if is_paced(r.step)], self.leased.cloud.poll
        if not any(r.state in IN_FLIGHT for r in own):
            return poll
        if any(r.state is StepState.PLANNED or (r.state in IN_FLIGHT and r.begun_at is None) for r in own):
            return self.leased.between
        return max(self.leased.between, between_looks(poll=poll, is_busy=False))

    @property
    def closed(self) -> Closed | None:
        """Why nothing new may be begun now; what runs is finished."""
        return timing.closed(self.operation, self.leased.rule, now=self.leased.clock.now()) or self.target


async def round_of(
    leased: LeasedOperation,
    pending: PendingCalls,
    operation: PlannedOperation,
    records: Sequence[StepRecord],
    *,
    foreseen: dict[StepKey, Sighting],
    on_the_wire: frozenset[StepKey] = frozenset(),
) -> float | None:
    """Take an executing operation one round further.

    Args:
        leased: the operation's lease.
        pending: its calls on the wire.
        operation: as stored.
        records: its steps, as stored.
        foreseen: what earlier rounds saw of steps whose turn had not come; kept up to date.
        on_the_wire: steps whose start had not ended when `records` were read: they are left alone.

    Returns:
        How many seconds to let pass between this look and the next; 0 when something has just come about, so that a
        look at once is worth its calls; None when every step has ended, or none may start.

    Raises:
        Refused, Unreachable: the cloud could not be looked at, and nothing was started; or not at all of it.
        LeaseLost
    """
    phases = operation.plan.phases
    records = await _end_needless(leased, operation, with_words(records, operation.words, now=leased.moment))
    if operation.state is not State.RUNNING:
        foreseen.clear()  # whoever pauses may do so for hours
    target = targets.closed(operation.request, await other_operations.requests(leased, operation))
    this = await _say_if_closed(
        _Round(
            leased=leased,
            pending=pending,
            operation=operation,
            records=records,
            phases=phases,
            foreseen=foreseen,
            target=target,
        )
    )
    in_flight = [r for r in records if r.state in IN_FLIGHT]
    watched = [r for r in in_flight if r.key not in on_the_wire]
    coming = this.coming(records)
    if not watched and not coming:
        is_over = operation.state is State.STOPPING or this.closed or all(r.has_ended for r in records)
        return None if is_over and not in_flight else this.wait(records)
    orders = [r for r in in_flight if r.key in on_the_wire and r.step.relieves]
    seen, trouble = await _see(this, [*watched, *orders], coming)
    watched = [r for r in watched if trouble is None or r.key in seen]
    looked = {r.key: _look(leased, r, seen) for r in watched}
    between = await _after(this, looked, seen)
    if trouble is not None:
        raise trouble
    return between


async def _say_if_closed(this: _Round) -> _Round:
    """Tell once that nothing new is begun any more, while something is left to begin."""
    closed, operation = this.closed, this.operation
    is_left = any(r.counts and r.state is StepState.PLANNED for r in this.records)
    if closed is None or not is_left or operation.state is State.STOPPING or Told.CLOSED in operation.told:
        return this
    moving = fates.spoken([r for r in this.records if r.state in IN_FLIGHT])
    facts: Facts = {"sentence": closed.sentence, "moving": moving}
    news = News(what=NothingMoreBegins(sentence=closed.sentence, moving=moving), operation=operation.id)
    said = replace(operation, told=(*operation.told, Told.CLOSED))
    saved = await this.leased.save(said, Entry(event=AuditEvent.HELD_BACK, facts=facts), *step_news.aloud(news))
    return replace(this, operation=saved)


async def _see(
    this: _Round, watched: Sequence[StepRecord], coming: Sequence[StepRecord]
) -> tuple[Mapping[StepKey, Sighting], PartlySeen | None]:
    """Look at what is in flight, and at all that waits for its turn once the first of it is not known yet.

    What relieves another is evidence about that one too, so it is asked about even while its own call is on the wire.
    What could be read counts, though the rest could not be; with it comes why.
    """
    ahead: Sequence[StepRecord] = []
    if any(r.key not in this.foreseen for r in coming):
        ahead = [r for r in coming if r.key not in this.foreseen]
    steps = [r.step for r in (*watched, *ahead)]
    trouble = None
    try:
        seen = await this.leased.cloud.look(steps) if steps else {}
    except PartlySeen as partly:
        seen, trouble = partly.seen, partly
    untouched = {r.key for r in ahead if r.step.by is By.MUSTER and _may_start(_of(r, seen))}
    this.foreseen.update({key: seen[key] for key in untouched})
    return seen, trouble


async def _after(this: _Round, looked: Mapping[StepKey, StepRecord], seen: Mapping[StepKey, Sighting]) -> float:
    """Take over what a look showed, and start what may be started now; see `round_of` for the answer."""
    records = [looked.get(r.key, r) for r in this.records]
    this.leased.pacing.looked({r.key: r for r in this.records}, looked.values(), now=this.leased.clock.monotonic())
    known = {**this.foreseen, **seen}
    fresh = [_look(this.leased, r, known) for r in this.coming(records) if r.key in known]
    ready = [r for r in fresh if r.state is StepState.PLANNED and r.step.by is By.MUSTER and not known[r.key].not_yet]
    waiting = {r.key for r in ready}
    begun = await _start(this, [*looked.values(), *(r for r in fresh if r.key not in waiting)], ready, seen)
    by_key = {r.key: r for r in fresh}
    records = [by_key.get(r.key, r) for r in records]
    # a change of the host itself is mostly true as soon as it is answered
    is_quick = any(r.step.vm is None for r in begun)
    has_ended = any(r.has_ended for r in (*looked.values(), *fresh))
    is_idle = not begun and not any(r.state in IN_FLIGHT for r in records)
    leads_on = is_idle or any(r.key not in known for r in this.coming(records))
    return 0.0 if is_quick or (has_ended and leads_on) else this.wait([*records, *begun])


async def _end_needless(
    leased: LeasedOperation, operation: PlannedOperation, records: Sequence[StepRecord]
) -> Sequence[StepRecord]:
    """End what must not happen any more; one end may cause the next. In a stop nobody is waited for."""
    phases = operation.plan.phases
    is_stopping = operation.state is State.STOPPING
    by_hand = [r for r in records if is_stopping and r.waits_for_person and r.step.relieves is None]
    nobodys = {r.key for r in by_hand}
    while nobodys or not_needed(records, phases):
        async with leased.at_work() as unit:  # people retry and set aside while others move: see that it is still so
            records = with_words(await unit.steps.of(operation.id, alone=True), operation.words, now=leased.moment)
            still = {r.key for r in not_needed(records, phases)} | nobodys
            ended = {
                r.key: r.end(
                    StepState.NOT_NEEDED, now=leased.moment, sentence=_NOT_STARTED if r.counts else _NOT_NEEDED
                )
                for r in records
                if r.key in still and not r.has_ended
            }
            await leased.commit_steps(unit, [(r, step_news.entry(r) if r.counts else None) for r in ended.values()])
        records, nobodys = [ended.get(r.key, r) for r in records], set()
    return records


def _look(leased: LeasedOperation, record: StepRecord, seen: Mapping[StepKey, Sighting]) -> StepRecord:
    return after_look(record, _of(record, seen), now=leased.moment)


def _may_start(sighting: Sighting) -> bool:
    """Whether the cloud shows no trace of a step, and would take it now."""
    return sighting.seen is Seen.NEVER_STARTED and not sighting.not_yet


def _of(record: StepRecord, seen: Mapping[StepKey, Sighting]) -> Sighting:
    return seen.get(record.key, _NOTHING)


async def _keep(
    leased: LeasedOperation, operation: Operation, before: Sequence[StepRecord], looked: Sequence[StepRecord]
) -> None:
    """Store what changed, with its audit and its news."""
    entries, news = _changes(operation, {r.key: r for r in before}, looked)
    await leased.save_steps(entries, *news)


def _changes(
    operation: Operation, known: Mapping[StepKey, StepRecord], looked: Sequence[StepRecord]
) -> tuple[list[tuple[StepRecord, Entry | None]], list[News]]:
    """What is to be stored and told of steps that were looked at."""
    changed = [r for r in looked if r != known[r.key]]
    entries = [(r, step_news.entry(r) if r.state is not known[r.key].state else None) for r in changed]
    news = [line for r in changed if r.state is not known[r.key].state for line in step_news.of_step(operation, r)]
    return entries, news


async def _intend(
    this: _Round, looked: Sequence[StepRecord], ready: Sequence[StepRecord], seen: Mapping[StepKey, Sighting]
) -> Sequence[StepRecord]:
    """Commit what was seen, and the intents of as many steps as the cloud takes up now, over all its operations."""
    leased, operation = this.leased, this.operation
    known = {r.key: r for r in this.records}
    entries, news = _changes(operation, known, looked)
    present = known | {r.key: r for r in looked}
    mine = [r for r in present.values() if r.state in IN_FLIGHT]
    pacing, seconds = leased.pacing, leased.clock.monotonic()
    moves = [r for r in ready if is_paced(r.step)]
    pacing.watch(operation.id, mine, is_left=bool(moves), now=seconds)
    chosen: Sequence[StepRecord] = [r for r in ready if not is_paced(r.step) and not pacing.is_held_off(now=seconds)]
    async with AsyncExitStack() as stack:
        unit: Unit | None = None
        if moves and pacing.may_take(operation.id, moves, now=seconds):
            unit = await stack.enter_async_context(leased.at_work())
            others = await unit.steps.moving_elsewhere(operation)
            live = await unit.operations.requests(operation.request.cloud)
            chosen = pacing.choose(
                operation.id,
                _to_free_targets(this, ready, live),
                [*((operation.id, r) for r in mine), *others],
                most=leased.cloud.concurrency,
                rate=leased.cloud.rate,
                now=leased.clock.monotonic(),
                moment=leased.moment,
            )
        begun = {r.key for r in chosen}
        waiting = [r for r in ready if r.key not in begun]
        stale = pacing.stale(operation.id, waiting, now=leased.clock.monotonic())
        news += step_news.of_stale(operation, pacing.untold(operation.id, stale))
        now = leased.moment
        held_back = pacing.held_back(waiting, now=leased.clock.monotonic()).items()
        entries += [(replace(known[k], held_back=why), None) for k, why in held_back if known[k].held_back is not why]
        intents = [r.intend((seen.get(r.key) or this.foreseen[r.key]).mark, now=now) for r in chosen]
        entries += [(r, step_news.entry(r)) for r in intents]
        news += step_news.of_phase(operation, intents, this.records)
        if entries or news:
            if unit is None:
                unit = await stack.enter_async_context(leased.at_work())
            await leased.commit_steps(unit, entries, *news)
    pacing.has_told(operation.id, stale)
    for record in intents:
        this.foreseen.pop(record.key, None)
    return intents


def _to_free_targets(this: _Round, ready: Sequence[StepRecord], live: Sequence[Request]) -> Sequence[StepRecord]:
    """Those that send no VM to a host that is under an operation, as the rows say while nobody can change them."""
    asked, begun = this.operation.request, going_on(this.records)
    if targets.closed(asked, live) is not None:
        return [r for r in ready if r.key in begun]
    hosts = targets.under_way(asked, live)
    return [targets.spared(r, hosts) if is_paced(r.step) and hosts else r for r in ready]


async def _start(
    this: _Round, looked: Sequence[StepRecord], ready: Sequence[StepRecord], seen: Mapping[StepKey, Sighting]
) -> Sequence[StepRecord]:
    """Commit what was seen and the intents, look again, and start each that is still untouched, side by side.

    Returns:
        Those that were started, as they were before their answers: counted as moving though one may be refused by now,
        they make the next look come sooner, never later.
    """
    leased, operation = this.leased, this.operation
    intents = await _intend(this, looked, ready, seen)
    if not intents:
        return []
    planned_of = {r.key: r for r in ready}
    try:
        again = await leased.cloud.look([r.step for r in intents])
    except CloudError:
        await leased.save_steps([(planned_of[r.key], None) for r in intents])
        raise
    present = await leased.operation()
    may_go, begun = not this.closed, going_on(this.records)
    go, not_acted_on = [], []
    for record in intents:
        planned = planned_of[record.key]
        is_refused, is_untouched = bool(_of(record, again).not_yet), _may_start(_of(record, again))
        is_wanted = _is_wanted(present.state, record) and (may_go or record.key in begun)
        if not is_wanted or is_refused or not (is_untouched or record.key in seen):
            not_acted_on.append((planned, None))  # paused or out of time just then; or what was remembered is not so
        elif is_untouched:
            go.append(record)
        else:
            await _keep(leased, operation, [record], [_look(leased, record, again)])
    await leased.save_steps(not_acted_on)
    calls = {r.key: start_one(leased, operation, r, planned=planned_of[r.key]) for r in go}
    await this.pending.begin(calls, seconds=_time_to_answer(this, go))
    await store(leased, this.pending.settle())
    return go


async def store(leased: LeasedOperation, answers: Sequence[Answer]) -> None:
    """Commit what calls were answered, all that has come at once."""
    id = leased.lease.operation
    told = ((*answer.news, *step_news.of_answer(id, answer.record, answer.entry)) for answer in answers)
    news = [line for lines in told for line in lines]
    await leased.save_steps([(answer.record, answer.entry) for answer in answers], *news)


def _time_to_answer(this: _Round, begun: Sequence[StepRecord]) -> float:
    """How many seconds a round waits for the answers to its starts: a look at what else moves is not held up by them.

    A change of the host itself is waited for: nothing else can begin before it has come about.
    """
    if any(r.step.vm is None for r in begun):
        return this.leased.cloud.poll
    return this.wait([*this.records, *begun])


def _is_wanted(state: State, record: StepRecord) -> bool:
    """Whether a step may still be started: nobody has paused or stopped the operation, or it only tidies up."""
    return state is State.RUNNING or (state is State.STOPPING and record.step.tidies is not None)

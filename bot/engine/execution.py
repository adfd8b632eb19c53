"""One round over the steps of an operation: look at what is in flight, start what may be started, end what has ended.

For each step: look → (as wanted already: done) → commit what was seen and the intent → look again → start once →
commit the receipt → look until it has ended. A crash anywhere resumes at a look.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace

from bot.domain.cloud import CloudError, Refused, Seen, Sighting, Unreachable
from bot.domain.operation import Operation, State
from bot.domain.plan import By
from bot.domain.ports import Entry
from bot.domain.steps import (
    IN_FLIGHT,
    StepRecord,
    StepState,
    after_look,
    to_skip,
    to_start,
)
from bot.domain.values import StepKey
from bot.engine import telling
from bot.engine.held import Held

GRACE_SECONDS = 8.0
"""How long a call on the wire may take to answer once Muster is told to stop; later the next start looks for it."""

_NOTHING = Sighting(seen=Seen.UNCLEAR, sentence="The cloud said nothing about it.")


async def round_of(held: Held, operation: Operation, records: Sequence[StepRecord]) -> bool:
    """Take an executing operation one round further.

    Returns:
        Whether anything is left to do or to watch; False means that every step has ended or none may start.

    Raises:
        Refused, Unreachable: the cloud could not be looked at; nothing was started.
        LeaseLost
    """
    plan = operation.plan
    if plan is None:
        return False
    records = await _skip(held, records, plan.phases)
    in_flight = [r for r in records if r.state in IN_FLIGHT]
    next_up: Sequence[StepRecord] = []
    if operation.state is State.RUNNING:
        next_up = to_start(records, plan.phases, limit=held.cloud.concurrency)
    if not in_flight and not next_up:
        return operation.state is not State.STOPPING and any(not r.has_ended for r in records)
    seen = await held.cloud.look([r.step for r in (*in_flight, *next_up)])
    looked = [_look(held, record, seen) for record in (*in_flight, *next_up)]
    ready = [r for r in looked if r.state is StepState.PLANNED and r.step.by is By.MUSTER]
    await _keep(held, operation, records, looked)
    startable = {r.key for r in next_up}
    await _start(held, operation, records, [r for r in ready if r.key in startable], seen)
    return True


async def _skip(held: Held, records: Sequence[StepRecord], phases: Sequence[str]) -> Sequence[StepRecord]:
    """Set aside what must not happen any more; one skip may cause the next."""
    while skipped := to_skip(records, phases):
        now = held.clock.now()
        ended = {
            r.key: r.end(StepState.SKIPPED, now=now, sentence="Not started: a step it depends on did not get done.")
            for r in skipped
        }
        await held.save_steps([(r, telling.entry(r)) for r in ended.values()])
        records = [ended.get(r.key, r) for r in records]
    return records


def _look(held: Held, record: StepRecord, seen: Mapping[StepKey, Sighting]) -> StepRecord:
    return after_look(record, seen.get(record.key, _NOTHING), now=held.clock.now())


async def _keep(held: Held, operation: Operation, before: Sequence[StepRecord], looked: Sequence[StepRecord]) -> None:
    """Store what changed, with its audit and its news."""
    known = {r.key: r for r in before}
    changed = [r for r in looked if r != known[r.key]]
    entries = [(r, telling.entry(r) if r.state is not known[r.key].state else None) for r in changed]
    news = [line for r in changed if r.state is not known[r.key].state for line in telling.of_step(operation, r)]
    await held.save_steps(entries, *news)


async def _start(
    held: Held,
    operation: Operation,
    records: Sequence[StepRecord],
    ready: Sequence[StepRecord],
    seen: Mapping[StepKey, Sighting],
) -> None:
    """Commit the intents, look again, and start each that is still untouched, side by side."""
    if not ready:
        return
    now = held.clock.now()
    intents = [r.intend(seen[r.key].mark, now=now) for r in ready]
    news = telling.of_phase(operation, intents, records)
    await held.save_steps([(r, telling.entry(r)) for r in intents], *news)
    again = await held.cloud.look([r.step for r in intents])
    present, _ = await held.load()
    if present.state is not State.RUNNING:
        await held.save_steps([(_back(r), None) for r in intents])
        return
    async with asyncio.TaskGroup() as group:
        for record in intents:
            if again.get(record.key, _NOTHING).seen is Seen.NEVER_STARTED:
                group.create_task(_to_its_end(_start_one(held, operation, record)))
            else:
                group.create_task(_keep(held, operation, [record], [_look(held, record, again)]))


async def _to_its_end(start: Coroutine[None, None, None]) -> None:
    """Let a start whose call is on the wire hear its answer and store it, even while Muster is told to stop."""
    task = asyncio.ensure_future(start)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=GRACE_SECONDS)
        raise


def _back(record: StepRecord) -> StepRecord:
    """An intent that was not acted on, because somebody paused or cancelled just then."""
    return replace(record, state=StepState.PLANNED, starts=record.starts - 1, intent_at=None)


async def _start_one(held: Held, operation: Operation, record: StepRecord) -> None:
    """Make the one mutating call of a step whose intent is committed, and store what the cloud answered."""
    try:
        receipt = await held.cloud.start(record.step)
    except Unreachable as lost:
        waiting = replace(record, sentence=f"The answer was lost; looking what became of it. {lost.sentence}")
        await held.save_steps([(waiting, Entry(event="answer lost", facts={"step": record.key, "raw": lost.raw}))])
        return
    except CloudError as refused:
        await _refused(held, operation, record, refused)
        return
    accepted = record.accept(receipt, now=held.clock.now())
    await held.save_steps([(accepted, telling.entry(accepted))])


async def _refused(held: Held, operation: Operation, record: StepRecord, refused: CloudError) -> None:
    """A refusal is not a verdict about the step: it may be as wanted already, or underway. Look once, then decide."""
    try:
        sighting = (await held.cloud.look([record.step])).get(record.key, _NOTHING)
    except (Refused, Unreachable):
        sighting = _NOTHING
    if sighting.seen in {Seen.DONE, Seen.UNDERWAY}:
        await _keep(held, operation, [record], [after_look(record, sighting, now=held.clock.now())])
        return
    failed = record.end(
        StepState.FAILED,
        now=held.clock.now(),
        sentence=refused.sentence,
        remedy=refused.remedy,
        raw=refused.raw,
    )
    await _keep(held, operation, [record], [failed])

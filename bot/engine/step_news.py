"""What a changed step means for the audit and for people."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.executed import (
    AnswerLost,
    ByHandWanted,
    PhaseBegun,
    StepDone,
    StepFailed,
    StepUnclear,
    TargetsStale,
    TimelineFile,
    VmDone,
)
from bot.domain.messages.news import Audience, News, calling
from bot.domain.operation import Operation
from bot.domain.plans.plan import Plan
from bot.domain.progress import pace
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import Action, Facts, OperationId, VmId

_TROUBLES: Mapping[StepState, type[StepFailed | StepUnclear]] = {
    StepState.FAILED: StepFailed,
    StepState.UNKNOWN: StepUnclear,
}
"""What is told when it happens, not when the last of the others has ended."""

_EVENTS = {
    StepState.PLANNED: AuditEvent.STEP_PLANNED,
    StepState.INTENT: AuditEvent.STEP_INTENT,
    StepState.ACCEPTED: AuditEvent.STEP_ACCEPTED,
    StepState.DONE: AuditEvent.STEP_DONE,
    StepState.FAILED: AuditEvent.STEP_FAILED,
    StepState.NOT_NEEDED: AuditEvent.STEP_NOT_NEEDED,
    StepState.UNKNOWN: AuditEvent.STEP_UNKNOWN,
}


def entry(record: StepRecord) -> Entry:
    """The audit entry of a step that came into a new state."""
    receipt = record.step.receipt
    facts: Facts = {
        "step": record.key,
        "verb": record.step.verb,
        "target": record.step.target,
        "starts": record.starts,
        "receipt": receipt.id if receipt else None,
        "sentence": record.sentence,
        "raw": record.raw,
    }
    return Entry(event=_EVENTS[record.state], facts=facts)


def of_phase(operation: Operation, intents: Sequence[StepRecord], records: Sequence[StepRecord]) -> list[News]:
    """The line that a phase begins, when these are its first steps to be started.

    Args:
        operation: what they belong to.
        intents: the steps about to be started.
        records: all steps as they stood before.
    """
    begun = {r.step.phase for r in records if r.starts}
    phases = dict.fromkeys(r.step.phase for r in intents if r.step.phase not in begun)
    return [News(what=PhaseBegun(phase=phase), operation=operation.id) for phase in phases]


def of_stale(operation: Operation, targets: Collection[str]) -> list[News]:
    """The line that targets take up nothing, once for each time it begins."""
    if not targets:
        return []
    stale = TargetsStale(targets=tuple(sorted(targets)), seconds=int(pace.STALE))
    return [News(what=stale, operation=operation.id)]


def of_answer(operation: OperationId, record: StepRecord, entry: Entry | None) -> list[News]:
    """The line that whether a change of the host itself took effect is not known, for nothing begins until it is.

    Of one that the cloud ended itself that is known a moment later, and is told then.
    """
    is_lost = entry is not None and entry.event is AuditEvent.ANSWER_LOST
    if not is_lost or record.is_over or record.step.vm is not None:
        return []
    lost = AnswerLost(
        title=record.step.title,
        sentence=record.sentence,
        raw=str(entry.facts.get("raw") or "") if entry else "",
        seconds=record.step.quiet.total_seconds(),
        is_made_again=record.may_start_again,
    )
    return [News(what=lost, operation=operation)]


def of_step(operation: Operation, record: StepRecord) -> list[News]:
    """The lines that people should read about a step that came into a new state."""
    title, sentence, remedy = record.step.title, record.sentence, record.remedy
    if record.state in _TROUBLES:
        told = _TROUBLES[record.state](title=title, vm=record.step.vm, sentence=sentence, remedy=remedy, raw=record.raw)
        news = News(what=told, operation=operation.id)
        return list(calling(news, [operation.requested_by]))
    if record.waits_for_person:
        wanted = ByHandWanted(title=title, sentence=sentence, remedy=remedy, command=record.step.command)
        news = News(what=wanted, operation=operation.id)
        return list(calling(news, [operation.requested_by]))
    if record.state is not StepState.DONE or not (record.counts or record.starts):
        return []
    vm, plan = record.step.vm, operation.plan
    if vm is None or plan is None or not record.counts:
        done = StepDone(title=title, vm=vm, sentence=sentence, remedy=remedy)
        return [News(what=done, operation=operation.id)]
    if any(step.vm == vm and step.relieves is None for step in plan.steps[record.seq + 1 :]):
        return []
    name = next((v.name for v in plan.vms if v.id == vm), vm)
    took = (record.ended_at - record.intent_at).total_seconds() if record.ended_at and record.intent_at else None
    stayed = record.place == operation.request.host_name and plan.action not in _BRINGING_BACK
    moved = VmDone(vm=name, title=_move_of(plan, vm), place="" if stayed else record.place, seconds=took)
    return [News(what=moved, operation=operation.id)]


_BRINGING_BACK = frozenset({Action.EXIT, Action.REHOME})
"""What ends on the host itself; else a VM that is there was not moved, but shut down."""


def _move_of(plan: Plan, vm: VmId) -> str:
    """What began the move of a VM: "migrate vm-2", not "confirm vm-2", nor "lock vm-2" before it."""
    mine = [step for step in plan.steps if step.vm == vm]
    tidying = {key for step in mine if step.tidies for key in (step.key, step.tidies)}
    return next(step.title for step in mine if step.key not in tidying)


def aloud(news: News) -> tuple[News, ...]:
    """The same line for the thread and for the incident channel."""
    return news, replace(news, audience=Audience.INCIDENT)


def at_the_end(news: News) -> tuple[News, ...]:
    """How an operation ended, aloud, and its whole story as a file below."""
    return *aloud(news), News(what=TimelineFile(), operation=news.operation)

"""What a person asks of an operation besides a vote: cancel, pause, retry, skip, say done, and so on."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.desk import set_aside
from bot.desk.transition import apply, overtaken, too_late
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled
from bot.domain.messages.decided import CalledOff
from bot.domain.messages.executed import ExecutionPaused, ExecutionResumed, LeftUndone, RetryAsked, SaidDone, StopAsked
from bot.domain.messages.news import Happened, News
from bot.domain.operation import Event, Operation, State
from bot.domain.ports import Unit
from bot.domain.progress import fates
from bot.domain.progress.steps import IN_FLIGHT, StepRecord, StepState, Word
from bot.domain.progress.turns import to_retry, to_retry_meanwhile
from bot.domain.rules import timing
from bot.domain.rules.policy import Actor, Rule
from bot.domain.values import Action, StepKey, VmId

_WAIT = "Wait until the others have ended."
_NOT_WATCHED = "The operation was ended while this was under way, so it is not known what became of it."
_REMEDY = "See the card as it stands now."
_LOOK = "See in the cloud what became of it."


class Steer(StrEnum):
    """What a person may ask of an operation besides a vote."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    """End what was cancelled without waiting for what the cloud still does."""
    RETRY = "retry"
    SET_ASIDE = "set aside"
    """Set failed VMs aside: those that were ticked."""
    RECHECK = "recheck"
    REQUEST_APPROVAL = "request_approval"


ENDS = frozenset({Steer.CANCEL, Steer.END})
"""What may be asked of an operation whose cloud is in the settings no more: it would never end by itself."""


def rule_to_end(rules: Mapping[tuple[str, Action], Rule], operation: Operation) -> Rule:
    """The policy by which an operation may be ended: where its cloud has none any more, that of all the others."""
    others = {who for rule in rules.values() for who in rule.approvers}
    anybody = Rule(requesters=(), approvers=tuple(sorted(others)))
    return rules.get((operation.request.cloud, operation.request.action), anybody)


def check_may(operation: Operation, rule: Rule, verb: Steer, by: Actor) -> None:
    """Let somebody pass who may ask for this.

    Raises:
        NotAllowed
    """
    rule.check_may_steer(by, requester=operation.requested_by)
    if verb is Steer.REQUEST_APPROVAL:
        rule.check_may_request(by)


@dataclass(frozen=True, kw_only=True)
class Input:
    """What a person put in besides pressing a button."""

    vms: Collection[VmId] = ()  #: that they ticked
    reason: str = ""


NO_INPUT = Input()


async def steer(
    unit: Unit, operation: Operation, rule: Rule, verb: Steer, *, by: Actor, at: datetime, given: Input = NO_INPUT
) -> None:
    """Do it, in the caller's transaction.

    Raises:
        NotAllowed
        AlreadySettled: the operation's state does not allow it.
        BadChoice: these VMs cannot be set aside.
        Stale
    """
    check_may(operation, rule, verb, by)
    await _VERBS[verb](_Ask(unit=unit, operation=operation, rule=rule, by=by, at=at, given=given))


@dataclass(frozen=True, kw_only=True)
class _Ask:
    """Who asks it of which operation, when, in which transaction."""

    unit: Unit
    operation: Operation
    rule: Rule
    by: Actor
    at: datetime
    given: Input

    async def simply(self, event: Event, told: Happened | None = None) -> None:
        """Apply the event, and nothing else."""
        await self.check(event)
        await apply(self.unit, self.operation, event, self.at, self.by.id, {}, told=told)

    async def check(self, event: Event) -> None:
        """Let an event pass that may happen now."""
        if not self.operation.may(event):
            raise await overtaken(self.unit, self.operation)


async def _cancel(asked: _Ask) -> None:
    unit, operation, at, by = asked.unit, asked.operation, asked.at, asked.by.id
    if operation.may(Event.STOP_ASKED):
        records = await unit.steps.of(operation.id)
        moving = fates.spoken([r for r in records if r.state in IN_FLIGHT])
        await apply(unit, operation, Event.STOP_ASKED, at, by, {"moving": moving}, told=StopAsked(by=by, moving=moving))
        return
    if operation.may(Event.CLOSED) and operation.state is not State.STOPPING:
        records = await unit.steps.of(operation.id)
        left = [r.step.title for r in fates.undone(records)]
        closed = replace(operation, outcome=f"closed with {fates.undone_of_all(records)} left undone")
        await apply(unit, closed, Event.CLOSED, at, by, {"left": left}, told=LeftUndone(by=by, left=tuple(left)))
        return
    await asked.simply(Event.CANCELLED, CalledOff(by=by))


async def _retry(asked: _Ask) -> None:
    """Plan the failed steps anew, under the approval they had; each looks before it acts."""
    await asked.check(Event.RETRIED)
    if closed := timing.closed(asked.operation, asked.rule, now=asked.at):
        raise AlreadySettled(closed.sentence, remedy=closed.remedy)
    unit, operation, by = asked.unit, asked.operation, asked.by.id
    again = [r.again() for r in await _tried_again(unit, operation)]
    entries: list[tuple[StepRecord, Entry | None]] = [
        (r, Entry(event=AuditEvent.STEP_PLANNED_AGAIN, actor=by, facts={"step": r.key})) for r in again
    ]
    await unit.steps.save(operation.id, entries)
    what, keys = fates.spoken(again), {r.key for r in again}
    operation = replace(operation, words=tuple(word for word in operation.words if word.step not in keys))
    if operation.state is State.NEEDS_ATTENTION:
        operation = replace(operation, told=())
    await apply(unit, operation, Event.RETRIED, asked.at, by, {"what": what}, told=RetryAsked(by=by, what=what))


async def _tried_again(unit: Unit, operation: Operation) -> Sequence[StepRecord]:
    """The steps to plan anew, read behind the engine's lock where it is at work."""
    if operation.state is State.NEEDS_ATTENTION:
        return to_retry(await unit.steps.of(operation.id))
    again = to_retry_meanwhile(await unit.steps.of(operation.id, alone=True), operation.phases)
    if not again:
        raise AlreadySettled("Nothing has failed that can be tried again while the others move.", remedy=_WAIT)
    return again


async def _end(asked: _Ask) -> None:
    """End it as it is: what the cloud still does is not looked at any more, and counts as unknown."""
    unit, operation, at, by = asked.unit, asked.operation, asked.at, asked.by.id
    if operation.state is not State.STOPPING:
        raise await overtaken(unit, operation)
    records = await unit.steps.of(operation.id, alone=True)
    given_up = {
        r.key: r.end(StepState.UNKNOWN, now=at, sentence=_NOT_WATCHED, remedy=_LOOK)
        for r in records
        if r.state in IN_FLIGHT
    }
    entry = Entry(event=AuditEvent.STEP_GIVEN_UP, actor=by)
    await unit.steps.save(operation.id, [(r, replace(entry, facts={"step": key})) for key, r in given_up.items()])
    records = [given_up.get(r.key, r) for r in records]
    left = [r.step.title for r in fates.undone(records)]
    ended = replace(operation, outcome=f"ended with {fates.undone_of_all(records)} left undone")
    moving = fates.spoken(list(given_up.values()))
    sentence = f"No longer watched, though it was under way: {moving}." if given_up else ""
    told = LeftUndone(by=by, left=tuple(left), sentence=sentence)
    await apply(unit, ended, Event.CLOSED, at, by, {"left": left}, told=told)


async def _set_aside(asked: _Ask) -> None:
    said = asked.given
    await set_aside.set_vms_aside(asked.unit, asked.operation, said.vms, reason=said.reason, by=asked.by, at=asked.at)


async def _recheck(asked: _Ask) -> None:
    """Survey it again, and tell what that found."""
    await replace(asked, operation=replace(asked.operation, rechecked_by=asked.by.id)).simply(Event.RECHECK)


async def _request_approval(asked: _Ask) -> None:
    """A dry run turns serious: it takes the host, and the cloud is surveyed again. Its plan is what is meant."""
    operation = replace(asked.operation, dry_run=False, requested_by=asked.by.id)
    if operation.awaits_choice:
        operation = replace(operation, request=replace(operation.request, is_choice=True))
    serious = replace(asked, operation=operation)
    await serious.simply(Event.APPROVAL_REQUESTED)


async def say_done(unit: Unit, operation: Operation, step: StepKey, *, by: Actor, at: datetime) -> None:
    """Take somebody's word that a step is done by hand, in the caller's transaction; the next look says what is true.

    The operation's row keeps it, not the step's: the worker alone writes the steps of what it executes.

    Raises:
        AlreadySettled: the step does not wait for a person, or not any more.
        Stale
    """
    record = next((r for r in await unit.steps.of(operation.id) if r.key == step), None)
    if record is None:
        raise too_late(operation)
    if not record.waits_for_person:
        said = f"“{record.step.title}” {_STANDS[record.state]}: it does not wait for a person."
        raise AlreadySettled(said, remedy=_REMEDY)
    told = replace(operation, words=(*operation.words, Word(step=step, by=by.id, at=at)))
    await unit.operations.save(told, Entry(event=AuditEvent.SAID_DONE, actor=by.id, facts={"step": step}))
    await unit.outbox.tell(News(what=SaidDone(by=by.id, title=record.step.title), operation=operation.id))


_STANDS: Mapping[StepState, str] = {
    StepState.PLANNED: "is not begun yet",
    StepState.INTENT: "is under way",
    StepState.ACCEPTED: "is under way",
    StepState.DONE: "is done",
    StepState.FAILED: "has failed",
    StepState.NOT_NEEDED: "is not needed any more",
    StepState.UNKNOWN: "is unclear",
}
"""What is said of a step in each state."""


_VERBS: Mapping[Steer, Callable[[_Ask], Awaitable[None]]] = {
    Steer.CANCEL: _cancel,
    Steer.PAUSE: lambda asked: asked.simply(Event.PAUSED, ExecutionPaused(by=asked.by.id)),
    Steer.RESUME: lambda asked: asked.simply(Event.RESUMED, ExecutionResumed(by=asked.by.id)),
    Steer.RETRY: _retry,
    Steer.SET_ASIDE: _set_aside,
    Steer.END: _end,
    Steer.RECHECK: _recheck,
    Steer.REQUEST_APPROVAL: _request_approval,
}

"""Applies an event to an operation by the table: the change, its audit entry and its news, in one transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled
from bot.domain.messages.executed import TimelineFile
from bot.domain.messages.news import Audience, Happened, News
from bot.domain.operation import FINAL, STANDS, Event, Operation, State
from bot.domain.ports import Unit
from bot.domain.values import Facts, UserId

_RECORDED: Mapping[Event, AuditEvent] = {
    Event.APPROVAL_REQUESTED: AuditEvent.APPROVAL_REQUESTED,
    Event.RECHECK: AuditEvent.RECHECK_ASKED_FOR,
    Event.APPROVED: AuditEvent.APPROVED,
    Event.REJECTED: AuditEvent.REJECTED,
    Event.EXPIRED: AuditEvent.EXPIRED,
    Event.CANCELLED: AuditEvent.CANCELLED,
    Event.PAUSED: AuditEvent.PAUSED,
    Event.RESUMED: AuditEvent.RESUMED,
    Event.STOP_ASKED: AuditEvent.STOP_ASKED_FOR,
    Event.RETRIED: AuditEvent.RETRIED,
    Event.CLOSED: AuditEvent.CLOSED,
}
_LOUD = frozenset({Event.CLOSED})
"""What the incident channel hears of people's decisions; start, failure and end are told by the engine."""


async def apply(
    unit: Unit,
    operation: Operation,
    event: Event,
    at: datetime,
    by: UserId | None,
    facts: Facts,
    *,
    told: Happened | None = None,
) -> None:
    """Store what an event makes of an operation.

    Args:
        unit: the transaction.
        operation: as read in it, with whatever else changes already replaced.
        event: what happened.
        at: when.
        by: who did it; None: Muster.
        facts: for the audit.
        told: in the thread.

    Raises:
        AlreadySettled: the table has no such move.
        Stale: somebody saved it since.
    """
    moved = operation.after(event, at=at)
    if moved.state in FINAL and not moved.outcome:
        moved = replace(moved, outcome=str(event))
    await unit.operations.save(moved, Entry(event=_RECORDED[event], actor=by, facts=facts))
    if told is None:
        return
    news = News(what=told, operation=operation.id)
    await unit.outbox.tell(news)
    if event in _LOUD and not operation.dry_run:
        await unit.outbox.tell(replace(news, audience=Audience.INCIDENT))
    if event is Event.CLOSED:
        await unit.outbox.tell(News(what=TimelineFile(), operation=operation.id))


def settled(operation: Operation) -> AlreadySettled:
    """What already happened, for somebody whose click came too late."""
    last = operation.votes[-1] if operation.votes else None
    if operation.state is State.DENIED and last is not None:
        return AlreadySettled("Already rejected", by=(last.by,), at=last.at)
    if operation.approvals and operation.state is not State.AWAITING_APPROVAL:
        approvals = operation.approvals
        return AlreadySettled(
            "Already approved",
            by=tuple(v.by for v in approvals),
            at=approvals[-1].at,
            remedy=f"The operation {STANDS[operation.state]}.",
        )
    return too_late(operation)


def too_late(operation: Operation) -> AlreadySettled:
    """How it stands, for somebody whose click does nothing any more."""
    return AlreadySettled(f"This operation {STANDS[operation.state]}, so that click does nothing any more.")


_STEERED: Mapping[State, Mapping[AuditEvent, str]] = {
    State.RUNNING: {AuditEvent.RESUMED: "Already resumed", AuditEvent.RETRIED: "Already retried"},
    State.PAUSED: {AuditEvent.PAUSED: "Already paused"},
    State.STOPPING: {AuditEvent.STOP_ASKED_FOR: "Already cancelled"},
    State.DENIED: {AuditEvent.REJECTED: "Already rejected"},
    State.CANCELLED: {AuditEvent.CANCELLED: "Already cancelled"},
    State.ENDED_INCOMPLETE: {AuditEvent.CLOSED: "Already ended"},
}
"""By which decision of a person an operation came into a state."""
_LOOK_BACK = 500


async def overtaken(unit: Unit, operation: Operation) -> AlreadySettled:
    """Who did what another asked for too late, and when; where nobody did, how it stands."""
    did = _STEERED.get(operation.state, {})
    _, entries = await unit.audit.entries(operation.id, limit=_LOOK_BACK if did else 0)
    for line in reversed(entries):
        if line.entry.event is AuditEvent.STARTED:
            break
        if line.entry.event in did and line.entry.actor is not None:
            return AlreadySettled(did[line.entry.event], by=(line.entry.actor,), at=line.at)
    return too_late(operation)

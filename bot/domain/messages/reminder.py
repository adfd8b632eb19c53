"""What people are reminded of while an operation waits for them, or for its time. Pure.

A reminder is due from its moment on for as long as it is of use, and never again once it was told (`Operation.told`):
nothing is remembered between two ticks, and one that came due while nobody ticked is told late, once, or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.operation import Operation, State, Told
from bot.domain.rules.policy import Rule

QUARTER = 4
"""No reminder of an expiry comes before that part of the time is left, however short the time is."""
PATIENCE = timedelta(hours=4)
"""How long an operation that has begun may wait for people until they are told again: it holds its host meanwhile."""
STANDING = frozenset({State.PAUSED, State.NEEDS_ATTENTION})
"""The states in which it does."""
WAITING = frozenset({State.AWAITING_APPROVAL, State.QUEUED}) | STANDING
"""The states in which anything can be due."""


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """Something to tell once."""

    what: Told
    ask: tuple[str, ...]  #: ids of the people and groups to call
    at: datetime  #: what is near: the start or the expiry; or since when nobody has decided, or gone on


def due(operation: Operation, rule: Rule, *, now: datetime) -> tuple[Reminder, ...]:
    """What is to be told now and was not yet."""
    if operation.state is State.AWAITING_APPROVAL:
        found = tuple(_undecided(operation, rule, now=now))
    elif operation.state is State.QUEUED:
        found = tuple(_start_near(operation, rule, now=now, ask=(operation.requested_by,)))
    elif operation.state in STANDING and now >= operation.changed_at + PATIENCE:
        ask = tuple(dict.fromkeys([operation.requested_by, *rule.approvers]))
        found = (Reminder(what=Told.STILL_WAITS, ask=ask, at=operation.changed_at),)
    else:
        found = ()
    return tuple(reminder for reminder in found if reminder.what not in operation.told)


def _undecided(operation: Operation, rule: Rule, *, now: datetime) -> Iterator[Reminder]:
    """While people have still time to decide; an expired request is the clock's.

    Until somebody has said which VMs are meant, approvers are called for nothing.
    """
    asked_at, expires_at = operation.asked_at, operation.expires_at
    if asked_at is None or expires_at is None or now >= expires_at:
        return
    called = (operation.requested_by,) if operation.awaits_choice else rule.approvers
    if rule.escalate_to and not operation.awaits_choice and now >= asked_at + rule.escalate_after:
        yield Reminder(what=Told.ESCALATED, ask=rule.escalate_to, at=asked_at)
    if now >= expires_at - min(rule.remind_before, (expires_at - asked_at) / QUARTER):
        yield Reminder(what=Told.EXPIRY_NEAR, ask=called, at=expires_at)
    yield from _start_near(operation, rule, now=now, ask=tuple(dict.fromkeys([operation.requested_by, *called])))


def _start_near(operation: Operation, rule: Rule, *, now: datetime, ask: tuple[str, ...]) -> Iterator[Reminder]:
    """Before a start that people did not ask for just now."""
    starts_at, asked_at = operation.starts_at, operation.asked_at
    if starts_at is None or asked_at is None:
        return
    moment = starts_at - rule.remind_before
    if asked_at < moment <= now < starts_at:
        yield Reminder(what=Told.START_NEAR, ask=ask, at=starts_at)

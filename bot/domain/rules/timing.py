"""When an operation may be decided, begun and gone on with. Pure: an operation, its policy and a moment."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain.operation import Operation
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.rules import calendar
from bot.domain.rules.policy import Rule

Asked = TypeVar("Asked", bound=Operation)

AHEAD = timedelta(hours=4)
"""How near behind its start a freeze is that approvers of work with an open end are told of."""


@dataclass(frozen=True, kw_only=True)
class Closed:
    """Why nothing new may be started now."""

    sentence: str
    remedy: str


def asked(operation: Asked, rule: Rule, *, now: datetime) -> Asked:
    """An operation put before the approvers: how long they have, and nothing told of it yet.

    They have as long as policy says; longer where it does not start before, and never longer than its window is open.
    """
    latest = max(now, operation.starts_at or now) + rule.expires
    return replace(operation, asked_at=now, expires_at=min(latest, operation.window_ends or latest), told=())


def closed(operation: Operation, rule: Rule, *, now: datetime) -> Closed | None:
    """Why nothing new may be started of an operation; None while it may. Window and freeze are the same to it."""
    if operation.window_ends is not None and now >= operation.window_ends:
        ended = calendar.spoken(operation.window_ends, calendar.zone(operation.zone))
        return Closed(
            sentence=f"The window closed {ended}.",
            remedy="Cancel this operation, and ask again with another --at and --window for what is left.",
        )
    period = calendar.frozen(rule.freezes, now)
    if period is None:
        return None
    until = calendar.spoken(period.ends, period.zone)
    return Closed(
        sentence=f"Planned work is frozen: {period}.", remedy=f"Retry what is left after {until}, or cancel it."
    )


def findings(operation: Operation, rule: Rule, *, now: datetime) -> tuple[Finding, ...]:
    """What its time speaks against the plan of an operation: a window that is over, a freeze at its start or ahead."""
    starts = max(now, operation.starts_at or now)
    over = closed(operation, rule, now=starts)
    if over is not None:
        remedy = "Ask again, with a later time after --at."
        return (
            Finding(code="closed", verdict=Verdict.BLOCKER, topic=Topic.POLICY, sentence=over.sentence, remedy=remedy),
        )
    period = calendar.next_freeze(rule.freezes, starts)
    if period is None or period.starts >= (operation.window_ends or starts + AHEAD):
        return ()
    warning = Finding(
        code="freeze-ahead",
        verdict=Verdict.WARNING,
        topic=Topic.POLICY,
        sentence=f"A freeze is near: {period}.",
        remedy="What has not been started by then is left for a person.",
    )
    return (warning,)


def is_early(operation: Operation, *, now: datetime) -> bool:
    """Whether an approved operation still waits for its time."""
    return operation.waits_until is not None and now < operation.waits_until


def missed(operation: Operation, rule: Rule, *, now: datetime) -> str:
    """Why an approved operation that was not begun may not be any more; empty while it may.

    Inside of a window it may be begun at any moment; without one, no later than an approval is good for.
    """
    if operation.window_ends is not None:
        over = closed(operation, rule, now=now) if now >= operation.window_ends else None
        return f"{over.sentence} It had not been started by then." if over else ""
    approved_at = operation.approved_at or operation.changed_at
    since = max(approved_at, operation.starts_at or approved_at)
    if now - since < rule.expires:
        return ""
    minutes = int(rule.expires.total_seconds() // 60)
    what = "its approval" if since == approved_at else "its time"
    return f"It could not be started within {minutes} min of {what}."

"""The card: one operation as one message, a pure projection of its row, its steps and the policy."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum

from bot.domain.operation import EXECUTING, FINAL, Event, Operation, PlannedOperation, State
from bot.domain.progress import forecast
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.policy import Rule
from bot.slack.views import message, push, subject, text
from bot.slack.views.cards import buttons, judgement, progress, status, steps, vms
from bot.slack.views.message import Block, Message

_NOT_SHOWN = (
    ":warning: Slack does not show this plan here, so nobody can approve it here. It is to be read whole by *Details*"
    " and by `/muster show` {id}; *Re-check* draws the card anew."
)
_STARTED = EXECUTING | {State.NEEDS_ATTENTION, State.SUCCEEDED, State.ENDED_INCOMPLETE}
"""From here on the card tells the course, no longer the plan."""
_TO_BE_DECIDED = frozenset({State.CHECKING, State.READY, State.AWAITING_APPROVAL})
"""While somebody may still have to approve it."""


class Detail(IntEnum):
    """How much is told. The richest that Slack takes is shown."""

    FULL = 0
    BRIEF = 1
    """All findings, by cause, and the VMs by number and by name as far as there is room."""
    BARE = 2
    """Neither findings nor VMs, and so nothing that approves them: it says where they are to be read."""


def render(operation: Operation, records: Sequence[StepRecord], rule: Rule, *, now: datetime) -> Message:
    """The card as it should stand now.

    Args:
        operation: what is shown.
        records: its step rows; empty before it was approved.
        rule: the policy it is decided under.
        now: for the time left.
    """
    said = _fallback(operation, records, rule)
    drawn = [
        Message(text=said, blocks=tuple(_blocks(operation, records, rule, now=now, detail=detail))) for detail in Detail
    ]
    richest, *plainer = [form for form in drawn if form.fits] or drawn[-1:]
    return replace(richest, retreat=(*plainer, Message(text=said)))


def _fallback(operation: Operation, records: Sequence[StepRecord], rule: Rule) -> str:
    told = status.line(operation, rule)
    bar = f" {progress.of(records).bar()}" if records and operation.state in EXECUTING else ""
    return text.cut(f"{push.about(operation)} {told}{bar}", limit=text.MAX_TEXT)


def _blocks(
    operation: Operation, records: Sequence[StepRecord], rule: Rule, *, now: datetime, detail: Detail
) -> Iterator[Block]:
    yield message.header(subject.headline(operation))
    yield message.section(status.line(operation, rule))
    times = status.times(operation)
    if times and operation.state not in FINAL:
        yield message.section(times)
    if detail is Detail.BARE:
        if operation.plan is not None and operation.may(Event.APPROVED):
            yield message.section(_NOT_SHOWN.format(id=text.code(operation.id)))
    elif records and operation.state in _STARTED:
        yield from _course(operation, records, now=now, brief=detail > Detail.FULL)
    elif isinstance(operation, PlannedOperation):
        yield from _plan(operation, rule, brief=detail > Detail.FULL)
    yield message.context(status.asked_by(operation))
    yield from buttons.row(operation, rule, records, may_decide=detail < Detail.BARE)


def _plan(operation: PlannedOperation, rule: Rule, *, brief: bool) -> Iterator[Block]:
    plan = operation.plan
    if operation.state is State.AWAITING_APPROVAL:
        yield from judgement.drift(operation)
    yield from judgement.findings(plan, brief=brief)
    if operation.state not in FINAL and plan.vouches:
        yield message.section(text.cut_lines(status.vouching(operation)))
    yield from vms.planned(plan, brief=brief)
    yield from judgement.evidence_and_room(plan)
    yield from steps.planned(plan, brief=brief)
    if operation.state in _TO_BE_DECIDED:
        yield message.context(status.who_may(operation, rule))


def _course(operation: Operation, records: Sequence[StepRecord], *, now: datetime, brief: bool) -> Iterator[Block]:
    plan = operation.plan
    is_over = operation.state in FINAL
    tally = progress.of(records, is_over=is_over)
    if not is_over:
        yield message.section(_bar(operation, records, tally, now=now))
    else:
        yield message.section(_result(operation, tally))
        if untouched := vms.untouched(operation, records):
            yield message.section(untouched)
        if left := steps.left_as_is(operation, records):
            yield message.section(left)
        yield from buttons.undo(operation, records)
    yield from steps.waiting_for_people(operation, records)
    yield from steps.troubles(records, brief=brief)
    if operation.state in EXECUTING:
        yield from steps.standing_still(records, now=now)
    if lines := steps.set_aside(records):
        yield message.section(text.cut_lines(lines))
    if plan is None:
        return
    yield from steps.course(plan, records, is_over=is_over)
    if brief:
        return
    if operation.state in EXECUTING:
        yield from vms.under_way(plan, tally)
    else:
        yield from vms.report(plan, tally)


def _bar(operation: Operation, records: Sequence[StepRecord], tally: progress.Progress, *, now: datetime) -> str:
    left = forecast.time_left(operation, records, now=now)
    failed = tally.number(Fate.FAILED, Fate.UNKNOWN)
    parts = [f"*{tally.bar()}*"]
    if left is not None and left >= timedelta(seconds=1):
        parts.append(f"about {text.minutes(left)} left")
    moving = tally.number(Fate.MOVING)
    if moving:
        parts.append(f"{moving:,} under way")
    if limit := progress.held_back(records, now=now):
        parts.append(limit)
    if failed:
        parts.append(f"{failed:,} failed or unclear")
    skipped = tally.number(Fate.NOT_DONE)
    if skipped:
        parts.append(f"{skipped:,} {Fate.NOT_DONE}")
    aside = tally.number(Fate.SET_ASIDE)
    if aside:
        parts.append(f"{aside:,} set aside")
    return " · ".join(parts)


def _result(operation: Operation, tally: progress.Progress) -> str:
    took = ""
    if operation.started_at and operation.ended_at:
        took = f" in {text.minutes(operation.ended_at - operation.started_at)}"
    aside = tally.number(Fate.SET_ASIDE)
    left = tally.total - tally.number(Fate.DONE) - aside
    steps = "" if any(c.vm for c in tally.courses) else f" ({'step' if tally.total == 1 else 'steps'} of the host)"
    done = f"*{tally.number(Fate.DONE):,} of {tally.total:,} done and verified*{steps}{took}"
    short = [f"{left:,} not"] * bool(left) + [f"{aside:,} set aside"] * bool(aside)
    return "; ".join([done, *short]) + "."

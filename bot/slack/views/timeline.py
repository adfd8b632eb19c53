"""The whole story of an operation as a file for a postmortem: Markdown, moments in UTC, people by name and id."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.operation import FINAL, STANDS, Choice, Operation
from bot.domain.ports import Recorded
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.values import OperationId, UserId
from bot.slack.views import story, subject, text
from bot.slack.views.cards import progress
from bot.slack.views.story import Names
from bot.slack.views.story import plain as _plain


def file_name(operation: OperationId) -> str:
    """What the file of an operation is called."""
    return f"muster-{operation}-timeline.md"


def people_in(operation: Operation, entries: Sequence[Recorded]) -> tuple[UserId, ...]:
    """Everybody the story names."""
    acted = [who for one in entries for who in story.people_in(one.entry)]
    return tuple(dict.fromkeys([operation.requested_by, *(v.by for v in operation.votes), *acted]))


def render(
    operation: Operation, entries: Sequence[Recorded], records: Sequence[StepRecord], *, names: Mapping[UserId, str]
) -> str:
    """The file's text.

    Args:
        operation: as it ended.
        entries: its lines of the audit, oldest first.
        records: its step rows.
        names: of people, where Slack told them.
    """
    where = f"{operation.request.cloud}/{operation.request.host_name}"
    parts = [
        f"# {subject.noun(operation)}: {_plain(where)}",
        *_summary(operation, names),
        "## What happened (UTC)",
        *_story(operation, entries, records, names),
        *_vms(operation, records, names),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(operation: Operation, names: Mapping[UserId, str]) -> list[str]:
    counted = [v for v in operation.votes if v.choice is Choice.APPROVE and not v.void]
    approved = [
        f"{_who(v.by, names)} at {_moment(v.at)}" + (f", breaking glass: {_plain(v.reason)}" if v.broke_glass else "")
        for v in counted
    ]
    began, ended = operation.started_at, operation.ended_at
    is_told = " " in operation.outcome
    lines = [
        f"Operation {operation.id} {STANDS[operation.state]}" + (f": {_plain(operation.outcome)}" if is_told else ""),
        f"Asked for by {_who(operation.requested_by, names)} at {_moment(operation.created_at)}",
        f"Reason: {_plain(operation.request.reason)}" if operation.request.reason else "",
        f"Approved by {'; '.join(approved)}" if approved else "",
        f"Plan approved: sha256 {operation.digest}" if approved else "",
        f"Started at {_moment(began)}" if began else "",
        f"Ended at {_moment(ended)}" if ended else "",
        f"Took {text.minutes(ended - began)} from the first act to the end" if began and ended else "",
    ]
    return ["\n".join(f"- {line}" for line in lines if line)]


def _story(
    operation: Operation, entries: Sequence[Recorded], records: Sequence[StepRecord], names: Mapping[UserId, str]
) -> list[str]:
    named = Names(
        people=names,
        steps={record.key: record.step.title for record in records},
        vms={vm.id: vm.name for vm in operation.vms},
    )
    return ["\n".join(f"- `{one.at:%Y-%m-%d %H:%M:%S}` {story.told(one.entry, named)}" for one in entries)]


def _vms(operation: Operation, records: Sequence[StepRecord], names: Mapping[UserId, str]) -> list[str]:
    """The result in the columns of `nova host-evacuate`, with name, target and time."""
    plan = operation.plan
    courses = [c for c in progress.of(records, is_over=operation.state in FINAL).courses if c.vm is not None]
    if plan is None or not courses:
        return []
    known = {vm.id: vm.name for vm in plan.vms}
    rows = [
        (
            str(c.vm),
            known.get(c.vm, "") if c.vm else "",
            str(c.accepted),
            "" if c.fate is Fate.DONE else _error(c, names),
            c.place,
            "" if c.seconds is None else f"{c.seconds:.0f}",
        )
        for c in courses
    ]
    head = ("Server UUID", "Server", "Accepted", "Error Message", "Target", "Seconds")
    lines = [head, tuple("---" for _ in head), *rows]
    return ["## VMs", "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)]


def _error(course: progress.VmProgress, names: Mapping[UserId, str]) -> str:
    aside, said = course.aside, course.sentence or course.fate.value
    if aside is None:
        return said
    because = f" (reason: {aside.reason})" if aside.reason else ""
    return f"set aside by {_who(aside.by, names)}{because}: {said}"


def _who(user: UserId, names: Mapping[UserId, str]) -> str:
    name = names.get(user, "")
    return f"{_plain(name)} ({user})" if name else str(user)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"

"""The whole story of an operation as a file for a postmortem: Markdown, moments in UTC, people by name and id."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.operation import FINAL, Choice, Operation
from bot.domain.ports import Recorded
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.values import Facts, Json, OperationId, UserId
from bot.slack.views import subject, text
from bot.slack.views.cards import progress

_VALUE = 300
_PEOPLE = frozenset({"by", "approved_by"})
"""Facts that are ids of people."""
_SAID_ELSEWHERE = frozenset({"step", "verb", "target", "raw", "ask"})
"""Of an entry: its step's title says it, or nobody reads it in a story."""


def file_name(operation: OperationId) -> str:
    """What the file of an operation is called."""
    return f"muster-{operation}-timeline.md"


def people_in(operation: Operation, entries: Sequence[Recorded]) -> tuple[UserId, ...]:
    """Everybody the story names."""
    acted = [one.entry.actor for one in entries if one.entry.actor is not None]
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
        *_story(entries, records, names),
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
    lines = [
        f"Operation {operation.id}: {operation.state}" + (f", {operation.outcome}" if operation.outcome else ""),
        f"Asked for by {_who(operation.requested_by, names)} at {_moment(operation.created_at)}",
        f"Reason: {_plain(operation.request.reason)}" if operation.request.reason else "",
        f"Approved by {'; '.join(approved)}" if approved else "",
        f"Plan approved: sha256 {operation.digest}" if approved else "",
        f"Started at {_moment(began)}" if began else "",
        f"Ended at {_moment(ended)}" if ended else "",
        f"Took {text.minutes(ended - began)} from the first act to the end" if began and ended else "",
    ]
    return ["\n".join(f"- {line}" for line in lines if line)]


def _story(entries: Sequence[Recorded], records: Sequence[StepRecord], names: Mapping[UserId, str]) -> list[str]:
    titles = {str(record.key): record.step.title for record in records}
    return ["\n".join(f"- {_line(one, titles, names)}" for one in entries)]


def _line(one: Recorded, titles: Mapping[str, str], names: Mapping[UserId, str]) -> str:
    entry = one.entry
    key = str(entry.facts.get("step") or "")
    step = f" *{_plain(titles.get(key, key))}*" if key else ""
    who = f", {_who(entry.actor, names)}" if entry.actor is not None else ""
    said = "; ".join(_facts(entry.facts, names, but=entry.actor))
    return f"`{one.at:%Y-%m-%d %H:%M:%S}`{who}: {entry.event}{step}" + (f" ({said})" if said else "")


def _facts(facts: Facts, names: Mapping[UserId, str], *, but: UserId | None) -> list[str]:
    """What a line says besides; people by their names, and nothing of whoever stands at its beginning alone."""
    told = {name: value for name, value in sorted(facts.items()) if name not in _SAID_ELSEWHERE}
    people = {name: _people(told[name]) for name in _PEOPLE & told.keys()}
    said = {name: ", ".join(_who(who, names) for who in people[name]) for name in people if people[name] != [but]}
    spoken = {name: said.get(name, "") if name in people else _value(value) for name, value in told.items()}
    return [f"{name}: {value}" for name, value in spoken.items() if value]


def _people(value: Json) -> list[UserId]:
    listed = value if isinstance(value, list | tuple) else [value]
    return [UserId(str(one)) for one in listed if one]


def _value(value: Json) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(inner) for inner in value)
    return _plain(str(value))


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


def _plain(words: str) -> str:
    """Foreign words on one line, without marks that Markdown would read as ours."""
    return text.plain(words, limit=_VALUE).replace("|", "¦").replace("<", "‹").replace("`", "'")

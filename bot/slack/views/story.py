"""A line of the audit as a sentence, for the story of an operation: who did what, in the words of its card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.audit import AuditEvent, Entry
from bot.domain.counting import counted, listed
from bot.domain.values import Json, UserId, VmId
from bot.slack.views import text
from bot.slack.views.subject import THEN

_VALUE = 300
_MOST = 12


@dataclass(frozen=True, kw_only=True)
class Names:
    """What ids and keys that stand in the audit are called."""

    people: Mapping[UserId, str]  #: where Slack told them
    steps: Mapping[str, str]  #: titles
    vms: Mapping[VmId, str]

    def person(self, user: str) -> str:
        """Name and id of somebody, or the id alone; a user group by its id."""
        if user.startswith("S"):
            return f"the user group {user}"
        name = self.people.get(UserId(user), "")
        return f"{plain(name)} ({user})" if name else user


def plain(words: str) -> str:
    """Foreign words on one line, without marks that Markdown would read as ours."""
    return text.plain(words, limit=_VALUE).replace("|", "¦").replace("<", "‹").replace("`", "'")


def people_in(entry: Entry) -> tuple[UserId, ...]:
    """Everybody whom a line names."""
    named = [entry.actor, *(one for name in _PEOPLE for one in _many(entry.facts.get(name)))]
    return tuple(UserId(str(one)) for one in named if one and not str(one).startswith("S"))


_PEOPLE = ("by", "approved_by", "ask", "person")
"""Facts that are ids of people and of user groups."""


def told(entry: Entry, names: Names) -> str:
    """What happened, as a sentence or two.

    Args:
        entry: a line of the audit.
        names: of whom and what it names.
    """
    line = _Line(entry=entry, names=names)
    return " ".join(filter(None, [_SAID[entry.event](line), line.why])).strip()


@dataclass(frozen=True, kw_only=True)
class _Line:
    """An entry, read as words."""

    entry: Entry
    names: Names

    @property
    def who(self) -> str:
        return "Muster" if self.entry.actor is None else self.names.person(self.entry.actor)

    @property
    def why(self) -> str:
        """The reason that somebody gave."""
        return f"Reason: {_whole(self.word('reason'))}" if self.word("reason") else ""

    @property
    def step(self) -> str:
        key = self.word("step")
        return f"*{plain(self.names.steps.get(key, key))}*"

    @property
    def sentence(self) -> str:
        """Of the cloud, or of ours, with what to do; whole."""
        return " ".join(_whole(self.word(name)) for name in ("sentence", "remedy") if self.word(name))

    @property
    def attempt(self) -> str:
        starts = self.number("starts")
        return f", for the {_ORDINAL.get(starts, f'{starts}th')} time" if starts > 1 else ""

    @property
    def approvals(self) -> str:
        quorum = self.number("quorum")
        return f"{self.number('count')} of {counted(quorum, 'approval')}" if quorum else ""

    @property
    def moving(self) -> str:
        return f" Still under way: {self.word('moving')}." if self.word("moving") else ""

    @property
    def after(self) -> str:
        return f", {self.span('seconds')} after the end" if self.span("seconds") else ""

    def word(self, name: str) -> str:
        value = self.entry.facts.get(name)
        return plain(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""

    def number(self, name: str) -> int:
        value = self.entry.facts.get(name)
        return int(value) if isinstance(value, int | float) else 0

    def span(self, name: str) -> str:
        value = self.entry.facts.get(name)
        return text.minutes(timedelta(seconds=value)) if isinstance(value, int | float) else ""

    def moment(self, name: str) -> str:
        at = datetime.fromisoformat(str(self.entry.facts[name])).astimezone(UTC)
        return f"{at:%Y-%m-%d %H:%M} UTC"

    def has(self, name: str) -> bool:
        return bool(self.entry.facts.get(name))

    def words(self, name: str) -> list[str]:
        return [plain(str(one)) for one in _many(self.entry.facts.get(name))]

    def people(self, name: str) -> str:
        return ", ".join(self.names.person(str(one)) for one in _many(self.entry.facts.get(name)) if one)

    def vms(self, name: str) -> str:
        ids = [str(one) for one in _many(self.entry.facts.get(name))]
        return listed([plain(self.names.vms.get(VmId(id), id)) for id in ids], most=_MOST)


_ORDINAL = {2: "2nd", 3: "3rd"}


def _many(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def _whole(words: str) -> str:
    return words if words[-1:] in ".!?…" else f"{words}."


def _requested(line: _Line) -> str:
    dry = " as a dry run" if line.has("check") else ""
    then = next((f" Then the host is {said}." for then, said in THEN.items() if then == line.word("then")), "")
    start = f" Not before {line.moment('starts_at')}." if line.word("starts_at") else ""
    window = (
        f" Nothing new is begun later than {line.span('window_seconds')} after the start."
        if line.has("window_seconds")
        else ""
    )
    return f"{line.who} asked for it{dry}.{start}{window}{then}"


def _planned(line: _Line) -> str:
    vms = counted(line.number("vms"), "VM")
    vouches = " ".join(_whole(f"Two people must vouch for this: {one}") for one in line.words("vouches"))
    return f"Muster surveyed the cloud and made a plan of {vms}. {vouches}".rstrip()


def _rechecked(line: _Line) -> str:
    if not ("chosen" in line.entry.facts or "left" in line.entry.facts):
        return f"{line.who} asked for a new survey."
    chosen = f"chose {line.vms('chosen')}" if line.has("chosen") else "chose no VM"
    left = f", and left {line.vms('left')}" if line.has("left") else ""
    return f"{line.who} {chosen}{left}."


def _approved(line: _Line) -> str:
    actor, by = line.entry.actor, _many(line.entry.facts.get("approved_by"))
    counts = [line.approvals] * bool(line.approvals)
    counts += [f"by {line.people('approved_by')}"] * (bool(by) and by != [actor])
    said = f"{line.who} approved" if actor is not None else "It is approved, with the last word that was missing"
    return f"{said}: {', '.join(counts)}." if counts else f"{said}."


def _cancelled(line: _Line) -> str:
    return f"{line.who} cancelled it before anything was done. {line.sentence}".rstrip()


def _refused(line: _Line) -> str:
    by = f", by {line.people('by')}" if line.has("by") else ""
    return f"What {line.who} asked for was refused: {line.sentence.rstrip('.')}{by}."


def _changed(line: _Line) -> str:
    lines = "; ".join(line.words("lines"))
    return f"The cloud has changed since the approval, so the plan needs a new one: {lines}."


def _started(line: _Line) -> str:
    smaller = f" The plan has become smaller since the approval: {'; '.join(line.words('shrunk'))}."
    return "Muster surveyed the cloud once more and started." + (smaller if line.has("shrunk") else "")


def _about(beginning: str, *, attempt: bool = False) -> Callable[[_Line], str]:
    """A sentence about a step, and what was seen of it."""

    def said(line: _Line) -> str:
        again = line.attempt if attempt else ""
        receipt = f" The cloud calls it {line.word('receipt')}." if attempt and line.word("receipt") else ""
        return f"{beginning} {line.step}{again}. {line.sentence}".rstrip() + receipt

    return said


def _simply(rest: str) -> Callable[[_Line], str]:
    """A sentence about whoever did it."""
    return lambda line: f"{line.who} {rest}."


def _reminded(of: str) -> Callable[[_Line], str]:
    def said(line: _Line) -> str:
        so_far = f", {line.approvals} so far" if line.approvals and not line.has("is_approved") else ""
        return f"Muster reminded people that {of}{so_far}."

    return said


def _stop_asked(line: _Line) -> str:
    return f"{line.who} cancelled it: nothing new is begun.{line.moving}"


def _held_back(line: _Line) -> str:
    return f"{line.sentence} Nothing new is begun.{line.moving}".lstrip()


def _stands(line: _Line) -> str:
    """How much is done, and what is not; see `PersonNeeded`."""
    names = {"failed": "failed", "unknown": "unknown", "not done": "not done", "aside": "set aside"}
    met = [f"{line.number(name):,} {said}" for name, said in names.items() if line.number(name)]
    of_all = f" of {line.word('of')}" if line.word("of") else ""
    host = f"; of the host itself not done: {listed(line.words('of host'), most=_MOST)}" if line.has("of host") else ""
    return ", ".join([f"{line.number('done'):,}{of_all} done", *met]) + host


def _needs_a_person(line: _Line) -> str:
    return f"A person is needed: {_stands(line)}. {line.sentence}".rstrip()


def _ended(line: _Line) -> str:
    return f"It ended with something left undone: {_stands(line)}. {line.sentence}".rstrip()


def _closed(line: _Line) -> str:
    left = f" Left undone: {listed(line.words('left'), most=_MOST)}." if line.has("left") else ""
    return f"{line.who} ended it.{left}"


def _finished(line: _Line) -> str:
    vms = counted(line.number("vms"), "VM")
    took = f", in {line.span('seconds')}" if line.span("seconds") else ""
    return f"Every step was done and verified, {vms}{took}."


def _left_over(line: _Line) -> str:
    out = "The host is still out of service" if line.entry.facts.get("out", True) else "Something is left over"
    state = f" ({line.word('state')})" if line.word("state") else ""
    still = f": {line.word('still')}" if line.word("still") else ""
    return f"{out}{state}{line.after}{still}."


def _not_told(line: _Line) -> str:
    to = f" to {line.people('person')}" if line.has("person") else ""
    return f"Slack takes no message{to} about this: “{line.word('news')}” ({line.word('why')})."


def _other(line: _Line) -> str:
    facts = "; ".join(f"{name}: {line.word(name)}" for name in sorted(line.entry.facts) if line.word(name))
    return f"{line.word('event') or line.entry.event.meaning.rstrip('.')}" + (f" ({facts})." if facts else ".")


_SAID: Mapping[AuditEvent, Callable[[_Line], str]] = {
    AuditEvent.REQUESTED: _requested,
    AuditEvent.CHECKED: lambda line: f"{_planned(line)} It was a dry run: nobody was asked.",
    AuditEvent.APPROVAL_ASKED_FOR: lambda line: f"{_planned(line)} It waits for approval.",
    AuditEvent.BLOCKED: lambda line: f"{_planned(line)} Findings forbid it. Nothing was changed.",
    AuditEvent.APPROVAL_REQUESTED: _simply("turned the dry run into a request"),
    AuditEvent.RECHECK_ASKED_FOR: _rechecked,
    AuditEvent.VOTE: lambda line: f"{line.who} approved: {line.approvals}, and more are needed.",
    AuditEvent.VOUCH: _simply("vouched for this plan, without approving it"),
    AuditEvent.VOUCHED: lambda line: _whole(f"{line.who} vouched: {line.word('sentence')}"),
    AuditEvent.APPROVED: _approved,
    AuditEvent.GLASS_BROKEN: lambda line: f"{line.who} broke glass and went ahead alone, with {line.approvals}.",
    AuditEvent.REJECTED: _simply("rejected it"),
    AuditEvent.EXPIRED: lambda _: "Nobody decided in time, so it expired.",
    AuditEvent.CANCELLED: _cancelled,
    AuditEvent.REMINDED_START: _reminded("it starts soon"),
    AuditEvent.REMINDED_EXPIRY: _reminded("the request is about to expire"),
    AuditEvent.REMINDED_ESCALATED: lambda line: (
        f"Nobody had decided, so Muster called more people: {line.people('ask')}."
    ),
    AuditEvent.REMINDED_STANDING: _reminded("it still waits for them"),
    AuditEvent.REFUSED: _refused,
    AuditEvent.NOT_ALLOWED: _refused,
    AuditEvent.PLAN_CHANGED: _changed,
    AuditEvent.STARTED: _started,
    AuditEvent.STEP_PLANNED: _about("Not begun:"),
    AuditEvent.STEP_INTENT: _about("Muster begins", attempt=True),
    AuditEvent.STEP_ACCEPTED: _about("Under way:", attempt=True),
    AuditEvent.STEP_DONE: _about("Done:"),
    AuditEvent.STEP_FAILED: _about("Failed:"),
    AuditEvent.STEP_NOT_NEEDED: _about("Left out:"),
    AuditEvent.STEP_UNKNOWN: _about("What became of it is unclear:"),
    AuditEvent.STEP_PLANNED_AGAIN: lambda line: f"{line.who} has this tried again: {line.step}.",
    AuditEvent.STEP_GIVEN_UP: lambda line: f"{line.who} ended it while this was under way: {line.step}.",
    AuditEvent.STEP_SET_ASIDE: lambda line: f"{line.who} skipped {line.step}.",
    AuditEvent.VMS_SET_ASIDE: lambda line: f"{line.who} skipped {listed(line.words('vms'), most=_MOST)}.",
    AuditEvent.SAID_DONE: lambda line: f"{line.who} says that this is done: {line.step}.",
    AuditEvent.ANSWER_LOST: lambda line: (
        f"The answer to the call was lost: {line.step}. Muster looks what became of it."
    ),
    AuditEvent.CLOUD_SILENT: lambda line: f"The cloud did not tell what must be known. {line.sentence}".rstrip(),
    AuditEvent.HELD_BACK: _held_back,
    AuditEvent.PAUSED: _simply("paused it"),
    AuditEvent.RESUMED: _simply("resumed it"),
    AuditEvent.STOP_ASKED_FOR: _stop_asked,
    AuditEvent.RETRIED: lambda line: f"{line.who} has what failed tried again: {line.word('what') or 'all of it'}.",
    AuditEvent.FINISHED: _finished,
    AuditEvent.NEEDS_ATTENTION: _needs_a_person,
    AuditEvent.ENDED_INCOMPLETE: _ended,
    AuditEvent.CLOSED: _closed,
    AuditEvent.LEFT_OVER: _left_over,
    AuditEvent.LEFT_OVER_GONE: lambda line: f"The host is back in service{line.after}.",
    AuditEvent.HOST_DOWN: _other,
    AuditEvent.MOST_HOSTS_DOWN: _other,
    AuditEvent.ALARM_OVER: _other,
    AuditEvent.NEWS_GIVEN_UP: _not_told,
    AuditEvent.AUDIT_CUT: _other,
    AuditEvent.OTHER: _other,
}

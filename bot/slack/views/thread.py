"""One line per event under the card: what a person would tell another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.counting import counted, listed
from bot.domain.messages.news import Kind, News
from bot.domain.operation import Operation
from bot.domain.progress.steps import StepRecord
from bot.domain.values import Facts
from bot.slack.refusals import because
from bot.slack.views import message, push, text
from bot.slack.views.cards import judgement, progress, steps, vms
from bot.slack.views.message import Message

WITH_REPORT = frozenset({Kind.FINISHED, Kind.NEEDS_ATTENTION, Kind.ENDED_INCOMPLETE})
"""Lines under which the table of results stands."""
_RAW = 600
_ASIDE = 2_000
_SIGNED = 1_200
"""Characters of a sentence that somebody vouched for; it names each VM."""


def render(
    news: Sequence[News], operation: Operation, records: Sequence[StepRecord] = (), *, asker: str = ""
) -> Message:
    """A line of the thread.

    Args:
        news: one piece; or several of one kind that queued up, told as one.
        operation: whose thread it is.
        records: its step rows, for the kinds in `WITH_REPORT`.
        asker: the name of whoever asked for the operation.
    """
    first = news[0]
    if first.kind is Kind.VM_DONE and len(news) > 1:
        return Message(text=_many_done([n.facts for n in news]))
    line = lines_of(news, operation, asker=asker)
    if first.kind in WITH_REPORT and records and operation.plan is not None:
        aside = text.cut_lines(steps.set_aside(records), limit=_ASIDE)
        lines = [line, aside, vms.untouched(operation.plan, records), steps.left_as_is(operation, records)]
        whole = text.cut("\n".join(said for said in lines if said), limit=text.MAX_TEXT)
        return _with_report(whole, operation, records)
    return Message(text=line)


def lines_of(news: Sequence[News], operation: Operation, *, asker: str = "") -> str:
    """The words of news that is told as one; where it calls people, what is asked of them comes first."""
    first = news[0]
    if len(news) > 1:
        together = counted(len(news), "VM" if all(n.facts.get("vm") for n in news) else "step")
        first = replace(first, facts={**first.facts, "together": together})
        rest = [_LINES[n.kind]({**n.facts, "raw": "", "ask": []}) for n in news[1:]]
        lines = [_LINES[first.kind]({**first.facts, "raw": ""}), *rest]
    else:
        lines = [line_of(first)]
    if push.calls(first):
        lines = [push.line(first, operation, asker=asker), *lines]
    return text.cut_lines(lines, limit=text.MAX_TEXT) if len(news) > 1 else "\n".join(lines)


def _with_report(line: str, operation: Operation, records: Sequence[StepRecord]) -> Message:
    if operation.plan is None:
        return Message(text=line)
    table = vms.report(operation.plan, progress.of(records), with_ids=True)
    full = Message(text=line, blocks=(message.section(line), *table))
    return full if table and full.fits else Message(text=line)


def _many_done(facts: Sequence[Facts]) -> str:
    places: dict[str, list[str]] = {}
    for fact in facts:
        places.setdefault(word(fact, "place"), []).append(word(fact, "title"))
    verb = _common([word(fact, "title") for fact in facts])
    lines = [f":white_check_mark: {len(facts)} more done{f' ({text.escape(verb)})' if verb else ''}:"]
    for place, titles in places.items():
        where = f" → {text.code(place)}" if place else ""
        said = ", ".join(text.escape(title.removeprefix(f"{verb} "), limit=text.NAME) for title in titles[:12])
        more = f" and {len(titles) - 12} more" if len(titles) > 12 else ""
        lines.append(f"• {said}{more}{where}")
    return text.cut_lines(lines, limit=text.MAX_SECTION)


def _common(titles: Sequence[str]) -> str:
    """The words with which all titles begin, but for the last of each, its VM: they are said once."""
    beginnings = [title.split(" ")[:-1] for title in titles]
    same = [words[0] for words in zip(*beginnings, strict=False) if len(set(words)) == 1]
    return " ".join(same) if all(words[: len(same)] == same for words in beginnings) else ""


def word(facts: Facts, name: str) -> str:
    """A fact as text; empty when it is not there."""
    value = facts.get(name)
    return "" if value is None else str(value)


def words(facts: Facts, name: str) -> list[str]:
    """A fact that is a list of texts."""
    value = facts.get(name)
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _number(facts: Facts, name: str) -> int:
    value = facts.get(name)
    return int(value) if isinstance(value, int | float) else 0


def _by(facts: Facts) -> str:
    who = word(facts, "by")
    return f" by {text.mention(who)}" if who else ""


def _stale(targets: Sequence[str], seconds: int) -> str:
    named, verb, they = ", ".join(map(text.code, targets)), "has", "it does"
    if len(targets) > 1:
        verb, they = "have", "they do"
    return (
        f":snail: {named} {verb} not begun with a VM that was sent there {seconds} s ago. Nothing more is sent there"
        f" until {they}. See the log of nova-compute there."
    )


def _seconds(facts: Facts) -> str:
    value = facts.get("seconds")
    return f" in {value:.0f} s" if isinstance(value, int | float) else ""


def _span(facts: Facts, *, since: bool = False) -> str:
    value = facts.get("seconds")
    if not isinstance(value, int | float):
        return ""
    span = text.minutes(timedelta(seconds=value))
    return f" {span} after this operation ended" if since else f" in {span}"


def _for_how_long(facts: Facts) -> str:
    seconds, since = facts.get("seconds"), word(facts, "since")
    if not isinstance(seconds, int | float) or not since:
        return " for a while"
    return f" for {text.minutes(timedelta(seconds=seconds))}, since {text.moment(datetime.fromisoformat(since))}"


def _state(facts: Facts) -> str:
    return text.escape(word(facts, "state")) or "out of service"


def _said(facts: Facts) -> str:
    return text.sentence_of(word(facts, "sentence"), word(facts, "remedy"))


def _because(facts: Facts) -> str:
    """Why Muster itself did it."""
    return f". {_said(facts)}".rstrip(". ")


def _raw(facts: Facts) -> str:
    raw = text.plain(word(facts, "raw"), limit=_RAW)
    return f"\n{text.preformatted([raw])}" if raw else ""


def _title(facts: Facts) -> str:
    return text.escape(word(facts, "title"), limit=160)


def _vm_done(facts: Facts) -> str:
    place = word(facts, "place")
    where = f" → {text.code(place)}" if place else ""
    return f":white_check_mark: {_title(facts)}{where}{_seconds(facts)}"


def _step_done(facts: Facts) -> str:
    said = _said(facts)
    return f":white_check_mark: {_title(facts)}" + (f": {said}" if said else "")


def _called(facts: Facts) -> str:
    """Who is called by it."""
    ask = words(facts, "ask")
    return f"{text.mentions(ask)}: " if ask else ""


def _to(facts: Facts, said: str) -> str:
    """What is said to those who are called by it, or to all where each of those is called elsewhere."""
    called = _called(facts)
    return f"{called}{said}" if called else said[0].upper() + said[1:]


def _by_hand(facts: Facts) -> str:
    said = f":raised_hand: {_called(facts)}to be done by hand: *{_title(facts)}*. {_said(facts)}".rstrip()
    command = word(facts, "command")
    return f"{said} Say so with *Done* on the card.\n{text.typed(command)}" if command else said


def _left_over(facts: Facts) -> str:
    left = text.escape(word(facts, "still"), limit=200)
    if left and facts.get("out") is False:
        said = f":alarm_clock: Still left over{_span(facts, since=True)}: {left}."
        return f"{said} Unlock them, or tell the next shift."
    besides = f" Besides, {left}." if left else ""
    return (
        f":alarm_clock: Still not back in service{_span(facts, since=True)}; "
        f"the cloud says: {_state(facts)}. Return it to service, or tell the next shift.{besides}"
    )


def _lines(facts: Facts) -> str:
    return text.cut_lines(judgement.difference(words(facts, "lines")), most=30)


def _rechecked(facts: Facts) -> str:
    said = f":mag: Checked again{_by(facts)}"
    if facts.get("same"):
        return f"{said}: the plan is the same."
    lines = _lines(facts)
    return f"{said}: the plan is another one now:\n{lines}" if lines else f"{said}: the plan is another one now."


def _attention(facts: Facts) -> str:
    met = [f"{_number(facts, name):,} {name}" for name in ("failed", "unknown", "not done") if _number(facts, name)]
    met += [f"{aside:,} set aside"] if (aside := _number(facts, "aside")) else []
    of = f" of {word(facts, 'of')}" if word(facts, "of") else ""
    parts = [f"{_number(facts, 'done'):,}{of} done", *met]
    host = [text.escape(title, limit=80) for title in words(facts, "of host")]
    parts += [f"of the host itself not done: {listed(host, most=3)}"] if host else []
    buttons = "*Retry Failed*, *Skip* or *Cancel*" if facts.get("may_skip") else "*Retry Failed* or *Cancel*"
    what_next = _said(facts) or f"Press {buttons} on the card."
    return f":rotating_light: {_called(facts)}*Needs a person*: {', '.join(parts)}. {what_next}"


def _incomplete(facts: Facts) -> str:
    left = words(facts, "left")
    titles = "\n" + text.cut_lines([f"• {text.escape(t, limit=120)}" for t in left], most=20) if left else ""
    said = f" {text.sentence_of(word(facts, 'sentence'))}".rstrip()
    return f":warning: Ended incomplete{_by(facts)}.{said} Left undone: {len(left):,}.{titles}"


def _moving(facts: Facts) -> str:
    """What is still under way; of news of an earlier release the number of steps."""
    return _what(facts, "moving", "moving")


def _again(facts: Facts) -> str:
    return _what(facts, "what", "count")


def _what(facts: Facts, name: str, number: str) -> str:
    value = facts.get(name)
    return text.escape(value, limit=80) if isinstance(value, str) else counted(_number(facts, number), "step")


def _at(facts: Facts) -> str:
    at = word(facts, "at")
    return text.day_and_time(datetime.fromisoformat(at)) if at else "soon"


def _start(facts: Facts) -> str:
    """When what was approved starts."""
    at = word(facts, "starts_at")
    when = f"starts {text.day_and_time(datetime.fromisoformat(at))}, not earlier" if at else "starts"
    return f"The cloud is checked once more, then it {when}."


def _rejected(facts: Facts) -> str:
    who = word(facts, "requester")
    said = f":no_entry: Rejected{_by(facts)}.{_reason(facts)}"
    return f"{said} {text.mention(who)}, nothing was changed." if who else said


def _requester(facts: Facts) -> str:
    """Who asked, called by name where something was decided for them."""
    who = word(facts, "requester")
    return f"{text.mention(who)}: " if who else ""


def _reason(facts: Facts) -> str:
    return f" {text.because(word(facts, 'reason'))}".rstrip()


def _glass_broken(facts: Facts) -> str:
    had = f"{_number(facts, 'count')} of {counted(_number(facts, 'quorum'), 'approval')}"
    return f":rotating_light: *Glass broken{_by(facts)}*: it goes ahead with {had}.{_reason(facts)}"


def _vouched(facts: Facts) -> str:
    said = "\n".join(f"• {_signed(sentence)}" for sentence in words(facts, "sentences"))
    people = f"{_number(facts, 'count')} of {counted(_number(facts, 'needed'), 'person', 'people')}"
    return text.cut(f":writing_hand: Vouched{_by(facts)}, {people}:\n{said}", limit=text.MAX_TEXT)


def _signed(sentence: str) -> str:
    """What somebody vouched for; where a line cannot hold all of the names in it, it says where they are."""
    if len(sentence) <= _SIGNED:
        return text.escape(sentence, limit=2 * _SIGNED)
    return f"{text.escape(sentence[:_SIGNED].rpartition(', ')[0], limit=_SIGNED)}, … (all are named in the audit)"


def _vouch_wanted(facts: Facts) -> str:
    buttons = "*Approve* (an approver) or *Vouch* (whoever asked)" if facts.get("may_vouch") else "*Approve*"
    so_far = f"{_number(facts, 'count')} of {counted(_number(facts, 'needed'), 'person', 'people')} so far"
    return f":writing_hand: {_to(facts, f'a second person must vouch, {so_far}.')} Press {buttons} on the card."


def _chosen(facts: Facts) -> str:
    left = words(facts, "left")
    said = f":ballot_box_with_check: {counted(_number(facts, 'chosen'), 'VM')} chosen{_by(facts)}"
    names = ", ".join(text.escape(name, limit=text.NAME) for name in left[:12])
    more = f" and {len(left) - 12} more" if len(left) > 12 else ""
    others = f", {len(left)} left where they are: {names}{more}" if left else ""
    return f"{said}{others}. A new plan is being made; approvals of the old one no longer count."


def _set_aside(facts: Facts) -> str:
    vms = words(facts, "vms")
    names = ", ".join(text.escape(name, limit=text.NAME) for name in vms[:12])
    more = f" and {len(vms) - 12} more" if len(vms) > 12 else ""
    return f":fast_forward: {counted(len(vms), 'VM')} set aside{_by(facts)}: {names}{more}.{_reason(facts)}"


_LINES: Mapping[Kind, Callable[[Facts], str]] = {
    Kind.BLOCKED: lambda _: (
        ":no_entry: Findings forbid it; see the card. Nothing was changed. Once they are dealt with, press *Ask Again*."
    ),
    Kind.RECHECKED: _rechecked,
    Kind.WAITING: lambda f: f":hourglass_flowing_sand: {_to(f, 'this plan waits for approval.')}",
    Kind.START_NEAR: lambda f: (
        f":alarm_clock: {_to(f, f'this starts {_at(f)}')}"
        + ("." if f.get("is_approved") else ", and it is not approved yet.")
    ),
    Kind.EXPIRY_NEAR: lambda f: (
        f":alarm_clock: {_to(f, f'this request expires {_at(f)}')}; "
        f"{_number(f, 'count')} of {counted(_number(f, 'quorum'), 'approval')} so far."
    ),
    Kind.ESCALATED: lambda f: f":mega: {_to(f, f'this has been waiting for a decision since {_at(f)}.')}",
    Kind.APPROVED: lambda f: (
        f":white_check_mark: Approved{_by(f)}, {_number(f, 'count')} of {_number(f, 'quorum')} needed."
    ),
    Kind.VOUCHED: _vouched,
    Kind.VOUCH_WANTED: _vouch_wanted,
    Kind.CHOSEN: _chosen,
    Kind.QUORUM: lambda f: f":white_check_mark: Approved{_by(f)}. {_requester(f)}{_start(f)}",
    Kind.GLASS_BROKEN: _glass_broken,
    Kind.REJECTED: _rejected,
    Kind.EXPIRED: lambda f: f":hourglass: Expired without a decision. {_requester(f)}Nothing was changed.",
    Kind.CANCELLED: lambda f: f":no_entry: Cancelled{_by(f) or _because(f)}. Nothing was changed.",
    Kind.PLAN_CHANGED: lambda f: (
        f":warning: The cloud has changed since the approval, so the plan needs a new one:\n{_lines(f)}"
    ),
    Kind.SHRUNK: lambda f: f"The plan became smaller since the approval; it goes on:\n{_lines(f)}",
    Kind.STARTED: lambda _: ":arrow_forward: Started.",
    Kind.PHASE: lambda f: f"Phase: *{text.escape(word(f, 'phase'), limit=80)}*",
    Kind.VM_DONE: _vm_done,
    Kind.STEP_DONE: _step_done,
    Kind.BY_HAND: _by_hand,
    Kind.SAID_DONE: lambda f: f":raised_hand: {text.mention(word(f, 'by'))} says that this is done: {_title(f)}.",
    Kind.STEP_FAILED: lambda f: f":x: {_called(f)}*{_title(f)}* failed. {_said(f)}{_raw(f)}",
    Kind.STEP_UNKNOWN: lambda f: (
        f":question: {_called(f)}*{_title(f)}*: what became of it is unclear. {_said(f)}{_raw(f)}"
    ),
    Kind.TARGET_STALE: lambda f: _stale(words(f, "targets"), _number(f, "seconds")),
    Kind.CLOUD_SILENT: lambda f: (
        f":satellite_antenna: The cloud has not answered{_for_how_long(f)}. {_said(f)} Muster keeps asking."
    ),
    Kind.CLOUD_BACK: lambda f: f":satellite_antenna: The cloud answers again. It had not{_for_how_long(f)}.",
    Kind.PAUSED: lambda f: f":double_vertical_bar: Paused{_by(f)}.",
    Kind.RESUMED: lambda f: f":arrow_forward: Resumed{_by(f)}.",
    Kind.STOPPING: lambda f: (
        f":octagonal_sign: Stopping{_by(f)}: nothing new is started, {_moving(f)} still under way."
    ),
    Kind.RETRIED: lambda f: f":repeat: Retrying {_again(f)}, asked for{_by(f)}.",
    Kind.SET_ASIDE: _set_aside,
    Kind.CLOSED: lambda f: f":calendar: {_said(f)} Nothing new is started; {_moving(f)} still under way.",
    Kind.NEEDS_ATTENTION: _attention,
    Kind.FINISHED: lambda f: f":checkered_flag: Done: everything was verified{_span(f)}.",
    Kind.ENDED_INCOMPLETE: _incomplete,
    Kind.PLAN: lambda _: ":page_facing_up: The whole plan: every VM, with what becomes of it and why.",
    Kind.TIMELINE: lambda _: ":page_facing_up: The whole story, for the postmortem.",
    Kind.CARD_MOVED: lambda f: (
        f":warning: Muster can post nothing in {text.room(word(f, 'from'))} ({because(word(f, 'why'))}), "
        "so the card stands elsewhere now."
    ),
    Kind.LEFT_OVER: _left_over,
    Kind.LEFT_OVER_GONE: lambda f: (
        f":white_check_mark: The host is back in service, and nothing is left over{_span(f, since=True)}."
    ),
    Kind.REFUSED: _said,
    Kind.NOTED: _said,
}


def line_of(news: News) -> str:
    """The words of one piece of news."""
    said = text.cut(_LINES[news.kind](news.facts), limit=text.MAX_TEXT)
    return said or f"{news.kind.value}.".capitalize()

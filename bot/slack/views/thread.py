"""One line per event under the card, or one for several of a kind that queued up."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.counting import counted, listed
from bot.domain.messages.executed import StepDone, StepFailed, StepUnclear, VmDone
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import News
from bot.domain.operation import FINAL, Operation
from bot.domain.progress.steps import StepRecord
from bot.slack.views import message, news_lines, push, text
from bot.slack.views.cards import progress, steps, vms
from bot.slack.views.message import Message

WITH_REPORT = frozenset({Kind.FINISHED, Kind.NEEDS_ATTENTION, Kind.ENDED_INCOMPLETE})
"""Lines under which the table of results stands."""
_FOR_WHOEVER_ASKED = frozenset({Kind.FINISHED, Kind.ENDED_INCOMPLETE, Kind.CANCELLED, Kind.PLAN_CHANGED})
"""What is told to whoever asked, by name, unless they brought it about: ends, and that what was to start does not."""
_SET_ASIDE = 2_000


def render(
    news: Sequence[News],
    operation: Operation,
    records: Sequence[StepRecord] = (),
    *,
    asker: str = "",
    unheard: str = "",
) -> Message:
    """A line of the thread.

    Args:
        news: one piece; or several of one kind that queued up, told as one.
        operation: whose thread it is.
        records: its step rows, for the kinds in `WITH_REPORT`.
        asker: the name of whoever asked for the operation.
        unheard: what is said where none of those whom it calls hears of it.
    """
    first = news[0]
    done = [one.what for one in news if isinstance(one.what, VmDone)]
    if len(done) > 1:
        return Message(text=_many_done(done))
    line = "\n".join(filter(None, [lines_of(news, operation, asker=asker), unheard]))
    if _is_for_whoever_asked(first, operation) and text.mention(operation.requested_by) not in line:
        line = f"{push.about(operation)}\n{line}"
    if first.kind in WITH_REPORT and records and operation.plan is not None and not push.is_late(first, operation):
        aside = text.cut_lines(steps.set_aside(records), limit=_SET_ASIDE)
        lines = [line, aside, vms.untouched(operation, records), steps.left_as_is(operation, records)]
        whole = text.cut("\n".join(said for said in lines if said), limit=text.MAX_TEXT)
        return _with_report(whole, operation, records)
    return Message(text=line)


def lines_of(news: Sequence[News], operation: Operation, *, asker: str = "") -> str:
    """The words of news that is told as one; where it calls people, what is asked of them comes first."""
    first, *others = news = _timely(news, operation)
    briefly = [_brief(first), *(replace(_brief(one), ask=()) for one in others)] if others else [first]
    is_late = push.is_late(first, operation)
    lines = news_lines.late(briefly, operation.state) if is_late else [news_lines.of(one) for one in briefly]
    if push.calls(first):
        lines = [push.line(first, operation, asker=asker, together=_counted(news)), *lines]
    return text.cut_lines(lines, limit=text.MAX_TEXT) if others else "\n".join(lines)


def _is_for_whoever_asked(news: News, operation: Operation) -> bool:
    """Whether it rings up whoever asked, who watches the first look, but not the one after the approval."""
    is_undone = news.kind is Kind.BLOCKED and operation.approved_at is not None
    return news.kind in _FOR_WHOEVER_ASKED or is_undone


def _timely(news: Sequence[News], operation: Operation) -> Sequence[News]:
    """The same; where what it calls for is over, it calls nobody but whoever it was decided for."""
    if not push.is_late(news[0], operation):
        return news
    return [replace(one, ask=()) for one in news]


def _brief(news: News) -> News:
    """Without the cloud's own words, for which several lines have no room."""
    what = news.what
    return replace(news, what=replace(what, raw="")) if isinstance(what, StepFailed | StepUnclear) else news


def _counted(news: Sequence[News]) -> str:
    """How many are told as one; empty for one alone."""
    whose = [one.what.vm for one in news if isinstance(one.what, StepDone | StepFailed | StepUnclear)]
    return counted(len(news), "VM" if all(whose) else "step") if len(news) > 1 else ""


def _with_report(line: str, operation: Operation, records: Sequence[StepRecord]) -> Message:
    if operation.plan is None:
        return Message(text=line)
    table = vms.report(operation.plan, progress.of(records, is_over=operation.state in FINAL), with_ids=True)
    full = Message(text=line, blocks=(message.section(line), *table))
    return full if table and full.fits else Message(text=line)


def _many_done(done: Sequence[VmDone]) -> str:
    """Several as one: those to which the same was done with the same end stand together, and what was done once."""
    common = _common([one.title for one in done])
    groups: dict[tuple[str, str], list[str]] = {}
    for one in done:
        verb = common or one.title.rpartition(" ")[0]
        name = text.escape(one.title.removeprefix(verb).strip(), limit=text.NAME) or "(no name)"
        groups.setdefault((one.place, verb), []).append(name)
    said = f" ({text.escape(common)})" if common else ""
    lines = [f":white_check_mark: {counted(len(done), 'VM')} done{said}:"]
    for (place, verb), names in groups.items():
        where = f" → {text.code(place)}" if place else ""
        what = "" if common or not verb else f"{text.escape(verb)} "
        lines.append(f"• {what}{listed(names, most=12)}{where}")
    return text.cut_lines(lines, limit=text.MAX_SECTION)


def _common(titles: Sequence[str]) -> str:
    """The words with which all titles begin, but for the last of each, its VM: they are said once."""
    beginnings = [title.split(" ")[:-1] for title in titles]
    same = [words[0] for words in zip(*beginnings, strict=False) if len(set(words)) == 1]
    return " ".join(same) if all(words[: len(same)] == same for words in beginnings) else ""

"""Private answers that are lists: hosts, past operations of a host, lines of the audit, the policy."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.counting import counted
from bot.domain.operation import FINAL, Operation
from bot.domain.values import Action, Facts, OperationId
from bot.slack.views import message, subject, text
from bot.slack.views.cards import standing
from bot.slack.views.message import Block, Message
from bot.slack.views.thread import word, words

Links = Mapping[OperationId, str]
"""Addresses of cards, where Slack told them."""
_ROOM = text.MAX_TEXT - 400
"""Characters for lines; the rest is for what stands around them."""
_ROOMS = (10_500, 8_000, 4_000, 2_000)
"""Characters for lines in blocks, which are counted as JSON: the most that fit."""


def rows_of(facts: Facts) -> Sequence[Facts]:
    """The rows of a list."""
    found = facts.get("rows")
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list | tuple) else []


def operations_in(facts: Facts) -> list[OperationId]:
    """The operations whose cards a list links to."""
    named = [word(row, "operation") for row in (facts, *rows_of(facts))]
    return [OperationId(one) for one in dict.fromkeys(named) if one]


def render(facts: Facts, links: Links) -> Message:
    """The answer that the facts are for."""
    return _VIEWS[word(facts, "shows")](facts, links)


def knows(facts: Facts) -> bool:
    """Whether the facts are for one of these answers."""
    return word(facts, "shows") in _VIEWS


# hosts -----------------------------------------------------------------------------------------------------------


def hosts(facts: Facts, links: Links) -> Message:
    """One line a host; how many more there are; and which cloud did not answer."""
    rows = rows_of(facts)
    number = _whole(facts, "number")
    lines = [_host(row, links) for row in rows]
    shown = _fitting(lines)
    title = _hosts_title(facts, number)
    told = [title, *shown] if title else shown
    if len(shown) < number:
        more = f"{'at least ' if facts.get('is_more') else ''}{number - len(shown)}"
        told.append(f"…and {more} more; narrow it: `/muster hosts cloud text`.")
    told += [_silent(row) for row in _silent_rows(facts)]
    return Message(text="\n".join(told))


def _hosts_title(facts: Facts, number: int) -> str:
    """How many there are in the clouds that answered; empty where none did."""
    silent = {word(row, "cloud") for row in _silent_rows(facts)}
    where = ", ".join(text.code(cloud) for cloud in words(facts, "clouds") if cloud not in silent)
    if silent and not where:
        return ""
    like = f" with {text.code(word(facts, 'matching'))} in the name" if word(facts, "matching") else ""
    return f"*{counted(number, 'host')}* of {where}{like}" + ("." if not number else ":")


def _host(row: Facts, links: Links) -> str:
    mark = ":white_check_mark:" if row.get("in_service") else ":warning:"
    vms = row.get("vms")
    parts = [
        f"{mark} {text.code(_place(row), limit=90)}",
        text.escape(word(row, "state"), limit=80),
        text.escape(word(row, "area"), limit=text.NAME),
        counted(vms, "VM") if isinstance(vms, int) else "",
        text.escape(word(row, "note"), limit=160),
        _holder(row, links),
    ]
    return " · ".join(part for part in parts if part)


def _holder(row: Facts, links: Links) -> str:
    """What Muster does there now."""
    id = OperationId(word(row, "operation"))
    if not id:
        return ""
    said = f":gear: {text.escape(word(row, 'action'))} {text.escape(word(row, 'stands'))}, id {text.code(id)}"
    return f"{said}, {text.link(links[id], 'card')}" if links.get(id) else said


def _silent_rows(facts: Facts) -> list[Facts]:
    found = facts.get("silent")
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list | tuple) else []


def _silent(row: Facts) -> str:
    said = text.sentence_of(word(row, "sentence"), word(row, "remedy"))
    return text.cut(f":question: {text.code(word(row, 'cloud'))} could not be asked. {said}", limit=300)


def _place(row: Facts) -> str:
    return f"{word(row, 'cloud')}/{word(row, 'host')}"


# past operations -------------------------------------------------------------------------------------------------


def history(sentence: str, operations: Sequence[Operation], links: Links) -> Message:
    """Past operations of a host, newest first: what, how it stands or ended, who asked and decided, when."""
    lines = [text.sentence_of(sentence), *(_past(o, links.get(o.id, "")) for o in operations)]
    return Message(text=text.cut_lines(lines, limit=text.MAX_TEXT))


def _past(operation: Operation, link: str) -> str:
    decided = standing.decided_by(operation)
    ended = operation.state in FINAL and operation.ended_at is not None
    until = f", ended {text.day_and_time(operation.ended_at)}" if ended and operation.ended_at else ""
    parts = [
        f"• {subject.named(operation)}",
        f"*{operation.state.value}*" + (" (dry run)" if operation.dry_run else ""),
        f"asked for by {text.mention(operation.requested_by)} {text.day_and_time(operation.created_at)}{until}",
        decided.rstrip("."),
        text.escape(operation.outcome, limit=160) if " " in operation.outcome else "",
        f"id {text.code(operation.id)}",
        text.link(link, "card") if link else "",
    ]
    return " · ".join(part for part in parts if part)


# the audit -------------------------------------------------------------------------------------------------------


def audit(facts: Facts, links: Links) -> Message:
    """Lines of the audit, newest last; the oldest are left out where there are too many."""
    id = OperationId(word(facts, "operation"))
    number = _whole(facts, "number")
    newest_first = [_entry(row) for row in reversed(rows_of(facts))]
    what = f"{word(facts, 'action')} {text.code(_place(facts), limit=90)}"
    card = f" · {text.link(links[id], 'card')}" if links.get(id) else ""
    title = f"*Audit of {text.code(id)}*: {what}, {_lines(number)}{card}"
    for room in _ROOMS:
        shown = list(reversed(_fitting(newest_first, room=room)))
        told = [title]
        if len(shown) < number:
            told.append(f"{_lines(number - len(shown))} before these; `muster audit export` has them all.")
        made = Message(
            text=text.cut_lines([*told, *shown[-1:]], limit=text.MAX_TEXT), blocks=_sections([*told, *shown])
        )
        if made.fits:
            return made
    return Message(text=title)


def _sections(lines: Sequence[str]) -> tuple[Block, ...]:
    """Lines as paragraphs, as many to one as Slack takes."""
    made: list[list[str]] = [[]]
    for line in lines:
        if sum(len(one) + 1 for one in made[-1]) + len(line) > text.MAX_SECTION:
            made.append([])
        made[-1].append(line)
    return tuple(message.section("\n".join(part)) for part in made)


def _lines(number: int) -> str:
    return counted(number, "line")


def _entry(row: Facts) -> str:
    who = text.mention(word(row, "actor")) if word(row, "actor") else "Muster"
    said = "; ".join(text.escape(one, limit=160) for one in words(row, "facts"))
    at = word(row, "at")
    when = text.moment(datetime.fromisoformat(at), form="{date_num} {time_secs}") if at else ""
    line = f"• {when} {who}: *{text.escape(word(row, 'event'), limit=80)}*"
    return line + (f" · {text.cut(said, limit=240)}" if said else "")


# the policy ------------------------------------------------------------------------------------------------------


def policy(facts: Facts, _links: Links) -> Message:
    """For each cloud and action: who may, how many, how long; and what the reader can do now."""
    parts = [_rule(row) for row in rows_of(facts)]
    shown = _fitting(parts)
    if len(shown) < len(parts):
        shown.append(f"…and {len(parts) - len(shown)} more; narrow it: `/muster policy cloud`.")
    return Message(text="\n".join(shown) or "No cloud offers anything.")


def _rule(row: Facts) -> str:
    approvals = counted(_whole(row, "quorum"), "approval")
    own = "own requests too" if row.get("self_approval") else "never one's own request"
    typed = ", the host's name typed" if row.get("typed_confirmation") else ""
    lines = [
        f"*{_SPOKEN[Action(word(row, 'action'))]} on {text.code(word(row, 'cloud'))}*",
        f"    asks: {text.mentions(words(row, 'requesters'))}",
        f"    approves: {text.mentions(words(row, 'approvers'))} · {approvals} needed, {own}{typed}",
        f"    breaks glass: {text.mentions(words(row, 'break_glass'))}",
        f"    a request expires after {text.minutes(timedelta(minutes=_number(row, 'minutes')))}",
    ]
    if words(row, "escalate_to"):
        after = text.minutes(timedelta(minutes=_number(row, "escalate_after")))
        lines.append(f"    undecided after {after}: calls {text.mentions(words(row, 'escalate_to'))}")
    lines += [f"    not begun in the freeze {text.escape(one)}" for one in words(row, "freezes")]
    if word(row, "frozen"):
        lines.append(f"    :snowflake: *Frozen now*: {text.sentence_of(word(row, 'frozen'))}")
    if word(row, "impossible"):
        lines.append(f"    :warning: {text.sentence_of(word(row, 'impossible'))}")
    can = words(row, "you")
    lines.append(f"    *You can* {', '.join(can)}." if can else "    *You* can do nothing here.")
    return "\n".join(lines)


_SPOKEN = {
    Action.EVACUATE: "Evacuate a dead host",
    Action.ENTER: "Enter maintenance",
    Action.EXIT: "Exit maintenance",
    Action.REHOME: "Move volumes back",
}


def _whole(facts: Facts, name: str) -> int:
    return int(_number(facts, name))


def _number(facts: Facts, name: str) -> float:
    value = facts.get(name)
    return value if isinstance(value, int | float) else 0


def _fitting(lines: Sequence[str], *, room: int = _ROOM) -> list[str]:
    """As many whole lines from the beginning as that many characters hold."""
    shown: list[str] = []
    for line in lines:
        if len(line) + 1 > room:
            break
        shown.append(line)
        room -= len(line) + 1
    return shown


_VIEWS: Mapping[str, Callable[[Facts, Links], Message]] = {"hosts": hosts, "audit": audit, "policy": policy}

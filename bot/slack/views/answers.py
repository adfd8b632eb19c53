"""Private answers that are lists: hosts, past operations of a host, lines of the audit, the policy."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from bot.domain.counting import counted, further
from bot.domain.messages.answered import (
    AuditListed,
    HostsListed,
    PolicyListed,
    ShownHost,
    ShownLine,
    ShownRule,
    SilentCloud,
)
from bot.domain.operation import FINAL, Operation
from bot.domain.values import Action, OperationId
from bot.slack.views import message, subject, text
from bot.slack.views.cards import status
from bot.slack.views.message import Block, Message

Links = Mapping[OperationId, str]
"""Addresses of cards, where Slack told them."""
_ROOM = text.MAX_TEXT - 400
"""Characters for lines; the rest is for what stands around them."""
_ROOMS = (10_500, 8_000, 4_000, 2_000)
"""Characters for lines in blocks, which are counted as JSON: the most that fit."""


def operations_in(told: HostsListed | AuditListed | PolicyListed) -> list[OperationId]:
    """The operations whose cards a list links to."""
    match told:
        case HostsListed():
            return list(dict.fromkeys(row.operation for row in told.rows if row.operation))
        case AuditListed():
            return [told.operation]
        case PolicyListed():
            return []


def render(told: HostsListed | AuditListed | PolicyListed, links: Links) -> Message:
    """The answer."""
    match told:
        case HostsListed():
            return hosts(told, links)
        case AuditListed():
            return audit(told, links)
        case PolicyListed():
            return policy(told)


# hosts -----------------------------------------------------------------------------------------------------------


def hosts(told: HostsListed, links: Links) -> Message:
    """One line a host; how many more there are; and which cloud did not answer."""
    shown = _fitting([_host(row, links) for row in told.rows])
    title = _hosts_title(told)
    lines = [title, *shown] if title else shown
    lines += further(told.number - len(shown), "; narrow it: `/muster hosts cloud text`.", at_least=told.is_more)
    lines += [_silent(cloud) for cloud in told.silent]
    return Message(text="\n".join(lines))


def _hosts_title(told: HostsListed) -> str:
    """How many there are in the clouds that answered; empty where none did."""
    silent = {cloud.cloud for cloud in told.silent}
    where = ", ".join(text.code(cloud) for cloud in told.clouds if cloud not in silent)
    if silent and not where:
        return ""
    like = f" with {text.code(told.matching)} in the name" if told.matching else ""
    if not told.number:
        return f"No host of {where} has {text.code(told.matching)} in its name." if like else f"No hosts in {where}."
    return f"*{counted(told.number, 'host')}* of {where}{like}:"


def _host(row: ShownHost, links: Links) -> str:
    mark = ":white_check_mark:" if row.in_service else ":warning:"
    parts = [
        f"{mark} {text.code(f'{row.cloud}/{row.host}', limit=90)}",
        text.escape(row.state, limit=80),
        text.escape(row.area, limit=text.NAME),
        "" if row.vms is None else counted(row.vms, "VM"),
        text.escape(row.note, limit=160),
        _holder(row, links),
    ]
    return " · ".join(part for part in parts if part)


def _holder(row: ShownHost, links: Links) -> str:
    """What Muster does there now."""
    id = row.operation
    if not id:
        return ""
    said = f":gear: {text.escape(row.action or '')} {text.escape(row.stands or '')}, id {text.code(id)}"
    return f"{said}, {text.link(links[id], 'card')}" if links.get(id) else said


def _silent(cloud: SilentCloud) -> str:
    said = text.sentence_of(cloud.sentence, cloud.remedy)
    return text.cut(f":question: {text.code(cloud.cloud)} could not be asked. {said}", limit=300)


# past operations -------------------------------------------------------------------------------------------------


def history(sentence: str, operations: Sequence[Operation], links: Links) -> Message:
    """Past operations of a host, newest first: what, how it stands or ended, who asked and decided, when."""
    lines = [text.sentence_of(sentence), *(_past(o, links.get(o.id, "")) for o in operations)]
    return Message(text=text.cut_lines(lines, limit=text.MAX_TEXT))


def _past(operation: Operation, link: str) -> str:
    decided = status.decided_by(operation)
    ended = operation.state in FINAL and operation.ended_at is not None
    until = f", ended {text.day_and_time(operation.ended_at)}" if ended and operation.ended_at else ""
    parts = [
        f"• {subject.named(operation)}",
        f"*{subject.stands(operation.state)}*" + (" (dry run)" if operation.dry_run else ""),
        f"asked for by {text.mention(operation.requested_by)} {text.day_and_time(operation.created_at)}{until}",
        decided.rstrip("."),
        text.escape(operation.outcome, limit=160) if " " in operation.outcome else "",
        f"id {text.code(operation.id)}",
        text.link(link, "card") if link else "",
    ]
    return " · ".join(part for part in parts if part)


# the audit -------------------------------------------------------------------------------------------------------


def audit(listed: AuditListed, links: Links) -> Message:
    """Lines of the audit, newest last; the oldest are left out where there are too many."""
    id, number = listed.operation, listed.number
    newest_first = [_entry(row) for row in reversed(listed.rows)]
    what = f"{listed.action} {text.code(f'{listed.cloud}/{listed.host}', limit=90)}"
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


def _entry(row: ShownLine) -> str:
    who = text.mention(row.actor) if row.actor else "Muster"
    said = "; ".join(text.escape(one, limit=160) for one in row.facts)
    when = text.moment(row.at, form="{date_num} {time_secs}")
    line = f"• {when} {who}: *{text.escape(row.event, limit=80)}*"
    return line + (f" · {text.cut(said, limit=240)}" if said else "")


# the policy ------------------------------------------------------------------------------------------------------


def policy(told: PolicyListed) -> Message:
    """For each cloud and action: who may, how many, how long; and what the reader can do now."""
    parts = [_rule(row) for row in told.rows]
    shown = _fitting(parts)
    lines = [*shown, *further(len(parts) - len(shown), "; narrow it: `/muster policy cloud`.")]
    return Message(text="\n".join(lines) or "No cloud offers anything.")


def _rule(row: ShownRule) -> str:
    approvals = counted(row.quorum, "approval")
    own = "own requests too" if row.self_approval else "never one's own request"
    typed = ", the host's name typed" if row.typed_confirmation else ""
    lines = [
        f"*{_SPOKEN[Action(row.action)]} on {text.code(row.cloud)}*",
        f"    asks: {text.mentions(row.requesters)}",
        f"    approves: {text.mentions(row.approvers)} · {approvals} needed, {own}{typed}",
        f"    breaks glass: {text.mentions(row.break_glass)}",
        f"    a request expires after {text.minutes(timedelta(minutes=row.minutes))}",
    ]
    if row.escalate_to:
        after = text.minutes(timedelta(minutes=row.escalate_after))
        lines.append(f"    undecided after {after}: calls {text.mentions(row.escalate_to)}")
    lines += [f"    not begun in the freeze {text.escape(one)}" for one in row.freezes]
    if row.frozen:
        lines.append(f"    :snowflake: *Frozen now*: {text.sentence_of(row.frozen)}")
    if row.impossible:
        lines.append(f"    :warning: {text.sentence_of(row.impossible)}")
    can = " and ".join(filter(None, [", ".join(row.you[:-1]), *row.you[-1:]]))
    lines.append(f"    *You can* {can}." if can else "    *You* can do nothing here.")
    return "\n".join(lines)


_SPOKEN = {
    Action.EVACUATE: "Evacuate a dead host",
    Action.ENTER: "Enter maintenance",
    Action.EXIT: "Exit maintenance",
    Action.REHOME: "Move volumes back",
}


def _fitting(lines: Sequence[str], *, room: int = _ROOM) -> list[str]:
    """As many whole lines from the beginning as that many characters hold."""
    shown: list[str] = []
    for line in lines:
        if len(line) + 1 > room:
            break
        shown.append(line)
        room -= len(line) + 1
    return shown

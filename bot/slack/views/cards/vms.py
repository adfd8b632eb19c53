"""The VMs of a plan as tables: what is planned, how it goes, what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Disposition, Plan, Vm
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.values import Action, VmId
from bot.slack.views import message, text
from bot.slack.views.cards import details, groups
from bot.slack.views.cards.progress import Progress, VmProgress
from bot.slack.views.message import Block

MANY = 30
"""More VMs than this are summarised by disposition: nobody decides on row 31."""
_REPORT_ROWS = 140
_NAMES_ROOM = 2_600
_LONG_BLOCKS = 4
_CAPS = {"Error Message": 40, "Note": 30}
_CAP = 28
_UUID = "Server UUID"
_WORST_FIRST = (Fate.FAILED, Fate.UNKNOWN, Fate.SET_ASIDE, Fate.SKIPPED, Fate.MOVING, Fate.WAITING, Fate.DONE)
_NOTE = 240
"""Characters of a reason in a table: more than any of ours has; *Details* has all of one that a cloud wrote."""
_NAMED = 12
_WELL = frozenset({"ACTIVE", "RUNNING", ""})
_ALARMING = (Disposition.CANNOT, Disposition.LEAVE, Disposition.SHUT_DOWN)


def planned(plan: Plan, *, brief: bool = False) -> list[Block]:
    """What the plan does to each VM, or to how many when they are many; those that it shuts down stand apart."""
    if not plan.vms:
        stay = "they stay where they are." if plan.action is Action.EXIT else "none on this host."
        return [message.section(f"*VMs*: {stay}")]
    if any(vm.group for vm in plan.vms):
        return groups.planned(plan, brief=brief)
    stops = [vm for vm in plan.vms if vm.disposition is Disposition.SHUT_DOWN]
    if 0 < len(stops) <= MANY and not brief:
        others = replace(plan, vms=tuple(vm for vm in plan.vms if vm not in stops))
        head = f":octagonal_sign: *Will be shut down* ({len(stops)})"
        return [*groups.table(head, stops), *(planned(others) if others.vms else [])]
    if brief or len(plan.vms) > MANY:
        return _summary(plan)
    rows = [
        (
            text.plain(vm.name, limit=40) or text.plain(vm.id, limit=40),
            text.plain(vm.project, limit=20),
            text.plain(vm.status, limit=16),
            vm.disposition.value + (", loses its disk" if vm.loses_disk else ""),
            text.plain(vm.note, limit=_NOTE),
        )
        for vm in sorted(plan.vms, key=details.worst_first)
    ]
    return [message.table(("VM", "Project", "Status", "Plan", "Note"), rows)]


def _summary(plan: Plan) -> list[Block]:
    """Numbers by disposition; and by name those that an approver must know: they vouch for each of them."""
    numbers = Counter(vm.disposition for vm in plan.vms)
    lines = [f"*VMs*: {len(plan.vms)}"]
    lines += [f"• {number} {disposition.value}" for disposition, number in numbers.most_common()]
    blocks = [message.section(text.cut_lines(lines))]
    blocks += _named("Lose their local disk", [vm for vm in plan.vms if vm.loses_disk])
    for disposition in _ALARMING:
        named = [vm for vm in plan.vms if vm.disposition is disposition]
        blocks += _named(disposition.value.capitalize(), named)
    odd = [vm for vm in plan.vms if vm.status not in _WELL and vm.disposition not in _ALARMING]
    for status in dict.fromkeys(vm.status for vm in sorted(odd, key=details.worst_first)):
        blocks += _named(f"{text.escape(status, limit=20)} now", [vm for vm in odd if vm.status == status])
    return [*blocks, message.context("*Details* has every VM, with why and what becomes of it.")]


def untouched(plan: Plan, records: Sequence[StepRecord]) -> str:
    """The VMs for which the plan had no step, each with why; mrkdwn, empty where it had one for all.

    Nobody looked where they are now, and that is said: a cloud moves VMs by itself.
    """
    moved = {r.step.vm for r in records}
    left = [vm for vm in plan.vms if vm.id not in moved]
    if not left:
        return ""
    why: dict[str, list[str]] = {}
    for vm in sorted(left, key=details.worst_first):
        where = f"on {vm.place} then" if vm.place else ""
        why.setdefault(", ".join(filter(None, (where, vm.note or "left as it was"))), []).append(
            text.code(vm.name or vm.id, limit=40)
        )
    head = f"*{counted(len(left), 'VM was', 'VMs were')} no part of it*, and Muster has not looked at"
    lines = [f"• {listed(names, most=_NAMED)}: {text.escape(note)}" for note, names in why.items()]
    return text.cut_lines([f"{head} {'it' if len(left) == 1 else 'them'} since the start:", *lines], most=11)


def _named(title: str, vms: Sequence[Vm]) -> list[Block]:
    if not vms:
        return []
    shown, room = [], _NAMES_ROOM
    for vm in vms:
        name = text.code(vm.name or vm.id, limit=40)
        if len(name) + 2 > room:
            break
        room -= len(name) + 2
        shown.append(name)
    more = f" and {len(vms) - len(shown)} more" if len(shown) < len(vms) else ""
    return [message.section(f"*{title}* ({len(vms)}): {', '.join(shown)}{more}")]


def ledger(plan: Plan) -> list[Block]:
    """Every VM with what is done to it, in fixed-width text, as far as a message can hold."""
    columns = ("VM", "Project", "Status", "Plan", "Note")
    rows = [
        (
            text.plain(vm.name, limit=40) or text.plain(vm.id, limit=40),
            text.plain(vm.project, limit=16),
            text.plain(vm.status, limit=16),
            vm.disposition.value + (" LOSES DISK" if vm.loses_disk else ""),
            text.plain(", ".join(filter(None, (f"on {vm.place}" if vm.place else "", vm.note))), limit=30),
        )
        for vm in sorted(plan.vms, key=details.worst_first)
    ]
    return _long(columns, rows)


def under_way(plan: Plan, progress: Progress) -> list[Block]:
    """How it goes with each VM; nothing when they are many, for the bar and the thread tell it."""
    courses = [c for c in progress.courses if c.vm is not None]
    if not courses or len(courses) > MANY:
        return []
    names = _name_of(plan)
    rows = [
        (names.get(c.vm, c.title), _stage(c), text.plain(c.place, limit=40), _seconds(c))
        for c in sorted(courses, key=lambda c: _WORST_FIRST.index(c.fate))
    ]
    return [message.table(("VM", "State", "Now on", "Seconds"), rows)]


def report(plan: Plan, progress: Progress, *, with_ids: bool = False) -> list[Block]:
    """The result in the columns of `nova host-evacuate` (uuid, accepted, error), with name, target and seconds.

    Without UUIDs, a column that says nothing is left out: every call was accepted, no VM has an error.

    Args:
        plan: for the names.
        progress: what came of each VM.
        with_ids: whether the UUIDs stand there too; of many VMs, only the timeline has them.
    """
    courses = sorted((c for c in progress.courses if c.vm is not None), key=lambda c: _WORST_FIRST.index(c.fate))
    if not courses:
        return []
    names = _name_of(plan)
    accepted = "Evacuate Accepted" if plan.action is Action.EVACUATE and len(courses) <= MANY else "Accepted"
    columns: tuple[str, ...] = ("Server", accepted, "Error Message", "Target", "Seconds")
    rows: list[tuple[str, ...]] = [
        (
            names.get(c.vm, c.title),
            str(c.accepted),
            _error(c),
            text.plain(c.place, limit=30),
            _seconds(c),
        )
        for c in courses
    ]
    if not with_ids or len(rows) > MANY:
        told = [at for at, _ in enumerate(columns) if not {row[at] for row in rows} <= {"True", ""}]
        columns, rows = tuple(columns[at] for at in told), [tuple(row[at] for at in told) for row in rows]
    if len(rows) > MANY:
        return _long(columns, rows)
    if not with_ids:
        return [message.table(columns, rows)]
    ids = [text.plain(str(c.vm), limit=36) for c in courses]
    return [message.table((_UUID, *columns), [(id, *row) for id, row in zip(ids, rows, strict=True)], whole=_UUID)]


def _long(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Block]:
    """More rows than a table can show within a message's size: fixed-width text, the worst first."""
    caps = [_CAPS.get(name, _CAP) for name in columns]
    cells = [[text.cut(cell, limit=cap) for cell, cap in zip(row, caps, strict=True)] for row in rows]
    most = _REPORT_ROWS
    while len(blocks := message.fixed_width(columns, cells[:most])) > _LONG_BLOCKS:
        most = most * 3 // 4
    left = len(rows) - most
    return [*blocks, message.context(f"…and {left:,} more.")] if left > 0 else blocks


def _name_of(plan: Plan) -> dict[VmId | None, str]:
    return {vm.id: text.plain(vm.name, limit=40) or text.plain(vm.id, limit=40) for vm in plan.vms}


def _stage(course: VmProgress) -> str:
    if course.fate is Fate.MOVING and course.share:
        return f"{course.fate.value} {course.share:.0%}"
    return course.fate.value


def _seconds(course: VmProgress) -> str:
    return "" if course.seconds is None else f"{course.seconds:.0f}"


def _error(course: VmProgress) -> str:
    if course.fate is Fate.DONE:
        return ""
    if course.fate is Fate.SET_ASIDE:
        return text.plain(f"set aside: {course.sentence}", limit=60)
    return text.plain(course.sentence, limit=60) or course.fate.value

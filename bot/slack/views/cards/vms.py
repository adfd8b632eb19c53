"""The VMs of a plan: what is planned, how it goes, what came of it; as a table, or summed up where they are many."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from bot.domain.abilities import VmPlace
from bot.domain.counting import counted, further, listed
from bot.domain.operation import Operation
from bot.domain.plans.plan import Disposition, Plan, Vm
from bot.domain.progress import fates
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.values import Action, VmId
from bot.slack.views import message, text
from bot.slack.views.cards import details, groups
from bot.slack.views.cards.progress import Progress, VmProgress
from bot.slack.views.message import Block

MANY = 30
"""More VMs than this are summarised by disposition: nobody decides on row 31."""
_ODD = 20
"""So many VMs that are not done for one reason are named."""
_REASONS = 8
"""So many reasons are told; *Details* has all."""
_NAMES_ROOM = 2_600
_UUID, _DONE_BY = "Server UUID", "Plan"
_WORST_FIRST = (Fate.FAILED, Fate.UNKNOWN, Fate.SET_ASIDE, Fate.NOT_DONE, Fate.MOVING, Fate.WAITING, Fate.DONE)
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
        return [*groups.lines(head, stops), *(planned(others) if others.vms else [])]
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
    lines = [f"*VMs*: {len(plan.vms):,}"]
    lines += [f"• {number:,} {disposition.value}" for disposition, number in numbers.most_common()]
    blocks = [message.section(text.cut_lines(lines))]
    blocks += _named("Lose their local disk", [vm for vm in plan.vms if vm.loses_disk])
    for disposition in _ALARMING:
        named = [vm for vm in plan.vms if vm.disposition is disposition]
        blocks += _named(disposition.value.capitalize(), named)
    odd = [vm for vm in plan.vms if vm.status not in _WELL and vm.disposition not in _ALARMING]
    for status in dict.fromkeys(vm.status for vm in sorted(odd, key=details.worst_first)):
        blocks += _named(f"{text.escape(status, limit=20)} now", [vm for vm in odd if vm.status == status])
    return [*blocks, message.context("*Details* has every VM, with why and what becomes of it.")]


def untouched(operation: Operation, records: Sequence[StepRecord]) -> str:
    """The VMs that no step was about, each with where it was when Muster looked; mrkdwn, empty where there is none.

    A cloud moves VMs by itself, and so do people: where nobody looked, that is said.
    """
    left = fates.untouched(operation.plan, records) if operation.plan else ()
    if not left:
        return ""
    head, seen = f"*{counted(len(left), 'VM was', 'VMs were')} not part of it*", operation.others
    if seen is None:
        head += f", and Muster has not looked at {'it' if len(left) == 1 else 'them'} since the start:"
    else:
        head += f". Where {'it was' if len(left) == 1 else 'they were'} at {text.moment(seen.at)}:"
    places = {place.vm: place for place in seen.vms} if seen else {}
    names: dict[str, list[str]] = {}
    for vm in sorted(left, key=details.worst_first):
        said = _now(vm, places[vm.id], operation.host.name) if vm.id in places else _then(vm)
        names.setdefault(said, []).append(text.code(vm.name or vm.id, limit=40))
    strayed_first = sorted(names.items(), key=lambda line: line[0].startswith(details.STILL))
    lines = [f"• {listed(some, most=_NAMED)}: {said}" for said, some in strayed_first]
    return text.cut_lines([head, *lines], most=11)


def _now(vm: Vm, seen: VmPlace, host: str) -> str:
    """Where a VM was found; of one that is where it was, why it was left there."""
    where = details.found(vm, seen, host)
    return f"{where} ({text.escape(_why_left(vm))})" if where.startswith(details.STILL) else where


def _then(vm: Vm) -> str:
    """What the plan knew of a VM."""
    where = f"on {vm.place} then" if vm.place else ""
    return text.escape(", ".join(filter(None, (where, _why_left(vm)))))


def _why_left(vm: Vm) -> str:
    """Why no step was about a VM. What else is noted of one that nobody chose, is no reason."""
    is_left = vm.chosen is False and vm.disposition is Disposition.LEAVE
    return "not chosen" if is_left else vm.note or "left as is"


def _named(title: str, vms: Sequence[Vm]) -> list[Block]:
    if not vms:
        return []
    names = [text.code(vm.name or vm.id, limit=40) for vm in vms]
    most = sum(1 for length in accumulate(len(name) + 2 for name in names) if length <= _NAMES_ROOM)
    return [message.section(f"*{title}* ({len(vms):,}): {listed(names, most=most)}")]


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
        with_ids: whether the UUIDs stand there too; of many VMs, only *Details* and the timeline have all.
    """
    courses = sorted((c for c in progress.courses if c.vm is not None), key=lambda c: _WORST_FIRST.index(c.fate))
    if not courses:
        return []
    names = _name_of(plan)
    if len(courses) > MANY:
        return _summed_up(plan, courses)
    accepted = "Evacuate Accepted" if plan.action is Action.EVACUATE else "Accepted"
    columns: tuple[str, ...] = ("Server", _DONE_BY, accepted, "Error Message", "Target", "Seconds")
    what: dict[VmId | None, str] = {vm.id: vm.disposition.value for vm in plan.vms}
    rows: list[tuple[str, ...]] = [
        (
            names.get(c.vm, c.title),
            what.get(c.vm, ""),
            str(c.accepted),
            _error(c, is_named=True),
            text.plain(c.place, limit=30),
            _seconds(c),
        )
        for c in courses
    ]
    told = [at for at, name in enumerate(columns) if _tells({row[at] for row in rows}, name, with_ids=with_ids)]
    columns, rows = tuple(columns[at] for at in told), [tuple(row[at] for at in told) for row in rows]
    if not with_ids:
        return [message.table(columns, rows)]
    ids = [text.plain(str(c.vm), limit=36) for c in courses]
    return [message.table((_UUID, *columns), [(id, *row) for id, row in zip(ids, rows, strict=True)], whole=_UUID)]


def _tells(cells: Collection[str], column: str, *, with_ids: bool) -> bool:
    """Whether a column is worth its width: the plan's word where it differs; the others where they say anything."""
    if column == _DONE_BY:
        return len(cells) > 1
    return with_ids or not set(cells) <= {"True", ""}


def _summed_up(plan: Plan, courses: Sequence[VmProgress]) -> list[Block]:
    """More VMs than a table can show: those that are not done by name, the others by what was done and their hosts."""
    names = _name_of(plan)
    why: dict[str, list[VmProgress]] = {}
    for course in courses:
        if course.fate is not Fate.DONE:
            why.setdefault(text.without_subject(_error(course), course.title), []).append(course)
    lines = [_odd(of_each, some, names) for of_each, some in why.items()]
    lines = [*lines[:_REASONS], *further(sum(len(some) for some in list(why.values())[_REASONS:]), " not done")]
    what = {vm.id: vm.disposition for vm in plan.vms}
    for disposition in Disposition:
        done = [c for c in courses if c.fate is Fate.DONE and c.vm is not None and what.get(c.vm) is disposition]
        lines += [_done(disposition, done)] if done else []
    all_of_them = message.context("*Details* has every VM, with where it went and how long it took.")
    return [*message.paragraphs(lines), all_of_them]


def _odd(of_each: str, courses: Sequence[VmProgress], names: Mapping[VmId | None, str]) -> str:
    """The VMs that are not done for one reason, and the reason."""
    alike = len({_error(c) for c in courses}) == 1
    said = _error(courses[0]) if alike else f"each {of_each}"
    named = [text.code(names.get(c.vm, c.title), limit=40) for c in courses]
    return f"• {listed(named, most=_ODD)}: {text.escape(said)}"


def _done(disposition: Disposition, courses: Sequence[VmProgress]) -> str:
    """A line such as "300 VMs evacuated: 180 to compute-1, 120 to compute-3; 4 to 31 s each"."""
    verb, way = _DONE_TO[disposition]
    places = [(place, number) for place, number in Counter(c.place for c in courses).most_common() if place]
    if len(places) == 1 and places[0][1] == len(courses):
        where = f"{verb}{', ' if way == 'now on' else ' '}{way} {text.code(places[0][0])}"
    else:
        each = [f"{number:,} {way} {text.code(place)}" for place, number in places]
        where = f"{verb}: {listed(each, most=_PLACES)}" if each else verb
    took = [c.seconds for c in courses if c.seconds is not None]
    least, most = (f"{min(took):.0f}", f"{max(took):.0f}") if took else ("", "")
    span = f"; {least if least == most else f'{least} to {most}'} s each" if took else ""
    return f"• {counted(len(courses), 'VM')} {where}{span}"


_DONE_TO = {
    Disposition.EVACUATE: ("evacuated", "to"),
    Disposition.LIVE_MIGRATE: ("live-migrated", "to"),
    Disposition.COLD_MIGRATE: ("cold-migrated", "to"),
    Disposition.SHUT_DOWN: ("shut down", "on"),
    Disposition.POWER_ON: ("started", "on"),
    Disposition.MIGRATE_BACK: ("migrated back", "to"),
    Disposition.LEAVE: ("left out of the move", "now on"),
    Disposition.CANNOT: ("left out of the move", "now on"),
}
_PLACES = 20


def _name_of(plan: Plan) -> dict[VmId | None, str]:
    return {vm.id: text.plain(vm.name, limit=40) or text.plain(vm.id, limit=40) for vm in plan.vms}


def _stage(course: VmProgress) -> str:
    if course.fate is Fate.MOVING and course.share:
        return f"{course.fate.value} {course.share:.0%}"
    return course.fate.value


def _seconds(course: VmProgress) -> str:
    return "" if course.seconds is None else f"{course.seconds:.0f}"


def _error(course: VmProgress, *, is_named: bool = False) -> str:
    """Why it is not done; `is_named` where its name stands beside it, and a long one would leave no room for that."""
    if course.fate is Fate.DONE:
        return ""
    said = text.without_subject(course.sentence, course.title) if is_named else course.sentence
    if course.fate is Fate.SET_ASIDE:
        return text.plain(f"set aside: {said}", limit=_NOTE)
    if not course.sentence and course.fate is Fate.NOT_DONE and course.place:  # what came before was done
        return f"{course.fate.value}: {text.plain(course.title.rpartition(' ')[0] or course.title, limit=_NOTE)}"
    return text.plain(said, limit=_NOTE) or course.fate.value

"""A plan whole: every VM with what becomes of it and why, worst first; as the pages of a window, and as a file."""

from collections.abc import Sequence

from bot.domain.abilities import VmPlace
from bot.domain.counting import counted
from bot.domain.operation import FINAL, Operation
from bot.domain.plans import causes
from bot.domain.plans.plan import Disposition, Plan, Vm
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import StepRecord
from bot.domain.values import VmId
from bot.slack.views import button_values, message, subject, text
from bot.slack.views.cards import progress
from bot.slack.views.cards.progress import VmProgress
from bot.slack.views.message import Block

TURN = "details_page"
"""Action id of the buttons that turn the pages."""
PAGE = 100
"""VMs on a page: what a window of Slack takes, however long their names and notes are."""
_NOTE = 600
STILL = "still"
"""How the place of a VM begins that is where it was left."""
_OFTEN = 4
"""What findings say of so many VMs is said once on a page, and referred to by a number."""
_STAYS = frozenset({Disposition.CANNOT, Disposition.LEAVE})
_STATUSES = ("ERROR", "SHUTOFF", "STOPPED")
_TROUBLE = (Fate.FAILED, Fate.UNKNOWN, Fate.SET_ASIDE, Fate.NOT_DONE)


def worst_first(vm: Vm) -> tuple[bool, bool, bool, int, str]:
    """The order of VMs: that lose a disk, that do not move, that are shut down, in ERROR, off; then the others."""
    status = _STATUSES.index(vm.status) if vm.status in _STATUSES else len(_STATUSES)
    return (
        not vm.loses_disk,
        vm.disposition not in _STAYS,
        vm.disposition is not Disposition.SHUT_DOWN,
        status,
        vm.name,
    )


def found(vm: Vm, seen: VmPlace, host: str) -> str:
    """Where a VM was found, and whether that is where it was left."""
    was = vm.place or host
    if seen.unknown:
        return f"where it is could not be found out ({text.escape(seen.unknown)})"
    if seen.is_gone:
        return f"deleted since; it was on {text.code(was)}"
    if not seen.host:
        return f"on no host; it was on {text.code(was)}"
    if seen.host != was:
        return f"on {text.code(seen.host)} now, no longer on {text.code(was)}"
    return f"{STILL} on {text.code(was)}"


def window(operation: Operation, records: Sequence[StepRecord], *, page: int) -> Block:
    """One page of the window.

    Args:
        operation: with a plan.
        records: its step rows; empty before it was approved.
        page: which, from 0; the nearest there is.
    """
    plan = operation.plan
    vms = plan.vms if plan is not None else ()
    pages = max(1, -(-len(vms) // PAGE))
    page = min(max(0, page), pages - 1)
    said = f"{subject.named(operation)}: {counted(len(vms), 'VM')}"
    shown = f", page {page + 1} of {pages}" if pages > 1 else ""
    lines = _lines(operation, plan, records, page) if plan is not None else []
    blocks = [
        message.section(f"{said}{shown}. Those that need a look come first."),
        *message.paragraphs(lines),
        *_page_buttons(operation, page, pages),
    ]
    return {
        "type": "modal",
        "title": message.plain_text("Details", limit=24),
        "close": message.plain_text("Close", limit=24),
        "blocks": list(blocks),
    }


def _page_buttons(operation: Operation, page: int, pages: int) -> list[Block]:
    to = [("Previous", page - 1)] * (page > 0) + [("Next", page + 1)] * (page < pages - 1)
    elements = [
        message.button(label, action=f"{TURN}:{label.lower()}", value=button_values.by_page(operation, number))
        for label, number in to
    ]
    return [message.actions(elements, block_id=f"turn:{operation.id}:{page}")] if elements else []


def _lines(operation: Operation, plan: Plan, records: Sequence[StepRecord], page: int) -> list[str]:
    """What many VMs of a page have in common, and one line for each of them; mrkdwn."""
    courses = {c.vm: c for c in progress.of(records, is_over=operation.state in FINAL).courses}
    in_order = sorted(plan.vms, key=lambda vm: (not _is_trouble(courses.get(vm.id)), *worst_first(vm)))
    here = in_order[page * PAGE : (page + 1) * PAGE]
    common, told = _told(plan)
    where = {vm.id: _where(vm, operation) for vm in here}
    lines = [_line(vm, courses.get(vm.id), told.get(vm.id, ""), where[vm.id]) for vm in here]
    used = [note for mark, note in common.items() if any(mark in told.get(vm.id, "") for vm in here)]
    return [*(text.escape(note, limit=_NOTE) for note in used), *lines]


def _is_trouble(course: VmProgress | None) -> bool:
    return course is not None and course.fate in _TROUBLE


def _told(plan: Plan) -> tuple[dict[str, str], dict[VmId, str]]:
    """What findings say of many VMs, by its mark; and what they say of each VM, or the marks of that."""
    common: dict[str, str] = {}
    told: dict[VmId, list[str]] = {}
    for cause in causes.of_plan(plan):
        about = {finding.vm: finding for finding in cause.findings if finding.vm}
        mark = f"[{len(common) + 1}]" if len(about) >= _OFTEN and cause.findings[0].together else ""
        if mark:
            common[mark] = f"{mark} {counted(len(about), 'VM')} {cause.findings[0].together}"
        for vm, finding in about.items():
            told.setdefault(vm, []).append(mark or finding.sentence)
    return common, {vm: " ".join(sentences) for vm, sentences in told.items()}


def _line(vm: Vm, course: VmProgress | None, told: str, where: str) -> str:
    facts = [text.escape(part, limit=40) for part in (vm.project, vm.status, vm.size) if part]
    what = f"*{vm.disposition}*" + (", *loses its disk*" if vm.loses_disk else "")
    return " · ".join(
        filter(None, [f"• {text.code(vm.name or vm.id)}", *facts, what, _course(course), where, _why(vm, told)])
    )


def _course(course: VmProgress | None) -> str:
    if course is None:
        return ""
    where = f" → {text.code(course.place)}" if course.place else ""
    took = "" if course.seconds is None else f", {course.seconds:.0f} s"
    return f"{course.fate}{where}{took}"


def _why(vm: Vm, told: str) -> str:
    note = "" if vm.note and vm.note in told else vm.note  # findings say it in a sentence
    return text.escape("; ".join(filter(None, (note, told))), limit=_NOTE)


def _where(vm: Vm, operation: Operation) -> str:
    """Where it was found at the end; before that, where the plan found it, if that is another host than its own."""
    seen = next((place for place in operation.others.vms if place.vm == vm.id), None) if operation.others else None
    if seen is not None:
        return found(vm, seen, operation.host.name)
    if not vm.place:
        return ""
    return f"on {text.code(vm.place)} when it was planned" if operation.started_at else f"now on {text.code(vm.place)}"


# as a file -----------------------------------------------------------------------------------------------------------


def file_name(operation: str, digest: str) -> str:
    """What the file of one plan is called."""
    return f"muster-{operation}-plan-{digest[:8]}.md"


def file(operation: Operation, plan: Plan) -> str:
    """The whole plan as text: findings with all VMs that they are about, every VM, every step."""
    lines = [f"# {text.plain(subject.headline(operation))}", f"Plan {operation.digest or ''}", "", "## Findings", ""]
    lines += [f"- {c.verdict}: {_all(c.sentence, c.remedy)}" for c in causes.of_plan(plan, named=len(plan.vms))]
    lines += ["", *(f"- two people vouch: {_plain(sentence)}" for sentence in plan.vouches)]
    lines += ["", f"## {counted(len(plan.vms), 'VM')}", ""]
    common, told = _told(plan)
    lines += [*map(_plain, common.values()), ""] if common else []
    for vm in sorted(plan.vms, key=worst_first):
        facts = (vm.name, vm.id, vm.project, vm.status, vm.size, str(vm.disposition))
        lost = "loses its disk" if vm.loses_disk else ""
        place = f"on {vm.place} when it was planned" if vm.place else ""
        lines.append(
            f"- {' · '.join(_plain(part) for part in (*facts, lost, place, vm.note, told.get(vm.id, '')) if part)}"
        )
    lines += ["", f"## {counted(len(plan.steps), 'step')}", ""]
    lines += [f"{number}. {_plain(step.title)}" for number, step in enumerate(plan.steps, start=1)]
    return "\n".join(lines) + "\n"


def _all(*parts: str) -> str:
    return " ".join(_plain(part) for part in parts if part)


def _plain(said: str) -> str:
    return text.plain(said, limit=100_000)

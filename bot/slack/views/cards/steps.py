"""The plan as numbered phases: what will be done, what has been, what somebody must do by hand, what failed."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from bot.domain.counting import counted, listed
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import By, Plan, PlannedStep
from bot.domain.progress import fates
from bot.domain.progress import set_aside as setting_aside
from bot.domain.progress.fates import Fate
from bot.domain.progress.steps import IN_FLIGHT, SetAside, StepRecord, StepState, of_host
from bot.slack.views import message, subject, text
from bot.slack.views.cards import buttons, progress
from bot.slack.views.message import Block

_BY = {By.MUSTER: "", By.CLOUD: " _(Muster only checks)_", By.PERSON: " _(by hand)_"}
_MOST_TROUBLES = 10
_MOST_NAMED = 10
_MOST_BY_HAND = 4
_FEW = 3
"""So many steps of a phase are named one by one."""
_ENDED_OTHERWISE = (Fate.FAILED, Fate.UNKNOWN, Fate.NOT_DONE, Fate.SET_ASIDE)
_NO_CAUSE = "No cause was told"


def planned(plan: Plan, *, brief: bool = False) -> list[Block]:
    """The numbered plan by phases."""
    if not plan.steps:
        return []
    lines = ["*Plan*"]
    for number, phase in enumerate(plan.phases_used, start=1):
        steps = [s for s in plan.steps if s.phase == phase and s.relieves is None]
        if steps:
            lines.append(f"{number}. {text.escape(phase, limit=80)}: {_said(steps, brief=brief)}")
    return [message.section(text.cut_lines(lines))]


def _said(steps: Sequence[PlannedStep], *, brief: bool) -> str:
    if len(steps) <= _FEW and not brief:
        return "; ".join(_title(s) for s in steps)
    of_host = [s for s in steps if s.vm is None]
    of_vms = [s for s in steps if s.vm is not None]
    vms = counted(len({s.vm for s in of_vms}), "VM")
    if all(s.by is By.CLOUD for s in of_vms):
        vms = f"then Muster checks {vms}"
    said = [_title(s) for s in of_host] if len(of_host) <= _FEW and not brief else []
    said += [counted(len(of_host), "step")] if of_host and not said else []
    return "; ".join([*said, *([vms] if of_vms else [])])


def _title(step: PlannedStep) -> str:
    return f"{text.escape(step.title, limit=120)}{_BY[step.by]}"


def course(plan: Plan, records: Sequence[StepRecord], *, is_over: bool) -> list[Block]:
    """The same phases with how far each has come, or came."""
    lines = []
    for number, phase in enumerate(plan.phases_used, start=1):
        mine = [r for r in records if r.counts and r.step.phase == phase]
        if mine:
            lines.append(f"{_sign(mine, is_over)} {number}. {text.escape(phase, limit=80)}: {_done(mine, is_over)}")
    return [message.section(text.cut_lines(lines))] if lines else []


def left_as_is(operation: Operation, records: Sequence[StepRecord]) -> str:
    """What an operation that ended short did to its host and does not undo, and what does; empty when it is nothing."""
    way_back = subject.way_back(operation)
    if operation.state is not State.ENDED_INCOMPLETE or not way_back:
        return ""
    done = of_host(records)
    if not done:
        return "Nothing was changed on the host itself."
    calls = listed([_call(r) for r in done], most=_MOST_NAMED, by="; ")
    return (
        f"*The host is left as it is.* In effect and not undone: {calls}. VMs may have left it, and whether"
        f" the work goes on is for people to say: *{way_back}* brings it back, with an approval of its own."
    )


def _call(record: StepRecord) -> str:
    title = text.escape(record.step.title, limit=120)
    if record.state is StepState.DONE:
        return title
    return f"{title} ({'failed' if record.state is StepState.FAILED else 'begun, not known to be in effect'})"


def _sign(records: Sequence[StepRecord], is_over: bool) -> str:  # noqa: FBT001 (handed through)
    states = {r.state for r in records}
    if states & {StepState.FAILED, StepState.UNKNOWN}:
        return ":x:"
    if states == {StepState.DONE}:
        return ":white_check_mark:"
    if not states & (IN_FLIGHT | {StepState.DONE}):
        return ":white_circle:"
    return ":warning:" if is_over else ":arrow_forward:"


def _done(records: Sequence[StepRecord], is_over: bool) -> str:  # noqa: FBT001 (handed through)
    if len(records) == 1:
        title = text.escape(records[0].step.title, limit=120)
        return f"{title} ({progress.fate(records, is_over=is_over)})"
    groups = fates.each(records)
    of_vms = [group for group in groups if group[0].step.vm]
    of_host = [group for group in groups if not group[0].step.vm]
    said = [_met(of_host, "step", is_over=is_over), _met(of_vms, "VM", is_over=is_over)]
    return "; ".join(part for part in said if part)


def _met(groups: Sequence[Sequence[StepRecord]], noun: str, *, is_over: bool) -> str:
    """How many are done, and what else became of some; empty where there is none."""
    if not groups:
        return ""
    met = Counter(progress.fate(group, is_over=is_over) for group in groups)
    others = [f"{met[fate]:,} {fate}" for fate in _ENDED_OTHERWISE if met[fate]]
    return ", ".join([f"{met[Fate.DONE]:,} of {counted(len(groups), noun)} done", *others])


def waiting_for_people(operation: Operation, records: Sequence[StepRecord]) -> list[Block]:
    """What only a person can do, and waits for that now."""
    blocks: list[Block] = []
    for record in [r for r in records if r.waits_for_person][:_MOST_BY_HAND]:
        step = record.step
        said = f":raised_hand: *To be done by hand*: {text.escape(step.title)}."
        told = f"{said} {text.sentence_of(record.sentence, record.remedy)}".strip()
        if step.command:
            blocks += [message.section(f"{told}\n{text.typed(step.command)}"), buttons.done(operation, record)]
        else:
            blocks.append(message.section(told))
    return blocks


def troubles(records: Sequence[StepRecord], *, brief: bool = False) -> list[Block]:
    """Each failed or unclear step with its cause and its remedy; those with the same cause together."""
    groups: dict[tuple[StepState, str, str], list[StepRecord]] = {}
    for record in records:
        if record.counts and record.state in _TROUBLE and not record.aside:
            of_each = text.without_subject(record.sentence, record.step.title)
            groups.setdefault((record.state, of_each, record.remedy), []).append(record)
    lines = [
        f"{_TROUBLE[state]} {_titles(group)}: {_cause_of(group, of_each)}"
        for (state, of_each, _), group in groups.items()
    ]
    return [message.section(text.cut_lines(lines, most=4 if brief else _MOST_TROUBLES))] if lines else []


def standing_still(records: Sequence[StepRecord], *, now: datetime) -> list[Block]:
    """The VMs that stand still on their way: since when, and when they may be skipped."""
    until = setting_aside.not_yet(records, now=now)
    lines = [
        f":hourglass: *No headway*: {text.escape(r.step.title, limit=120)} since {text.moment(r.moved_at)}. *Skip*"
        f" offers it from {text.moment(until[r.key])} on: until then the cloud may be at it, and takes no call back."
        for r in records
        if r.key in until and r.moved_at
    ]
    return [message.section(text.cut_lines(lines, most=_MOST_BY_HAND))] if lines else []


def set_aside(records: Sequence[StepRecord]) -> list[str]:
    """What was set aside, by whom, when and why, with what had become of it; mrkdwn lines, none where nothing was."""
    groups: dict[tuple[SetAside, StepState, str], list[StepRecord]] = {}
    for record in records:
        if record.aside and record.counts and record.state in _TROUBLE:
            cause = text.sentence_of(record.sentence or _NO_CAUSE)
            groups.setdefault((record.aside, record.state, cause), []).append(record)
    return [
        f":fast_forward: *Set aside* by {text.mention(aside.by)} at {text.moment(aside.at)}: {_titles(group)}"
        f" ({state.value}). {cause} {text.because(aside.reason)}".rstrip()
        for (aside, state, cause), group in groups.items()
    ]


def _titles(records: Sequence[StepRecord]) -> str:
    return listed([text.escape(r.step.title, limit=80) for r in records], most=_MOST_NAMED)


def _cause_of(group: Sequence[StepRecord], of_each: str) -> str:
    """Why they did not get done, and what to do; of several whose sentences differ by their names, said once."""
    first = group[0]
    alike = all(r.sentence == first.sentence for r in group)
    said = first.sentence if alike else f"each {of_each}"
    return text.sentence_of(said or _NO_CAUSE, first.remedy)


_TROUBLE = {StepState.FAILED: ":x: *Failed*:", StepState.UNKNOWN: ":question: *Unclear*:"}

"""Where an operation stands, in one sentence: who is asked, who decided, when, and what happens next."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.counting import counted
from bot.domain.operation import VOUCHERS, Choice, Operation, State, Told, Vote
from bot.domain.plans.plan import Plan
from bot.domain.rules import calendar
from bot.domain.rules.policy import Rule
from bot.slack.views import text


def line(operation: Operation, rule: Rule) -> str:
    """The state as a person would tell it; mrkdwn."""
    told = _LINES[operation.state]
    return told.format(
        approved=approved_by(operation),
        rejected=_rejected_by(operation),
        asked=_asked(operation, rule),
        ended=_at(operation),
        outcome=text.sentence_of(operation.outcome) or "",
        since=text.moment(operation.started_at) if operation.started_at else "just now",
        next=_next(operation),
        short=_short(operation),
    ).strip()


_LINES = {
    State.CHECKING: "*Checking.* Muster reads the cloud; nothing is changed.",
    State.READY: "*Dry run.* Nothing happens unless somebody requests approval.",
    State.AWAITING_APPROVAL: "{asked}",
    State.QUEUED: ":white_check_mark: *{approved}* {next}",
    State.RUNNING: ":arrow_forward: *Running* since {since}. {approved}",
    State.PAUSED: ":double_vertical_bar: *Paused.* Nothing new is started; what is under way goes on. {approved}",
    State.STOPPING: ":octagonal_sign: *Stopping.* Nothing new is started; what is under way ends first. {approved}",
    State.NEEDS_ATTENTION: ":rotating_light: *Needs a person.* {short} {approved}",
    State.BLOCKED: ":no_entry: *Blocked.* Findings forbid it; nothing was changed. *Ask Again* checks anew.",
    State.DENIED: ":no_entry: *{rejected}* Nothing was changed.",
    State.EXPIRED: ":hourglass: *Expired* {ended} without a decision. Nothing was changed.",
    State.CANCELLED: ":no_entry: *Cancelled* {ended}. Nothing was changed.",
    State.SUCCEEDED: ":white_check_mark: *Done and verified* {ended}. {approved}",
    State.ENDED_INCOMPLETE: ":warning: *Ended incomplete* {ended}: {outcome} {approved}",
}


def approved_by(operation: Operation) -> str:
    """Who approved the plan that counts, and when the last of them did; or who went ahead alone, and why."""
    votes = _approvals(operation)
    alone = operation.broken_glass or next((v for v in votes if v.broke_glass), None)
    if alone is not None:
        return f"Glass broken by {text.mention(alone.by)} at {text.moment(alone.at)}.{_reason(alone)}"
    if not votes:
        return ""
    return f"Approved by {text.mentions([v.by for v in votes])} at {text.moment(votes[-1].at)}."


def decided_by(operation: Operation) -> str:
    """Who approved or rejected it; nothing while nobody has."""
    return _rejected_by(operation) if operation.state is State.DENIED else approved_by(operation)


def _approvals(operation: Operation) -> tuple[Vote, ...]:
    if operation.approvals:
        return operation.approvals
    counted = (v for v in operation.votes if v.choice is Choice.APPROVE and not v.void)
    return tuple(counted) if operation.started_at else ()


def _rejected_by(operation: Operation) -> str:
    votes = [v for v in operation.votes if v.choice is Choice.REJECT]
    if not votes:
        return "Rejected."
    return f"Rejected by {text.mention(votes[-1].by)} at {text.moment(votes[-1].at)}.{_reason(votes[-1])}"


def _reason(vote: Vote) -> str:
    return f" {text.because(vote.reason)}".rstrip()


def _asked(operation: Operation, rule: Rule) -> str:
    votes = operation.approvals
    wanted = "Waiting for approval" if rule.count(operation) < rule.quorum else "Approved, but two people must vouch"
    counted = f"*{wanted}*, {len(votes)} of {rule.quorum}"
    so_far = f", {_by_and_when(votes)}" if votes else ""
    said = text.day_and_time if operation.starts_at else text.moment  # with a start of its own it may be days ahead
    until = f", expires {said(operation.expires_at)}" if operation.expires_at else ""
    first = " The approvers are called when somebody has chosen which VMs come back." if operation.awaits_choice else ""
    return f":hourglass_flowing_sand: {counted}{so_far}{until}.{first}"


def _by_and_when(votes: Sequence[Vote]) -> str:
    return "by " + ", ".join(f"{text.mention(v.by)} at {text.moment(v.at)}" for v in votes)


def vouching(operation: Operation) -> list[str]:
    """For each sentence that two people must vouch for, who does; mrkdwn lines."""
    lines = []
    for sentence in operation.vouches:
        votes = operation.vouched_by(sentence)
        by = f", {_by_and_when(votes)}" if votes else ""
        said = briefly(sentence, operation.plan)
        lines.append(f":writing_hand: {len(votes)} of {VOUCHERS} vouched for *{said}*{by}.")
    return lines


def briefly(sentence: str, plan: Plan | None) -> str:
    """A sentence that people vouch for; where it names more VMs than can be read here, it counts them; mrkdwn."""
    if len(sentence) > text.SENTENCE and plan is not None and sentence.startswith(plan.loss):
        return f"{text.escape(plan.loss)} (each is named in Details, in the window that is signed, and in the audit)"
    return text.escape(sentence, limit=_SENTENCE).rstrip(".")


_SENTENCE = 1_000


def _next(operation: Operation) -> str:
    """What comes after the approval."""
    if operation.starts_at is None:
        return "The cloud is checked once more before the first act."
    at = text.day_and_time(operation.starts_at)
    return f"Not started before {at}; the cloud is checked once more then."


def _short(operation: Operation) -> str:
    """Why a person is needed."""
    if Told.CLOSED in operation.told:
        return text.sentence_of(operation.outcome)
    return "Something failed or is unclear; see below."


def times(operation: Operation) -> str:
    """When it may be started, and until when something new may be; empty where nobody said."""
    starts, ends = operation.starts_at, operation.window_ends
    told = []
    if starts is not None:
        told.append(f"*Starts {text.day_and_time(starts)}*{_for_whoever_asked(operation, starts)}.")
    elif operation.window is not None:
        told.append("*Starts when it is approved.*")
    if ends is not None:
        told.append(f"Nothing new is started after {text.day_and_time(ends)}.")
    elif operation.window is not None:
        told.append(f"Nothing new is started later than {text.minutes(operation.window)} after the approval.")
    return f":calendar: {' '.join(told)}" if told else ""


def _for_whoever_asked(operation: Operation, at: datetime) -> str:
    """The same moment as whoever asked reads it from their clock."""
    zone = calendar.zone(operation.zone)
    return f", {calendar.spoken(at, zone)} for {text.mention(operation.requested_by)}" if zone else ""


def _at(operation: Operation) -> str:
    return text.day_and_time(operation.ended_at or operation.changed_at)


def who_may(operation: Operation, rule: Rule) -> str:
    """Who is asked to decide; small print."""
    needed = "" if rule.quorum == 1 else f" ({rule.quorum} of them)"
    own = "" if rule.self_approval else f"; not {text.mention(operation.requested_by)}, who asked"
    alone = f" May break glass: {text.mentions(rule.break_glass)}." if rule.break_glass else ""
    return f"May approve{needed}: {text.mentions(rule.approvers)}{own}.{alone}"


def asked_by(operation: Operation) -> str:
    """Who asked, when, why, and the id to name it by; small print."""
    target = f" · to {text.code(operation.request.to)}" if operation.request.to else ""
    vms = len(operation.request.vms)
    chosen = f" · only {counted(vms, 'named VM')}" if vms else ""
    if operation.request.is_choice:
        chosen = f" · {counted(vms, 'VM') if vms else 'no VM'} chosen"
    then = f" · then {operation.request.then}" if operation.request.then else ""
    reason = f" · reason: {text.escape(operation.request.reason)}" if operation.request.reason else ""
    return (
        f"Asked for by {text.mention(operation.requested_by)} {text.day_and_time(operation.created_at)}"
        f"{target}{chosen}{then}{reason} · id {text.code(operation.id)}"
    )

"""What a phone shows of a message: what is asked, of which host, for how many VMs, by whom, at what risk."""

from collections.abc import Collection, Mapping

from bot.domain.counting import counted
from bot.domain.messages.answered import Answered
from bot.domain.messages.decided import (
    ApprovalWanted,
    ChoiceWanted,
    ExpiryNear,
    QuorumReached,
    RequestExpired,
    RequestRejected,
    StartNear,
    Undecided,
    VouchWanted,
)
from bot.domain.messages.executed import ByHandWanted, PersonNeeded, StepFailed, StepUnclear, StillWaits
from bot.domain.messages.news import Happened, News
from bot.domain.operation import FINAL, Operation, State
from bot.domain.plans.plan import Disposition, Plan, Verdict
from bot.slack.views import subject, text


def _asked(what: Happened | Answered, together: str) -> str:  # noqa: PLR0911, PLR0912, C901 (an arm for each)
    """What is asked; empty where nobody is called. Where several are told as one, `together` says how many."""
    match what:
        case ApprovalWanted():
            return "Approval wanted"
        case StartNear():
            return "Starts soon" if what.is_approved else "Starts soon, not approved yet"
        case ExpiryNear():
            return "About to expire"
        case Undecided():
            return "Still undecided"
        case ChoiceWanted():
            return "Choose which VMs come back"
        case VouchWanted():
            return "A second person must vouch"
        case QuorumReached():
            return "Approved"
        case RequestRejected():
            return "Rejected"
        case RequestExpired():
            return "Expired"
        case ByHandWanted():
            return "To be done by hand"
        case StepFailed():
            return f"Failed: {text.escape(together or what.title, limit=80)}"
        case StepUnclear():
            return f"Not known what became of: {text.escape(together or what.title, limit=80)}"
        case PersonNeeded():
            return "Needs a person"
        case StillWaits():
            return "Still paused" if what.is_paused else "Still needs a person"
    return ""


_WHILE: Mapping[type, Collection[State]] = {
    ApprovalWanted: {State.AWAITING_APPROVAL},
    ChoiceWanted: {State.AWAITING_APPROVAL},
    VouchWanted: {State.AWAITING_APPROVAL},
    ExpiryNear: {State.AWAITING_APPROVAL},
    Undecided: {State.AWAITING_APPROVAL},
    StartNear: {State.AWAITING_APPROVAL, State.QUEUED},
    QuorumReached: {State.QUEUED},
    PersonNeeded: {State.NEEDS_ATTENTION},
    StillWaits: {State.PAUSED, State.NEEDS_ATTENTION},
    ByHandWanted: frozenset(State) - FINAL,
    StepFailed: frozenset(State) - FINAL,
    StepUnclear: frozenset(State) - FINAL,
}
"""In which states what a line asks for is still to be done. What comes late says so, and calls nobody."""
_OVER = FINAL - {State.BLOCKED}
"""What has ended holds no risk any more."""


def calls(news: News) -> bool:
    """Whether the line is there to call somebody."""
    return bool(_asked(news.what, ""))


def is_late(news: News, operation: Operation) -> bool:
    """Whether what it calls for is over by the time that it is told."""
    while_in = _WHILE.get(type(news.what))
    return while_in is not None and operation.state not in while_in


def line(news: News, operation: Operation, *, asker: str = "", together: str = "") -> str:
    """What is asked, and of what; mrkdwn. It comes before whatever else the line says.

    Args:
        news: a line that calls somebody.
        operation: what it is about.
        asker: the name of whoever asked for it: a mention would call them too. Empty: not known.
        together: how many it is about, where several are told as one.
    """
    late = " (told late)" if is_late(news, operation) and not isinstance(news.what, QuorumReached) else ""
    again = ", the plan has changed" if isinstance(news.what, ApprovalWanted) and operation.drift else ""
    return f"*{_asked(news.what, together)}{again}*{late}: {about(operation, asker=asker)}"


def about(operation: Operation, *, asker: str = "") -> str:
    """Action, host, number of VMs, who asks and the worst risk; mrkdwn."""
    plan = operation.plan
    vms = f", {subject.vms(plan)}" if plan is not None else ""
    by = text.escape(asker, limit=text.NAME) or text.mention(operation.requested_by)
    worst = risk(plan) if plan is not None and operation.state not in _OVER else ""
    if worst == NO_RISK and operation.started_at is not None:
        worst = ""  # it went by whatever happened since: what went wrong stands beside it
    worst = f" {worst}." if worst else ""
    return f"{subject.named(operation)}{vms}, asked for by {by}.{worst}"


def unheard(news: News, operation: Operation, *, incident_channel: str = "") -> str:
    """Tells whoever asked that a call reached nobody else, and what to do; mrkdwn.

    Args:
        news: the call, of several people and groups.
        operation: what it is about.
        incident_channel: where they were looked for besides the card's conversation; empty: nowhere.
    """
    who = text.mentions([one for one in news.ask if one != operation.requested_by])
    where = f"here or in {text.room(incident_channel)}" if incident_channel else "here"
    called = "no approver" if isinstance(news.what, _OF_APPROVERS) else "nobody who is called"
    said = (
        f":mute: {text.mention(operation.requested_by)}: {called} could be reached. Muster sees nobody of {who} {where}"
    )
    return f"{said} and, by its settings, sends no direct messages. Invite one of them, or tell them yourself."


_OF_APPROVERS = ApprovalWanted | StartNear | ExpiryNear | VouchWanted
NO_RISK = "No warnings"


def risk(plan: Plan) -> str:
    """The worst that a plan holds, in a few words; mrkdwn without a full stop. Names keep their first letter."""
    forbids = [f for f in plan.sorted_findings if f.verdict in {Verdict.BLOCKER, Verdict.UNKNOWN}]
    lost = sum(1 for vm in plan.vms if vm.loses_disk)
    unproven = [f.vouch for f in plan.findings if f.vouch]
    stuck = sum(1 for vm in plan.vms if vm.disposition is Disposition.CANNOT)
    stops = sum(1 for vm in plan.vms if vm.disposition is Disposition.SHUT_DOWN)
    warnings = [f for f in plan.findings if f.verdict is Verdict.WARNING]
    if forbids:
        return text.sentence_of(forbids[0].sentence).rstrip(".")
    if lost:
        return f"*{counted(lost, 'VM')} {'loses its disk' if lost == 1 else 'lose their disks'}*"
    if unproven:
        return f"*Not proven*: {text.escape(unproven[0]).rstrip('.')}"
    if stuck:
        return f"*{counted(stuck, 'VM')} cannot be moved*"
    if stops:
        return f"*{counted(stops, 'VM')} will be shut down*"
    if warnings:
        more = f" (and {counted(len(warnings) - 1, 'more warning')})" if len(warnings) > 1 else ""
        return f"{text.sentence_of(warnings[0].sentence).rstrip('.')}{more}"
    return NO_RISK

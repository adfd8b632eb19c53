"""What an operation is called: in headlines, lists, threads and dialogs."""

from dataclasses import replace

from bot.domain.counting import counted
from bot.domain.operation import FINAL, Choice, Operation, State, Vote
from bot.domain.plans.plan import Disposition, Plan
from bot.domain.rules import calendar
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Digest, Then, UserId
from bot.slack.views import text

_DO = {
    Action.EVACUATE: "Evacuate",
    Action.ENTER: "Enter maintenance on",
    Action.EXIT: "Exit maintenance on",
    Action.REHOME: "Move volumes back to",
}
_DOING = {
    Action.EVACUATE: "Evacuating",
    Action.ENTER: "Entering maintenance on",
    Action.EXIT: "Exiting maintenance on",
    Action.REHOME: "Moving volumes back to",
}
THEN = {Then.POWER_OFF: "powered off", Then.REBOOT: "rebooted"}
"""What becomes of the host's power at the end, after "the host is"."""
_WAY_BACK = {Action.ENTER: "Exit Maintenance", Action.EVACUATE: "Return to Service"}
_NOUN = {
    Action.EVACUATE: "Evacuation",
    Action.ENTER: "Maintenance",
    Action.EXIT: "Return to Service",
    Action.REHOME: "Move of Volumes",
}


def headline(operation: Operation) -> str:
    """Action, host, number of VMs and expected minutes; plain text."""
    where = f"{operation.request.cloud}/{operation.request.host_name}"
    return text.plain(f"{_DO[operation.request.action]} {where}: {_extent(operation)}", limit=text.MAX_HEADER)


def _extent(operation: Operation) -> str:
    plan = operation.plan
    if plan is None:
        return "being checked" if operation.state is State.CHECKING else stands(operation.state)
    is_ahead = operation.started_at is None and operation.state not in FINAL
    return ", ".join(part for part in (vms(plan), expected(plan) if is_ahead else "") if part)


def stands(state: State) -> str:
    """The state in a word or two, as lists have it."""
    return _STANDS.get(state, state.value)


_STANDS = {State.QUEUED: "approved", State.DENIED: "rejected", State.SUCCEEDED: "done"}
"""Where people say it otherwise than it is stored."""


def afterwards(operation: Operation) -> str:
    """What becomes of the host's power at the end, as a sentence after others; empty when nothing does."""
    then = operation.request.then
    return f" Then *the host is {THEN[then]}*." if then in THEN else ""


def consequences(operation: Operation, rule: Rule, *, by: UserId, choice: Choice) -> str:
    """What the yes of one person sets off now, for somebody who is about to say it; mrkdwn.

    Args:
        operation: as it stands.
        rule: the policy it is decided under.
        by: whose yes it would be; anybody else's than those that count already, where that is not known.
        choice: to approve or to vouch.
    """
    digest, vouched = operation.digest or Digest(""), operation.vouches
    vote = Vote(by=by, choice=choice, digest=digest, at=operation.changed_at, vouched=vouched)
    after = replace(operation, votes=(*operation.votes, vote))
    if not rule.is_met_by(after):
        return f"This alone starts nothing: {_missing(after, rule)} still missing."
    stops = sum(1 for vm in operation.vms if vm.disposition is Disposition.SHUT_DOWN)
    said = f"Nothing else is missing: Muster checks the cloud once more and starts {when(operation)}."
    said += f" *{counted(stops, 'VM')} will be shut down.*" if stops else ""
    return said + afterwards(operation)


def _missing(operation: Operation, rule: Rule) -> str:
    approvals = rule.quorum - rule.count(operation)
    parts = [counted(approvals, "more approval")] if approvals > 0 else []
    if not operation.is_vouched:
        parts.append("a second person who vouches")
    are = "is" if len(parts) == 1 and parts[0].startswith(("1 ", "a ")) else "are"
    return f"{' and '.join(parts)} {are}"


def when(operation: Operation) -> str:
    """When it starts once everybody has said yes; mrkdwn."""
    at, zone = operation.starts_at, calendar.zone(operation.zone)
    if at is None:
        return "at once"
    spelled = calendar.spoken(at, zone) if zone else ""
    return f"{text.day_and_time(at, otherwise=spelled)}, not earlier"


def vms(plan: Plan) -> str:
    """How many VMs the plan found, or touches of those that it leaves to choose."""
    touched = sum(1 for vm in plan.choices if vm.chosen)
    if plan.choices and touched < len(plan.vms):
        return f"{touched} of {counted(len(plan.vms), 'VM')}"
    if touched or (plan.vms and plan.action is not Action.EXIT):
        return counted(len(plan.vms), "VM")
    return "VMs stay where they are" if plan.action in {Action.EXIT, Action.REHOME} else "no VMs"


def expected(plan: Plan) -> str:
    """About how long it will take, by what the last of its kind took; empty where there was none."""
    if plan.estimate is None:
        return ""
    least, most = text.minutes(plan.estimate_least or plan.estimate), text.minutes(plan.estimate)
    return f"about {most}" if least == most else f"about {least} to {most}"


def host(operation: Operation) -> str:
    """Cloud and host as copyable code."""
    return text.code(f"{operation.request.cloud}/{operation.request.host_name}", limit=90)


def named(operation: Operation) -> str:
    """The whole as an infinitive, for mrkdwn."""
    return f"{_DO[operation.request.action]} {host(operation)}"


def doing(operation: Operation) -> str:
    """The whole as something that goes on, for mrkdwn."""
    return f"{_DOING[operation.request.action]} {host(operation)}"


def way_back(operation: Operation) -> str:
    """What the button is called that asks for the host's return; empty unless it was taken out of service."""
    has_acted = operation.state in {State.SUCCEEDED, State.ENDED_INCOMPLETE}
    return _WAY_BACK.get(operation.request.action, "") if has_acted else ""


def noun(operation: Operation) -> str:
    """The action as a noun in Title Case, for dialogs."""
    return _NOUN[operation.request.action]

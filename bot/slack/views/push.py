"""What a phone shows of a message: what is asked, of which host, for how many VMs, by whom, at what risk."""

from collections.abc import Callable, Mapping

from bot.domain.counting import counted
from bot.domain.messages.news import Kind, News
from bot.domain.operation import FINAL, Operation, State
from bot.domain.plans.plan import Disposition, Plan, Verdict
from bot.domain.values import Facts
from bot.slack.views import subject, text


def _what(facts: Facts) -> str:
    """What did not get done; where several are told as one, how many."""
    return text.escape(str(facts.get("together") or facts.get("title") or ""), limit=80)


_ASKED: Mapping[Kind, Callable[[Facts], str]] = {
    Kind.WAITING: lambda _: "Approval wanted",
    Kind.START_NEAR: lambda f: "Starts soon" if f.get("is_approved") else "Starts soon, not approved yet",
    Kind.EXPIRY_NEAR: lambda _: "About to expire",
    Kind.ESCALATED: lambda _: "Still undecided",
    Kind.VOUCH_WANTED: lambda _: "A second person must vouch",
    Kind.QUORUM: lambda _: "Approved",
    Kind.REJECTED: lambda _: "Rejected",
    Kind.EXPIRED: lambda _: "Expired",
    Kind.BY_HAND: lambda _: "To be done by hand",
    Kind.STEP_FAILED: lambda f: f"Failed: {_what(f)}",
    Kind.STEP_UNKNOWN: lambda f: f"Not known what became of: {_what(f)}",
    Kind.NEEDS_ATTENTION: lambda _: "Needs a person",
}
"""The lines that call people, and what each says first."""

_OVER = FINAL - {State.BLOCKED}
"""What has ended holds no risk any more."""


def calls(news: News) -> bool:
    """Whether the line is there to call somebody."""
    return news.kind in _ASKED


def line(news: News, operation: Operation, *, asker: str = "") -> str:
    """What is asked, and of what; mrkdwn. It comes before whatever else the line says.

    Args:
        news: a line that calls somebody.
        operation: what it is about.
        asker: the name of whoever asked for it: a mention would call them too. Empty: not known.
    """
    return f"*{_ASKED[news.kind](news.facts)}*: {about(operation, asker=asker)}"


def about(operation: Operation, *, asker: str = "") -> str:
    """Action, host, number of VMs, who asks and the worst risk; mrkdwn."""
    plan = operation.plan
    vms = f", {subject.vms(plan)}" if plan is not None else ""
    by = text.escape(asker, limit=text.NAME) or text.mention(operation.requested_by)
    worst = f" {_capital(risk(plan))}." if plan is not None and operation.state not in _OVER else ""
    return f"{subject.named(operation)}{vms}, asked for by {by}.{worst}"


def risk(plan: Plan) -> str:
    """The worst that a plan holds, in a few words; mrkdwn without a full stop."""
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
        return f"*not proven*: {text.escape(unproven[0]).rstrip('.')}"
    if stuck:
        return f"*{counted(stuck, 'VM')} cannot be moved*"
    if stops:
        return f"*{counted(stops, 'VM')} will be shut down*"
    if warnings:
        more = f" (and {counted(len(warnings) - 1, 'more warning')})" if len(warnings) > 1 else ""
        return f"{text.sentence_of(warnings[0].sentence).rstrip('.')}{more}"
    return "no warnings"


def _capital(said: str) -> str:
    start = len(said) - len(said.lstrip("*"))
    return said[:start] + said[start : start + 1].upper() + said[start + 1 :]

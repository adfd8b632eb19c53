"""Before anything is done: survey the cloud, judge it, and start only what was approved."""

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from tenacity import retry_if_exception, retry_if_result, wait_exponential, wait_fixed

from bot.desk import approvability
from bot.domain import estimate
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Books, Cloud, CloudError, NotKnown, NotSupported, Refused, Request, as_planned
from bot.domain.messages.decided import (
    ApprovalWanted,
    CalledOff,
    CheckedAgain,
    ChoiceWanted,
    FindingsForbid,
    PlanChanged,
    PlanShrunk,
)
from bot.domain.messages.executed import ExecutionStarted, PlanFile
from bot.domain.messages.news import News, calling
from bot.domain.operation import Event, Operation, PlannedOperation, State
from bot.domain.plans import drift
from bot.domain.plans.drift import Drift
from bot.domain.plans.plan import Finding, Plan, Topic, Verdict, digest_of
from bot.domain.progress.steps import laid_out
from bot.domain.rules import targets, timing
from bot.domain.values import Digest, Facts
from bot.engine import earlier_operations, other_operations, step_news
from bot.engine.leased import LeasedOperation
from bot.retry_policy import RetryPolicy

S = TypeVar("S")

TRIES = 3
"""How often Slack is asked who could say yes."""
TRIES_ON_SECONDS = 60.0
"""How long a cloud that does not answer is surveyed again and again before that ends a request."""
PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 12.0

_OTHER_TERMS = "what policy asks of an approval has changed since it was given"


async def check(leased: LeasedOperation, operation: Operation) -> None:
    """Make the plan of a new request and put it before the approvers, or say what forbids it."""
    plan = await _judged(leased, operation)
    planned = _with_plan(operation, plan, digest_of(plan, terms=_terms(leased, operation)))
    if not planned.approvals and (impossible := await _impossible(leased, planned)):
        plan = replace(plan, findings=(*plan.findings, impossible))
        planned = _with_plan(operation, plan, digest_of(plan, terms=_terms(leased, operation)))
    now = leased.clock.now()
    found = _found(operation, planned)
    if plan.is_blocked:
        await _block(leased, planned, *found)
        return
    facts = _facts(planned)
    if operation.dry_run:
        await leased.save(
            planned.after(Event.CHECKED_DRY, at=now), Entry(event=AuditEvent.CHECKED, facts=facts), *found
        )
        return
    # an approval that still counts does not live longer because somebody checks again and again
    asked = planned.after(Event.CHECKED, at=now)
    if not planned.approvals:
        asked = timing.asked(asked, leased.rule, now=now)
    # who was asked about this very plan is not called by everybody who checks it again
    calls = () if found and planned.digest == operation.digest else _waiting(leased, planned)
    await leased.save(asked, Entry(event=AuditEvent.APPROVAL_ASKED_FOR, facts=facts), *found, *calls)


def _found(before: Operation, planned: PlannedOperation) -> tuple[News, ...]:
    """What somebody's *Re-check* found."""
    if before.rechecked_by is None or before.plan is None:
        return ()
    found = CheckedAgain(
        by=before.rechecked_by,
        same=before.digest == planned.digest,
        lines=tuple(drift.between(before.plan, planned.plan).lines),
    )
    return (News(what=found, operation=before.id),)


async def _impossible(leased: LeasedOperation, planned: Operation) -> Finding | None:
    """Why nobody could ever say yes, if so. Slack is asked a few times before that counts as not found out."""
    if leased.people is None:
        return None
    tries = RetryPolicy(clock=leased.clock, on=retry_if_result(_is_unknown), wait=wait_fixed(PAUSE_SECONDS), most=TRIES)
    return await tries.of(partial(approvability.finding, leased.people, leased.rule, planned))


def _is_unknown(found: Finding | None) -> bool:
    return found is not None and found.verdict is Verdict.UNKNOWN


async def could_not_check(leased: LeasedOperation, operation: Operation, error: CloudError) -> None:
    """Block a request that could not be judged, whatever the reason."""
    plan = _could_not_ask(operation.request, error)
    await _block(leased, _with_plan(operation, plan, digest_of(plan, terms=_terms(leased, operation))))


def _with_plan(operation: Operation, plan: Plan, digest: Digest) -> PlannedOperation:
    """The operation with a new plan. What was decided on another one counts no more, not even if that comes back."""
    kept = operation if digest == operation.digest else operation.anew()
    return replace(kept.with_plan(plan, digest), drift=(), rechecked_by=None)


async def _block(leased: LeasedOperation, planned: PlannedOperation, *found: News) -> None:
    """End it by its findings. The incident channel hears it only of what had been approved."""
    outcome = next(f.sentence for f in planned.plan.sorted_findings)
    blocked = replace(planned.after(Event.FORBIDDEN, at=leased.clock.now()), outcome=outcome)
    facts = _facts(planned)
    news = News(what=FindingsForbid(), operation=planned.id)
    told = step_news.aloud(news) if planned.state is State.QUEUED else (news,)
    await leased.save(blocked, Entry(event=AuditEvent.BLOCKED, facts=facts), *found, *told)


def _facts(planned: PlannedOperation) -> Facts:
    """What of a plan the audit keeps."""
    return {
        "digest": planned.digest,
        "vms": len(planned.plan.vms),
        "findings": [f.code for f in planned.plan.findings],
        "vouches": list(planned.plan.vouches),
    }


def _waiting(leased: LeasedOperation, operation: PlannedOperation) -> tuple[News, ...]:
    if operation.awaits_choice and operation.state is State.CHECKING:
        wanted = ChoiceWanted(may_take_all=bool(operation.plan.unflagged))
        return (News(what=wanted, operation=operation.id, ask=(operation.requested_by,)),)
    called = calling(News(what=ApprovalWanted(), operation=operation.id), leased.rule.approvers)
    if len(operation.plan.vms) <= FILED:
        return called
    return (*called, News(what=PlanFile(digest=operation.digest), operation=operation.id))


FILED = 15
"""The plan of more VMs than this hangs in the thread as a file, too: a card cannot show the whole of each."""


async def begin(leased: LeasedOperation, operation: PlannedOperation) -> None:
    """Survey an approved operation again, and start it if the plan is still true and so is what approved it.

    Who approved is not looked up in Slack again: they were entitled when they decided, on-call groups change hands
    at every hour, and a start must not hang on Slack. The policy itself is looked at again: it is in the digest.

    Raises:
        Refused, Unreachable: the cloud could not be asked, or something not be found out; the operation waits.
    """
    if await is_too_late(leased, operation):
        return
    approved, terms = operation.plan, _terms(leased, operation)
    present = await _plan_again(leased, operation)
    now = leased.clock.now()
    digest = digest_of(present, terms=terms)
    current = operation.with_plan(present, digest)
    if present.is_blocked:
        if present.is_unsure:
            await leased.clock.sleep(LONGEST_PAUSE_SECONDS)
            found = present.sorted_findings[0]
            raise NotKnown(found.sentence, remedy=found.remedy, raw=found.raw)
        await _block(leased, current)
        return
    difference = drift.between(approved, present)
    is_what_was_approved = digest_of(approved, terms=terms) == operation.digest
    if not is_what_was_approved:
        difference = replace(difference, lines=(_OTHER_TERMS, *difference.lines))
    may_differ = digest == operation.digest or difference.only_shrinks
    if not (is_what_was_approved and may_differ and leased.rule.is_met_by(operation)):
        await _ask_again(leased, current, difference, now=now)
        return
    await _start(leased, replace(current, approved_plan=approved), operation, difference)


async def _ask_again(leased: LeasedOperation, current: PlannedOperation, difference: Drift, *, now: datetime) -> None:
    """The plan is another one: back to the people who approve, with the difference shown."""
    lines = difference.lines or ("the approvals needed by policy are not complete for this plan",)
    again = replace(current.anew().after(Event.PLAN_CHANGED, at=now), drift=lines)
    asked = timing.asked(again, leased.rule, now=now)
    facts = {"digest": current.digest, "lines": list(lines), "vouches": list(current.plan.vouches)}
    news = News(what=PlanChanged(lines=tuple(lines)), operation=current.id)
    entry = Entry(event=AuditEvent.PLAN_CHANGED, facts=facts)
    await leased.save(asked, entry, *step_news.aloud(news), *_waiting(leased, current))


async def _start(
    leased: LeasedOperation, current: PlannedOperation, approved: PlannedOperation, difference: Drift
) -> None:
    """Lay out the steps and begin; the audit names what was approved and what is executed."""
    records = laid_out(current.plan.steps)
    facts = {
        "approved_digest": approved.digest,
        "digest": current.digest,
        "approved_by": [v.by for v in approved.approvals],
        "broke_glass": approved.broken_glass.by if approved.broken_glass else None,
        "shrunk": list(difference.lines),
        "steps": len(records),
    }
    news = list(step_news.aloud(News(what=ExecutionStarted(), operation=current.id)))
    if difference.lines:
        news.insert(0, News(what=PlanShrunk(lines=tuple(difference.lines)), operation=current.id))
    async with leased.unit() as unit:
        await unit.operations.save(
            current.after(Event.STARTED, at=leased.moment), Entry(event=AuditEvent.STARTED, facts=facts)
        )
        await unit.steps.lay_out(current.id, records)
        await unit.outbox.tell(*news)
        await unit.commit()


async def is_too_late(leased: LeasedOperation, operation: Operation) -> bool:
    """Cancel an approved operation that could not be started in its time."""
    now = leased.clock.now()
    outcome = timing.missed(operation, leased.rule, now=now)
    if not outcome:
        return False
    cancelled = replace(operation.after(Event.CANCELLED, at=now), outcome=outcome)
    facts = {"by": None, "sentence": outcome}
    news = News(what=CalledOff(sentence=outcome), operation=operation.id)
    await leased.save(cancelled, Entry(event=AuditEvent.CANCELLED, facts=facts), *step_news.aloud(news))
    return True


async def _judged(leased: LeasedOperation, operation: Operation) -> Plan:
    """A plan in any case: when the cloud cannot be asked, one that is blocked by just that."""
    wait = wait_exponential(PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)
    tries = RetryPolicy(clock=leased.clock, on=retry_if_exception(_may_pass), wait=wait)
    try:
        return await tries.of(partial(_plan, leased, operation), seconds=TRIES_ON_SECONDS)
    except CloudError as error:
        return _could_not_ask(operation.request, error)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, CloudError) and not isinstance(error, Refused | NotSupported)


async def _plan_again(leased: LeasedOperation, operation: PlannedOperation) -> Plan:
    """The plan of now for what was approved: a named VM that has left is only missing, unless none of them is left."""
    named = replace(operation, request=as_planned(operation.request, operation.plan))
    present = await _plan(leased, named)
    is_any_left = any(vm.id in named.request.vms for vm in present.vms)
    return present if is_any_left or named == operation else await _plan(leased, operation)


async def _plan(leased: LeasedOperation, operation: Operation) -> Plan:
    promised = await other_operations.steps(leased, operation)
    books = replace(await earlier_operations.books(leased, operation.request), promised=promised)
    plan = await _survey_and_judge(leased.cloud, operation.request, books)
    of_time = timing.findings(operation, leased.rule, now=leased.clock.now())
    of_target = targets.findings(operation.request, await other_operations.requests(leased, operation))
    least, most = estimate.of(plan, await earlier_operations.moves(leased, operation.request.cloud, plan)) or (
        None,
        None,
    )
    return replace(plan, findings=(*plan.findings, *of_time, *of_target), estimate=most, estimate_least=least)


def _terms(leased: LeasedOperation, operation: Operation) -> Facts:
    """What an approver relies on besides the plan: the policy, and the operation's time."""
    return {**leased.rule.terms(), **operation.times()}


async def _survey_and_judge(cloud: Cloud[S], request: Request, books: Books) -> Plan:
    """Judged on a thread: with thousands of VMs that takes long, and neither acknowledgements nor leases may wait."""
    return await asyncio.to_thread(cloud.plan, request, await cloud.survey(request, books))


def _could_not_ask(request: Request, error: CloudError) -> Plan:
    finding = Finding(
        code="could-not-survey",
        verdict=Verdict.UNKNOWN,
        topic=Topic.HOST,
        sentence=f"{request.host_name} could not be surveyed: {error.sentence}",
        remedy=error.remedy or "Ask again when the cloud answers.",
        raw=error.raw,
    )
    return Plan(action=request.action, host=request.host, host_name=request.host_name, findings=(finding,), vms=())

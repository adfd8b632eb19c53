"""Before anything is done: survey the cloud, judge it, and start only what was approved."""

from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from bot.domain import drift
from bot.domain.cloud import Cloud, CloudError, Refused, Request
from bot.domain.drift import Drift
from bot.domain.news import Kind, News
from bot.domain.operation import Event, Operation
from bot.domain.plan import Finding, Plan, Topic, Verdict, digest_of
from bot.domain.ports import Entry
from bot.domain.steps import StepRecord
from bot.engine import telling
from bot.engine.held import Held

S = TypeVar("S")

TRIES = 3
PAUSE_SECONDS = 2.0


async def check(held: Held, operation: Operation) -> None:
    """Make the plan of a new request and put it before the approvers, or say what forbids it."""
    plan = await _judged(held, operation)
    now = held.clock.now()
    planned = replace(operation, plan=plan, digest=digest_of(plan, terms=held.rule.terms()), drift=())
    facts = {"digest": planned.digest, "vms": len(plan.vms), "findings": [f.code for f in plan.findings]}
    if plan.is_blocked:
        outcome = next(f.sentence for f in plan.sorted_findings)
        blocked = replace(planned.after(Event.FORBIDDEN, at=now), outcome=outcome)
        await held.save(blocked, Entry(event="blocked", facts=facts), News(kind=Kind.BLOCKED, operation=operation.id))
        return
    if operation.dry_run:
        await held.save(planned.after(Event.CHECKED_DRY, at=now), Entry(event="checked", facts=facts))
        return
    asked = replace(planned.after(Event.CHECKED, at=now), expires_at=now + held.rule.expires)
    await held.save(asked, Entry(event="approval asked for", facts=facts), _waiting(held, operation))


def _waiting(held: Held, operation: Operation) -> News:
    return News(kind=Kind.WAITING, operation=operation.id, facts={"ask": list(held.rule.approvers)})


async def begin(held: Held, operation: Operation) -> bool:
    """Survey an approved operation again, and start it if the plan is still true.

    Returns:
        Whether the operation moved on; False means that the cloud could not be asked and that it waits.
    """
    try:
        present = await _plan(held, operation)
    except CloudError as error:
        return await _wait_for_cloud(held, operation, error)
    now = held.clock.now()
    approved = operation.plan
    digest = digest_of(present, terms=held.rule.terms())
    current = replace(operation, plan=present, digest=digest)
    if present.is_blocked:
        outcome = next(f.sentence for f in present.sorted_findings)
        blocked = replace(current.after(Event.FORBIDDEN, at=now), outcome=outcome)
        facts = {"digest": digest, "findings": [f.code for f in present.findings]}
        news = News(kind=Kind.BLOCKED, operation=operation.id)
        await held.save(blocked, Entry(event="blocked", facts=facts), *telling.aloud(news))
        return True
    difference = Drift(lines=(), only_shrinks=True) if approved is None else drift.between(approved, present)
    unchanged = digest == operation.digest
    if approved is None or not held.rule.is_met_by(operation) or not (unchanged or difference.only_shrinks):
        await _ask_again(held, current, difference, now=now)
        return True
    await _start(held, replace(current, approved_plan=approved), operation, difference, now=now)
    return True


async def _ask_again(held: Held, current: Operation, difference: Drift, *, now: datetime) -> None:
    """The plan is another one: back to the people who approve, with the difference shown."""
    lines = difference.lines or ("the approvals needed by policy are not complete for this plan",)
    asked = replace(current.after(Event.PLAN_CHANGED, at=now), drift=lines, expires_at=now + held.rule.expires)
    facts = {"digest": current.digest, "lines": list(lines)}
    news = News(kind=Kind.PLAN_CHANGED, operation=current.id, facts={"lines": list(lines)})
    entry = Entry(event="plan changed", facts=facts)
    await held.save(asked, entry, *telling.aloud(news), _waiting(held, current))


async def _start(held: Held, current: Operation, approved: Operation, difference: Drift, *, now: datetime) -> None:
    """Lay out the steps and begin; the audit names what was approved and what is executed."""
    plan = current.plan
    if plan is None:
        raise TypeError("a plan is made before it is started")
    records = [StepRecord(step=step, seq=seq) for seq, step in enumerate(plan.steps)]
    facts = {
        "approved_digest": approved.digest,
        "digest": current.digest,
        "approved_by": [v.by for v in approved.approvals],
        "broke_glass": approved.broken_glass.by if approved.broken_glass else None,
        "shrunk": list(difference.lines),
        "steps": len(records),
    }
    news = list(telling.aloud(News(kind=Kind.STARTED, operation=current.id)))
    if difference.lines:
        news.insert(0, News(kind=Kind.SHRUNK, operation=current.id, facts={"lines": list(difference.lines)}))
    async with held.unit() as unit:
        await unit.save(current.after(Event.STARTED, at=now), Entry(event="started", facts=facts))
        await unit.lay_out(current.id, records)
        await unit.tell(*news)
        await unit.commit()


async def _wait_for_cloud(held: Held, operation: Operation, error: CloudError) -> bool:
    """An approved operation whose cloud does not answer waits, but not longer than an approval is good for."""
    now = held.clock.now()
    if now - operation.changed_at < held.rule.expires:
        return False
    outcome = f"Cancelled: {held.cloud.name} could not be asked since it was approved. {error.sentence}"
    cancelled = replace(operation.after(Event.CANCELLED, at=now), outcome=outcome)
    facts = {"by": None, "sentence": outcome}
    news = News(kind=Kind.CANCELLED, operation=operation.id, facts=facts)
    await held.save(cancelled, Entry(event="cancelled", facts=facts), news)
    return True


async def _judged(held: Held, operation: Operation) -> Plan:
    """A plan in any case: when the cloud cannot be asked, one that is blocked by just that."""
    for attempt in range(1, TRIES + 1):
        try:
            return await _plan(held, operation)
        except CloudError as error:
            if attempt < TRIES and not isinstance(error, Refused):
                await held.clock.sleep(PAUSE_SECONDS)
                continue
            return _could_not_ask(operation.request, error)
    raise AssertionError("unreachable: the last attempt returns")


async def _plan(held: Held, operation: Operation) -> Plan:
    return await _survey_and_judge(held.cloud, operation.request)


async def _survey_and_judge(cloud: Cloud[S], request: Request) -> Plan:
    return cloud.plan(request, await cloud.survey(request))


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

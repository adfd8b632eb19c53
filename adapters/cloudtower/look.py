"""A look: a few list calls, however many steps and VMs there are, and from them one sighting for each step."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from adapters.cloudtower import course, power, read, sightings
from adapters.cloudtower.client import Client
from adapters.cloudtower.sightings import Observed
from bot.domain.cloud import Sighting
from bot.domain.plan import Step
from bot.domain.values import Json, StepKey

_NOT_OFF: Json = ["RUNNING", "SUSPENDED", "UNKNOWN"]


async def look(
    client: Client, steps: Sequence[Step], *, now: datetime, prechecks: AbstractSet[str]
) -> Mapping[StepKey, Sighting]:
    """One sighting per step.

    Args:
        client: the tower.
        steps: of whatever kind.
        now: the time.
        prechecks: ids of tasks that are our own prechecks and mean nothing else.

    Raises:
        Refused, Unreachable, NotSupported
    """
    seen = await _observe(client, steps, now=now, prechecks=prechecks)
    others = [s for s in steps if s.verb != power.VERB]
    calls = {course.host_id(s): sightings.of_call(s, seen) for s in others if s.verb == course.of(s).verb}
    checks = [s for s in steps if s.verb == course.VERIFY_VM]
    settled = sum(1 for s in checks if sightings.is_settled(s, seen))
    found: dict[StepKey, Sighting] = {}
    for step in steps:
        if step.verb == power.VERB:
            found[step.key] = power.sighting(step, seen)
        elif step.verb == course.VERIFY_VM:
            found[step.key] = sightings.of_vm(step, seen, calls.get(course.host_id(step)), settled=settled)
        elif step.verb == course.VERIFY_HOST:
            found[step.key] = sightings.of_host(step, seen)
        else:
            found[step.key] = calls[course.host_id(step)]
    return found


async def _observe(client: Client, steps: Sequence[Step], *, now: datetime, prechecks: AbstractSet[str]) -> Observed:
    ids = sorted({course.host_id(step) for step in steps})
    hosts = {h.id: h for h in await read.hosts(client, {"id_in": ids}, expect=len(ids))}
    receipts = sorted({s.receipt.id for s in steps if s.receipt and s.receipt.id})
    tasks = {t.id: t for t in await read.tasks(client, {"id_in": receipts})} if receipts else {}
    newest = {}
    for id_ in ids:
        either = [id_, hosts[id_].local_id] if id_ in hosts else [id_]
        newest[id_] = await read.tasks(client, {"resource_id_in": either})
    called = [s.target for s in steps if s.verb == course.VERIFY_VM]
    emptied = sorted(
        {course.host_id(s) for s in steps if s.verb == course.VERIFY_HOST and course.of(s) is course.ENTER}
    )
    return Observed(
        now=now,
        hosts=hosts,
        tasks=tasks,
        newest=newest,
        vms=await read.vms_called(client, called) if called else (),
        awake={one: await read.vms(client, {"host": {"id": one}, "status_in": _NOT_OFF}) for one in emptied},
        prechecks=prechecks,
    )

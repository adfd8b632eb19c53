"""A look: a few list calls, however many steps and VMs there are, and from them one sighting for each step."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from adapters.cloudtower.steps import course, power, sightings
from adapters.cloudtower.steps.sightings import Observed
from adapters.cloudtower.survey import read
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import TowerHost, TowerVm
from bot.domain.cloud import Sighting
from bot.domain.counting import counted
from bot.domain.listing import Listing
from bot.domain.plans.plan import By, Step
from bot.domain.values import Json, StepKey

_OFF = frozenset({"STOPPED", "DELETED"})


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
    hosts = {h.id: h for h in read.whole(await read.hosts(client, {"id_in": ids}, at_most=len(ids)))}
    receipts = sorted({s.receipt.id for s in steps if s.receipt and s.receipt.id})
    tasks = {t.id: t for t in await read.tasks(client, {"id_in": receipts})} if receipts else {}
    unproven = {course.host_id(s) for s in steps if s.receipt is None and s.by is By.MUSTER}
    newest = {}
    for id_ in ids:
        where: dict[str, Json] = {"resource_id_in": [id_, hosts[id_].local_id] if id_ in hosts else [id_]}
        is_proof = id_ in unproven  # that there is no trace of a call is told from these tasks
        newest[id_] = (
            read.whole(await read.tasks_counted(client, where)) if is_proof else await read.tasks(client, where)
        )
    called = [s.target for s in steps if s.verb == course.VERIFY_VM]
    return Observed(
        now=now,
        hosts=hosts,
        tasks=tasks,
        newest=newest,
        vms=await read.vms_called(client, called) if called else (),
        awake={id_: await _awake(client, id_, hosts.get(id_)) for id_ in sorted(_emptied(steps))},
        prechecks=prechecks,
    )


def _emptied(steps: Sequence[Step]) -> set[str]:
    """The hosts of which a step says that no VM runs on them."""
    return {
        course.host_id(s)
        for s in steps
        if (s.verb == course.VERIFY_HOST or s.arguments.get("is_seen") is False) and course.of(s) is course.ENTER
    }


async def _awake(client: Client, host_id: str, host: TowerHost | None) -> Listing[TowerVm]:
    """The VMs on a host that are not off, held against the host's own number of them."""
    listed = await read.vms(client, {"host": {"id": host_id}})
    found = listed.only(lambda vm: vm.status not in _OFF)
    if host is None or host.awake is None:
        return found
    if host.awake and not found.items:
        number = counted(host.awake, "running VM")
        return found.lacking(f"CloudTower counts {number} on {host.name}, and lists none.")
    return found if host.awake else found.agreed("the host's own count")

"""A look: a few list calls, however many steps and VMs there are, and from them one sighting for each step.

A list that cannot be read costs the steps that are judged by it, and no others.
"""

from collections.abc import Awaitable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from adapters.cloudtower.steps import course, power, sightings
from adapters.cloudtower.steps.first_seen import FirstSeen
from adapters.cloudtower.steps.sightings import Observed
from adapters.cloudtower.survey import read
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import TowerHost, TowerTask, TowerVm
from bot.domain.cloud import PartlySeen, Sighting, Unreachable
from bot.domain.counting import counted
from bot.domain.listing import Listing
from bot.domain.plans.plan import By, Step
from bot.domain.values import Json, StepKey

T = TypeVar("T")
_OFF = frozenset({"STOPPED", "DELETED"})
_List: TypeAlias = tuple[str, str]
"""One that is read in a look: what it holds, and of which host; empty: of all."""
_TASKS, _VMS = ("tasks of receipts", ""), ("vms", "")


@dataclass
class _Unread:
    """The lists that could not be read, and why the first of them could not."""

    lists: set[_List] = field(default_factory=set)
    why: Unreachable | None = None

    async def unless(self, which: _List, asked: Awaitable[T], *, nothing: T) -> T:
        """What was asked for; nothing, and it is noted, where that could not be read."""
        try:
            return await asked
        except Unreachable as error:
            self.lists.add(which)
            self.why = self.why or error
            return nothing


async def look(
    client: Client, steps: Sequence[Step], *, first_seen: FirstSeen, prechecks: AbstractSet[str]
) -> Mapping[StepKey, Sighting]:
    """One sighting per step.

    Without the hosts nothing is told.

    Args:
        client: the tower.
        steps: of whatever kind.
        first_seen: since when things have been as they are.
        prechecks: ids of tasks that are our own prechecks and mean nothing else.

    Raises:
        PartlySeen: could not ask about some of them.
        Refused, Unreachable, NotSupported
    """
    unread = _Unread()
    seen = await _observe(client, steps, unread, first_seen=first_seen, prechecks=prechecks)
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
    if unread.why is None:
        return found
    proven = {s.key: found[s.key] for s in steps if not unread.lists & _judged_by(s, steps, seen)}
    raise PartlySeen(unread.why, proven) if proven else unread.why


def _judged_by(step: Step, steps: Sequence[Step], seen: Observed) -> set[_List]:
    """The lists without which a sighting of the step might be another one, the hosts aside."""
    host_id = course.host_id(step)
    awake = {_awake_on(host_id)} if host_id in _emptied([step]) else set()
    if step.verb == course.VERIFY_HOST:
        return awake
    if step.verb != course.VERIFY_VM:
        return {_newest_of(host_id), *([_TASKS] if step.receipt is not None else [])}
    if sightings.is_settled(step, seen):
        return {_VMS}
    calls = (s for s in steps if course.host_id(s) == host_id and s.verb not in {course.VERIFY_VM, course.VERIFY_HOST})
    return {_VMS, _newest_of(host_id), *awake}.union(*(_judged_by(call, steps, seen) for call in calls))


def _newest_of(host_id: str) -> _List:
    return "newest tasks", host_id


def _awake_on(host_id: str) -> _List:
    return "awake vms", host_id


async def _observe(
    client: Client, steps: Sequence[Step], unread: _Unread, *, first_seen: FirstSeen, prechecks: AbstractSet[str]
) -> Observed:
    ids = sorted({course.host_id(step) for step in steps})
    hosts = {h.id: h for h in read.whole(await read.hosts(client, {"id_in": ids}, at_most=len(ids)))}
    receipts = sorted({s.receipt.id for s in steps if s.receipt and s.receipt.id})
    of_receipts = await unread.unless(_TASKS, read.tasks(client, {"id_in": receipts}), nothing=()) if receipts else ()
    unproven = {course.host_id(s) for s in steps if s.receipt is None and s.by is By.MUSTER}
    newest: dict[str, Sequence[TowerTask]] = {}
    for id_ in ids:
        where: dict[str, Json] = {"resource_id_in": [id_, hosts[id_].local_id] if id_ in hosts else [id_]}
        is_proof = id_ in unproven  # that there is no trace of a call is told from these tasks
        asked = _whole_tasks(client, where) if is_proof else read.tasks(client, where)
        newest[id_] = await unread.unless(_newest_of(id_), asked, nothing=())
    called = [s.target for s in steps if s.verb == course.VERIFY_VM]
    ended = {t.id: t for tasks in (of_receipts, *newest.values()) for t in tasks if t.has_ended}
    return Observed(
        ended={id_: first_seen.since(id_, task.status) for id_, task in ended.items()},
        shown={id_: first_seen.since(id_, host.mode) for id_, host in hosts.items()},
        hosts=hosts,
        tasks={t.id: t for t in of_receipts},
        newest=newest,
        vms=await unread.unless(_VMS, read.vms_called(client, called), nothing=()) if called else (),
        awake={
            id_: await unread.unless(_awake_on(id_), _awake(client, id_, hosts.get(id_)), nothing=Listing[TowerVm]())
            for id_ in sorted(_emptied(steps))
        },
        prechecks=prechecks,
    )


async def _whole_tasks(client: Client, where: Mapping[str, Json]) -> Sequence[TowerTask]:
    return read.whole(await read.tasks_counted(client, where))


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

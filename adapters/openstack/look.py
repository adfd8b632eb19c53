"""The calls behind a look: a few lists per host, however many steps are asked about.

The migrations are read before the servers: an evacuation that Nova takes up in between shows itself by the server's
task, so "never started" cannot be told of it by mistake. They cost Nova next to nothing, and a server a lot (measured
on Nova 34: 60 records 30 ms, a server 40 ms, a list of servers 5 ms each), so a VM whose move is seen to be underway by
its record is not asked for. Right before its start and at its end, a row may prove all that a look would show (`rows`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from adapters.openstack.model import migration_records, translate
from adapters.openstack.model.resources import EVACUATION, Life, Migration, Server, in_turn
from adapters.openstack.steps import (
    copying,
    deadline,
    emptied,
    evidence,
    locks,
    moves,
    power,
    rehomed,
    row_proofs,
    service,
    verbs,
)
from adapters.openstack.survey import nova, older, proof, reasons
from adapters.openstack.survey import servers as server_reads
from adapters.openstack.survey.heartbeats import ServiceHeartbeats
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.explanations import how_to_go_elsewhere
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import LOCK_REASON, SERVICES, SHADOWS
from adapters.redfish.bmcs import Bmcs
from bot.domain.cloud import NotSupported, PartlySeen, Seen, Sighting, Unreachable
from bot.domain.plans.plan import Step
from bot.domain.values import StepKey

_YOUNG = timedelta(minutes=1)
"""The age up to which an open record is believed alone. Deleting a server closes no record, so an older one is not."""
_SKEW = timedelta(seconds=30)
"""Between the clocks of the cloud's own controllers: where it is more, VMs are looked for everywhere. What is listed is
of the whole cloud, so with many operations at once it must not reach far back."""
Part: TypeAlias = Callable[[], Awaitable[Mapping[StepKey, Sighting]]]
"""The look at one kind of steps."""
_OF_VMS = verbs.MOVES | verbs.RELIEFS | {verbs.CONFIRM}


async def at(
    session: Session,
    steps: Sequence[Step],
    heartbeats: ServiceHeartbeats,
    bmcs: Bmcs,
    runner: CommandRunner | None,
    *,
    now: datetime,
) -> Mapping[StepKey, Sighting]:
    """What the cloud shows about each step.

    Args:
        session: the cloud.
        steps: of this adapter.
        heartbeats: seen so far.
        bmcs: of the hosts.
        runner: how `cinder-manage` is asked; None: not by Muster.
        now: the time, aware and UTC. How old a record is goes by it for as long as the cloud tells no date of its own.

    Raises:
        NotSupported: a step is not of this adapter.
        PartlySeen: could not ask about some of them.
        Refused, Unreachable: could not ask.
    """
    unknown = [s.verb for s in steps if s.verb not in verbs.ALL]
    if unknown:
        raise NotSupported(f"This cloud knows no step called {unknown[0]}.")
    of_cinder = [s for s in steps if s.verb in verbs.OF_CINDER]
    parts: list[Part] = [partial(rehomed.at, session, runner, of_cinder)]
    for host in sorted({str(s.arguments["host"]) for s in steps if s.verb not in verbs.OF_CINDER}):
        mine = [s for s in steps if s.arguments["host"] == host]
        parts += [
            partial(_at_power, session, host, [s for s in mine if s.verb == verbs.POWER_OFF], bmcs, heartbeats),
            partial(_at_services, session, host, [s for s in mine if s.verb in verbs.OF_SERVICES], heartbeats, bmcs),
            partial(_at_vms, session, host, [s for s in mine if s.verb in _OF_VMS], heartbeats, now),
            partial(_around, session, [s for s in mine if s.verb in verbs.AROUND]),
            partial(_at_host, session, host, [s for s in mine if s.verb == verbs.EMPTY], now),
        ]
    return await _what_can_be_read(parts)


async def _what_can_be_read(parts: Sequence[Part]) -> Mapping[StepKey, Sighting]:
    """What the parts of a look show; what keeps one of them from being read does not hide the others."""
    seen: dict[StepKey, Sighting] = {}
    trouble: Unreachable | None = None
    for part in parts:
        try:
            seen |= await part()
        except Unreachable as error:
            trouble = trouble or error
    if trouble is None:
        return seen
    raise PartlySeen(trouble, seen) if seen else trouble


async def _at_services(
    session: Session, host: str, steps: Sequence[Step], heartbeats: ServiceHeartbeats, bmcs: Bmcs
) -> dict[StepKey, Sighting]:
    """With what forbids them: seen without that they would be begun in spite of it."""
    return await _while_off(host, steps, await _at_service(session, host, steps, heartbeats), bmcs)


async def _at_vms(
    session: Session, host: str, steps: Sequence[Step], heartbeats: ServiceHeartbeats, now: datetime
) -> dict[StepKey, Sighting]:
    """With what forbids them: seen without that they would be begun in spite of it."""
    seen = await _at_servers(session, host, steps, now)
    seen |= await _of_the_living(session, host, steps, seen, heartbeats)
    return seen | await _of_targets(session, steps, seen)


async def _at_service(
    session: Session, host: str, steps: Sequence[Step], heartbeats: ServiceHeartbeats
) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    found = await nova.compute_services(session, host=host)
    heartbeats.note(found)
    by_id = {s.id: s for s in reversed(in_turn(found))}
    if not by_id:
        await proof.service_is_gone(session, host)

    def judged(step: Step) -> Sighting:
        row = by_id.get(step.target)
        if row is None:
            return service.sighting(step, None)
        return service.sighting(step, row, beats=heartbeats.count(row), life=heartbeats.life(row))

    return {s.key: judged(s) for s in steps}


async def _at_power(
    session: Session, host: str, steps: Sequence[Step], bmcs: Bmcs, heartbeats: ServiceHeartbeats
) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    reading = await bmcs.read(host)
    found = await nova.compute_services(session, host=host)
    if not found:
        await proof.service_is_gone(session, host)
    seen = {s.key: power.sighting(s, reading, next(iter(in_turn(found)), None)) for s in steps}
    if all(sighting.seen is Seen.DONE for sighting in seen.values()):
        heartbeats.end(found)
    return seen


async def _of_the_living(
    session: Session,
    host: str,
    steps: Sequence[Step],
    seen: Mapping[StepKey, Sighting],
    heartbeats: ServiceHeartbeats,
) -> dict[StepKey, Sighting]:
    """The evacuations that are about to begin: none does once the host reports. Their marks say when it did last."""
    due = [s for s in steps if s.verb == verbs.REBUILD and seen[s.key].seen is Seen.NEVER_STARTED]
    found = in_turn(await nova.compute_services(session, host=host)) if due else ()
    if due and not found:
        await proof.service_is_gone(session, host)
    if not found:
        return {}
    heartbeats.note(found)
    row = found[0]
    is_alive = row.is_up or heartbeats.life(row) is Life.REPORTS

    def judged(step: Step) -> Sighting:
        sighting = seen[step.key]
        mark = {**sighting.mark, **service.heard(row)}
        if not (is_alive or service.has_beaten(step.before, row)):
            return replace(sighting, mark=mark)
        return replace(service.lives(row, f"{step.arguments['name']} is not evacuated.", mark), place=sighting.place)

    return {s.key: judged(s) for s in due}


async def _of_targets(
    session: Session, steps: Sequence[Step], seen: Mapping[StepKey, Sighting]
) -> dict[StepKey, Sighting]:
    """The moves that are about to begin towards a named target: Nova refuses them while its service is not up."""
    due = [s for s in steps if s.verb in verbs.MOVES and s.arguments["to"] and seen[s.key].seen is Seen.NEVER_STARTED]
    away = set()
    for to in sorted({str(s.arguments["to"]) for s in due}):
        row = next(iter(in_turn(await nova.compute_services(session, host=to))), None)
        away |= {to} if row is not None and not row.is_up else set()

    def judged(step: Step) -> Sighting:
        to = str(step.arguments["to"])
        return replace(seen[step.key], not_yet=f"{to}, where VMs are to go, is not up.", remedy=how_to_go_elsewhere(to))

    return {s.key: judged(s) for s in due if s.arguments["to"] in away}


async def _while_off(
    host: str, steps: Sequence[Step], seen: dict[StepKey, Sighting], bmcs: Bmcs
) -> dict[StepKey, Sighting]:
    """The same, but a host that was proven to be off is not forced down once it has power."""
    due = [s for s in steps if s.arguments.get("power") == "off" and seen[s.key].seen is Seen.NEVER_STARTED]
    if not due:
        return seen
    reading = await bmcs.read(host)
    return seen | {s.key: power.still_off(s, reading, seen[s.key]) for s in due}


async def _at_host(session: Session, host: str, steps: Sequence[Step], now: datetime) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    found = await nova.migrations_of(session, {"host": host})
    servers = await nova.servers_on(session, host, at=SHADOWS)
    compute = next(iter(in_turn(await nova.compute_services(session, host=host))), None)  # last: it shows a silent cell
    if compute is None:
        await proof.service_is_gone(session, host)
    hypervisors = await nova.hypervisors_of(session)
    if (await nova.compute_offer(session)).highest < SERVICES:
        hypervisors = await older.with_providers(session, hypervisors)
    held = await proof.allocations_on(session, host, hypervisors)
    listed = await proof.told(session, host, servers, held=held, hypervisors=hypervisors, migrations=found)
    movers = await server_reads.of_movers(session, found, listed.items)
    opened = migration_records.still_open(found, movers, now=session.time_there(now))
    return {s.key: emptied.emptied(s, compute, listed, opened) for s in steps}


async def _at_servers(session: Session, host: str, steps: Sequence[Step], now: datetime) -> dict[StepKey, Sighting]:
    still = await row_proofs.untouched(session, host, steps)
    untouched = {s.key: moves.untouched(s) for s in steps if s.key in still}
    return untouched | await _by_records(session, host, [s for s in steps if s.key not in still], now)


async def _by_records(session: Session, host: str, steps: Sequence[Step], now: datetime) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    ids = {s.target for s in steps}
    evacuates = all(s.verb == verbs.REBUILD for s in steps)
    filters = {"source_compute": host} | ({"migration_type": EVACUATION} if evacuates else {})
    leaving = [m for m in await nova.migrations_of(session, filters) if m.source == host]
    now = session.time_there(now)
    mine = [m for m in leaving if m.server in ids and (m.type == EVACUATION) is evacuates]
    mine = await copying.measured(session, steps, await _not_superseded(session, host, steps, mine, now))
    orders = await copying.orders(session, steps, mine)
    by_server: dict[str, list[Migration]] = {server_id: [] for server_id in ids}
    for move in mine:
        by_server[move.server].append(move)
    last = {m.server: m for m in sorted(mine, key=lambda m: m.id)}
    ahead = sum(1 for m in leaving if not m.is_open)
    underway = {
        s.key: moves.by_record(s, last[s.target], ahead=ahead)
        for s in steps
        if s.verb in verbs.MOVES and s.target in last and _speaks_for_itself(last[s.target], now)
    }
    there = await row_proofs.arrived(session, [s for s in steps if s.key not in underway], last)
    settled = underway | {s.key: moves.arrived(s, last[s.target]) for s in steps if s.key in there}
    rest = [s for s in steps if s.key not in settled]
    left = {s.target for s in rest if s.target in last and evidence.has_moved(s, last[s.target])}
    servers = (await _servers(session, host, {s.target for s in rest}, left, last)).servers

    def judged(step: Step, why: str = "") -> Sighting:
        server, moved_by = servers.get(step.target), by_server[step.target]
        if step.verb == verbs.CONFIRM:
            return emptied.confirmed(step, server, moved_by)
        if step.verb in verbs.RELIEFS:
            return deadline.sighting(step, server, moved_by, orders.get(step.key, ()))
        order = deadline.order(steps, moved_by, orders)
        why = why or deadline.reason(moved_by, order)
        gave_way = order is not None and order.verb == verbs.REQUEUE
        return moves.sighting(step, server, moved_by, now=now, why=why, gave_way=gave_way, ahead=ahead)

    return settled | await _with_reasons(session, rest, servers, judged)


async def _not_superseded(
    session: Session, host: str, steps: Sequence[Step], found: Sequence[Migration], now: datetime
) -> Sequence[Migration]:
    """The records without open ones from before our start whose VMs have moved since, and well.

    All moves from and to the host are read for that, but only where such an old one is open.
    """
    known = {s.target: evidence.known(s.before) for s in steps}
    old = [m for m in found if m.is_open and not _is_ours(m, known[m.server]) and not _speaks_for_itself(m, now)]
    if not old:
        return found
    every = await nova.migrations_of(session, {"host": host})
    return [m for m in found if m not in old or not migration_records.is_superseded(m, every)]


def _is_ours(move: Migration, known: frozenset[int] | None) -> bool:
    """Whether a record began after the mark of its step."""
    return known is not None and move.id not in known


async def _around(session: Session, steps: Sequence[Step]) -> dict[StepKey, Sighting]:
    """Of many VMs those that are locked are listed; that one is not locked is seen of itself, not of its absence."""
    of_locks = [s for s in steps if s.verb != verbs.STOP]
    locked: dict[str, Server] = {}
    if len(of_locks) > server_reads.FEW:
        shown = await nova.list_servers(session, {"locked": "true"}, at=LOCK_REASON, doing="list the locked servers")
        locked = {s.id: s for s in shown}
    rest = {s.target for s in steps if s.verb == verbs.STOP or s.target not in locked}
    servers = locked | (await server_reads.find(session, rest, at=LOCK_REASON)).servers
    return {s.key: locks.sighting(s, servers.get(s.target)) for s in steps}


def _speaks_for_itself(last: Migration, now: datetime) -> bool:
    """Whether the last record of a VM shows that it is underway, without a look at the server."""
    began = translate.moment(last.created_at)
    return last.is_open and began is not None and now - began < _YOUNG


async def _with_reasons(
    session: Session,
    steps: Sequence[Step],
    servers: Mapping[str, Server],
    judged: Callable[..., Sighting],
) -> dict[StepKey, Sighting]:
    """Judge all; for moves that failed without a fault, with what the VM's action log says."""
    seen = {step.key: judged(step) for step in steps}
    silent = [
        s
        for s in steps
        if s.verb in verbs.MOVES
        and seen[s.key].seen is Seen.FAILED
        and s.target in servers
        and not servers[s.target].fault
    ]
    for step in silent:
        why = await reasons.of_failed(session, step)
        if why:
            seen[step.key] = judged(step, why)
    return seen


async def _servers(
    session: Session, host: str, ids: set[str], left: set[str], last: Mapping[str, Migration]
) -> server_reads.Found:
    """Servers by their ids, wherever they are, or proven to be deleted.

    Those that were moved have changed since their last migration began, by the cloud's own clocks.

    Args:
        session: the cloud.
        host: where they were.
        ids: of the servers.
        left: those of them that are not there any more.
        last: the last move of each from there.

    Raises:
        Unreachable: that cannot be told of one of them.
        Refused
    """
    listed: dict[str, Server] = {}
    if len(ids - left) > server_reads.FEW:
        listed = {s.id: s for s in await nova.servers_on(session, host, at=SHADOWS) if s.id in ids}
    rest = ids - listed.keys()
    began = [t for t in (translate.moment(last[i].created_at) for i in rest if i in last) if t is not None]
    if len(rest) > server_reads.FEW and began:
        since = (min(began) - _SKEW).strftime("%Y-%m-%dT%H:%M:%SZ")
        filters = {"changes-since": since}
        changed = await nova.list_servers(session, filters, only=rest, at=SHADOWS, doing="list the servers that moved")
        listed |= {s.id: s for s in changed if not s.is_gone}
    found = await server_reads.find(session, ids - listed.keys())
    return server_reads.Found(listed | found.servers, found.gone)

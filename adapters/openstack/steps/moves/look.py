"""What Nova shows of moves and of what ends or relieves them: a few lists for a host, however many VMs it has.

The migrations are read before the servers: an evacuation that Nova takes up in between shows itself by the server's
task, so "never started" cannot be told of it by mistake. They cost Nova next to nothing, and a server a lot (measured
on Nova 34: 60 records 30 ms, a server 40 ms, a list of servers 5 ms each), so a VM whose move is seen to be underway by
its record is not asked for. Right before its start and at its end, a row may prove all that a look would show
(`row_proofs`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.openstack.model import migration_records, translate
from adapters.openstack.model.resources import EVACUATION, Migration, Server, in_turn
from adapters.openstack.steps import evidence, witness
from adapters.openstack.steps.family import Access, Family, by_nova
from adapters.openstack.steps.moves import cold, copying, deadlines, evacuate, live, outcome, row_proofs
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.moves.live import LIVE
from adapters.openstack.steps.moves.ways import MOVES
from adapters.openstack.survey import nova, reasons
from adapters.openstack.survey import servers as server_reads
from adapters.openstack.wire.explanations import how_to_go_elsewhere
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import SHADOWS
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import Step
from bot.domain.values import StepKey

_YOUNG = timedelta(minutes=1)
"""The age up to which an open record is believed alone. Deleting a server closes no record, so an older one is not."""
_LATE = timedelta(hours=1)
"""How much older than the newest that was listed a record may be dated that begins later: more than the clocks of the
cloud's own controllers differ."""
_SKEW = timedelta(seconds=30)
"""Between the clocks of the cloud's own controllers: where it is more, VMs are looked for everywhere. What is listed is
of the whole cloud, so with many operations at once it must not reach far back."""


async def look(access: Access, host: str, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """What is seen of each step, and what forbids it: seen without that it would be begun in spite of it."""
    evacuations = [s for s in steps if s.verb == EVACUATE]
    beside = [evacuate.service_of(access, host)] if any(s.receipt is None for s in evacuations) else []
    seen: dict[StepKey, Sighting]
    seen, *rows = await access.session.together(_at_servers(access.session, host, steps, access.now), *beside)
    if due := [s for s in evacuations if seen[s.key].seen is Seen.NEVER_STARTED]:
        row = rows[0] if rows else await evacuate.service_of(access, host)
        seen |= evacuate.while_dead(access, due, seen, row)
    return seen | await _of_targets(access.session, steps, seen)


async def _of_targets(
    session: Session, steps: Sequence[Step], seen: Mapping[StepKey, Sighting]
) -> dict[StepKey, Sighting]:
    """The moves that are about to begin towards a named target: Nova refuses them while its service is not up."""
    due = [s for s in steps if s.verb in MOVES and s.arguments["to"] and seen[s.key].seen is Seen.NEVER_STARTED]
    away = set()
    for to in sorted({str(s.arguments["to"]) for s in due}):
        row = next(iter(in_turn(await nova.compute_services(session, host=to))), None)
        away |= {to} if row is not None and not row.is_up else set()

    def judged(step: Step) -> Sighting:
        to = str(step.arguments["to"])
        return replace(seen[step.key], not_yet=f"{to}, where VMs are to go, is not up.", remedy=how_to_go_elsewhere(to))

    return {s.key: judged(s) for s in due if s.arguments["to"] in away}


async def _at_servers(session: Session, host: str, steps: Sequence[Step], now: datetime) -> dict[StepKey, Sighting]:
    still = await row_proofs.untouched(session, host, steps)
    untouched = {s.key: outcome.untouched(s) for s in steps if s.key in still}
    return untouched | await _by_records(session, host, [s for s in steps if s.key not in still], now)


async def _by_records(session: Session, host: str, steps: Sequence[Step], now: datetime) -> dict[StepKey, Sighting]:
    if not steps:
        return {}
    ids = {s.target for s in steps}
    evacuates = all(s.verb == EVACUATE for s in steps)
    filters = {"source_compute": host} | ({"migration_type": EVACUATION} if evacuates else {})
    since = _begun_since(steps)
    is_marked = all(s.verb in MOVES and evidence.newest(s.before) for s in steps)
    listed = await nova.migrations_of(session, filters, since=since if is_marked else None)
    leaving = [m for m in listed if m.source == host]
    newest = max((m.created_at for m in leaving), default="")
    now = session.time_there(now)
    mine = [m for m in leaving if m.server in ids and (m.type == EVACUATION) is evacuates]
    live_ones = {s.target for s in steps if s.verb == LIVE or s.verb in deadlines.RELIEFS}
    mine = await copying.measured(session, live_ones, await _not_superseded(session, host, steps, mine, now))
    orders = await deadlines.orders(session, steps, mine)
    by_server: dict[str, list[Migration]] = {server_id: [] for server_id in ids}
    for move in mine:
        by_server[move.server].append(move)
    last = {m.server: m for m in sorted(mine, key=lambda m: m.id)}
    ahead = sum(1 for m in leaving if not m.is_open and (since is None or _began(m, since)))
    underway = {
        s.key: outcome.by_record(s, last[s.target], ahead=ahead)
        for s in steps
        if s.verb in MOVES and s.target in last and _speaks_for_itself(last[s.target], now)
    }
    there = await row_proofs.arrived(session, [s for s in steps if s.key not in underway], last)
    settled = underway | {s.key: outcome.arrived(s, last[s.target]) for s in steps if s.key in there}
    rest = [s for s in steps if s.key not in settled]
    left = {s.target for s in rest if s.target in last and evidence.has_moved(s, last[s.target])}
    servers, gone = await _servers(session, host, {s.target for s in rest}, left, last)
    strange = await witness.missing(session, host, [s for s in rest if s.target in gone and not by_server[s.target]])

    def judged(step: Step, why: str = "") -> Sighting:
        if step.key in strange:
            return witness.sighting(step)
        server, moved_by = servers.get(step.target), by_server[step.target]
        if step.verb == cold.CONFIRM:
            return cold.confirmed(step, server, moved_by)
        if step.verb in deadlines.RELIEFS:
            return deadlines.sighting(step, server, moved_by, orders.get(step.key, ()))
        order = deadlines.order(steps, moved_by, orders)
        why = why or deadlines.reason(moved_by, order)
        gave_way = order is not None and order.verb == deadlines.REQUEUE
        return outcome.sighting(step, server, moved_by, now=now, why=why, gave_way=gave_way, ahead=ahead, newest=newest)

    return settled | await _with_reasons(session, rest, servers, judged)


def _begun_since(steps: Sequence[Step]) -> datetime | None:
    """From when on records may have begun that the marks of steps under way do not know.

    Of a VM with such a mark every older record had ended by then, and none that has ended is opened again.
    """
    newest = [moment for s in steps if (moment := evidence.newest(s.before)) is not None]
    return min(newest) - _LATE if newest else None


def _began(move: Migration, since: datetime) -> bool:
    began = translate.moment(move.created_at)
    return began is None or began >= since


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
        if s.verb in MOVES and seen[s.key].seen is Seen.FAILED and s.target in servers and not servers[s.target].fault
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


FAMILY = Family(
    starts={
        EVACUATE: by_nova(evacuate.call),
        LIVE: by_nova(live.call),
        **dict.fromkeys((cold.COLD, cold.CONFIRM), by_nova(cold.call)),
        **deadlines.STARTS,
    },
    look=look,
)

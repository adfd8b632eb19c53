"""Live migrations past their deadline: what the plan does about one, the order to Nova, and what is seen of that.

Nova takes both orders by the id of the migration, and only while it is `running`: abort (2.24; from 2.65 also before it
runs, but Muster lets it wait for its turn) and force-complete (2.22; 409 for a paused VM, whose memory holds still
anyway). Neither shows in the record until it has taken effect, but Nova notes each in the VM's action log before it
passes it on; by that a lost answer is resolved.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model import ages
from adapters.openstack.model.resources import ABORTED, LIVE_MIGRATION, Migration, Server
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import evidence, vms
from adapters.openstack.steps.family import NovaCall, Start, by_nova
from adapters.openstack.steps.moves import copying
from adapters.openstack.wire import versions
from adapters.openstack.wire.errors import Missing
from adapters.openstack.wire.session import Session
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import By, PlannedStep, Step
from bot.domain.values import StepKey

REQUEUE = "requeue"  #: aborts a live migration so that others go first
ABORT, FORCE, HOLD = "abort", "force-complete", "hold"
ABORTS = frozenset({REQUEUE, ABORT})
RELIEFS = frozenset({REQUEUE, ABORT, FORCE, HOLD})
_CANCEL = "live_migration_cancel"
_ORDERS = {REQUEUE: _CANCEL, ABORT: _CANCEL, FORCE: "live_migration_force_complete"}
"""What Nova calls them in a VM's action log (nova/compute/instance_actions.py)."""
HEADWAY = timedelta(seconds=30)
"""How long a live migration may go on without coming nearer to its end while others wait. Nova notes its figures every
five seconds (nova/virt/libvirt/driver.py)."""
_TITLES: Mapping[str, str] = {
    REQUEUE: "let others go before {}",
    ABORT: "abort the live migration of {}",
    FORCE: "force the live migration of {} to complete",
    HOLD: "decide about the live migration of {}",
}


def steps(move: PlannedStep, server: Server, settings: OpenStackSettings) -> Iterator[PlannedStep]:
    """The steps that keep the deadline of a live migration.

    One that gave way is aborted while it keeps others waiting again, and else decided about by a person.
    """
    late = settings.migration.late
    verb = HOLD if late == FORCE and server.vm_state == "paused" else late
    if verb != REQUEUE:
        yield _relief(verb, move, server, settings)
        return
    headway = min(HEADWAY, settings.migration.deadline)
    yield replace(_relief(REQUEUE, move, server, settings), headway=headway)
    yield replace(_relief(ABORT, move, server, settings), headway=headway, ends=True)
    yield _relief(HOLD, move, server, settings)


def _relief(verb: str, move: PlannedStep, server: Server, settings: OpenStackSettings) -> PlannedStep:
    deadline = ages.spoken(settings.migration.deadline)
    return replace(
        move,
        key=vms.key(verb, server),
        verb=verb,
        title=_TITLES[verb].format(server.name),
        by=By.PERSON if verb == HOLD else By.MUSTER,
        arguments={
            "host": move.arguments["host"],
            "name": server.name,
            "deadline": deadline,
            "microversion": versions.spoken(versions.OLDEST),
        },
        follows=None,
        apart="",
        patience=timedelta(days=1) if verb == HOLD else move.patience,
        relieves=move.key,
        deadline=settings.migration.deadline,
    )


def spoken(settings: OpenStackSettings) -> str:
    """What happens to one that takes long, for approvers."""
    after = f"after {ages.spoken(settings.migration.deadline)}"
    done = {
        ABORT: f"{after} is aborted, and the VM stays",
        FORCE: f"{after} is forced to complete: its VM may pause",
        HOLD: f"{after} waits for a person to decide",
        REQUEUE: (
            "without headway lets the others go first, once, and is aborted where it keeps them waiting again;"
            f" {after} waits for a person to decide"
        ),
    }
    return done[settings.migration.late]


def call(step: Step) -> NovaCall:
    """An order about the migration that was under way when the step's turn came (2.24 aborts, 2.22 forces)."""
    path = f"/servers/{step.target}/migrations/{(step.before or {})['migration']}"
    microversion = str(step.arguments["microversion"])
    if step.verb in ABORTS:
        return NovaCall(method="DELETE", path=path, body=None, microversion=microversion)
    return NovaCall(method="POST", path=f"{path}/action", body={"force_complete": None}, microversion=microversion)


STARTS: Mapping[str, Start | None] = {**dict.fromkeys(_ORDERS, by_nova(call)), HOLD: None}


def order(
    steps: Sequence[Step], migrations: Sequence[Migration], orders: Mapping[StepKey, Collection[str]]
) -> Step | None:
    """The step by which we had the last of a VM's migrations aborted; None where it was not, or not by us.

    Args:
        steps: all that are looked at.
        migrations: of the VM.
        orders: as in `sighting`, for each step without a receipt.
    """
    last = max(migrations, key=lambda m: m.id, default=None)
    if last is None or last.status != ABORTED:
        return None
    ours = (s for s in steps if s.verb in ABORTS and (s.before or {}).get("migration") == last.id)
    return next((s for s in ours if _is_given(s, orders.get(s.key, ()))), None)


def _is_given(step: Step, orders: Collection[str]) -> bool:
    """Whether Nova has the order of a step."""
    return bool(step.receipt or set(orders) - set(evidence.marked(step, "orders")))


def reason(migrations: Sequence[Migration], order: Step | None) -> str:
    """Why the last of a VM's migrations was aborted, empty if it was not.

    Args:
        migrations: of the VM.
        order: by which we had it aborted, if we had.
    """
    last = max(migrations, key=lambda m: m.id, default=None)
    if last is None or last.status != ABORTED:
        return ""
    if order is None:
        return "somebody aborted it."
    if order.ends:
        return "it had let others go first once, kept them waiting again, and was aborted."
    return f"it was aborted at its deadline of {order.arguments['deadline']}."


def sighting(step: Step, server: Server | None, migrations: Sequence[Migration], orders: Collection[str]) -> Sighting:
    """Judge one step that relieves a live migration.

    Args:
        step: one of this family.
        server: the VM as Nova shows it now; None: Nova knows it no more.
        migrations: its moves from the host, read before the server was.
        orders: request ids under which Nova noted such an order about the VM.
    """
    name = str(step.arguments["name"])
    if server is None or server.is_gone:
        return evidence.deleted(server, name)
    wanted = (step.before or {}).get("migration")
    live = [m for m in migrations if m.type == LIVE_MIGRATION and wanted in {None, m.id}]
    move = max(live, key=lambda m: m.id, default=None)
    if move is None or not move.is_open:
        return _over(step, server, move)
    if step.verb == HOLD:
        return _for_a_person(step, server, move)
    if step.before is None and move.status != "running":
        return _seen(Seen.DONE, f"{name} is about to arrive on {move.target} ({move.status}).", server, move)
    if step.before is None or not _is_given(step, orders):
        sentence = f"{name} has been migrating for longer than {step.arguments['deadline']}{copying.how_far(move)}."
        if step.headway:
            sentence = f"The live migration of {name} makes no headway{copying.how_far(move)}."
        seen = _seen(Seen.NEVER_STARTED, sentence, server, move)
        return replace(seen, mark={"migration": move.id, "orders": sorted(orders)})
    told = _TITLES[ABORT].format(name) if step.verb in ABORTS else step.title
    sentence = f"Nova was told to {told}; it is still {move.status}{copying.how_far(move)}."
    return replace(_seen(Seen.UNDERWAY, sentence, server, move), movement=f"{move.id} {move.status}")


def _for_a_person(step: Step, server: Server, move: Migration) -> Sighting:
    osc, which = "`openstack server migration", f"{server.id} {move.id}`"
    far = copying.how_far(move)
    sentence = (
        f"{server.name} has been migrating for longer than {step.arguments['deadline']}{far}. Abort it ({osc} abort"
        f" {which}), force it ({osc} force complete {which}), or let it go on: Muster sees what becomes of it."
    )
    return _seen(Seen.UNDERWAY, sentence, server, move)


def _over(step: Step, server: Server, move: Migration | None) -> Sighting:
    """The migration has ended, by the order or before it: how, that judges the step that it relieved."""
    name = str(step.arguments["name"])
    if move is not None and move.status == ABORTED and step.verb in ABORTS and step.before is not None:
        stays = f"{name} still runs on {server.host}"
        sentence = f"aborted at its deadline of {step.arguments['deadline']}; {stays}."
        if step.headway:
            again = "" if step.ends else " and is tried again after the others"
            sentence = f"its live migration made no headway and was aborted; {stays}{again}."
    else:
        ended = f" as {move.status}" if move is not None else ""
        sentence = f"The live migration of {name} has ended{ended}; it is on {server.host}."
    return _seen(Seen.DONE, sentence, server, move)


def _seen(seen: Seen, sentence: str, server: Server, move: Migration | None) -> Sighting:
    return Sighting(seen=seen, sentence=sentence, raw=evidence.raw(server, move), place=server.host)


async def orders(
    session: Session, steps: Iterable[Step], migrations: Sequence[Migration]
) -> dict[StepKey, frozenset[str]]:
    """The request ids under which Nova noted the orders that steps are about, where there may be one.

    Nobody asks about steps with a receipt, nor about those that were never begun and whose VM is not being migrated.

    Args:
        session: the cloud.
        steps: that are looked at.
        migrations: of their VMs.

    Raises:
        Refused, Unreachable: could not ask.
    """
    going = {m.server for m in migrations if m.type == LIVE_MIGRATION and m.is_open}
    may_be = (s for s in steps if s.verb in _ORDERS and s.receipt is None)
    asked = [s for s in may_be if s.before is not None or s.target in going]
    noted = await session.together(*(_orders(session, s) for s in asked))
    return {step.key: found for step, found in zip(asked, noted, strict=True)}


async def _orders(session: Session, step: Step) -> frozenset[str]:
    path, doing = f"/servers/{step.target}/os-instance-actions", "read what was ordered about a live migration"
    try:
        found = await session.get("compute", path, microversion=versions.spoken(versions.OLDEST), doing=doing)
    except Missing:
        return frozenset()
    noted = found.each("instanceActions", lambda a: (str(a["action"]), str(a["request_id"])), by="request_id")
    return frozenset(request_id for action, request_id in noted if action == _ORDERS[step.verb])

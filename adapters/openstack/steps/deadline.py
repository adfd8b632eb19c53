"""Live migrations past their deadline: what the plan does about one, and the evidence about that. Pure.

Nova takes both orders by the id of the migration, and only while it is `running`: abort (2.24; from 2.65 also before it
runs, but Muster lets it wait for its turn) and force-complete (2.22; 409 for a paused VM, whose memory holds still
anyway). Neither shows in the record until it has taken effect, but Nova notes each in the VM's action log before it
passes it on; by that a lost answer is resolved.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model import ages
from adapters.openstack.model.resources import ABORTED, LIVE_MIGRATION, Migration, Server
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import copying, evidence, verbs, vms
from adapters.openstack.wire import versions
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import By, PlannedStep, Step
from bot.domain.values import StepKey

HEADWAY = timedelta(seconds=30)
"""How long a live migration may go on without coming nearer to its end while others wait. Nova notes its figures every
five seconds (nova/virt/libvirt/driver.py)."""
_TITLES: Mapping[str, str] = {
    verbs.REQUEUE: "let others go before {}",
    verbs.ABORT: "abort the live migration of {}",
    verbs.FORCE: "force the live migration of {} to complete",
    verbs.HOLD: "decide about the live migration of {}",
}


def reliefs(move: PlannedStep, server: Server, settings: OpenStackSettings) -> Iterator[PlannedStep]:
    """The steps that keep the deadline of a live migration.

    One that gave way is aborted while it keeps others waiting again, and else decided about by a person.
    """
    late = settings.migration.late
    verb = verbs.HOLD if late == verbs.FORCE and server.vm_state == "paused" else late
    if verb != verbs.REQUEUE:
        yield _relief(verb, move, server, settings)
        return
    headway = min(HEADWAY, settings.migration.deadline)
    yield replace(_relief(verbs.REQUEUE, move, server, settings), headway=headway)
    yield replace(_relief(verbs.ABORT, move, server, settings), headway=headway, ends=True)
    yield _relief(verbs.HOLD, move, server, settings)


def _relief(verb: str, move: PlannedStep, server: Server, settings: OpenStackSettings) -> PlannedStep:
    deadline = ages.spoken(settings.migration.deadline)
    return replace(
        move,
        key=vms.key(verb, server),
        verb=verb,
        title=_TITLES[verb].format(server.name),
        by=By.PERSON if verb == verbs.HOLD else By.MUSTER,
        arguments={
            "host": move.arguments["host"],
            "name": server.name,
            "deadline": deadline,
            "microversion": versions.spoken(versions.OLDEST),
        },
        follows=None,
        apart="",
        patience=timedelta(days=1) if verb == verbs.HOLD else move.patience,
        relieves=move.key,
        deadline=settings.migration.deadline,
    )


def spoken(settings: OpenStackSettings) -> str:
    """What happens to one that takes long, for approvers."""
    after = f"after {ages.spoken(settings.migration.deadline)}"
    done = {
        verbs.ABORT: f"{after} is aborted, and the VM stays",
        verbs.FORCE: f"{after} is forced to complete: its VM may pause",
        verbs.HOLD: f"{after} waits for a person to decide",
        verbs.REQUEUE: (
            "without headway lets the others go first, once, and is aborted where it keeps them waiting again;"
            f" {after} waits for a person to decide"
        ),
    }
    return done[settings.migration.late]


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
    ours = (s for s in steps if s.verb in verbs.ABORTS and (s.before or {}).get("migration") == last.id)
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
        step: one of `verbs.RELIEFS`.
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
    if step.verb == verbs.HOLD:
        return _for_a_person(step, server, move)
    if step.before is None and move.status != "running":
        return _seen(Seen.DONE, f"{name} is about to arrive on {move.target} ({move.status}).", server, move)
    if step.before is None or not _is_given(step, orders):
        sentence = f"{name} has been migrating for longer than {step.arguments['deadline']}{copying.how_far(move)}."
        if step.headway:
            sentence = f"The live migration of {name} makes no headway{copying.how_far(move)}."
        seen = _seen(Seen.NEVER_STARTED, sentence, server, move)
        return replace(seen, mark={"migration": move.id, "orders": sorted(orders)})
    told = _TITLES[verbs.ABORT].format(name) if step.verb in verbs.ABORTS else step.title
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
    if move is not None and move.status == ABORTED and step.verb in verbs.ABORTS and step.before is not None:
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

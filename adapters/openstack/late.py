"""Live migrations past their deadline: what the plan does about one, and the evidence about that. Pure.

Nova takes both orders by the id of the migration, and only while it is `running`: abort (2.24; from 2.65 also before it
runs, but Muster lets it wait for its turn) and force-complete (2.22; 409 for a paused VM, whose memory holds still
anyway). Neither shows in the record until it has taken effect, but Nova notes each in the VM's action log before it
passes it on; by that a lost answer is resolved.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack import ages, copying, evidence, verbs, versions, vms
from adapters.openstack.judge import Terms
from adapters.openstack.things import ABORTED, LIVE_MIGRATION, Migration, Server
from bot.domain.cloud import Seen, Sighting
from bot.domain.plan import By, Step

_TITLES: Mapping[str, str] = {
    verbs.ABORT: "abort the live migration of {}",
    verbs.FORCE: "force the live migration of {} to complete",
    verbs.HOLD: "decide about the live migration of {}",
}


def relief(move: Step, server: Server, terms: Terms) -> Step:
    """The step that keeps the deadline of a live migration."""
    verb = verbs.HOLD if terms.late == verbs.FORCE and server.vm_state == "paused" else terms.late
    deadline = ages.spoken(terms.deadline)
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
        deadline=terms.deadline,
    )


def spoken(terms: Terms) -> str:
    """What happens at the deadline, for approvers."""
    done = {
        verbs.ABORT: "is aborted, and the VM stays",
        verbs.FORCE: "is forced to complete: its VM may pause",
        verbs.HOLD: "waits for a person to decide",
    }
    return f"after {ages.spoken(terms.deadline)} {done[terms.late]}"


def reason(steps: Sequence[Step], migrations: Sequence[Migration]) -> str:
    """Why the last of a VM's migrations was aborted, empty if it was not: by us, where a step has ordered just that."""
    last = max(migrations, key=lambda m: m.id, default=None)
    if last is None or last.status != ABORTED:
        return ""
    ours = (s for s in steps if s.verb == verbs.ABORT and (s.before or {}).get("migration") == last.id)
    return next((f"it was aborted at its deadline of {s.arguments['deadline']}." for s in ours), "somebody aborted it.")


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
        return _held(step, server, move)
    if step.before is None and move.status != "running":
        return _seen(Seen.DONE, f"{name} is about to arrive on {move.target} ({move.status}).", server, move)
    given = set(orders) - set(evidence.marked(step, "orders"))
    if step.before is None or not (step.receipt or given):
        sentence = f"{name} has been migrating for longer than {step.arguments['deadline']}{copying.how_far(move)}."
        seen = _seen(Seen.NEVER_STARTED, sentence, server, move)
        return replace(seen, mark={"migration": move.id, "orders": sorted(orders)})
    sentence = f"Nova was told to {step.title}; it is still {move.status}{copying.how_far(move)}."
    return replace(_seen(Seen.UNDERWAY, sentence, server, move), movement=f"{move.id} {move.status}")


def _held(step: Step, server: Server, move: Migration) -> Sighting:
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
    if move is not None and move.status == ABORTED and step.verb == verbs.ABORT and step.before is not None:
        sentence = f"aborted at its deadline of {step.arguments['deadline']}; {name} still runs on {server.host}."
    else:
        ended = f" as {move.status}" if move is not None else ""
        sentence = f"The live migration of {name} has ended{ended}; it is on {server.host}."
    return _seen(Seen.DONE, sentence, server, move)


def _seen(seen: Seen, sentence: str, server: Server, move: Migration | None) -> Sighting:
    return Sighting(seen=seen, sentence=sentence, raw=evidence.raw(server, move), place=server.host)

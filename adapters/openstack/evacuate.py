"""The evidence about the evacuation of one VM: what Nova shows, against what it showed before the start. Pure.

The migration record is the only honest witness (measured on Nova 34): an evacuating server has moments without a task
on its old host, a second evacuation while the first runs is answered 200 and wrecks the server, and a target without
room turns a healthy record into ERROR behind a 200. So:

| evidence, against the mark                              | sighting      |
|---------------------------------------------------------|---------------|
| an open migration, new or old, ours or not              | underway      |
| a new one ended as done, elsewhere, no task, as wanted  | done          |
| a new one failed                                        | failed        |
| nothing new, same host, no task or the same stuck one   | never started |
| gone from the host by other means, and well             | done          |
| anything else                                           | unclear       |
"""

from collections.abc import Sequence

from adapters.openstack.errors import clean
from adapters.openstack.explain import explain
from adapters.openstack.things import Migration, Server
from bot.domain.cloud import Seen, Sighting
from bot.domain.plan import Step
from bot.domain.values import Facts

_REBUILDING = frozenset({"rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"})
_ENDED_WELL = frozenset({"done", "completed"})
_ENDED_BADLY = frozenset({"failed", "error", "cancelled"})
_STAGES = {
    None: "verifying",
    "rebuilding": "being prepared",
    "rebuild_block_device_mapping": "attaching its volumes",
    "rebuild_spawning": "starting",
    "powering-off": "stopping again, as it was",
}


def sighting(step: Step, server: Server | None, migrations: Sequence[Migration]) -> Sighting:
    """Judge one step.

    Args:
        step: an `evacuate` step.
        server: the VM as Nova shows it now; None: Nova knows it no more.
        migrations: its evacuations from the host, read before the server was.
    """
    name = str(step.arguments["name"])
    if server is None or server.is_gone:
        return Sighting(seen=Seen.DONE, sentence=f"{name} was deleted by somebody; nothing is left to evacuate.")
    known = _known(step.before)
    all_of_them = sorted(migrations, key=lambda m: m.id)
    new = [m for m in all_of_them if known is not None and m.id not in known]
    has_left = server.host != step.arguments["host"]
    # of a VM that has left, only the last record counts: one that hung may stay open for ever behind a later success
    opened = [m for m in (all_of_them[-1:] if has_left else all_of_them) if m.is_open]
    mark = _mark(server, migrations)
    if opened:
        return _underway(name, server, opened[-1], mark, is_new=opened[-1] in new)
    if has_left:
        return _elsewhere(step, name, server, mark, by=new[-1] if new and new[-1].status in _ENDED_WELL else None)
    if new and new[-1].status in _ENDED_BADLY:
        return _failed(name, server, new[-1], mark)
    if new:
        sentence = f"The record says that {name} went to {new[-1].target}, yet Nova shows it on {server.host}."
        return _unclear(sentence, server, new[-1], mark)
    return _untouched(step, name, server, mark)


def _known(before: Facts | None) -> frozenset[int] | None:
    """Ids of the migrations there were before the start; None: it has not been started."""
    if before is None:
        return None
    ids = before.get("migrations")
    return (
        frozenset(int(str(i)) for i in ids) if isinstance(ids, Sequence) and not isinstance(ids, str) else frozenset()
    )


def _mark(server: Server, migrations: Sequence[Migration]) -> Facts:
    return {
        "migrations": sorted(m.id for m in migrations),
        "host": server.host,
        "status": server.status,
        "vm_state": server.vm_state,
        "task": server.task,
    }


def _underway(name: str, server: Server, move: Migration, mark: Facts, *, is_new: bool) -> Sighting:
    if is_new:
        waits = move.status == "accepted"
        stage = "waiting for its turn there" if waits else _STAGES.get(server.task, server.task)
        sentence = f"{name} goes to {move.target}: {stage}." if move.target else f"Nova has accepted {name}."
    else:
        sentence = (
            f"An evacuation of {name} that Muster did not start is still open (#{move.id}, {move.status}); a second one"
            " would break the VM."
        )
    return Sighting(
        seen=Seen.UNDERWAY,
        sentence=sentence,
        remedy="" if is_new else "If it never ends, see where the guest runs and have its state reset, then retry.",
        raw=_raw(server, move),
        place=server.host,
        movement=f"{move.id} {move.status} {move.target or '-'} {server.host} {server.status} {server.task or '-'}",
        mark=mark,
    )


def _failed(name: str, server: Server, move: Migration, mark: Facts) -> Sighting:
    sentence, remedy = explain(_fault(server))
    why = sentence or _fault(server) or f"its migration ended as {move.status}, without a reason."
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{name} was not evacuated: {why} Its record is still on {server.host}, {server.status}.",
        remedy=remedy or "Look into the nova-compute log of the target, then retry.",
        raw=_raw(server, move),
        place=server.host,
        mark=mark,
    )


def _elsewhere(step: Step, name: str, server: Server, mark: Facts, *, by: Migration | None) -> Sighting:
    """It has left the host, by our evacuation or otherwise; believed when it is at rest."""
    if not server.host:
        return _unclear(f"{name} is on no host ({server.status}).", server, by, mark)
    if server.task is not None:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{name} is on {server.host}: {_STAGES.get(server.task, server.task)}.",
            raw=_raw(server, by),
            place=server.host,
            movement=f"{server.host} {server.status} {server.task}",
            mark=mark,
        )
    where = f"{name} is on {server.host}" if by else f"{name} is on {server.host} already"
    return _well(step, name, server, mark, where, raw=_raw(server, by))


def _well(step: Step, name: str, server: Server, mark: Facts, where: str, *, raw: str) -> Sighting:
    """Elsewhere and at rest: done when its status is as it should be."""
    wanted = step.arguments["wanted"]
    good = [str(w) for w in wanted] if isinstance(wanted, Sequence) and not isinstance(wanted, str) else []
    if server.status in good:
        how = "" if server.status == "ACTIVE" else f", {server.status}"
        return Sighting(seen=Seen.DONE, sentence=f"{where}{how}.", raw=raw, place=server.host, mark=mark)
    sentence, remedy = explain(_fault(server))
    why = f": {sentence or _fault(server)}" if server.fault else "."
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{name} has left the dead host and is on {server.host}, but {server.status} instead of"
        f" {' or '.join(good)}{why}",
        remedy=remedy or "Bring it into the state it should have, then retry: Muster only looks again.",
        raw=raw,
        place=server.host,
        mark=mark,
    )


def _untouched(step: Step, name: str, server: Server, mark: Facts) -> Sighting:
    """Still on the host, no evacuation open and none new."""
    before = step.before
    if server.task in _REBUILDING:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"Nova is about to evacuate {name}: it has no migration record yet.",
            remedy="If it stays so, Nova lost the order: have the VM's state reset, then retry.",
            raw=_raw(server, None),
            place=server.host,
            movement=f"{server.status} {server.task}",
            mark=mark,
        )
    if before is not None and server.vm_state == "error" and before.get("vm_state") != "error":
        sentence, remedy = explain(_fault(server))
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"{name} went into ERROR: {sentence or _fault(server) or 'Nova gives no reason.'}",
            remedy=remedy or "Look at the VM in Nova, then retry.",
            raw=_raw(server, None),
            place=server.host,
            mark=mark,
        )
    if before is not None and server.task is not None and server.task != before.get("task"):
        return _unclear(
            f"Somebody does something else with {name} ({server.task}), so it cannot be told whether it was evacuated.",
            server,
            None,
            mark,
        )
    return Sighting(
        seen=Seen.NEVER_STARTED,
        sentence=f"{name} is still on {server.host}, {server.status}.",
        raw=_raw(server, None),
        place=server.host,
        mark=mark,
    )


def _unclear(sentence: str, server: Server, move: Migration | None, mark: Facts) -> Sighting:
    return Sighting(
        seen=Seen.UNCLEAR,
        sentence=sentence,
        remedy="Find out where its guest runs before anything else is done to it.",
        raw=_raw(server, move),
        place=server.host,
        movement=f"{server.host} {server.status} {server.task or '-'}",
        mark=mark,
    )


def _fault(server: Server) -> str:
    """Why Nova put it into ERROR, fit to be shown."""
    return clean(server.fault)


def _raw(server: Server, move: Migration | None) -> str:
    parts = [f"server {server.id}: {server.status}/{server.vm_state}, task {server.task or 'none'}, host {server.host}"]
    if move is not None:
        parts.append(f"migration #{move.id}: {move.status}, {move.source} to {move.target or '-'}")
    if server.fault:
        parts.append(f"fault: {_fault(server)}")
    return "; ".join(parts)

"""What every judgement of a VM's move shares: the mark before its start, which records are new, the raw words."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.openstack.model import migration_records, translate
from adapters.openstack.model.resources import RESIZE, Migration, Server
from adapters.openstack.wire.errors import clean
from adapters.openstack.wire.explanations import explain
from bot.domain.cloud import Seen, Sighting, Unreachable
from bot.domain.listing import Listing
from bot.domain.plans.plan import Step
from bot.domain.values import Facts, Json

NEWEST = "newest"
"""The key of the moment in which the last record began that was listed."""
TO_BE_CONFIRMED = "VERIFY_RESIZE"
"""The status of a VM that a cold migration or a resize has brought elsewhere, until that is confirmed or reverted."""
IN_VAIN = "in_vain"
"""The key of a mark that says that an earlier start left no trace."""
_SETTLED = timedelta(seconds=30)
"""The age from which the stamp of a VM, in whole seconds, tells it from every later change; more than clocks differ."""


def known(before: Facts | None) -> frozenset[int] | None:
    """Ids of the migrations there were before the start; None: it has not been started."""
    if before is None:
        return None
    ids = before.get("migrations")
    return (
        frozenset(int(str(i)) for i in ids) if isinstance(ids, Sequence) and not isinstance(ids, str) else frozenset()
    )


def has_moved(step: Step, last: Migration) -> bool:
    """Whether the last record of a VM from its host is of our start, and ended well."""
    earlier = known(step.before)
    return (
        earlier is not None
        and last.id not in earlier
        and not last.is_open
        and last.status not in migration_records.ENDED_BADLY
    )


def is_resized(server: Server, last: Migration | None) -> bool:
    """Whether a VM waits for its owner to confirm or revert a resize of theirs, which nobody else may do for them.

    Args:
        server: the VM.
        last: its last record from its host, if there is one.
    """
    return server.status == TO_BE_CONFIRMED and last is not None and last.type == RESIZE


def newest(before: Facts | None) -> datetime | None:
    """When the last record began that was listed with the mark; None: older ones than that may matter still."""
    return translate.moment(str((before or {}).get(NEWEST) or ""))


def mark(
    server: Server,
    migrations: Sequence[Migration],
    orphans: Sequence[Migration] = (),
    *,
    before: Facts | None = None,
    newest: str = "",
    now: datetime | None = None,
) -> Facts:
    """What there is now, to be stored as `Step.before`.

    Args:
        server: the VM.
        migrations: its moves.
        orphans: those of them whose target died with them.
        before: the mark of an earlier start, which may know of moves that are older than what was listed now.
        newest: when the last record began of all that were listed. The mark keeps it where every move of the VM has
            ended: one that is open may go on at any time, however old it is.
        now: aware UTC; without it the mark does not say since when the VM is at rest.
    """
    earlier = before or {}
    fruitless = [m for m in migrations if m.status in migration_records.ENDED_BADLY or m in orphans]
    return {
        "migrations": sorted({m.id for m in migrations} | (known(before) or frozenset())),
        NEWEST: "" if any(m.is_open for m in migrations) else newest,
        "host": server.host,
        "status": server.status,
        "vm_state": server.vm_state,
        "task": server.task,
        "refused_by": sorted({m.target for m in fruitless if m.target} | set(_list(earlier.get("refused_by")))),
        "at_rest_since": server.updated_at
        if now and migration_records.is_at_rest(server.updated_at, now=now, span=_SETTLED)
        else "",
    }


def wish(step: Step) -> str:
    """The target to ask for though nobody named one; empty where there is none, or where it refused or died already.

    Nor is there one after a start that left no trace. To a wish for a host of another cell, of which no API tells, Nova
    answers 500 each time, with a word of the source (`ComputeHostNotFound`), and does nothing (measured on Nova 34).
    """
    is_spent = step.wish in marked(step, "refused_by") or bool((step.before or {}).get(IN_VAIN))
    return "" if is_spent else step.wish


def again(step: Step) -> Facts:
    """What the mark says beside what there is, of a step that was started before and has left no trace."""
    return {IN_VAIN: True} if step.before is not None else {}


def asked_for(step: Step) -> str:
    """The only target that it may go to, where a person named one; a VM that comes home has no other."""
    return "" if step.arguments.get("exactly") else str(step.arguments.get("to") or "")


def words(step: Step, name: str) -> list[str]:
    """An argument that is a list of words; empty when it is none."""
    return _list(step.arguments.get(name))


def marked(step: Step, name: str) -> list[str]:
    """What the mark before its start holds as a list of words; empty when there is none."""
    return _list((step.before or {}).get(name))


def _list(found: Json) -> list[str]:
    return [str(word) for word in found] if isinstance(found, Sequence) and not isinstance(found, str) else []


def deleted(server: Server | None, name: str) -> Sighting:
    """Somebody deleted the VM: what the step wants is so, unless it can still be restored.

    Args:
        server: the VM; None: it is proven that Nova knows it no more.
        name: of the VM.
    """
    if server is None or not server.is_restorable:
        return Sighting(seen=Seen.DONE, sentence=f"{name} was deleted by somebody; nothing is left to move.")
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{name} was deleted by somebody and can still be restored: its disk is on {server.host}, where Nova"
        " leaves it until it is reclaimed.",
        remedy="Ask its owner: have it restored (`openstack server restore`) and retry, or deleted for good"
        " (`openstack server delete --force`) and retry; or set it aside.",
        raw=raw(server, None),
        place=server.host,
    )


def unproven(host: str, listing: Listing[Server]) -> Unreachable:
    """The error that nobody can tell whether a host is empty.

    Args:
        host: its name.
        listing: what Nova shows there; not proven empty.
    """
    return Unreachable(
        f"Whether {host} is empty could not be found out. {listing.gap or 'Nobody but a list of Nova could be asked.'}",
        remedy="Check Placement, and the database and message queue of the host's cell; Muster looks again.",
    )


def well(step: Step, server: Server, where: str, *, left: str, raw: str, mark: Facts) -> Sighting:
    """Judge a VM that is elsewhere and at rest: done when its status is one that the step wants.

    Args:
        step: with the arguments `name` and `wanted`.
        server: the VM.
        where: where it is, as the beginning of a sentence.
        left: what it has left.
        raw: Nova's own words.
        mark: what there is now.
    """
    if step.arguments.get("exactly") and server.host != step.arguments["to"]:
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"{step.arguments['name']} is on {server.host} and not on {step.arguments['to']}: somebody else"
            " has moved it meanwhile.",
            remedy="Ask them. To bring it back from there, ask for the host's return anew.",
            raw=raw,
            place=server.host,
            mark=mark,
        )
    good = words(step, "wanted")
    if server.status in good:
        how = "" if server.status == "ACTIVE" else f", {server.status}"
        return Sighting(seen=Seen.DONE, sentence=f"{where}{how}.", raw=raw, place=server.host, mark=mark)
    sentence, remedy = explain(fault(server))
    why = f": {sentence or fault(server)}" if server.fault else "."
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{step.arguments['name']} has left {left} and is on {server.host}, but {server.status} instead of"
        f" {' or '.join(good)}{why}",
        remedy=remedy or "Bring it into the state it should have, then retry: Muster only looks again.",
        raw=raw,
        place=server.host,
        mark=mark,
    )


def resized(name: str, server: Server, last: Migration | None, mark: Facts) -> Sighting:
    """That a VM was resized meanwhile, by its owner: it is neither moved by us nor ours to confirm."""
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{name} is on {server.host} by a resize that Muster did not ask for, and waits until that is"
        " confirmed or reverted; until then its old disk is kept where it was.",
        remedy="Have its owner confirm the resize (`openstack server resize confirm`) or revert it, then retry; or set"
        " it aside.",
        raw=raw(server, last),
        place=server.host,
        mark=mark,
    )


def unclear(sentence: str, server: Server, move: Migration | None, mark: Facts) -> Sighting:
    """A contradiction that a person must judge."""
    return Sighting(
        seen=Seen.UNCLEAR,
        sentence=sentence,
        remedy="Find out where its guest runs before anything else is done to it.",
        raw=raw(server, move),
        place=server.host,
        movement=f"{server.host} {server.status} {server.task or '-'}",
        mark=mark,
    )


def fault(server: Server) -> str:
    """Why Nova put it into ERROR, fit to be shown."""
    return clean(server.fault)


def raw(server: Server | None, move: Migration | None) -> str:
    """Nova's own words about a VM and its move, as far as they were asked for."""
    parts = []
    if server is not None:
        state = f"{server.status}/{server.vm_state}, task {server.task or 'none'}, host {server.host}"
        parts.append(f"server {server.id}: {state}")
    if move is not None:
        parts.append(f"migration #{move.id}: {move.status}, {move.source} to {move.target or '-'}")
    if server is not None and server.fault:
        parts.append(f"fault: {fault(server)}")
    return "; ".join(parts)

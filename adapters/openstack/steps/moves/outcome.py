"""What has become of the move of one VM: what Nova shows, against what it showed before the start. Pure.

The migration record is the only honest witness of a move (measured on Nova 34): an evacuating server has moments
without a task on its old host; a live-migrating one is ACTIVE on its new host while its record still runs; a second
evacuation while the first runs is answered 200 and wrecks the server; and where no host has room, a 202 is followed by
no more than a record in `error`. So:

| evidence, against the mark                              | sighting      |
|---------------------------------------------------------|---------------|
| an open migration, new or old, ours or not              | underway      |
| the same of an evacuation whose target died, VM reset   | failed, or never started |
| a new one ended as done, elsewhere, no task, as wanted  | done          |
| a new one failed just now, and the VM has its task yet  | underway      |
| a new one failed                                        | failed        |
| it failed on the target that was only wished for        | turned away   |
| we aborted it for the sake of others, no task           | gave way      |
| nothing new, same host, no task or the same stuck one   | never started |
| a row that shows it untouched (`rows`), no more         | never started |
| a new one ended as done, a row shows it there (`rows`)  | done          |
| gone from the host by other means, and well             | done          |
| on the target of a move that failed; anything else      | unclear       |
"""

from collections.abc import Sequence
from datetime import datetime

from adapters.openstack.model import migration_records, names
from adapters.openstack.model.resources import ABORTED, EVACUATION, Migration, Server
from adapters.openstack.steps import evidence
from adapters.openstack.steps.evidence import unclear
from adapters.openstack.steps.moves import copying
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.moves.method import MoveMethod
from adapters.openstack.steps.moves.ways import METHODS
from adapters.openstack.wire.explanations import explain, how_to_go_elsewhere
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import Step
from bot.domain.values import Facts

_WHEN_ABORTED = "Retry when its memory changes less, or have its owner stop it first: then it is migrated cold."
_IF_IT_NEVER_ENDS = "If it never ends, see where the guest runs and have its state reset, then retry."
_IF_ITS_TARGET_DIED = (
    "If it never ends, its target may have died with it: see where the guest runs, have the VM's state reset"
    " (`openstack server set --state active`), then retry."
)
_RETRY_GOES_ELSEWHERE = "Retry: Nova's scheduler chooses another target."
_NEVER_ENDED = "its record never ended, but nothing is going on any more."
_WAITING = frozenset({"accepted", "queued", "preparing"})


def sighting(
    step: Step,
    server: Server | None,
    migrations: Sequence[Migration],
    *,
    now: datetime,
    why: str = "",
    gave_way: bool = False,
    ahead: int = 0,
    newest: str = "",
) -> Sighting:
    """Judge one step that moves a VM.

    Args:
        step: one of `MOVES`.
        server: the VM as Nova shows it now; None: Nova knows it no more.
        migrations: its moves from the host, read before the server was: all, or those since its mark.
        now: aware UTC.
        why: what Nova noted in the VM's action log about a move that failed, or by whom it was aborted.
        gave_way: whether we aborted the last of them for the sake of others.
        ahead: how many moves from the host have ended: headway for one that waits for its turn there.
        newest: as in `evidence.mark`.
    """
    name, way = str(step.arguments["name"]), METHODS[step.verb]
    if server is None or server.is_gone:
        return evidence.deleted(server, name)
    known = evidence.known(step.before)
    all_of_them = sorted(migrations, key=lambda m: m.id)
    new = [m for m in all_of_them if known is not None and m.id not in known]
    has_left = server.host != step.arguments["host"]
    # of a VM that has left, only the last record counts: one that hung may stay open for ever behind a later success
    # and of one that has not, none that hangs behind a VM whose state was reset since
    orphans = [
        m
        for m in all_of_them
        if not has_left and migration_records.is_orphaned(m, server, now=now, earlier=known or ())
    ]
    ending = [m for m in new[-1:] if migration_records.is_just_ending(m, server, now=now)]
    goes_on = [m for m in all_of_them if m in ending or (m.is_open and m not in orphans)]
    opened = [m for m in goes_on if m is all_of_them[-1] or not has_left]
    mark = evidence.mark(server, migrations, orphans, before=step.before, newest=newest, now=now)
    if opened:
        return _underway(name, way, server, opened[-1], mark, is_new=opened[-1] in new, ahead=ahead)
    if has_left:
        return _elsewhere(step, name, way, server, mark, last=all_of_them[-1] if all_of_them else None, new=new)
    if gave_way and new and new[-1].status == ABORTED:
        return _gave_way(name, way, server, new[-1], mark)
    if new and (new[-1].status in migration_records.ENDED_BADLY or new[-1] in orphans):
        if _is_refusal(step, server, new[-1]):
            return _turned_away(name, server, new[-1], mark)
        return _failed(step, way, server, new[-1], mark, why=why)
    if new:
        sentence = f"The record says that {name} went to {new[-1].target}, yet Nova shows it on {server.host}."
        return unclear(sentence, server, new[-1], mark)
    return _untouched(step, name, way, server, {**mark, **evidence.again(step)})


def by_record(step: Step, move: Migration, *, ahead: int = 0) -> Sighting:
    """Judge a step by the open record of its VM's last move alone: whatever the server shows, it is underway.

    Args:
        step: one of `MOVES`.
        move: the record.
        ahead: as in `sighting`.
    """
    known = evidence.known(step.before)
    is_new = known is not None and move.id not in known
    return _underway(str(step.arguments["name"]), METHODS[step.verb], None, move, {}, is_new=is_new, ahead=ahead)


def untouched(step: Step) -> Sighting:
    """Judge a step whose VM is proven to be as its mark has it.

    Args:
        step: one of `MOVES`, with a mark without a task.
    """
    mark = step.before or {}
    host, status = str(mark["host"]), str(mark["status"])
    return Sighting(
        seen=Seen.NEVER_STARTED,
        sentence=f"{step.arguments['name']} is still on {host}, {status}.",
        raw=f"server {step.target}: not changed since {mark['at_rest_since']}, when it was {status} on {host}",
        place=host,
        mark={**mark, **evidence.again(step)},
    )


def arrived(step: Step, move: Migration) -> Sighting:
    """Judge a step whose VM is proven to be ACTIVE and at rest on the target of the move that was ours.

    Args:
        step: one of `MOVES`.
        move: the record that ended well.
    """
    return Sighting(
        seen=Seen.DONE,
        sentence=f"{step.arguments['name']} is on {move.target}.",
        raw=f"{evidence.raw(None, move)}; server {step.target}: ACTIVE on {move.target}, not changed since then",
        place=move.target or "",
    )


def _underway(
    name: str, way: MoveMethod, server: Server | None, move: Migration, mark: Facts, *, is_new: bool, ahead: int
) -> Sighting:
    waits = move.status in _WAITING
    if is_new:
        stage = way.stages.get(server.task, server.task) if server else f"its {way.noun} runs"
        stage = "waiting for its turn there" if waits else stage
        course = f"{name} goes to {move.target}: {stage}{copying.how_far(move)}."
        sentence = course if move.target else f"Nova has accepted {name}."
    else:
        sentence = (
            f"An earlier {way.noun} of {name}, which Muster did not start, is still open (#{move.id}, {move.status}); a"
            " second one would break the VM."
        )
    shown = f" {server.host} {server.status} {server.task or '-'}" if server else ""
    return Sighting(
        seen=Seen.UNDERWAY,
        sentence=sentence,
        remedy=_when_it_hangs(move, is_new=is_new),
        raw=evidence.raw(server, move),
        place=server.host if server else move.source,
        movement=f"{move.id} {move.status} {move.target or '-'}{shown}"
        + (f" after {ahead}" if waits else f" {move.memory_left}" if move.memory else ""),
        progress=copying.share(move),
        waits=waits,
        is_in_vain=copying.is_in_vain(move),
        mark=mark,
    )


def _when_it_hangs(move: Migration, *, is_new: bool) -> str:
    if move.type == EVACUATION and move.status == migration_records.IN_REBUILD:
        return _IF_ITS_TARGET_DIED
    return "" if is_new else _IF_IT_NEVER_ENDS


def _is_refusal(step: Step, server: Server, move: Migration) -> bool:
    """Whether the record proves that the target we wished for did not take it, and that it came to rest."""
    was_asked_for = step.verb == EVACUATE and not step.arguments["to"] and move.target == evidence.wish(step)
    has_ended = move.status in migration_records.ENDED_BADLY and server.task is None
    return bool(move.target) and was_asked_for and server.vm_state == "error" and has_ended


def _turned_away(name: str, server: Server, move: Migration, mark: Facts) -> Sighting:
    said = evidence.fault(server)
    return Sighting(
        seen=Seen.TURNED_AWAY,
        sentence=f"{move.target} did not take {name} ({said or move.status}). Nova's scheduler is asked to choose.",
        remedy=f"Look into the nova-compute log of {move.target}, then retry.",
        raw=evidence.raw(server, move),
        place=server.host,
        mark=mark,
    )


def _gave_way(name: str, way: MoveMethod, server: Server, move: Migration, mark: Facts) -> Sighting:
    """Nova lets go of it by our order; believed once it is at rest."""
    is_at_rest = server.task is None
    stage = f"{name} goes after all others: its {way.noun} made no headway and was aborted, {server.status} on"
    return Sighting(
        seen=Seen.GAVE_WAY if is_at_rest else Seen.UNDERWAY,
        sentence=f"{stage} {server.host}." if is_at_rest else f"The {way.noun} of {name} is being aborted.",
        raw=evidence.raw(server, move),
        place=server.host,
        movement=f"{move.id} {move.status} {server.task or '-'}",
        mark=mark,
    )


def _failed(step: Step, way: MoveMethod, server: Server, move: Migration, mark: Facts, *, why: str) -> Sighting:
    name, to = step.arguments["name"], evidence.asked_for(step)
    said = why or evidence.fault(server)
    sentence, remedy = explain(said, asked_for=to)
    unexplained = f"its record ended as {move.status}, without a reason."
    look = f"Look into the nova-compute log of {move.target or 'its target'} and of {move.source}, then retry."
    if move.is_open:
        unexplained = f"{move.target} died with it." if move.status == migration_records.IN_REBUILD else _NEVER_ENDED
        look = how_to_go_elsewhere(to) if to else _RETRY_GOES_ELSEWHERE
    reason = sentence or said or unexplained
    logged = why and move.status != ABORTED
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{name} was not {way.done}: {reason} {way.stays} still on {server.host}, {server.status}.",
        remedy=_WHEN_ABORTED if move.status == ABORTED else remedy or look,
        raw=evidence.raw(server, move) + (f"; action log: {why}" if logged else ""),
        place=server.host,
        mark=mark,
    )


def _elsewhere(
    step: Step,
    name: str,
    way: MoveMethod,
    server: Server,
    mark: Facts,
    *,
    last: Migration | None,
    new: Sequence[Migration],
) -> Sighting:
    """It has left the host, by our move or otherwise; believed when it is at rest."""
    if not server.host:
        return unclear(f"{name} is on no host ({server.status}).", server, last, mark)
    if names.may_be_one(server.host, str(step.arguments["host"])) and (last is None or last.target != server.host):
        sentence = f"{name} is on {server.host} by no record of a move: that may be {step.arguments['host']} itself."
        return unclear(sentence, server, last, mark)
    if server.task is not None:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{name} is on {server.host}: {way.stages.get(server.task, server.task)}.",
            raw=evidence.raw(server, last),
            place=server.host,
            movement=f"{server.host} {server.status} {server.task}",
            mark=mark,
        )
    if (
        last is not None
        and last.status in migration_records.ENDED_BADLY
        and last.target == server.host
        and server.status != "ERROR"
    ):
        sentence = f"The move of {name} to {last.target} ended as {last.status}, yet Nova shows it there."
        return unclear(sentence, server, last, mark)
    if evidence.is_resized(server, last):
        return evidence.resized(name, server, last, mark)
    by_us = bool(new) and new[-1].status in migration_records.ENDED_WELL
    where = f"{name} is on {server.host}" if by_us else f"{name} is on {server.host} already"
    return evidence.well(step, server, where, left=way.left, raw=evidence.raw(server, last), mark=mark)


def _untouched(step: Step, name: str, way: MoveMethod, server: Server, mark: Facts) -> Sighting:
    """Still on the host, no move open and none new."""
    before = step.before
    if server.task in way.begun:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"Nova is about to begin the {way.noun} of {name}: there is no migration record yet.",
            remedy="If it stays so, Nova lost the order: have the VM's state reset, then retry.",
            raw=evidence.raw(server, None),
            place=server.host,
            movement=f"{server.status} {server.task}",
            mark=mark,
        )
    if before is not None and server.vm_state == "error" and before.get("vm_state") != "error":
        sentence, remedy = explain(evidence.fault(server), asked_for=evidence.asked_for(step))
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"{name} went into ERROR: {sentence or evidence.fault(server) or 'Nova gives no reason.'}",
            remedy=remedy or "Look at the VM in Nova, then retry.",
            raw=evidence.raw(server, None),
            place=server.host,
            mark=mark,
        )
    if before is not None and server.task is not None and server.task != before.get("task"):
        sentence = f"Somebody is doing something else with {name} ({server.task}), so it cannot be told whether it was"
        return unclear(f"{sentence} {way.done}.", server, None, mark)
    if before is None and way.as_planned and server.status not in evidence.words(step, "wanted"):
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"{name} is {server.status} now, which is not what was approved: it was not {way.done}.",
            remedy="Ask for the same anew: it will be planned as it is now.",
            raw=evidence.raw(server, None),
            place=server.host,
            mark=mark,
        )
    return Sighting(
        seen=Seen.NEVER_STARTED,
        sentence=f"{name} is still on {server.host}, {server.status}.",
        raw=evidence.raw(server, None),
        place=server.host,
        mark=mark,
    )

"""Cold migrations: of VMs that are stopped, to another living host, in two calls. Made, begun and recognised."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model import priority
from adapters.openstack.model.resources import Migration, Server
from adapters.openstack.steps import evidence, vms
from adapters.openstack.steps.evidence import unclear
from adapters.openstack.steps.family import NovaCall, action
from adapters.openstack.steps.moves.method import LONG, MoveMethod, Relocation
from adapters.openstack.wire import versions
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import PlannedStep, Step

COLD, CONFIRM = "cold-migrate", "confirm"
WAITS = "finished"  #: the status of the record of a move that is to be confirmed
_BY_HAND = (
    "See by whom it was moved (`openstack server migration list --server …`) and confirm that"
    " (`openstack server resize confirm`) or have it reverted, then retry."
)
METHOD = MoveMethod(
    noun="migration",
    done="migrated",
    begun=frozenset({"resize_prep", "resize_migrating", "resize_migrated", "resize_finish"}),
    stages={
        None: "verifying",
        "resize_prep": "being prepared",
        "resize_migrating": "its disk is being copied",
        "resize_migrated": "its disk is copied",
        "resize_finish": "being set up",
    },
    left="its host",
    stays="It is",
)


def steps(server: Server, relocation: Relocation) -> Iterator[PlannedStep]:
    """What moves one VM that is stopped, and confirms it before the next VM moves: it holds room at both ends."""
    microversion = versions.up_to(versions.COLD_TARGET, relocation.highest)
    move = vms.move(
        COLD,
        server,
        relocation.servers,
        to=relocation.to,
        microversion=microversion,
        wanted=(evidence.TO_BE_CONFIRMED, server.status),
        phase=relocation.phase,
        priority=priority.turn(server, relocation.settings.priority_metadata),
        patience=LONG,
        quiet=relocation.settings.quiet,
        exactly=relocation.exactly,
    )
    yield move
    yield vms.move(
        CONFIRM,
        server,
        relocation.servers,
        to=relocation.to if relocation.exactly else "",
        microversion=microversion,
        wanted=(server.status,),
        phase=relocation.phase,
        priority=priority.BEFORE_ALL,
        patience=timedelta(minutes=15),
        quiet=relocation.settings.quiet,
        follows=move.key,
        exactly=relocation.exactly,
    )


def call(step: Step) -> NovaCall:
    """The action of Nova that begins the move, or confirms it."""
    if step.verb == CONFIRM:
        return action(step, {"confirmResize": None})
    return action(step, {"migrate": {"host": step.arguments["to"]} if step.arguments["to"] else None})


def confirmed(step: Step, server: Server | None, migrations: Sequence[Migration]) -> Sighting:
    """Judge a step that confirms a cold migration.

    Args:
        step: with the verb `CONFIRM`.
        server: the VM as Nova shows it now; None: Nova knows it no more.
        migrations: its moves from the host, read before the server was.
    """
    name, host = str(step.arguments["name"]), str(step.arguments["host"])
    if server is None or server.is_gone:
        return evidence.deleted(server, name)
    mark, last = evidence.mark(server, migrations), max(migrations, key=lambda m: m.id, default=None)
    raw = evidence.raw(server, last)
    if server.task is not None or (last is not None and last.is_open):
        stage = last.status if last is not None and last.is_open else server.task
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{name} is on {server.host}: {stage}.",
            raw=raw,
            place=server.host,
            movement=f"{server.host} {server.status} {stage}",
            mark=mark,
        )
    if server.host.casefold() == host.casefold():
        return unclear(f"{name} is on {host} though it had left it: was its move reverted?", server, last, mark)
    if evidence.is_resized(server, last):
        return evidence.resized(name, server, last, mark)
    if server.status == evidence.TO_BE_CONFIRMED:
        sentence = f"{name} is on {server.host}; until that is confirmed, its old disk is kept on {host}."
        seen = Sighting(seen=Seen.NEVER_STARTED, sentence=sentence, raw=raw, place=server.host, mark=mark)
        if last is not None and last.status == WAITS:
            return seen
        unlisted = f"{name} waits to be confirmed, and no record of a move from {host} is listed that does."
        return replace(seen, not_yet=unlisted, remedy=_BY_HAND)
    return evidence.well(step, server, f"{name} is on {server.host}", left="its host", raw=raw, mark=mark)

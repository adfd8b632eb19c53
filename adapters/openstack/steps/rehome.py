"""The steps that give volumes and backups another manager: a `cinder-manage` command each. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model.handover import Handover
from adapters.openstack.model.resources import host_of
from adapters.openstack.settings import CinderSettings
from adapters.openstack.steps import verbs
from adapters.openstack.wire.cinder_manage import LONGEST
from bot.domain.cloud import Request
from bot.domain.counting import counted
from bot.domain.plans.plan import By, PlannedStep
from bot.domain.values import Action, Json, StepKey

PHASE = "Re-home volumes"
_PATIENCE = timedelta(minutes=5)
_BY_HAND = timedelta(hours=2)  #: for a person to find a controller and run a command there


def away(request: Request, found: Sequence[Handover], cinder: CinderSettings) -> tuple[PlannedStep, ...]:
    """One step for each command, one after the other, and one that sees that nothing is left with the host.

    Each follows the last: a name without a pool must come after those with one, and a count before and after says
    something only while nothing else is moved.
    """
    made = commands(request, found, cinder)
    if not made:
        return ()
    made = tuple(replace(step, undone_by=Action.REHOME) for step in made)
    return (*made, replace(_nothing_left(request, found), follows=made[-1].key))


def commands(request: Request, found: Sequence[Handover], cinder: CinderSettings) -> tuple[PlannedStep, ...]:
    """One step for each command, each following the last."""
    going = [move for move in found if move.new]
    if cinder.by is None or not going:
        return ()
    volumes = [v for move in going for v in move.volumes]
    made = [_of_pool(request, move, cinder) for move in going if not move.is_of_backups]
    if was := sorted({v.service for v in volumes if v.service}):
        made.append(_of_service(request, going, was, cinder))
    made += [_of_host(request, move, cinder) for move in going if move.is_of_backups]
    follows = [None, *(step.key for step in made)]
    return tuple(replace(step, follows=before) for step, before in zip(made, follows, strict=False))


def _of_pool(request: Request, move: Handover, cinder: CinderSettings) -> PlannedStep:
    number = counted(len(move.volumes), "volume")
    return _command(
        verbs.REHOME_VOLUMES,
        move.old,
        f"give {number} of {move.old} to {move.new}",
        ("volume", "update_host", "--currenthost", move.old, "--newhost", move.new),
        cinder,
        {"host": request.host, "old": move.old, "new": move.new, "volumes": sorted(v.id for v in move.volumes)},
    )


def _of_service(request: Request, going: Sequence[Handover], was: Sequence[str], cinder: CinderSettings) -> PlannedStep:
    """`update_host` leaves the record's service as it was."""
    return _command(
        verbs.REHOME_SERVICE,
        request.host,
        "enter the new service into the records of the volumes",
        ("volume", "update_service"),
        cinder,
        {
            "host": request.host,
            "was": list(was),
            "new": sorted({m.new for m in going if m.volumes}),
            "volumes": sorted(v.id for m in going for v in m.volumes),
        },
    )


def _of_host(request: Request, move: Handover, cinder: CinderSettings) -> PlannedStep:
    backups = None if move.backups is None else sorted(b.id for b in move.backups)
    return _command(
        verbs.REHOME_BACKUPS,
        move.old,
        f"give the backups of {move.old} to {move.new}",
        ("backup", "update_backup_host", "--currenthost", move.old, "--newhost", move.new),
        cinder,
        {"host": request.host, "old": move.old, "new": move.new, "backups": backups},
    )


def _nothing_left(request: Request, found: Sequence[Handover]) -> PlannedStep:
    names = sorted({host_of(m.old) for m in found} - {request.host})  # where Cinder calls it otherwise than Nova
    return PlannedStep(
        key=StepKey(f"{verbs.REHOMED}:{request.host}"),
        phase=PHASE,
        verb=verbs.REHOMED,
        target=request.host,
        title=f"no volume is left with {request.host}",
        by=By.CLOUD,
        arguments={
            "host": request.host,
            "stay": sorted(v.id for m in found if not m.new for v in m.volumes),
            **({"names": list(names)} if names else {}),
        },
        essential=True,
        patience=_PATIENCE,
    )


def _command(
    verb: str, target: str, title: str, words: tuple[str, ...], cinder: CinderSettings, arguments: Mapping[str, Json]
) -> PlannedStep:
    by_hand = cinder.by is By.PERSON
    return PlannedStep(
        key=StepKey(f"{verb}:{target}"),
        phase=PHASE,
        verb=verb,
        target=target,
        title=title,
        by=By.PERSON if by_hand else By.MUSTER,
        command=shlex.join((*cinder.command, *words)) if by_hand else "",
        arguments={**arguments, "command": [*cinder.command, *words]},
        essential=True,
        patience=_BY_HAND if by_hand else _PATIENCE,
        quiet=timedelta(seconds=LONGEST + 30),
    )

"""Giving volumes and backups back to the host that managed them before an evacuation of ours. Pure.

The steps of that operation are the map: old name, new name, ids. `update_host` knows names alone, so whatever else
stands under the new name by now comes along; the card says what that is.
"""

from collections.abc import Iterator, Sequence

from adapters.openstack.findings.rehoming import can_take
from adapters.openstack.findings.selection import blocker
from adapters.openstack.model.handover import Handover
from adapters.openstack.model.names import natural
from adapters.openstack.model.resources import Backup, Storage, Volume
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps.rehome import PHASE, REHOME_BACKUPS, REHOME_VOLUMES, commands
from bot.domain.cloud import Books, Request
from bot.domain.counting import listed
from bot.domain.plans.plan import Finding, Plan, PlannedStep, Topic, Verdict
from bot.domain.values import Json

_NAMED = 5


def managers(books: Books) -> tuple[str, ...]:
    """The names under which the volumes stand that may be given back."""
    return tuple(str(s.arguments["new"]) for s in books.undoes if s.verb == REHOME_VOLUMES)


def giving_back(request: Request, survey: OpenStackSurvey, settings: OpenStackSettings) -> Plan:
    """Judge the way back and lay out its steps."""
    storage = survey.storage or Storage(host=survey.computes.host)
    found = [move for step in survey.books.undoes if (move := _back(step, storage)) is not None]
    return Plan(
        action=request.action,
        host=request.host,
        host_name=request.host_name,
        findings=tuple(_findings(request, storage, found, survey.books.undoes)),
        vms=(),
        phases=(PHASE,),
        steps=commands(request, found, settings.cinder),
        facts={"VMs": "stay where they are"},
    )


def _back(step: PlannedStep, storage: Storage) -> Handover | None:
    """The reverse of a step, of whatever stands under its new name now; None when none of what it moved does."""
    if step.verb not in {REHOME_VOLUMES, REHOME_BACKUPS}:
        return None
    old, new = str(step.arguments["old"]), str(step.arguments["new"])
    if step.verb == REHOME_VOLUMES:
        there = tuple(v for v in storage.volumes if v.manager == new and not v.is_clustered)
        return Handover(old=new, new=old, volumes=there) if _ids(step) & {v.id for v in there} else None
    if storage.backups is None:
        return Handover(old=new, new=old)
    kept = tuple(b for b in storage.backups if b.host == new)
    return Handover(old=new, new=old, backups=kept) if not _ids(step) or _ids(step) & {b.id for b in kept} else None


def _ids(step: PlannedStep) -> set[str]:
    """What a step moved; nothing where that could not be told."""
    value: Json = step.arguments.get("volumes") or step.arguments.get("backups")
    return {str(id) for id in value} if isinstance(value, list | tuple) else set()


def _findings(
    request: Request, storage: Storage, found: Sequence[Handover], undoes: Sequence[PlannedStep]
) -> Iterator[Finding]:
    if storage.trouble:
        yield Finding(
            code="cannot-run-cinder-manage",
            verdict=Verdict.UNKNOWN,
            topic=Topic.STORAGE,
            sentence=storage.trouble,
            remedy=storage.remedy or "Run `muster check`: it tries the way to `cinder-manage`. Then check again.",
        )
    if not found:
        yield blocker(
            "nothing-to-give-back",
            Topic.STORAGE,
            f"No volume that Muster took from {request.host_name} is where it was given to.",
            "See who manages them with `cinder list --all --filters host=…`.",
        )
    moved = {id for step in undoes for id in _ids(step)}
    for move in found:
        if not _can_take_back(move, storage):
            yield blocker(
                "old-manager-not-up",
                Topic.STORAGE,
                f"{move.new} is not up and enabled, so nothing is given back to it.",
                f"Start Cinder's services on {request.host_name}, wait until they are up, then check again.",
            )
        handed_over: tuple[Volume | Backup, ...] = move.volumes or move.backups or ()
        others = sorted((t.name for t in handed_over if t.id not in moved), key=natural)
        if others and moved:
            yield Finding(
                code="comes-along",
                verdict=Verdict.WARNING,
                topic=Topic.STORAGE,
                sentence=f"{len(others)} that {move.old} had itself come along to {move.new}, for `cinder-manage` knows"
                f" names alone: {listed(others, most=_NAMED)}.",
                remedy="If that is not wanted, leave all of them: any manager of the backend serves them.",
            )


def _can_take_back(move: Handover, storage: Storage) -> bool:
    service = move.new.partition("#")[0]
    if move.is_of_backups:
        return any(
            s.host == service and s.binary == "cinder-backup" and s.is_up and s.is_enabled for s in storage.services
        )
    return any(s.host == service and can_take(s, move.new, storage) for s in storage.services)

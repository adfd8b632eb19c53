"""Giving volumes and backups back to the host that managed them before an evacuation of ours. Pure.

The steps of that operation are the map: old name, new name, ids. `update_host` knows names alone, so whatever else
stands under the new name by now comes along; the card says what that is.
"""

from adapters.openstack.findings import rehoming
from adapters.openstack.model.handover import Handover
from adapters.openstack.model.resources import Storage
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps.rehome import PHASE, REHOME_BACKUPS, REHOME_VOLUMES, commands
from bot.domain.cloud import Books, Request
from bot.domain.plans.plan import Plan, PlannedStep
from bot.domain.values import Json


def managers(books: Books) -> tuple[str, ...]:
    """The names under which the volumes stand that may be given back."""
    return tuple(str(s.arguments["new"]) for s in books.undoes if s.verb == REHOME_VOLUMES)


def giving_back(request: Request, survey: OpenStackSurvey, settings: OpenStackSettings) -> Plan:
    """Judge the way back and lay out its steps."""
    storage = survey.storage or Storage(host=survey.computes.host)
    found = [move for step in survey.books.undoes if (move := _back(step, storage)) is not None]
    moved = {id for step in survey.books.undoes for id in _ids(step)}
    return Plan(
        action=request.action,
        host=request.host,
        host_name=request.host_name,
        findings=tuple(rehoming.of_the_way_back(request.host_name, storage, found, moved)),
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

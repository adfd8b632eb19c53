"""The procedure of an evacuation: which VMs, in which steps, under which choices. Pure."""

from collections.abc import Sequence

from adapters.openstack.findings import absences, refusals, rehoming, room, selection, special_vms
from adapters.openstack.findings import evacuation as evacuation_findings
from adapters.openstack.findings import locks as lock_findings
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Server
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.plans import spread
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import locks, power, service, vms, witness
from adapters.openstack.steps import rehome as rehome_steps
from adapters.openstack.steps.moves import evacuate
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.cloud import Request
from bot.domain.plans.plan import Disposition, Plan, PlannedStep, Vm

OUT_OF_SERVICE = "Take the host out of service"
EVACUATE = "Evacuate"


def evacuation(request: Request, survey: OpenStackSurvey, settings: OpenStackSettings) -> Plan:
    """Judge an evacuation and lay out its steps."""
    chosen = selection.chosen(request, survey.computes, survey.servers)
    reasons = {
        s.id: evacuation_findings.reason_against(s, survey.computes, survey.servers)
        or refusals.against(s, evacuate.EVACUATE, survey.highest)
        for s in survey.servers.here
    }
    in_turn = sorted((s for s in chosen.servers if not reasons[s.id]), key=lambda s: -evacuate.turn(s, settings))
    crowded_out = room.too_little_for(
        survey.computes, survey.rooms, in_turn, to=request.to, others=survey.books.promised
    )
    leaving = [s for s in in_turn if s.id not in crowded_out]
    microversion = versions.for_evacuation(survey.highest, stopped=settings.stopped)
    fence = settings.fencing.fence
    homes = rehoming.moves(survey.storage, settings.cinder)
    findings = (
        *evacuation_findings.of_host(survey.computes, survey.storage, settings),
        *evacuation_findings.of_versions(survey.highest, settings),
        *absences.of_questions(survey),
        *chosen.findings,
        *selection.of_target(request, survey.computes, survey.highest),
        *evacuation_findings.of_aggregates(survey.computes),
        *room.of_room(
            survey.computes,
            survey.rooms,
            leaving,
            to=request.to,
            others=survey.books.promised,
            staying=len(crowded_out),
        ),
        *room.of_those_that_stay(survey.rooms, [s for s in in_turn if s.id in crowded_out], to=request.to),
        *(
            rehoming.findings(survey.storage, homes)
            if settings.cinder.by
            else evacuation_findings.of_storage(survey.computes, survey.storage, off="dead")
        ),
        *special_vms.of_disks(leaving, shared_storage=settings.shared_storage),
        *special_vms.of_groups(survey),
        *special_vms.of_ports(survey.servers),
        *special_vms.of_shares(survey.servers),
        *lock_findings.findings(survey.highest, settings),
        *evacuation_findings.of_servers(
            (s for s in chosen.servers if s.id not in crowded_out), reasons, survey.computes, survey.servers, settings
        ),
    )
    steps: tuple[PlannedStep, ...] = ()
    may_wish = not request.to and survey.highest >= versions.VALIDATED and survey.computes.service is not None
    best = spread.wishes(survey, leaving, others=survey.books.promised) if may_wish else {}
    if survey.computes.service is not None and not survey.computes.is_bare_metal:
        disable = service.disable(request, survey.computes.service, phase=OUT_OF_SERVICE, quiet=settings.quiet)
        forced = service.force_down(
            survey.computes.service,
            phase=OUT_OF_SERVICE,
            quiet=settings.quiet,
            follows=disable.key,
            is_off=power.will_be_off(survey.computes, fence=fence),
        )
        steps = (
            *(
                [power.fencing(survey.computes, quiet=settings.quiet)]
                if fence and power.is_told(survey.computes)
                else []
            ),
            *rehome_steps.away(request, homes, settings.cinder),
            disable,
            forced,
            *(
                step
                for s in leaving
                for step in _steps_of(s, request, survey, settings, microversion, wishes=best.get(s.id, ()))
            ),
        )
    return Plan(
        action=request.action,
        host=request.host,
        host_name=request.host_name,
        findings=findings,
        vms=tuple(
            _vm(
                s,
                survey,
                settings,
                reasons[s.id] or crowded_out.get(s.id, ""),
                is_meant=s.id in chosen.ids,
                is_evacuable=not reasons[s.id],
                wish=next(iter(best.get(s.id, ())), request.to),
            )
            for s in survey.servers.here
        ),
        phases=(power.FENCE, rehome_steps.PHASE, OUT_OF_SERVICE, EVACUATE),
        steps=witness.named(steps, survey.computes),
        facts={
            "microversion": microversion,
            "VMs come up": "stopped" if settings.stopped else "as they were",
            "target": request.to or "spread over the hosts that are left, as Nova's scheduler allows",
            "storage": {True: "shared", False: "not shared", None: "not known to be shared"}[settings.shared_storage],
        },
    )


def _vm(
    server: Server,
    survey: OpenStackSurvey,
    settings: OpenStackSettings,
    reason: str,
    *,
    is_meant: bool,
    is_evacuable: bool,
    wish: str,
) -> Vm:
    goes = is_meant and not reason
    if goes:
        notes = [*([f"stuck in {server.task}"] if server.task else []), *vms.remarks(server, survey.servers)]
        if server.vm_state == "error":
            notes.append(
                "comes up and is stopped again" if _is_stopped(server, survey.highest, settings) else "comes up running"
            )
        notes += _other_zone(survey.computes, wish)
    else:
        notes = [reason if is_meant else selection.LEFT_OUT]
    return vms.row(
        server,
        survey.servers,
        Disposition.EVACUATE if goes else Disposition.CANNOT if is_meant else Disposition.LEAVE,
        notes,
        loses_disk=goes and server.has_local_disk and settings.shared_storage is not True,
        chosen=goes if is_evacuable else None,
    )


def _other_zone(computes: Computes, wish: str) -> list[str]:
    """That it goes to another availability zone, if Nova's scheduler agrees to where it would go best."""
    zone = computes.zone_of(wish) if wish else ""
    own = computes.service.zone if computes.service else ""
    return [f"to zone {zone}, away from {own}"] if zone and own and zone != own else []


def _is_stopped(server: Server, highest: Microversion, settings: OpenStackSettings) -> bool:
    microversion = versions.for_evacuation(highest, stopped=settings.stopped)
    return locks.stopped_after(server, microversion=microversion, stopped=settings.stopped)


def _steps_of(
    server: Server,
    request: Request,
    survey: OpenStackSurvey,
    settings: OpenStackSettings,
    microversion: str,
    *,
    wishes: Sequence[str],
) -> list[PlannedStep]:
    """Each of them one call: lock, evacuate, stop, unlock, as far as they are needed."""
    move = evacuate.step(
        server, survey.servers, settings, to=request.to, wishes=wishes, microversion=microversion, phase=EVACUATE
    )
    steps = [move]
    if _is_stopped(server, survey.highest, settings):
        steps.append(locks.stop(move, server))
    return locks.locked(steps, server, request, survey.computes, survey.highest, settings)

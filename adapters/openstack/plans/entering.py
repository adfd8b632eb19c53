"""The procedure of entering maintenance: a living host is taken out of service, emptied, and verified empty. Pure.

Running and paused VMs are live-migrated; stopped ones are migrated cold, and that is confirmed. Whoever cannot be moved
stays, by name and reason; then the last step fails, and the host is not called safe to power off.
"""

from collections.abc import Iterator

from adapters.openstack.findings import absences, evacuation, refusals, room, selection, special_vms
from adapters.openstack.findings import entering as entering_findings
from adapters.openstack.findings import locks as lock_findings
from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.plans.evacuation import OUT_OF_SERVICE
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import emptied, locks, service, vms, witness
from adapters.openstack.steps.moves import deadlines, live, ways
from adapters.openstack.steps.moves.method import Relocation
from bot.domain.cloud import Request
from bot.domain.plans.plan import Disposition, Plan, PlannedStep, Vm

MIGRATE = "Migrate its VMs"
VERIFY = "Verify that it is empty"


def entering(request: Request, survey: OpenStackSurvey, settings: OpenStackSettings) -> Plan:
    """Judge the way into maintenance and lay out its steps."""
    chosen = selection.chosen(request, survey.computes, survey.servers)
    reasons = {
        s.id: entering_findings.reason_against(s, survey.computes, survey.servers)
        or refusals.against_moving(s, survey.highest)
        for s in survey.servers.here
    }
    leaving = [s for s in chosen.servers if not reasons[s.id]]
    is_whole = len(chosen.servers) == len(survey.servers.here)
    at = live.microversion(survey.highest)
    findings = (
        *entering_findings.of_host(survey.computes, survey.storage),
        *chosen.findings,
        *selection.of_target(request, survey.computes, survey.highest),
        *entering_findings.of_versions(request, survey.servers, survey.highest),
        *absences.of_questions(survey),
        *room.of_room(survey.computes, survey.rooms, leaving, to=request.to, others=survey.books.promised),
        *evacuation.of_storage(survey.computes, survey.storage, off="off"),
        *entering_findings.of_moves(survey.computes, survey.servers),
        *entering_findings.of_left_over(survey.computes, survey.servers),
        *special_vms.of_groups(survey),
        *special_vms.of_ports(survey.servers),
        *special_vms.of_shares(survey.servers),
        *lock_findings.findings(survey.highest, settings),
        *(
            finding
            for s in chosen.servers
            for finding in entering_findings.of_server(s, survey.computes, survey.servers, reasons[s.id], settings)
        ),
        *entering_findings.of_rest(
            survey.computes,
            survey.servers,
            left=len(survey.servers.here) - len(chosen.servers),
            staying=len(survey.servers.here) - len(leaving),
        ),
    )
    return Plan(
        action=request.action,
        host=request.host,
        host_name=request.host_name,
        findings=findings,
        vms=tuple(_vm(s, survey.servers, reasons[s.id], is_meant=s.id in chosen.ids) for s in survey.servers.here),
        phases=(OUT_OF_SERVICE, MIGRATE, VERIFY),
        steps=witness.named(_steps(request, survey, leaving, settings, is_whole=is_whole), survey.computes),
        facts={
            "live migration": f"block migration decided by Nova, microversion {at}",
            "a live migration": deadlines.spoken(settings),
            "stopped VMs": "are migrated cold, and that is confirmed",
            "target": request.to or "Nova's scheduler chooses",
            "if VMs are left": "the host stays disabled",
        },
    )


def _vm(server: Server, servers: Servers, reason: str, *, is_meant: bool) -> Vm:
    if reason:
        return vms.row(server, servers, Disposition.CANNOT, [reason])
    if not is_meant:
        return vms.row(server, servers, Disposition.LEAVE, [selection.LEFT_OUT], chosen=False)
    way = Disposition.LIVE_MIGRATE if server.is_live else Disposition.COLD_MIGRATE
    return vms.row(server, servers, way, vms.remarks(server, servers), chosen=True)


def _steps(
    request: Request, survey: OpenStackSurvey, leaving: list[Server], settings: OpenStackSettings, *, is_whole: bool
) -> Iterator[PlannedStep]:
    """The steps; the host is verified empty only where all its VMs are meant to leave it."""
    if survey.computes.service is None or survey.computes.is_bare_metal:
        return
    yield service.disable(request, survey.computes.service, phase=OUT_OF_SERVICE, quiet=settings.quiet)
    relocation = Relocation(
        servers=survey.servers, highest=survey.highest, settings=settings, to=request.to, phase=MIGRATE
    )
    for server in leaving:
        yield from locks.locked(
            [*ways.steps(server, relocation)], server, request, survey.computes, survey.highest, settings
        )
    if not is_whole:
        return
    yield emptied.step(survey.computes.service, phase=VERIFY, quiet=settings.quiet)

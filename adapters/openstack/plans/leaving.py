"""The procedure of returning a host to service: no longer forced down, up for a while, enabled, its VMs back. Pure.

Only what Muster itself disabled is enabled again. Of the VMs that Muster moved away, those come back that people chose,
each to exactly this host, which the scheduler validates and nobody forces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from adapters.openstack.findings import absences, leaving, returning_vms
from adapters.openstack.findings.returning_vms import Away
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import service, vms, witness
from adapters.openstack.steps.moves import ways
from adapters.openstack.steps.moves.method import Relocation
from bot.domain.cloud import Request
from bot.domain.plans.plan import Disposition, Plan, PlannedStep, Vm

SERVICE = ("Let Nova count it as up", "Wait until it is up", "Put it into service")
BACK = "Bring its VMs back"
LIVE, COLD, STAYS = "live-migrate back", "migrate back offline", "stay where they are"
_GO_BACK = "come back where people chose so, to this host alone"


def returning(request: Request, survey: OpenStackSurvey, settings: OpenStackSettings) -> Plan:
    """Judge the return of a host and lay out its steps."""
    away = returning_vms.of(request, survey, settings)
    return Plan(
        action=request.action,
        host=request.host,
        host_name=request.host_name,
        findings=(
            *leaving.of_host(survey),
            *absences.of_questions(survey),
            *leaving.of_vms(request, survey, away, settings),
        ),
        vms=tuple(_vm(one, survey.servers) for one in away),
        phases=(*SERVICE, BACK),
        steps=witness.named(_steps(survey, away, settings), survey.computes),
        facts={
            "VMs": "come back where people chose so, to this host alone"
            if survey.books.ledger
            else "stay where they are"
        },
        may_choose_none=True,
    )


def _vm(away: Away, servers: Servers) -> Vm:
    disposition = Disposition.MIGRATE_BACK if away.comes else Disposition.LEAVE
    row = vms.row(away.server, servers, disposition, returning_vms.remarks(away, servers))
    return replace(
        row,
        chosen=None if away.reason else away.comes,
        group=STAYS if away.reason else LIVE if away.server.is_live else COLD,
        is_flagged=bool(away.flag),
        place=away.server.host,
    )


def _steps(survey: OpenStackSurvey, away: Sequence[Away], settings: OpenStackSettings) -> Iterator[PlannedStep]:
    if survey.computes.service is None:
        return
    yield from service.back(survey.computes.service, phases=SERVICE, quiet=settings.quiet)
    relocation = Relocation(
        servers=survey.servers,
        highest=survey.highest,
        settings=settings,
        to=survey.computes.host,
        phase=BACK,
        exactly=True,
    )
    for one in away:
        if one.comes:
            yield from ways.steps(one.server, relocation)

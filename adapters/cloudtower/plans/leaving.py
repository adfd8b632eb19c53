"""From a survey to the plan of leaving maintenance: which VMs come back and how, the findings, the steps. Pure.

By default everything comes back but what CloudTower flags: VMs that were changed since, that are in the recycle bin, or
that Muster cannot see and so could not verify. Naming or ticking VMs chooses exactly those, flagged or not.
"""

from adapters.cloudtower.findings import leaving
from adapters.cloudtower.steps.course import EXIT
from adapters.cloudtower.survey.leaving import LeavingSurvey, WayBack, WayBackKind
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.cloud import Request
from bot.domain.counting import counted
from bot.domain.plans.plan import Disposition, Plan, PlannedStep, Verdict, Vm
from bot.domain.values import Json, VmId

PHASES = ("Exit maintenance", "Verify")
_WORDS = {
    WayBackKind.POWER_ON: "power on",
    WayBackKind.LIVE: "live-migrate back",
    WayBackKind.OFFLINE: "migrate back offline",
}


def plan(request: Request, survey: LeavingSurvey) -> Plan:
    """The plan of leaving maintenance."""
    chosen = _chosen(request, survey)
    ids = frozenset(offer.uuid for offer in chosen)
    findings = tuple(leaving.findings(request, survey, ids))
    host = survey.host
    blocked = host is None or any(f.verdict in {Verdict.BLOCKER, Verdict.UNKNOWN} for f in findings)
    return Plan(
        action=request.action,
        host=request.host,
        host_name=host.name if host else request.host_name,
        findings=findings,
        vms=tuple(sorted((_vm(o, is_chosen=o.uuid in ids) for o in survey.offers), key=lambda vm: (vm.name, vm.id))),
        phases=PHASES,
        steps=() if blocked or host is None else _steps(host, chosen),
        may_choose_none=True,
    )


def _chosen(request: Request, survey: LeavingSurvey) -> list[WayBack]:
    """The offers that are taken."""
    named = frozenset(request.vms)
    if request.is_choice:
        return [offer for offer in survey.offers if offer.uuid in named]
    if named:
        return [offer for offer in survey.offers if offer.names & named]
    return [offer for offer in survey.offers if not offer.flag]


def _vm(offer: WayBack, *, is_chosen: bool) -> Vm:
    return Vm(
        id=VmId(offer.uuid),
        name=offer.name,
        project=offer.vm.owner if offer.vm else "",
        status=offer.vm.status if offer.vm else "",
        size=translate.size(offer.vm) if offer.vm else "",
        disposition=_disposition(offer) if is_chosen else Disposition.LEAVE,
        note=offer.flag,
        is_flagged=bool(offer.flag),
        chosen=is_chosen,
        group=_WORDS[offer.way],
        place=offer.place,
    )


def _steps(host: TowerHost, chosen: list[WayBack]) -> tuple[PlannedStep, ...]:
    lists: dict[str, Json] = {way.value: [o.uuid for o in chosen if o.way is way] for way in WayBackKind}
    title = f"take {host.name} out of maintenance, bringing back {counted(len(chosen), 'VM')}"
    return (
        EXIT.called(host, phase=PHASES[0], title=title, vms=lists),
        *(_verification(host, offer) for offer in chosen),
        EXIT.verified(host, phase=PHASES[1], title=f"verify that {host.name} is in use"),
    )


def _verification(host: TowerHost, offer: WayBack) -> PlannedStep:
    return EXIT.vm_verified(
        host,
        VmId(offer.uuid),
        phase=PHASES[0],
        title=f"{_WORDS[offer.way]} {offer.name}",
        disposition=_disposition(offer).value,
        runs=offer.way is not WayBackKind.OFFLINE,
    )


def _disposition(offer: WayBack) -> Disposition:
    return Disposition.POWER_ON if offer.way is WayBackKind.POWER_ON else Disposition.MIGRATE_BACK

"""From a survey to the plan of entering maintenance: dispositions of VMs and the steps. Pure.

One call enters maintenance, and CloudTower itself moves and stops the VMs; the steps of the VMs only verify that. What
the call carries is exactly the shutdown list of the precheck, and it is part of what approvers sign.
"""

from dataclasses import replace

from adapters.cloudtower.findings import entering
from adapters.cloudtower.findings import power as power_findings
from adapters.cloudtower.findings.host import gone
from adapters.cloudtower.steps import power
from adapters.cloudtower.steps.course import ENTER
from adapters.cloudtower.survey.survey import CloudTowerSurvey
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerHost, TowerVm
from bot.domain.cloud import Request
from bot.domain.counting import counted
from bot.domain.plans.plan import Disposition, Plan, PlannedStep, Verdict, Vm
from bot.domain.values import Then, VmId

PHASES = ("Enter maintenance", "Verify", power.PHASE)


def plan(request: Request, survey: CloudTowerSurvey) -> Plan:
    """The plan of entering maintenance."""
    host = survey.host
    if host is None:
        return Plan(
            action=request.action,
            host=request.host,
            host_name=request.host_name,
            findings=(gone(request.host_name),),
            vms=(),
        )
    vms = _vms(survey)
    findings = (*entering.findings(survey, host), *power_findings.findings(request, survey, host))
    blocked = any(f.verdict in {Verdict.BLOCKER, Verdict.UNKNOWN} for f in findings)
    return Plan(
        action=request.action,
        host=request.host,
        host_name=host.name,
        findings=findings,
        vms=vms,
        phases=PHASES,
        steps=() if blocked else _steps(request, host, survey, vms),
    )


def _vms(survey: CloudTowerSurvey) -> tuple[Vm, ...]:
    stops = entering.must_stop(survey)
    seen = (*survey.vms, *survey.elsewhere)
    listed = [_vm(vm, called=stops(vm)) for vm in seen]
    named = {vm.id for vm in listed}
    unseen = [
        Vm(
            id=VmId(uuid),
            name=uuid,
            disposition=Disposition.SHUT_DOWN,
            note="CloudTower does not show this VM to Muster",
        )
        for uuid in survey.precheck.shutdown
        if uuid not in named
    ]
    return tuple(sorted((*listed, *unseen), key=lambda vm: (vm.name, vm.id)))


def _vm(vm: TowerVm, *, called: str) -> Vm:
    if called:
        disposition = Disposition.SHUT_DOWN
        note = f"cannot be migrated ({', '.join(vm.devices)})" if vm.devices else "cannot be migrated"
    elif vm.status == "RUNNING":
        disposition, note = Disposition.LIVE_MIGRATE, ""
    elif vm.status == "STOPPED":
        disposition = Disposition.LEAVE
        note = "in the recycle bin" if vm.in_recycle_bin else "stays off; CloudTower may keep it on another host"
    else:
        disposition, note = Disposition.CANNOT, f"is {vm.status}"
    return Vm(
        id=VmId(called or vm.uuid),
        name=vm.name,
        project=vm.owner,
        status=vm.status,
        size=translate.size(vm),
        disposition=disposition,
        note=note,
    )


def _steps(request: Request, host: TowerHost, survey: CloudTowerSurvey, vms: tuple[Vm, ...]) -> tuple[PlannedStep, ...]:
    count = len(survey.precheck.shutdown)
    stopping = f", shutting down {counted(count, 'VM')}" if count else ""
    call = ENTER.called(
        host,
        phase=PHASES[0],
        title=f"put {host.name} into maintenance{stopping}",
        vms={"shutdown_vms": list(survey.precheck.shutdown)},
    )
    unseen = set(survey.precheck.shutdown) - {entering.must_stop(survey)(vm) for vm in (*survey.vms, *survey.elsewhere)}
    checks = [_verification(host, vm, is_seen=vm.id not in unseen) for vm in vms]
    title = f"verify that {host.name} is in maintenance and that no VM runs on it"
    end = ENTER.verified(host, phase=PHASES[1], title=title)
    steps = (call, *(step for step in checks if step is not None), end)
    if request.then is Then.NOTHING:
        return steps
    # nobody's power is switched over a VM or a host that could not be verified
    return (*(replace(step, essential=True) for step in steps), power.step(request, host, follows=end.key))


_WORDS = {
    Disposition.SHUT_DOWN: "shut down",
    Disposition.LIVE_MIGRATE: "migrate",
    Disposition.LEAVE: "see where CloudTower keeps",
}


def _verification(host: TowerHost, vm: Vm, *, is_seen: bool) -> PlannedStep | None:
    """The step that verifies what CloudTower did to a VM; of one that it may leave or move, where it is then."""
    word = _WORDS.get(vm.disposition)
    if word is None:
        return None
    title = f"{word} {vm.name}"
    seen = {"disposition": vm.disposition.value, "is_seen": is_seen}
    return ENTER.vm_verified(host, vm.id, phase=PHASES[0], title=title, **seen)

"""From a survey to the plan of leaving maintenance: which VMs come back and how, the findings, the steps. Pure.

By default everything comes back but what CloudTower flags: VMs that were changed since, that are in the recycle bin, or
that Muster cannot see and so could not verify. Naming or ticking VMs chooses exactly those, flagged or not.
"""

from collections.abc import Iterator

from adapters.cloudtower.findings import alerts, entering
from adapters.cloudtower.findings.entering import finding
from adapters.cloudtower.steps.course import EXIT, PATIENCE, QUIET
from adapters.cloudtower.survey.leaving import LeavingSurvey, WayBack, WayBackKind
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.cloud import Request
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Disposition, Finding, Plan, PlannedStep, Topic, Verdict, Vm
from bot.domain.values import Json, StepKey, VmId

_UNLESS_CHOSEN = " They stay as they are unless somebody chooses them."
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
    findings = tuple(_findings(request, survey, ids))
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
        return [offer for offer in survey.offers if _names(offer) & named]
    return [offer for offer in survey.offers if not _flag(offer)]


def _names(offer: WayBack) -> set[str]:
    return {offer.uuid, offer.name} | ({offer.vm.id} if offer.vm else set())


def _flag(offer: WayBack) -> str:
    """Why a VM is not brought back unless somebody names it; empty when it is."""
    if offer.is_recycled:
        return "in the recycle bin"
    if offer.changed:
        return offer.changed
    return "" if offer.vm else "CloudTower does not show this VM to Muster"


# ---------------------------------------------------------------------- findings


def _findings(request: Request, survey: LeavingSurvey, chosen: frozenset[str]) -> Iterator[Finding]:
    host = survey.host
    if host is None:
        sentence = f"CloudTower does not list {request.host_name} any more."
        remedy = "Look for it in CloudTower: it was removed, or Muster's user may not see it any more."
        yield finding("host-gone", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)
        return
    yield from entering.of_version(survey.version, "take the host out of maintenance")
    yield from _of_host(host, survey)
    yield from entering.of_work(host)
    if host.mode == EXIT.origin:
        yield from entering.of_cluster(survey.cluster, host, silence=survey.silence)
    if survey.nameless:
        sentence = f"CloudTower offers {counted(survey.nameless, 'VM')} without saying which: left alone."
        yield finding("vm-nameless", Verdict.WARNING, Topic.VMS, sentence)
    for offer in survey.offers:
        if offer.changed and not offer.is_recycled:
            stays = "" if offer.uuid in chosen else " It stays as it is unless somebody chooses it."
            sentence = f"{offer.name} is not as the maintenance left it: {offer.changed}.{stays}"
            together = f"are not as the maintenance left them: {offer.changed}.{stays and _UNLESS_CHOSEN}"
            yield finding("vm-changed", Verdict.WARNING, Topic.VMS, sentence, together=together, vm=VmId(offer.uuid))
    for offer in survey.offers:
        if (offer.is_recycled or offer.vm is None) and offer.uuid in chosen:
            sentence = f"{offer.name} was chosen, but: {_flag(offer)}."
            together = f"were chosen, but: {_flag(offer)}."
            yield finding("vm-flagged", Verdict.WARNING, Topic.VMS, sentence, together=together, vm=VmId(offer.uuid))
    for offer in survey.offers:
        if offer.vm is not None and offer.uuid in chosen:
            yield from entering.of_work_on(offer.vm)
    for vm in survey.left_out:
        now = f"is {vm.status} on {vm.host or 'no host'}"
        yield Finding(
            code="vm-left-out",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            sentence=f"CloudTower does not offer to bring {vm.name} back, which left with the maintenance: it {now}.",
            together="are not offered back by CloudTower, though they left with the maintenance.",
            remedy="Check again; if it stays so, bring back in CloudTower by hand what is missing.",
            vm=VmId(vm.uuid),
        )
    yield from _not_offered(request, survey)
    yield from alerts.findings(host, survey.alerts)


def _not_offered(request: Request, survey: LeavingSurvey) -> Iterator[Finding]:
    """VMs that were named or ticked and are not in the lists: a wrong name, or a VM that is gone since."""
    known = {name for offer in survey.offers for name in _names(offer)}
    unknown = [name for name in request.vms if name not in known]
    if not unknown or survey.refusal is not None:
        return
    some = listed(unknown, most=5)
    if request.is_choice:
        sentence = f"Chosen, but not offered any more, so left alone: {some}."
        yield finding("vm-gone", Verdict.OK, Topic.VMS, sentence)
    else:
        sentence = f"Not among the VMs that can come back: {some}."
        remedy = "Name VMs of the list below, or none to bring back all."
        yield finding("vm-not-offered", Verdict.BLOCKER, Topic.VMS, sentence, remedy=remedy)


def _of_host(host: TowerHost, survey: LeavingSurvey) -> Iterator[Finding]:
    if host.mode != EXIT.origin:
        sentence = f"{host.name} is not in maintenance (it is {host.mode})."
        remedy = (
            "Nothing is left to do if it is in use; if it still enters, wait until that has ended, then check again."
        )
        yield finding("host-state", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)
    elif survey.refusal is not None:
        no = survey.refusal
        sentence = f"CloudTower's precheck says no. {no.sentence}"
        remedy = no.remedy or "Take it out of maintenance in CloudTower, which says more, then check again."
        yield finding("precheck", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy, raw=no.raw)
    if host.is_connected:
        yield finding("host-status", Verdict.OK, Topic.HOST, f"{host.name} is connected.")
    else:
        yield finding(
            "host-status",
            Verdict.BLOCKER,
            Topic.HOST,
            f"{host.name} is {host.status or 'of unknown status'}.",
            remedy="Power it on and wait until CloudTower shows it as connected.",
        )


# ---------------------------------------------------------------------- VMs and steps


def _vm(offer: WayBack, *, is_chosen: bool) -> Vm:
    disposition = Disposition.POWER_ON if offer.way is WayBackKind.POWER_ON else Disposition.MIGRATE_BACK
    return Vm(
        id=VmId(offer.uuid),
        name=offer.name,
        project=offer.vm.owner if offer.vm else "",
        status=offer.vm.status if offer.vm else "",
        size=translate.size(offer.vm) if offer.vm else "",
        disposition=disposition if is_chosen else Disposition.LEAVE,
        note=_flag(offer),
        is_flagged=bool(_flag(offer)),
        chosen=is_chosen,
        group=_WORDS[offer.way],
        place=offer.place,
    )


def _steps(host: TowerHost, chosen: list[WayBack]) -> tuple[PlannedStep, ...]:
    lists: dict[str, Json] = {way.value: [o.uuid for o in chosen if o.way is way] for way in WayBackKind}
    call = PlannedStep(
        key=StepKey(f"{EXIT.verb}:{host.id}"),
        phase=PHASES[0],
        verb=EXIT.verb,
        target=host.id,
        title=f"take {host.name} out of maintenance, bringing back {counted(len(chosen), 'VM')}",
        arguments={"host_id": host.id, **lists},
        essential=True,
        patience=PATIENCE,
        quiet=QUIET,
    )
    end = EXIT.verified(host, phase=PHASES[1], title=f"verify that {host.name} is in use")
    return (call, *(_verification(host, offer) for offer in chosen), end)


def _verification(host: TowerHost, offer: WayBack) -> PlannedStep:
    disposition = Disposition.POWER_ON if offer.way is WayBackKind.POWER_ON else Disposition.MIGRATE_BACK
    return EXIT.vm_verified(
        host,
        VmId(offer.uuid),
        phase=PHASES[0],
        title=f"{_WORDS[offer.way]} {offer.name}",
        disposition=disposition.value,
        runs=offer.way is not WayBackKind.OFFLINE,
    )

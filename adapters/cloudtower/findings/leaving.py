"""Judges a survey for "leave maintenance": the host, and each VM that could come back. Pure."""

from collections.abc import Iterator

from adapters.cloudtower.findings import alerts
from adapters.cloudtower.findings.host import finding, gone, of_cluster, of_version, of_work, of_work_on
from adapters.cloudtower.steps.course import EXIT
from adapters.cloudtower.survey.leaving import LeavingSurvey
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.cloud import Request
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

_UNLESS_CHOSEN = " They stay as they are unless somebody chooses them."


def findings(request: Request, survey: LeavingSurvey, chosen: frozenset[str]) -> Iterator[Finding]:
    """All findings about leaving maintenance.

    Args:
        request: what was asked.
        survey: what there is.
        chosen: ids of the VMs that come back.
    """
    host = survey.host
    if host is None:
        yield gone(request.host_name)
        return
    yield from of_version(survey.version, "take the host out of maintenance")
    yield from _of_host(host, survey)
    yield from of_work(host)
    if host.mode == EXIT.origin:
        yield from of_cluster(survey.cluster, host, silence=survey.silence)
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
            sentence = f"{offer.name} was chosen, but: {offer.flag}."
            together = f"were chosen, but: {offer.flag}."
            yield finding("vm-flagged", Verdict.WARNING, Topic.VMS, sentence, together=together, vm=VmId(offer.uuid))
    for offer in survey.offers:
        if offer.vm is not None and offer.uuid in chosen:
            yield from of_work_on(offer.vm)
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
    known = {name for offer in survey.offers for name in offer.names}
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
        sentence = f"{host.name} is not in maintenance: it is {translate.mode_said(host.mode)}."
        remedy = "If it still enters maintenance, wait until that has ended, then check again."
        if host.mode == translate.IN_USE:
            remedy = "Nothing is left to do."
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
            f"{host.name} is {translate.said(host.status)}.",
            remedy="Power it on and wait until CloudTower shows it as connected.",
        )

"""The procedure of returning a host to service: no longer forced down, up for a while, and enabled. Pure.

Only what Muster itself disabled is enabled again. VMs stay where they are.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from adapters.openstack import judge, service
from adapters.openstack.asked import blocker
from adapters.openstack.judge import Terms
from adapters.openstack.things import EVACUATION, Migration, OpenStackSurvey, Service
from bot.domain.cloud import Request
from bot.domain.plan import Finding, Plan, Topic, Verdict

PHASES = ("Let Nova count it as up", "Wait until it is up", "Put it into service")
SILENT = timedelta(seconds=60)
"""So long without a heartbeat, and nova-compute does not run: it reports every 10 s where nobody chose otherwise."""
_NUMBERS = 5  #: so many migrations are named in a sentence


def returning(request: Request, survey: OpenStackSurvey, terms: Terms) -> Plan:
    """Judge the return of a host and lay out its steps."""
    steps = () if survey.service is None else tuple(service.back(survey.service, phases=PHASES, quiet=terms.quiet))
    return Plan(
        action=request.action,
        host=request.host,
        host_name=request.host_name,
        findings=tuple(_findings(request, survey)),
        vms=(),
        phases=PHASES,
        steps=steps,
        facts={"VMs": "stay where they are"},
    )


def _findings(request: Request, survey: OpenStackSurvey) -> Iterator[Finding]:
    if survey.service is None:
        yield judge.unknown(survey)
        return
    yield from _of_life(survey, survey.service)
    yield from _of_evacuations(survey)
    yield from _of_who_disabled(survey, survey.service)
    yield from _of_cinder(survey)
    if request.vms:
        sentence = "VMs cannot be chosen when an OpenStack host returns: none is brought back."
        yield blocker("none-brought-back", Topic.VMS, sentence, "Ask again without naming VMs.")
    here = f" {survey.host} has {len(survey.servers)} now." if survey.servers else ""
    yield Finding(code="vms-stay", verdict=Verdict.OK, topic=Topic.VMS, sentence=f"All VMs stay where they are.{here}")


def _of_life(survey: OpenStackSurvey, found: Service) -> Iterator[Finding]:
    """Whether nova-compute runs. Of a host that is forced down, only the time of its last report can tell."""
    if found.is_forced_down:
        silence = _silence(survey, found)
        if silence is None or silence > SILENT:
            ago = "" if silence is None else f": last heard of {judge.spoken_age(silence)} ago"
            yield _not_running(survey, f"nova-compute does not seem to run on {survey.host}{ago}.")
            return
        sentence = f"nova-compute on {survey.host} reports, though Nova counts it as down by force; that is taken back."
        yield _ok("reports", sentence)
        if not service.is_ours(found):
            yield Finding(
                code="forced-by-others",
                verdict=Verdict.WARNING,
                topic=Topic.HOST,
                sentence=f"{survey.host} was forced down, and not by Muster, which disables what it forces down.",
                remedy="Ask who did it and why before you approve.",
            )
    elif not found.is_up:
        yield _not_running(survey, f"{survey.host}'s compute service is down{judge.heard(survey, found)}.")
    else:
        yield _ok("service-up", f"{survey.host}'s compute service is up{judge.heard(survey, found)}.")


def _silence(survey: OpenStackSurvey, found: Service) -> timedelta | None:
    """How long ago it reported, by the clock of the cloud: that of the service that reported last."""
    newest: datetime | None = max((s.updated_at for s in survey.services if s.updated_at), default=None)
    return newest - found.updated_at if newest is not None and found.updated_at is not None else None


def _not_running(survey: OpenStackSurvey, sentence: str) -> Finding:
    return blocker(
        "compute-silent", Topic.HOST, sentence, f"Start the host and nova-compute on {survey.host}, then re-check."
    )


def _of_evacuations(survey: OpenStackSurvey) -> Iterator[Finding]:
    """Evacuations that nova-compute has not cleaned up: old guests may still lie on the host."""
    away = [m for m in survey.migrations if m.type == EVACUATION and m.source == survey.host]
    latest: dict[str, Migration] = {}
    for move in sorted(away, key=lambda m: m.id):
        latest[move.server] = move
    opened = [m for m in latest.values() if m.is_open]
    if opened:
        yield blocker(
            "evacuation-open",
            Topic.VMS,
            f"{len(opened)} evacuations from {survey.host} have not ended ({_numbers(opened)}): where these VMs run is"
            " not certain, and nova-compute may delete their guests there.",
            "See where their guests run, let the evacuations end or have the VMs' state reset, then re-check.",
        )
    kept = [m for m in away if m.status == "done"]
    if kept:
        yield blocker(
            "old-guests",
            Topic.VMS,
            f"nova-compute has not yet removed the old guests of {len(kept)} VMs that were evacuated from"
            f" {survey.host} ({_numbers(kept)}); until then Nova does not count it as up.",
            "Restart nova-compute there, wait half a minute, then re-check.",
        )


def _numbers(moves: list[Migration]) -> str:
    more = f" and {len(moves) - _NUMBERS} more" if len(moves) > _NUMBERS else ""
    return ", ".join(f"#{m.id}" for m in moves[:_NUMBERS]) + more


def _of_who_disabled(survey: OpenStackSurvey, found: Service) -> Iterator[Finding]:
    if service.is_ours(found):
        yield _ok("disabled-by-us", f"{survey.host} was disabled by Muster ({found.disabled_reason}); it is enabled.")
    elif not found.is_enabled:
        yield blocker(
            "disabled-by-others",
            Topic.HOST,
            f"{survey.host} was disabled by somebody else: {found.disabled_reason or 'no reason given'}. Muster enables"
            " only what it disabled itself.",
            "Ask them. When it may return: `openstack compute service set --enable"
            f" {survey.host} nova-compute`, then re-check.",
        )
    elif not found.is_forced_down:
        yield _ok("in-service", f"{survey.host} is enabled already; Muster only sees that it is up.")


def _of_cinder(survey: OpenStackSurvey) -> Iterator[Finding]:
    """Cinder's services on the host, which should be back as well."""
    down = sorted({s.binary for s in survey.storage.here if not s.is_up}) if survey.storage else []
    if down:
        yield Finding(
            code="cinder-down",
            verdict=Verdict.WARNING,
            topic=Topic.STORAGE,
            sentence=f"{' and '.join(down)} on {survey.host} {'is' if len(down) == 1 else 'are'} down.",
            remedy="Start it as well; VMs that use its volumes may hang.",
        )


def _ok(code: str, sentence: str) -> Finding:
    return Finding(code=code, verdict=Verdict.OK, topic=Topic.HOST, sentence=sentence)

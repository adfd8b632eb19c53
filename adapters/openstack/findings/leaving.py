"""What a survey says for and against returning a host to service, and about the VMs that were moved away. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from adapters.openstack.findings import entering, evacuation, host_identity, signs_of_life, special_vms
from adapters.openstack.findings.returning_vms import Away
from adapters.openstack.findings.selection import blocker
from adapters.openstack.model import ages, migration_records
from adapters.openstack.model.computes import Computes, last_heard
from adapters.openstack.model.resources import EVACUATION, Life, Migration, Service, Storage
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps import service
from bot.domain.cloud import Request
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

SILENT = timedelta(seconds=60)
"""So long without a heartbeat, and nova-compute does not run: it reports every 10 s where nobody chose otherwise."""
_NUMBERS = 5  #: so many migrations or VMs are named in a sentence


def of_host(survey: OpenStackSurvey) -> Iterator[Finding]:
    """Whether it lives, whether its old guests are gone, and who has taken it out of service."""
    if survey.computes.service is None:
        yield evacuation.unknown(survey.computes)
        return
    yield from host_identity.findings(survey.computes, survey.storage)
    yield from _of_life(survey.computes, survey.computes.service)
    yield from _of_evacuations(survey.computes, survey.servers)
    yield from _of_who_disabled(survey.computes, survey.computes.service)
    yield from _of_cinder(survey.computes, survey.storage)


def of_vms(
    request: Request, survey: OpenStackSurvey, away: Sequence[Away], settings: OpenStackSettings
) -> Iterator[Finding]:
    """What becomes of the VMs that were moved away."""
    if survey.computes.service is None:
        return
    here = f" {survey.computes.host} has {len(survey.servers.here)} now." if survey.servers.here else ""
    coming = sum(1 for one in away if one.comes)
    if away:
        number = f"{coming or 'none'} of {len(away)}"
        yield _vms("vms-away", Verdict.OK, f"VMs that Muster moved away and that come back: {number}.{here}")
    else:
        yield _vms("vms-stay", Verdict.OK, f"All VMs stay where they are.{here}")
    yield from _of_lost(request, survey, away)
    for one in away:
        yield from _of_vm(one, survey.computes, survey.servers, settings)
    if coming:
        yield from special_vms.of_ports(survey.servers)
        yield from special_vms.of_shares(survey.servers)
        yield from evacuation.of_control(survey.computes)


def _of_vm(away: Away, computes: Computes, servers: Servers, settings: OpenStackSettings) -> Iterator[Finding]:
    server, id = away.server, VmId(away.server.id)
    if away.reason:
        yield _vms(
            "stays-away",
            Verdict.OK,
            f"{server.name} stays on {server.host}: it {away.reason}.",
            f"stay where they are: each of them {migration_records.alike(away.reason)}.",
            vm=id,
        )
    elif away.obstacle:
        sentence = f"{server.name} does not come back though it was chosen: {away.obstacle}."
        together = "do not come back though they were chosen: why stands beside each in Details."
        remedy = "Choose fewer VMs, or make room."
        yield _vms("no-way-back", Verdict.WARNING, sentence, together, remedy=remedy, vm=id)
    elif away.comes:
        if away.flag:
            sentence = f"{server.name} comes back from {server.host}: {away.flag}."
            together = "come back from elsewhere than where Muster left them."
            yield _vms("not-as-left", Verdict.WARNING, sentence, together, vm=id)
        way = special_vms.way_of(server, home=computes.host)
        yield from special_vms.of_server(server, computes, servers, way, priority_key=settings.priority_metadata)


def _of_lost(request: Request, survey: OpenStackSurvey, away: Sequence[Away]) -> Iterator[Finding]:
    """VMs of the ledger that need no way back, and VMs that were asked for and are not in it."""
    here, elsewhere = {s.id for s in survey.servers.here}, {one.server.id for one in away}
    unheld = {id for id in here if survey.rooms.held is not None and id not in survey.rooms.held}
    home = [one.name for one in survey.books.ledger if one.id in here - unheld]
    if unproven := [one.name for one in survey.books.ledger if one.id in unheld]:
        yield _vms(
            "home-unproven",
            Verdict.WARNING,
            f"Nova lists {_named(unproven)} on {survey.computes.host} again, where Placement holds nothing for"
            " them: where they are could not be found out, and they stay as they are.",
            remedy="Check again in a minute, before you approve.",
        )
    gone = [one.name for one in survey.books.ledger if one.id not in here | elsewhere]
    if home:
        yield _vms("vms-home", Verdict.OK, f"On {survey.computes.host} already: {_named(home)}.")
    if gone:
        yield _vms("vms-gone", Verdict.OK, f"Moved away by Muster and deleted since: {_named(gone)}.")
    known = {word for one in survey.books.ledger for word in (one.id, one.name)}
    if strange := [word for word in request.vms if word not in known]:
        yield blocker(
            "vm-not-offered",
            Topic.VMS,
            f"Not among the VMs that Muster moved away from {survey.computes.host}: {_named(strange)}.",
            "Ask for the host's return without naming VMs, then choose them on the card.",
        )


def _named(names: Sequence[str]) -> str:
    return listed(names, most=_NUMBERS)


def _of_life(computes: Computes, found: Service) -> Iterator[Finding]:
    """Whether nova-compute runs. Of a host that is forced down, only the time of its last report can tell."""
    if found.is_forced_down:
        silence = _silence(computes, found)
        if computes.life is not Life.REPORTS and (silence is None or silence > SILENT):
            ago = "" if silence is None else f": not heard from for at least {ages.spoken(silence)}"
            yield _not_running(computes, f"nova-compute does not seem to run on {computes.host}{ago}.")
            return
        does = "reports" if computes.life is Life.REPORTS else "seems to report"
        sentence = (
            f"nova-compute on {computes.host} {does}, though Nova counts it as down by force; that is taken back."
        )
        yield _ok("reports", sentence)
        if not service.is_ours(found):
            yield Finding(
                code="forced-by-others",
                verdict=Verdict.WARNING,
                topic=Topic.HOST,
                sentence=f"{computes.host} was forced down, and not by Muster, which disables what it forces down.",
                remedy="Ask who did it and why before you approve.",
            )
    elif not found.is_up and computes.life is Life.REPORTS:
        yield blocker(
            "compute-called-down",
            Topic.HOST,
            f"nova-compute on {computes.host} reports{signs_of_life.heard(computes, found)}, and yet"
            " Nova reports it as down.",
            f"Have the clocks of the controllers and of {computes.host} set right, then check again.",
        )
    elif not found.is_up:
        yield _not_running(
            computes, f"{computes.host}'s compute service is down{signs_of_life.heard(computes, found)}."
        )
    else:
        yield _ok("service-up", f"{computes.host}'s compute service is up{signs_of_life.heard(computes, found)}.")


def _silence(computes: Computes, found: Service) -> timedelta | None:
    """How long ago it reported, by the clock of the cloud: that of the service that reported last."""
    newest = last_heard(computes.services)
    return newest - found.updated_at if newest is not None and found.updated_at is not None else None


def _not_running(computes: Computes, sentence: str) -> Finding:
    return blocker(
        "compute-silent",
        Topic.HOST,
        sentence,
        f"Start the host and nova-compute on {computes.host}, then check again.",
    )


def _of_evacuations(computes: Computes, servers: Servers) -> Iterator[Finding]:
    """Evacuations that nova-compute has not cleaned up: old guests may still lie on the host."""
    away = [m for m in servers.migrations if m.type == EVACUATION and m.source == computes.host]
    latest: dict[str, Migration] = {}
    for move in sorted(away, key=lambda m: m.id):
        latest[move.server] = move
    lasting = migration_records.still_open([*latest.values()], servers.seen, now=computes.at)
    opened = [m for m in lasting if not migration_records.is_superseded(m, servers.moves_of(m.server))]
    if opened:
        yield blocker(
            "evacuation-open",
            Topic.VMS,
            f"{counted(len(opened), 'evacuation has', 'evacuations have')} not ended from {computes.host}"
            f" ({_numbers(opened)}): where the guests run is not certain, and nova-compute may delete them there.",
            "See where their guests run, let the evacuations end or have the VMs' state reset, then check again.",
        )
    yield from entering.of_left_over(computes, servers)
    kept = [m for m in away if m.status == "done"]
    here = {s.id for s in servers.here}
    if kept and not any(m.server in here for m in kept):
        yield blocker(
            "old-guests",
            Topic.VMS,
            f"nova-compute has not yet removed the old guests of {counted(len(kept), 'VM')} that left"
            f" {computes.host} by evacuation ({_numbers(kept)}); until then Nova does not count it as up.",
            "Restart nova-compute there, wait half a minute, then check again.",
        )
    elif kept:
        yield blocker(
            "old-guests-at-home",
            Topic.VMS,
            f"Nova does not count {computes.host} as up while evacuations from it are not cleaned up"
            f" ({_numbers(kept)}), and to restart nova-compute for that would delete guests that are back on it.",
            "Have the records of VMs that are back set to `completed` in Nova's database, then check again.",
        )


def _numbers(moves: list[Migration]) -> str:
    return _named([f"#{m.id}" for m in moves])


def _of_who_disabled(computes: Computes, found: Service) -> Iterator[Finding]:
    if service.is_ours(found):
        yield _ok(
            "disabled-by-us",
            f"{computes.host} was disabled by Muster ({found.disabled_reason}); it will be enabled.",
        )
    elif not found.is_enabled:
        yield blocker(
            "disabled-by-others",
            Topic.HOST,
            f"{computes.host} was disabled by somebody else: {found.disabled_reason or 'no reason given'}. Muster"
            " enables only what it disabled itself.",
            "Ask them. When it may return: `openstack compute service set --enable"
            f" {computes.host} nova-compute`, then check again.",
        )
    elif not found.is_forced_down:
        yield _ok("in-service", f"{computes.host} is enabled already; Muster only sees that it is up.")


def _of_cinder(computes: Computes, storage: Storage | None) -> Iterator[Finding]:
    """Cinder's services on the host, which should be back as well."""
    down = sorted({s.binary for s in storage.here if not s.is_up}) if storage else []
    if down:
        yield Finding(
            code="cinder-down",
            verdict=Verdict.WARNING,
            topic=Topic.STORAGE,
            sentence=f"{' and '.join(down)} on {computes.host} {'is' if len(down) == 1 else 'are'} down.",
            remedy="Start it as well; VMs that use its volumes may hang.",
        )


def _ok(code: str, sentence: str) -> Finding:
    return Finding(code=code, verdict=Verdict.OK, topic=Topic.HOST, sentence=sentence)


def _vms(
    code: str, verdict: Verdict, sentence: str, together: str = "", *, remedy: str = "", vm: VmId | None = None
) -> Finding:
    return Finding(
        code=code, verdict=verdict, topic=Topic.VMS, sentence=sentence, together=together, remedy=remedy, vm=vm
    )

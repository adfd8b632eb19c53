"""What the heartbeats and the power of a host say about its death: one that reports is alive, whatever it is called.

Nova calls a host down that somebody has forced down, and one whose clock or controllers' clocks are off by more than
`service_down_time`, however often it reports; its VMs run then, and would run twice.
"""

from collections.abc import Iterator
from dataclasses import replace

from adapters.openstack.model import ages
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Life, Service
from adapters.openstack.steps.power import is_told
from adapters.redfish.power import PowerReading
from bot.domain.plans.plan import Finding, Topic, Verdict

_OFF_YOURSELF = "See with your own eyes that it is off before you approve."


def findings(computes: Computes, service: Service, *, fence: bool) -> Iterator[Finding]:
    """Judge the silence of a host that Nova calls down, or that was forced down.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        service: its compute service.
        fence: whether Muster powers a host off before it evacuates it.
    """
    is_off = computes.power is not None and computes.power.is_off
    if computes.life is Life.REPORTS:
        yield _reports(computes, service, is_off=is_off, fence=fence)
    elif computes.life is Life.UNTOLD and not is_off:
        yield _finding(
            "life-untold",
            Verdict.UNKNOWN,
            f"Nova's row of {computes.host} was written just now: by a heartbeat of a living host, or because somebody"
            " changed it. Only another look can tell which.",
            "Check again in half a minute.",
        )
    if service.is_forced_down:
        written = f" Its row was written {_ago(computes, service)}." if service.updated_at else ""
        sentence = f"Nova counts {computes.host} as down because somebody forced it down; that alone proves nothing."
        yield _finding("forced-down-before", Verdict.WARNING, f"{sentence}{written}")
    elif computes.life is Life.SILENT:
        sentence = f"{computes.host}'s compute service is down{heard(computes, service)}."
        yield _finding("service-down", Verdict.OK, sentence)


def _reports(computes: Computes, service: Service, *, is_off: bool, fence: bool) -> Finding:
    host = computes.host
    why = "forced down" if service.is_forced_down else "down, as where the clocks of controllers differ"
    sentence = (
        f"{host} is alive: nova-compute reports there{heard(computes, service)}, though Nova reports it as {why}."
    )
    if is_off:
        return _finding(
            "still-reports",
            Verdict.BLOCKER,
            f"{sentence} Its BMC says that its power is off, so that is probably the BMC of another machine.",
            "Correct [clouds.fencing.redfish] in Muster's settings, then check again.",
        )
    if fence and service.is_forced_down and is_told(computes):
        return _finding(
            "still-reports",
            Verdict.WARNING,
            f"{sentence} Its VMs run until Muster has powered it off.",
            f"To empty it alive, take that back (`openstack compute service set --up {host} nova-compute`) and use"
            f" `/maintenance enter {host}`.",
        )
    return _finding(
        "still-reports",
        Verdict.BLOCKER,
        f"{sentence} Its VMs run there and would run twice.",
        (
            f"To empty it alive, take that back (`openstack compute service set --up {host} nova-compute`) and use"
            f" `/maintenance enter {host}`. If its VMs must be evacuated, have it powered off first, then check again."
            if service.is_forced_down
            else f"Have the clocks of the controllers and of {host} set right, then use `/maintenance enter {host}`."
            " If its VMs must be evacuated, have it powered off first, then check again."
        ),
    )


def of_power(computes: Computes, *, fence: bool) -> Iterator[Finding]:
    """What the power of a host that Nova calls down says about its death.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        fence: whether Muster powers a host off before it evacuates it.
    """
    host, power = computes.host, computes.power
    if power is not None and power.contradicts(host):
        yield _finding(
            "bmc-of-another",
            Verdict.BLOCKER,
            f"The BMC configured for {host} belongs to {power.host_name}.",
            "Correct [clouds.fencing.redfish] in Muster's settings, then check again.",
        )
    elif power is None or not power.state:
        if power is not None:
            why = power.silence or f"The BMC of {host} does not report its power."
            yield _finding("bmc-silent", Verdict.WARNING, why, f"What it would say is not known. {_OFF_YOURSELF}")
        unproven = _finding(
            "unproven-death",
            Verdict.WARNING,
            f"Nothing proves that {host} is powered off: Nova has only stopped hearing from it. If it still runs, its"
            " VMs will run twice and may destroy their disks.",
            f"See with your own eyes or on its BMC that {host} is off before you approve.",
        )
        yield replace(unproven, vouch=f"{host} is dead: powered off, or cut off from its storage and network")
    elif power.is_off:
        yield _finding("power-off", Verdict.OK, f"The power of {host} is off, read twice by Redfish.", "")
    elif fence:
        yield _finding(
            "to-be-fenced",
            Verdict.WARNING,
            f"{_is_on(host, power)} Muster powers it off first, and goes on only when it has read twice that it is.",
            "If it is writing a crash dump that you need, let it finish before you approve.",
        )
    else:
        yield _finding(
            "power-on",
            Verdict.BLOCKER,
            f"{_is_on(host, power)} Its VMs may still run there.",
            f"Look at the console of {host}. Power it off by its BMC if it is beyond help, then check again; or let"
            " Muster do that (`fence = true` in [clouds.fencing]).",
        )


def _is_on(host: str, power: PowerReading) -> str:
    return f"The power of {host} is {'ON' if power.state == 'On' else power.state} although Nova reports it as down."


def heard(computes: Computes, service: Service) -> str:
    """What its row tells of its silence, as the end of a clause.

    Every heartbeat writes the row, and so does whoever disables it, enables it or forces it down: a host that is down
    has been silent since that moment, or for longer.
    """
    if service.updated_at is None:
        return ""
    if service.is_up or computes.life is Life.REPORTS:
        return f", its row written {_ago(computes, service)}"
    return f", not heard from for at least {ages.spoken(computes.at - service.updated_at)}"


def _ago(computes: Computes, service: Service) -> str:
    return f"{ages.spoken(computes.at - service.updated_at)} ago" if service.updated_at else "never"


def _finding(code: str, verdict: Verdict, sentence: str, remedy: str = "") -> Finding:
    return Finding(code=code, verdict=verdict, topic=Topic.EVIDENCE, sentence=sentence, remedy=remedy)

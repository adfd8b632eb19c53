"""What the heartbeats of a host say about its death: whatever Nova calls it, a host that reports is alive. Pure.

Nova calls a host down that somebody has forced down, and one whose clock or controllers' clocks are off by more than
`service_down_time`, however often it reports; its VMs run then, and would run twice.
"""

from collections.abc import Iterator

from adapters.openstack.model import ages
from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Life, Service
from adapters.openstack.steps import power
from bot.domain.plans.plan import Finding, Topic, Verdict


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
    if fence and service.is_forced_down and power.is_told(computes):
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

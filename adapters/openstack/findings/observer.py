"""Whether only this host looks dead, or the one who looks is blind. Pure.

When the message bus is down all hosts look dead. A host with a proof of its own says nothing about that: its power is
off, read twice, or people who have seen that it is dead have forced it down. So a rack that lost its power forbids no
evacuation once each of its hosts is proven dead.
"""

from collections.abc import Iterator, Sequence

from adapters.openstack.model.computes import Computes, is_retired
from adapters.openstack.model.resources import Service, standing
from adapters.redfish.power import PowerReading
from bot.domain.counting import listed
from bot.domain.plans.plan import Finding, Topic, Verdict

MOST = 0.5  #: of the other compute services without a proof: if that share looks dead too, suspect the observer
_NAMED = 8


def findings(computes: Computes) -> Iterator[Finding]:
    """Judge whether Nova still hears its hosts.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
    """
    others = [s for s in computes.all if s.host != computes.host and not is_retired(s, computes.services)]
    silent = [s for s in others if _is_silent(s)]
    proven = [s for s in silent if _is_proven(computes, s)]
    doubted = [s for s in silent if s not in proven]
    counted = len(others) - len(proven)
    if _is_blind(len(doubted), counted):
        beside = f", besides {len(proven)} whose power is off" if proven else ""
        yield Finding(
            code="observer-blind",
            verdict=Verdict.BLOCKER,
            topic=Topic.HOST,
            sentence=f"{len(doubted)} of the {counted} other compute services look dead too, and nothing proves it"
            f"{beside}: {_named(computes, doubted)}. It is more likely that Nova has stopped hearing from them"
            " than that they all died.",
            remedy="Check the message queue, the database and the network of the controllers first. A host that is dead"
            " is no longer counted once its BMC has said twice that its power is off ([clouds.fencing.redfish]), or"
            f" once two people have seen that it is off and force it down: `openstack compute service set --down"
            f" {doubted[0].host} nova-compute`. Then check again.",
        )
    elif silent:
        yield Finding(
            code="others-down",
            verdict=Verdict.WARNING,
            topic=Topic.HOST,
            sentence=f"Other compute services are down too: {_named(computes, silent)}.",
            remedy="Each of them needs a request of its own; see first whether they have lost something in common.",
        )


def in_doubt(services: Sequence[Service], host: str) -> tuple[str, ...]:
    """The hosts whose power should be asked for, because without a proof the observer would be called blind.

    Args:
        services: of Nova.
        host: that the request is about.
    """
    computes = standing(s for s in services if s.binary == "nova-compute" and s.host != host)
    others = [s for s in computes if not is_retired(s, services)]
    silent = [s for s in others if _is_silent(s)]
    return tuple(sorted(s.host for s in silent)) if _is_blind(len(silent), len(others)) else ()


def _is_silent(service: Service) -> bool:
    return not service.is_up and not service.is_forced_down


def _is_proven(computes: Computes, service: Service) -> bool:
    reading = computes.others.get(service.host, PowerReading())
    return reading.is_off and not reading.contradicts(service.host)


def _is_blind(doubted: int, counted: int) -> bool:
    return doubted > 0 and doubted >= MOST * counted


def _named(computes: Computes, services: Sequence[Service]) -> str:
    """Their hosts, each with what its BMC says."""
    hosts = sorted(s.host for s in services)
    return listed([f"{host}{_told(host, computes.others.get(host))}" for host in hosts], most=_NAMED)


def _told(host: str, reading: PowerReading | None) -> str:
    if reading is None:
        return ""
    if reading.contradicts(host):
        return f" (its BMC belongs to {reading.host_name})"
    return f" (power {reading.state})" if reading.state else " (its BMC does not answer)"

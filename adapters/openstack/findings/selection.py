"""What a request asks for: which VMs, and which target. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Server
from adapters.openstack.model.servers import Servers
from adapters.openstack.wire.versions import VALIDATED, Microversion, spoken
from bot.domain.cloud import Request
from bot.domain.counting import counted
from bot.domain.plans.plan import Finding, Topic, Verdict

LEFT_OUT = "not asked for"


@dataclass(frozen=True)
class Selection:
    """The servers that a request means."""

    servers: tuple[Server, ...]
    findings: tuple[Finding, ...] = ()

    @cached_property
    def ids(self) -> frozenset[str]:
        """Of the servers."""
        return frozenset(s.id for s in self.servers)


def chosen(request: Request, computes: Computes, servers: Servers) -> Selection:
    """The servers asked for by name or id, or all of them; of those ticked in a list, the ones that are still here."""
    if request.is_choice:
        ticked = frozenset(request.vms)
        return Selection(tuple(s for s in servers.here if s.id in ticked))
    if not request.vms:
        return Selection(servers.here)
    meant: dict[str, Server] = {}
    findings = []
    for word in request.vms:
        found = [s for s in servers.here if word == s.id] or [s for s in servers.here if word == s.name]
        if len(found) == 1:
            meant[found[0].id] = found[0]
        elif found:
            ids = ", ".join(s.id for s in found)
            findings.append(
                blocker(
                    "vm-ambiguous",
                    Topic.VMS,
                    f"{counted(len(found), 'VM is', 'VMs are')} called {word}.",
                    f"Name one by its id: {ids}.",
                )
            )
        else:
            findings.append(
                blocker(
                    "vm-not-here",
                    Topic.VMS,
                    f"{computes.host} has no VM called {word}.",
                    "Name it as `openstack server list` does, or by its id.",
                )
            )
    return Selection(tuple(meant.values()), tuple(findings))


def of_target(request: Request, computes: Computes, highest: Microversion) -> Iterator[Finding]:
    """Whether the target that was asked for exists and can take VMs."""
    if not request.to:
        return
    service = next((s for s in computes.all if s.host == request.to), None)
    if highest < VALIDATED:
        yield blocker(
            "target-past-scheduler",
            Topic.VERSION,
            f"This Nova ({spoken(highest)}) would put VMs on {request.to} without asking its scheduler whether"
            " they fit.",
            "Ask again without a target.",
        )
    if service is None:
        yield blocker(
            "target-unknown",
            Topic.HOST,
            f"Nova lists no compute service on {request.to}.",
            "Name the target exactly as `openstack compute service list` does.",
        )
    elif service.host == computes.host:
        yield blocker(
            "target-is-source",
            Topic.HOST,
            f"{request.to} is the host that is to be emptied.",
            "Name another target, or none.",
        )
    elif service.host in computes.bare_metal:
        yield blocker(
            "target-is-bare-metal",
            Topic.HOST,
            f"{request.to} is a compute service of Ironic, which takes no VM.",
            "Name another target, or none.",
        )
    elif service not in computes.survivors:
        yield blocker(
            "target-not-in-service",
            Topic.HOST,
            f"{request.to} is {service.state}, so Nova would put nothing there.",
            "Name another target, or none.",
        )


def blocker(code: str, topic: Topic, sentence: str, remedy: str) -> Finding:
    """A finding that forbids the plan."""
    return Finding(code=code, verdict=Verdict.BLOCKER, topic=topic, sentence=sentence, remedy=remedy)

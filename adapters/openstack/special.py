"""What is special about single VMs that are evacuated, beyond state and disk: devices, keys, limits, turns. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from adapters.openstack.things import OpenStackSurvey, Server
from bot.domain.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

PRIORITIES = range(-1000, 1001)
_AMPHORA = "amphora-"  #: how Octavia's compute driver names every VM that it builds
_OPERATORS = ("<", ">", "=", "!", "s=", "s!", "s<", "s>")
"""How a flavor's extra spec begins that is a comparison, not a word (nova/scheduler/filters/extra_specs_ops.py)."""


def of_server(server: Server, survey: OpenStackSurvey, *, priority_key: str) -> Iterator[Finding]:
    """Judge one server that is evacuated.

    Args:
        server: the VM.
        survey: of its host.
        priority_key: the metadata that tells its turn; empty: none does.
    """
    if server.name.startswith(_AMPHORA):
        yield _warning(
            server,
            "amphora",
            f"{server.name} is an amphora of Octavia: built anew without its configuration drive, it may not come up,"
            " and its load balancer stays in ERROR.",
            "Leave it out and have Octavia replace it: `openstack loadbalancer failover`.",
        )
    if server.devices:
        yield _warning(
            server,
            "needs-device",
            f"{server.name} has {' and '.join(server.devices)}: it comes up only where such a device is free, which"
            " Placement's numbers do not show, and Nova may lose track of the device meanwhile.",
            "See that a host that is left has one free; look at the device in the VM afterwards.",
        )
    if server.ports:
        kinds = ", ".join(sorted(server.ports))
        yield _warning(
            server,
            "special-port",
            f"{server.name} has a port of the kind {kinds}: it comes up only on a host whose network card offers that.",
            "See that a host that is left has such a port free; releases before Nova 25 refuse VMs with vDPA ports.",
        )
    if server.volumes & survey.encrypted:
        yield _warning(
            server,
            "encrypted-volume",
            f"{server.name} has an encrypted volume: Nova reads its key as Muster's account, and without the right to"
            " it the VM ends in ERROR.",
            "Give Muster's account a role that may read the project's secrets in Barbican.",
            topic=Topic.STORAGE,
        )
    if asked := _unmet(server, survey):
        yield _warning(
            server,
            "aggregate-bound",
            f"The flavor of {server.name} asks for an aggregate with {asked}, and no host that is left is in one.",
            "Add a host to such an aggregate, or expect that Nova finds no host for it.",
            topic=Topic.ROOM,
        )
    if priority_key and priority_key in server.metadata and priority(server, priority_key) is None:
        yield _warning(
            server,
            "priority-unreadable",
            f"{server.name} says {priority_key} = {server.metadata[priority_key][:40]!r}, which is no whole number from"
            f" {PRIORITIES.start} to {PRIORITIES.stop - 1}: it takes its turn as if it said 0.",
            "Have its metadata corrected.",
        )


def of_disks(leaving: Sequence[Server], *, shared_storage: bool | None) -> Iterator[Finding]:
    """How it is known that local disks survive: Nova shows nothing of it, so only the operator can say."""
    kept = sum(1 for s in leaving if s.has_local_disk)
    if kept and shared_storage:
        yield Finding(
            code="disks-shared",
            verdict=Verdict.OK,
            topic=Topic.STORAGE,
            sentence=f"The local disks of {kept} VMs are kept: this cloud's settings say that the hosts share their"
            " storage (`shared_storage = true`); Muster has not seen it itself.",
        )


def of_ports(survey: OpenStackSurvey) -> Iterator[Finding]:
    """Whether it is known what ports the servers have."""
    if not survey.ports_known:
        yield Finding(
            code="ports-unknown",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            sentence=f"Neutron does not tell which ports the VMs of {survey.host} have: one with a vDPA or SR-IOV port"
            " comes up only where the hardware is.",
            remedy="See that Neutron answers and that Muster's account may list all ports, then re-check.",
        )


def priority(server: Server, key: str) -> int | None:
    """What a server's metadata say of its turn, higher first; None when that is no number within bounds."""
    try:
        found = int(server.metadata.get(key, "0"))
    except ValueError:
        return None
    return found if found in PRIORITIES else None


def _unmet(server: Server, survey: OpenStackSurvey) -> str:
    """What no survivor's aggregates say, though the flavor asks for it (AggregateInstanceExtraSpecsFilter)."""
    plain = {key: value for key, value in server.scope.items() if not value.startswith(_OPERATORS)}
    if not plain or not survey.survivors or any(_has(survey, s.host, plain) for s in survey.survivors):
        return ""
    return " and ".join(f"{key}={value}" for key, value in sorted(plain.items()))


def _has(survey: OpenStackSurvey, host: str, wanted: Mapping[str, str]) -> bool:
    tags = survey.tags.get(host, {})
    return all(value in tags.get(key, frozenset()) for key, value in wanted.items())


def _warning(server: Server, code: str, sentence: str, remedy: str, *, topic: Topic = Topic.VMS) -> Finding:
    return Finding(
        code=code, verdict=Verdict.WARNING, topic=topic, vm=VmId(server.id), sentence=sentence, remedy=remedy
    )

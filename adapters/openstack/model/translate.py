"""From the JSON of OpenStack's APIs to the values of a survey. Pure; `Any` because the JSON is not ours."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from adapters.openstack.model.resources import (
    ACCELERATOR,
    NO_PORT,
    Amounts,
    Migration,
    Port,
    Room,
    Server,
    ServerGroup,
    Service,
    Used,
    Volume,
)
from bot.domain.counting import counted
from bot.domain.redaction import redact

Json = Mapping[str, Any]
SILENT = "UNKNOWN"
"""The status of a server and of a compute service whose cell does not answer, from 2.69 on; little else is told."""
_HIDES = "?"  #: who manages a volume, to an account that may not see it
_HIDDEN = {"OS-EXT-STS:vm_state": None, "OS-EXT-STS:task_state": None, "image": "", "flavor": {"id": ""}}


def service(found: Json) -> Service:
    """Of `GET /os-services`: Nova's (numbered before 2.53), or Cinder's, whose driver may be down or frozen alone."""
    if found["status"] == SILENT:
        host, binary = str(found["host"]), str(found["binary"])
        return Service(id="", binary=binary, host=host, zone="", is_up=False, is_enabled=False, is_silent=True)
    return Service(
        id=str(found.get("id", "")),
        binary=str(found["binary"]),
        host=str(found["host"]),
        zone=str(found.get("zone") or ""),
        is_up=_is(found, "state", so="up", other="down") and found.get("backend_state") != "down",
        is_enabled=_is(found, "status", so="enabled", other="disabled") and not found.get("frozen"),
        is_forced_down=bool(found.get("forced_down")),
        disabled_reason=redact(str(found.get("disabled_reason") or "")),
        updated_at=moment(found.get("updated_at")),
    )


def _is(found: Json, field: str, *, so: str, other: str) -> bool:
    """Which of two words stands in a field.

    Raises:
        KeyError: neither; what is not told is not the other.
    """
    return {so: True, other: False}[found[field]]


def server(found: Json) -> Server:
    """Of `GET /servers/detail`, which embeds the flavor from 2.47 on and tells its id before.

    Raises:
        KeyError, TypeError, ValueError: it does not say which disks it has, or what it needs.
    """
    shown = found if found["status"] != SILENT else {**_HIDDEN, **found}
    flavor, volume_backed = shown["flavor"], shown["image"] == ""  # nothing else says that it has no image
    of_image = {} if volume_backed else shown["image"].get("properties") or {}  # from 2.98 on
    fault = found.get("fault") or {}
    bare = Server(
        id=str(found["id"]),
        name=str(found.get("name") or found["id"]),
        project=str(found.get("tenant_id") or ""),
        host=str(found.get("OS-EXT-SRV-ATTR:host") or ""),
        status=_word(found["status"]),
        vm_state=str(shown["OS-EXT-STS:vm_state"] or ""),
        task=shown["OS-EXT-STS:task_state"] or None,
        flavor=str(flavor.get("id") or ""),
        needs={},
        has_local_disk=not volume_backed,
        boots_from_volume=volume_backed,
        pinned_zone=found.get("pinned_availability_zone") or None,
        fault=redact(str(fault.get("message") or "")),
        updated_at=str(found.get("updated") or ""),
        created_at=str(found.get("created") or ""),
        launched_at=str(found.get("OS-SRV-USG:launched_at") or ""),
        is_locked=bool(found.get("locked")),
        has_vtpm="hw_tpm_version" in of_image,
        has_encrypted_memory=_is_true(of_image.get("hw_mem_encryption")),
        traits=_traits(of_image),
        metadata={str(key): str(value) for key, value in (found.get("metadata") or {}).items()},
        volumes=frozenset(str(v["id"]) for v in found.get("os-extended-volumes:volumes_attached") or []),
        locked_reason=str(found.get("locked_reason") or ""),
        node=str(found.get("OS-EXT-SRV-ATTR:hypervisor_hostname") or ""),
        is_found=bool(found.get("OS-EXT-STS:power_state")),  # 0 is NOSTATE: there is none
        is_off=found.get("OS-EXT-STS:power_state") in _OFF,
    )
    if "id" in flavor:
        return bare
    return with_flavor(bare, flavor) if flavor else replace(bare, has_local_disk=True)  # Nova has lost it and says {}


def with_flavor(bare: Server, flavor: Json) -> Server:
    """A server with what its flavor says, as 2.47 embeds it.

    Raises:
        KeyError, TypeError, ValueError: it does not say how much it has of a thing.
    """
    extra_disk = int(flavor["ephemeral"]) + -(-int(flavor["swap"] or 0) // 1024)
    extra = flavor.get("extra_specs") or {}
    return replace(
        bare,
        flavor=str(flavor.get("original_name") or ""),
        needs={
            "VCPU": int(flavor["vcpus"]),
            "MEMORY_MB": int(flavor["ram"]),
            "DISK_GB": extra_disk + (0 if bare.boots_from_volume else int(flavor["disk"])),
        },
        has_local_disk=bare.has_local_disk or extra_disk > 0,
        has_vtpm=bare.has_vtpm or "hw:tpm_version" in extra,
        has_page_size="hw:mem_page_size" in extra,
        has_portable_vtpm=extra.get("hw:tpm_secret_security") == "host",
        has_encrypted_memory=bare.has_encrypted_memory or _is_true(extra.get("hw:mem_encryption")),
        devices=tuple(word for key, word in _DEVICES.items() if key in extra),
        traits={**bare.traits, **_traits(extra)},
        scope={key.removeprefix(_SCOPE): str(value) for key, value in extra.items() if key.startswith(_SCOPE)},
    )


def flavor(found: Json) -> tuple[str, Json]:
    """Of `GET /flavors/detail`: its id, and all but its extra specs as 2.47 embeds it in a server."""
    embedded = {"original_name": str(found["name"]), "ephemeral": found["OS-FLV-EXT-DATA:ephemeral"]}
    return str(found["id"]), {**found, **embedded}


def _traits(said: Json) -> dict[str, str]:
    return {key.removeprefix("trait:"): str(value) for key, value in said.items() if key.startswith("trait:")}


_DEVICES = {
    "pci_passthrough:alias": "a PCI device",
    "resources:VGPU": "a vGPU",
    "accel:device_profile": ACCELERATOR,
}
_OFF = frozenset({4, 6})  #: SHUTDOWN and CRASHED (nova/compute/power_state.py)
_SCOPE = "aggregate_instance_extra_specs:"


def _is_true(said: Any) -> bool:
    return str(said).lower() in {"true", "1", "yes"}


def volume(found: Json) -> Volume:
    """Of `GET /volumes/detail`; 3.48 names the service, 3.61 the cluster."""
    return Volume(
        id=str(found["id"]),
        name=str(found.get("name") or found["id"]),
        manager=_word(found.get("os-vol-host-attr:host", _HIDES)),
        service=str(found.get("service_uuid") or ""),
        is_clustered=bool(found.get("cluster_name")),
    )


def used(found: Json) -> tuple[str, Used]:
    """Of `GET /volumes/detail`, of a volume in use: its id, whether it is encrypted, and who manages it."""
    manager = str(found.get("os-vol-host-attr:host") or "").partition("#")[0]
    return str(found["id"]), Used(is_encrypted=bool(found["encrypted"]), manager=manager)


def _word(found: Any) -> str:
    """A word that must be there.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(found, str) or not found:
        raise ValueError(f"{found!r} is no word")
    return found


def pool(found: Json) -> tuple[str, str]:
    """Of `GET /scheduler-stats/get_pools`: its full name, and its `location_info` where a driver gives it."""
    return str(found["name"]), str((found.get("capabilities") or {}).get("location_info") or "")


def migration(found: Json) -> Migration:
    """Of `GET /os-migrations` at 2.23 or later."""
    return Migration(
        id=int(found["id"]),
        type=str(found.get("migration_type") or ""),
        server=str(found["instance_uuid"] or ""),
        status=_word(found["status"]),
        source=str(found["source_compute"] or ""),
        target=found.get("dest_compute") or None,
        created_at=str(found.get("created_at") or ""),
        updated_at=str(found.get("updated_at") or ""),
        uuid=str(found.get("uuid") or ""),
    )


def memory(found: Json) -> tuple[int, tuple[int, int, int]]:
    """Of `GET /servers/{id}/migrations`: its id, and bytes: to copy, left, copied so far; 0 where none counts."""
    total, left, copied = (
        int(found.get(f"memory_{which}_bytes") or 0) for which in ("total", "remaining", "processed")
    )
    return int(found["id"]), (total, left, copied)


def group(found: Json) -> ServerGroup:
    """Of `GET /os-server-groups`; before 2.64 a group had a list of policies."""
    policies = found.get("policies") or []
    return ServerGroup(
        id=str(found["id"]),
        name=str(found.get("name") or ""),
        policy=str(found.get("policy") or (policies[0] if policies else "")),
        members=frozenset(str(member) for member in found.get("members") or []),
    )


def rooms(candidates: Json, hypervisors: Sequence[Json]) -> Mapping[str, Room]:
    """Room by host: Placement's provider summaries, joined with Nova's hypervisors by their uuid.

    What a host's nested providers have (from 1.29 on: of NUMA cells, of cards) is the host's. Providers that share with
    others (`MISC_SHARES_VIA_AGGREGATE`) are no host: what comes from them is not counted by host.
    """
    trees: dict[str, list[Json]] = {}
    for uuid, summary in candidates["provider_summaries"].items():
        if _SHARES not in (summary.get("traits") or []):
            trees.setdefault(str(summary.get("root_provider_uuid") or uuid), []).append(summary)
    found: dict[str, Room] = {}
    for hypervisor in hypervisors:
        tree = trees.get(str(hypervisor["id"]))
        host = str((hypervisor.get("service") or {}).get("host") or "")
        if tree is None or not host:
            continue
        found[host] = Room(
            capacity=_in_all(tree, "capacity"),
            used=_in_all(tree, "used"),
            traits=frozenset(str(trait) for summary in tree for trait in summary.get("traits") or []),
            largest={
                name: int(hypervisor[field])
                for name, field in _TOTALS.items()
                if isinstance(hypervisor.get(field), int) and hypervisor[field] > 0
            },
        )
    return found


def _in_all(tree: Sequence[Json], what: str) -> Amounts:
    """An amount of each resource class, over the providers of one host."""
    total: dict[str, int] = {}
    for summary in tree:
        for name, amount in summary["resources"].items():
            total[str(name)] = total.get(str(name), 0) + int(amount[what])
    return total


def capacity(inventories: Json) -> Amounts:
    """What a provider may promise: `GET /resource_providers/{uuid}/inventories`."""
    return {
        str(name): int((one["total"] - one.get("reserved", 0)) * one.get("allocation_ratio", 1.0))
        for name, one in inventories.items()
    }


def largest(inventories: Json) -> Amounts:
    """What one VM may take of a provider, as far as its inventories say so."""
    return {str(name): int(one["max_unit"]) for name, one in inventories.items() if "max_unit" in one}


def amounts(found: Json) -> Amounts:
    """Numbers by resource class, as Placement has them."""
    return {str(name): int(amount) for name, amount in found.items()}


_SHARES = "MISC_SHARES_VIA_AGGREGATE"  #: trait of a provider whose resources belong to the hosts of its aggregates
_TOTALS = {"VCPU": "vcpus", "MEMORY_MB": "memory_mb", "DISK_GB": "local_gb"}
"""Nova makes a host's totals the `max_unit` of its inventories: one VM takes no more, whatever is overcommitted."""


def hypervisor(found: Json) -> Json:
    """Of `GET /os-hypervisors/detail`, as it came: whose it is and what it is called is there."""
    return {**found, "id": str(found["id"]), "service": {**found["service"], "host": str(found["service"]["host"])}}


def aggregate(found: Json) -> Json:
    """Of `GET /os-aggregates`, as it came: its hosts and its metadata are there."""
    return {**found, "hosts": [str(h) for h in found["hosts"]], "metadata": dict(found["metadata"])}


def filled(hypervisors: Sequence[Json]) -> str:
    """How full a host is, as Nova counts; empty where it does not say (from 2.88 on)."""
    vcpus, memory = _filled(hypervisors, "vcpus"), _filled(hypervisors, "memory_mb")
    parts = [f"{vcpus[0]:,} vCPU on {counted(vcpus[1], 'core')}"] if vcpus else []
    parts += [f"{memory[0] / 1024:,.0f} of {memory[1] / 1024:,.0f} GiB taken"] if memory else []
    return ", ".join(parts)


def _filled(hypervisors: Sequence[Json], name: str) -> tuple[int, int] | None:
    """How much is used of how much there is; None where nothing is told, or there is none."""
    told = [(h.get(f"{name}_used"), h.get(name)) for h in hypervisors]
    known = [(used, there) for used, there in told if isinstance(used, int) and isinstance(there, int)]
    used, there = sum(u for u, _ in known), sum(t for _, t in known)
    return (used, there) if there else None


def bare_metal(hypervisors: Sequence[Json], *, host: str = "", servers: Sequence[Server] = ()) -> frozenset[str]:
    """Names of the hosts and of the nodes of Ironic: it makes each node a hypervisor (`nova/virt/ironic/driver.py`).

    Args:
        hypervisors: all of Nova.
        host: of a dead one Nova may list no node any more: the servers on it tell.
        servers: on that host.
    """
    nodes = [h for h in hypervisors if str(h.get("hypervisor_type") or "").casefold() == "ironic"]
    hosts = {str((h.get("service") or {}).get("host") or "") for h in nodes}
    named = frozenset(hosts | {str(h.get("hypervisor_hostname") or "") for h in nodes}) - {""}
    return named | {host} if any(s.node in named for s in servers) else named


def provider_of(host: str, hypervisors: Sequence[Json]) -> str | None:
    """The uuid of Placement's provider of a host; None when it has none, or more than one."""
    ids = [str(h["id"]) for h in hypervisors if (h.get("service") or {}).get("host") == host]
    return ids[0] if len(ids) == 1 else None


def allocations(found: Json) -> Mapping[str, Amounts]:
    """What each consumer holds of one provider: `GET /resource_providers/{uuid}/allocations`."""
    return {str(consumer): amounts(held["resources"]) for consumer, held in found.items()}


def aggregates_by_host(found: Sequence[Json]) -> Mapping[str, tuple[str, ...]]:
    """Names of the aggregates that each host is in."""
    by_host: dict[str, list[str]] = {}
    for aggregate in found:
        for host in aggregate.get("hosts") or []:
            by_host.setdefault(str(host), []).append(str(aggregate["name"]))
    return {host: tuple(sorted(names)) for host, names in by_host.items()}


def tags_by_host(found: Sequence[Json]) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """The metadata of each host's aggregates, put together; a value may be a list with commas."""
    by_host: dict[str, dict[str, frozenset[str]]] = {}
    for aggregate in found:
        for host in aggregate.get("hosts") or []:
            mine = by_host.setdefault(str(host), {})
            for key, value in (aggregate.get("metadata") or {}).items():
                words = frozenset(word.strip() for word in str(value).split(","))
                mine[str(key)] = mine.get(str(key), frozenset()) | words
    return by_host


_AMPHORA_PORT = "octavia-lb-vrrp-"  #: how Octavia names the port of an amphora (octavia/common/constants.py)


def port(found: Json) -> Port:
    """Of `GET /v2.0/ports`; `resource_request` is null, or has `request_groups`, or of old `resources` alone."""
    promised = found.get("resource_request") or {}
    return Port(
        server=str(found["device_id"] or ""),
        kind=str(found["binding:vnic_type"] or NO_PORT),
        is_amphora_port=str(found.get("name") or "").startswith(_AMPHORA_PORT),
        is_promised_bandwidth=bool(promised.get("request_groups") or promised.get("resources")),
    )


_NEVER_BEFORE, _NEVER_AFTER = 1970, 9000
"""Years between which a time is one: others stand for "never" (0001-01-01, 9999-12-31)."""


def moment(text: Any) -> datetime | None:
    """A time as OpenStack writes it: UTC, with or without a zone; none where a date means never."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    is_one = _NEVER_BEFORE <= found.year <= _NEVER_AFTER
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) if is_one else None

"""From CloudTower's JSON to values: unknown words stay as they are, and what is no answer raises `Strange`.

What the OpenAPI document requires and a judgement relies on (ids, names, states, the lists of a precheck) must be
there; other missing words become the safe reading. Facts: `host_state` null or absent means "in use" (CAPE
IsAvailableHost); `shutdownVms` holds objects `{vm_uuid}` in the OpenAPI document and strings on the vendor's page;
`error_message` of a task is nested text with `ec` and `error.msg` inside; the scale of `progress` (0..1 or 0..100) is
not documented.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

from bot.domain.counting import gib
from bot.domain.redaction import redact

Reply: TypeAlias = Mapping[str, Any]  # Any: what a foreign server answered, until it is translated here

IN_USE = "IN_USE"
ENTERING = "ENTERING_MAINTENANCE_MODE"
IN_MAINTENANCE = "MAINTENANCE_MODE"

GIB = 2**30
_OWNERS = frozenset({"owner", "project", "team"})  #: label keys that name who a VM belongs to


class Strange(ValueError):
    """It is not what CloudTower answers: its text says how, as a noun."""


@dataclass(frozen=True, kw_only=True)
class TowerHost:
    """A host as CloudTower lists it."""

    id: str
    local_id: str
    name: str
    cluster_id: str
    cluster: str
    address: str
    status: str  #: CONNECTED_HEALTHY, ...
    state: str  #: IDLE, IN_USE, REMOVING
    mode: str  #: host_state.state; IN_USE when null
    is_mode_told: bool  #: whether `host_state` was there, be it null
    job: str  #: host_state.maintenance_job_id
    connection: str  #: connect_status, since 4.7.0
    merged: str  #: merged_status, since 4.7.0
    busy: str  #: entityAsyncStatus
    free_memory: int  #: bytes
    vms: int | None
    awake: int | None  #: VMs that CloudTower itself counts as running or suspended on it
    labels: tuple[str, ...] = ()  #: "key=value", sorted

    @property
    def is_connected(self) -> bool:
        """Whether CloudTower can talk to it."""
        return self.status in {"CONNECTED_HEALTHY", "CONNECTED_WARNING"} and self.connection != "DISCONNECTED"

    @property
    def is_lost(self) -> bool:
        """Whether CloudTower had it and cannot talk to it any more; one that is being connected is not lost."""
        return self.connection == "DISCONNECTED" or self.status in {"CONNECTED_ERROR", "SESSION_EXPIRED"}


@dataclass(frozen=True, kw_only=True)
class TowerVm:
    """A VM as CloudTower lists it."""

    id: str
    local_id: str
    name: str
    status: str
    ha: bool
    host_id: str
    host: str
    cluster_id: str
    vcpu: int
    memory: int  #: bytes
    usage: str  #: vm_usage
    busy: str
    owner: str
    in_recycle_bin: bool
    devices: tuple[str, ...]

    @property
    def uuid(self) -> str:
        """What maintenance mode calls it; its id until the cluster has given it a uuid."""
        return self.local_id or self.id

    def is_called(self, uuid: str) -> bool:
        """Whether maintenance mode means this VM by `uuid`; the sheet allows for either id."""
        return uuid in {self.local_id, self.id}

    def may_be_in(self, cluster: str) -> bool:
        """Whether it may be of a cluster: a `local_id` tells VMs apart in one cluster, not in all of a tower."""
        return not cluster or self.cluster_id in {cluster, ""}


@dataclass(frozen=True, kw_only=True)
class TowerTask:
    """A task."""

    id: str
    status: str
    progress: float | None  #: 0..1
    words: str  #: what it does, in CloudTower's words
    resource: str
    by: str  #: name of the user
    created: str  #: local_created_at as told; only ever compared with others of the same tower
    error_code: str
    error_message: str

    @property
    def has_ended(self) -> bool:
        """PAUSED is not an end."""
        return self.status in {"SUCCESSED", "FAILED"}


@dataclass(frozen=True, kw_only=True)
class TowerCluster:
    """A cluster."""

    id: str
    name: str
    connection: str
    recovering: int  #: bytes of data being recovered
    address: str = ""  #: through which CloudTower is attached to it


def rows(reply: Any, *needed: str) -> Sequence[Reply]:
    """The objects of a list reply.

    Args:
        reply: a parsed body.
        needed: which texts each of them must have.

    Raises:
        Strange: it is no list of such objects.
    """
    if not isinstance(reply, list):
        raise Strange(f"{kind(reply)} where a list belongs")
    for row in reply:
        if not isinstance(row, Mapping):
            raise Strange(f"a list with {kind(row)} in it")
        if missing := next((name for name in needed if not _text(row, name)), ""):
            raise Strange(f"a list with an object that has no `{missing}`")
    return reply


def count(reply: Any) -> int:
    """The number in a `…-connection` reply.

    Raises:
        Strange: there is none.
    """
    number = _inner(reply, "aggregate").get("count") if isinstance(reply, Mapping) else None
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise Strange(f"{kind(reply)} without a count")
    return number


def host(reply: Reply) -> TowerHost:
    """A `Host`.

    Raises:
        Strange: its maintenance state cannot be read.
    """
    maintenance = reply.get("host_state") or {}
    if not isinstance(maintenance, Mapping):
        raise Strange(f"a host whose `host_state` is {kind(maintenance)}")
    return TowerHost(
        id=_text(reply, "id"),
        local_id=_text(reply, "local_id"),
        name=_text(reply, "name"),
        cluster_id=_text(_inner(reply, "cluster"), "id"),
        cluster=_text(_inner(reply, "cluster"), "name"),
        address=_text(reply, "management_ip"),
        status=_text(reply, "status"),
        state=_text(reply, "state"),
        mode=_text(maintenance, "state") or IN_USE,
        is_mode_told="host_state" in reply,
        job=_text(maintenance, "maintenance_job_id"),
        connection=_text(reply, "connect_status"),
        merged=_text(reply, "merged_status"),
        busy=_text(reply, "entityAsyncStatus"),
        free_memory=_number(reply, "allocatable_memory_bytes"),
        vms=_told(reply, "vm_num"),
        awake=_awake(reply),
        labels=tuple(sorted(_label(row) for row in _some(reply.get("labels")))),
    )


def _awake(reply: Reply) -> int | None:
    told = [_told(reply, name) for name in ("running_vm_num", "suspended_vm_num")]
    known = [number for number in told if number is not None]
    return sum(known) if told[0] is not None else None


def _told(reply: Reply, key: str) -> int | None:
    value = reply.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _some(value: Any) -> Sequence[Reply]:
    """The objects of a list that no judgement relies on."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _label(reply: Reply) -> str:
    return "=".join(filter(None, (_text(reply, "key"), _text(reply, "value"))))


def vm(reply: Reply) -> TowerVm:
    """A `Vm`."""
    labels = _some(reply.get("labels"))
    devices = (("gpu_devices", "GPU"), ("pci_nics", "PCI NIC"), ("usb_devices", "USB"))
    return TowerVm(
        id=_text(reply, "id"),
        local_id=_text(reply, "local_id"),
        name=_text(reply, "name"),
        status=_text(reply, "status") or "UNKNOWN",
        ha=reply.get("ha") is True,
        host_id=_text(_inner(reply, "host"), "id"),
        host=_text(_inner(reply, "host"), "name"),
        cluster_id=_text(_inner(reply, "cluster"), "id"),
        vcpu=_number(reply, "vcpu"),
        memory=_number(reply, "memory"),
        usage=_text(reply, "vm_usage"),
        busy=_text(reply, "entityAsyncStatus"),
        owner=next((_text(x, "value") for x in labels if _text(x, "key").casefold() in _OWNERS), ""),
        in_recycle_bin=reply.get("in_recycle_bin") is True,
        devices=tuple(word for key, word in devices if reply.get(key)),
    )


def task(reply: Reply) -> TowerTask:
    """A `Task`."""
    status = _text(reply, "status")
    return TowerTask(
        id=_text(reply, "id"),
        status=status,
        progress=_fraction(reply.get("progress"), status),
        words=" ".join(filter(None, (_text(reply, "resource_mutation"), _text(reply, "description")))),
        resource=_text(reply, "resource_id"),
        by=_text(_inner(reply, "user"), "name"),
        created=_text(reply, "local_created_at"),
        error_code=_text(reply, "error_code"),
        error_message=redact(_text(reply, "error_message")),
    )


def cluster(reply: Reply) -> TowerCluster:
    """A `Cluster`."""
    return TowerCluster(
        id=_text(reply, "id"),
        name=_text(reply, "name"),
        connection=_text(reply, "connect_state"),
        recovering=_number(reply, "recover_data_size"),
        address=_text(reply, "ip"),
    )


def shutdown_list(reply: Any) -> tuple[str, ...] | None:
    """The ids in `shutdownVms`, in whichever of its two shapes, sorted: the tower promises no order.

    Returns:
        None while the precheck is not done, or when it said no.

    Raises:
        Strange: it is no answer of a precheck, or names a VM without its id.
    """
    done = reply.get("done") if isinstance(reply, Mapping) else None
    if not isinstance(done, bool):
        raise Strange(f"{kind(reply)} without a precheck's `done`")
    if not done:
        return None
    listed = reply.get("shutdownVms")
    if not isinstance(listed, list):
        raise Strange(f"a precheck whose `shutdownVms` is {kind(listed)}")
    ids = {_text(item, "vm_uuid") if isinstance(item, Mapping) else item for item in listed}
    if not all(isinstance(one, str) and one for one in ids):
        raise Strange("a precheck that does not say which VM must be shut down")
    return tuple(sorted(ids))


def task_id(reply: Any) -> str:
    """The task a mutation began; empty for a synchronous one. VM operations answer a list, host operations do not.

    Raises:
        Strange: it is no answer to a mutation.
    """
    first = reply[0] if isinstance(reply, list) and reply else reply
    if not isinstance(first, Mapping) or not {"task_id", "data"} & set(first):
        raise Strange(f"{kind(reply)} without a task")
    return _text(first, "task_id")


def version(text: str) -> tuple[int, int, int] | None:
    """A version such as "4.8.1" or "4.8.1-rc2" as numbers; None when it does not look like one."""
    found = re.match(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def why_failed(failed: TowerTask) -> str:
    """What a failed task died of, dug out of its nested error text; `error_message` itself stays the raw text."""
    code, message = failed.error_code, ""
    for inner in _objects_in(failed.error_message):
        code = _text(inner, "ec") or code
        told = _inner(inner, "error")
        message = _text(told, "msg") or _text(inner, "msg") or message
    if not message:
        found = re.search(r"message:\s*([^\r\n{]+)", failed.error_message)
        message = found[1].strip() if found else ("" if "{" in failed.error_message else failed.error_message)
    if not code:
        found = re.search(r"code:\s*(\w+)", failed.error_message)
        code = found[1] if found else ""
    return ": ".join(filter(None, (code, message.strip()))) or "CloudTower gives no reason"


def _objects_in(text: str) -> Sequence[Reply]:
    """JSON objects that stand somewhere in a text."""
    found: list[Reply] = []
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            if isinstance(value, Mapping):
                found.append(value)
        at = text.find("{", end)
    return found


def said(status: str) -> str:
    """A host's status as people say it."""
    return status.removeprefix("CONNECTED_").replace("_", " ").lower() or "of unknown status"


def mode_said(mode: str) -> str:
    """How a host stands with maintenance, as people say it."""
    known = {IN_USE: "in use", ENTERING: "entering maintenance", IN_MAINTENANCE: "in maintenance"}
    return known.get(mode, mode.replace("_", " ").lower() or "in an unknown state")


def size(seen: TowerVm) -> str:
    """E.g. "4 vCPU, 8 GiB"."""
    return f"{seen.vcpu} vCPU, {gib(seen.memory / GIB)}" if seen.vcpu else ""


def kind(value: Any) -> str:
    """What a piece of JSON is, for a sentence."""
    if value is None:
        return "null"
    return {dict: "an object", list: "a list", str: "a text", bool: "a yes or no"}.get(type(value), "a number")


def _inner(reply: Reply, key: str) -> Reply:
    value = reply.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(reply: Reply, key: str) -> str:
    value = reply.get(key)
    return value if isinstance(value, str) else ""


def _number(reply: Reply, key: str) -> int:
    value = reply.get(key)
    return int(value) if isinstance(value, int | float) and isfinite(value) else 0


def _fraction(value: Any, status: str) -> float | None:
    """Progress as 0..1; above 1 it must be percent, and only success is the whole of it."""
    if status == "SUCCESSED":
        return 1.0
    if not isinstance(value, int | float) or not isfinite(value) or value < 0:
        return None
    return min(value / 100 if value > 1 else float(value), 0.99)

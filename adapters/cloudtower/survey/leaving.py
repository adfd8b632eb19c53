"""Reads what "exit maintenance" would bring back: CloudTower's synchronous precheck, and the VMs that it names.

Facts: the precheck takes the host, not a task; its three lists and the three of the call are spelt differently; every
field of an entry may be missing or null, and a VM may be in the recycle bin or invisible (sheet §3).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from adapters.cloudtower.survey import alerts, read
from adapters.cloudtower.survey.alerts import OpenAlerts
from adapters.cloudtower.survey.survey import cluster_of
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import Reply, TowerCluster, TowerHost, TowerVm
from bot.domain.cloud import Left, Refused

RECYCLED = "in-recycle-bin-"
"""How the precheck's reply names a VM of the recycle bin."""


class WayBackKind(StrEnum):
    """What CloudTower offers to do to a VM; the value is its list in the call."""

    POWER_ON = "poweron_vms"
    LIVE = "live_migrate_back_vms"
    OFFLINE = "offline_migrate_back_vms"


_LISTS = {
    "shutDownVms": WayBackKind.POWER_ON,
    "liveMigrateVms": WayBackKind.LIVE,
    "offlineMigrateVms": WayBackKind.OFFLINE,
}


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """One VM that the exit could bring back."""

    uuid: str
    way: WayBackKind
    name: str
    place: str  #: name of the host it is on, in the precheck's words
    changed: str  #: why CloudTower says that it is not as the maintenance left it; empty: it is
    vm: TowerVm | None  #: None when CloudTower does not show it to Muster's user

    @property
    def is_recycled(self) -> bool:
        """Whether it is in the recycle bin."""
        return self.name.startswith(RECYCLED) or (self.vm is not None and self.vm.in_recycle_bin)

    @property
    def names(self) -> frozenset[str]:
        """All that people may call it."""
        return frozenset({self.uuid, self.name} | ({self.vm.id} if self.vm else set()))

    @property
    def flag(self) -> str:
        """Why it is not brought back unless somebody names it; empty when it is."""
        if self.is_recycled:
            return "in the recycle bin"
        if self.changed:
            return self.changed
        return "" if self.vm else "CloudTower does not show this VM to Muster"


@dataclass(frozen=True, kw_only=True)
class LeavingSurvey:
    """One host in maintenance and what it could get back, at one moment."""

    version: str
    host: TowerHost | None
    cluster: TowerCluster | None = None
    silence: str = ""  #: why the cluster could not be read, as a sentence
    offers: tuple[WayBack, ...] = ()
    left_out: tuple[TowerVm, ...] = ()  #: Muster saw them leave, they are not back, and the precheck does not name them
    nameless: int = 0  #: entries without an id, which nothing can be done with
    refusal: Refused | None = None  #: the precheck was not answered
    alerts: OpenAlerts = field(default_factory=OpenAlerts)


async def survey(client: Client, host_id: str, ledger: Sequence[Left] = ()) -> LeavingSurvey:
    """Survey a host that shall leave maintenance.

    Args:
        client: the tower.
        host_id: either of its ids.
        ledger: the VMs that Muster saw leave when the host entered: what the precheck's lists are held against.

    Raises:
        Refused, Unreachable
    """
    version = await client.version()
    host = await read.host(client, host_id)
    if host is None or host.mode != translate.IN_MAINTENANCE:
        return LeavingSurvey(version=version, host=host)
    complaints, (cluster, silence) = await asyncio.gather(alerts.read(client, host), cluster_of(client, host))
    known = LeavingSurvey(version=version, host=host, cluster=cluster, silence=silence, alerts=complaints)
    try:
        entries = await read.asked(client, "/exit-maintance-mode-precheck-result", {"where": {"id": host.id}}, _entries)
    except Refused as no:
        return replace(known, refusal=no)
    offered = {uuid for uuid, _, _ in entries if uuid}
    missing = {str(left.id): left for left in ledger if left.id not in offered}
    named = await read.vms_called(client, sorted(offered | set(missing)))
    vms = read.told_apart(client, [vm for vm in named if vm.may_be_in(host.cluster_id)])
    left_out = [vm for vm in vms if not offered & {vm.local_id, vm.id} and _is_away(vm, host, missing)]
    called = {name: vm for vm in reversed(vms) for name in (vm.id, vm.local_id)}
    return replace(
        known,
        offers=tuple(_offer(uuid, way, entry, called.get(uuid)) for uuid, way, entry in entries if uuid),
        left_out=tuple(left_out),
        nameless=sum(1 for uuid, _, _ in entries if not uuid),
    )


def _is_away(vm: TowerVm, host: TowerHost, ledger: Mapping[str, Left]) -> bool:
    """Whether a VM of the ledger is elsewhere than on its host, or off though it ran."""
    left = next(left for id, left in ledger.items() if vm.is_called(id))
    return vm.host_id != host.id or (left.status == "RUNNING" and vm.status == "STOPPED")


def _entries(lists: Any) -> Sequence[tuple[str, WayBackKind, Reply]]:
    """Every entry with its id and its list, in a stable order; a VM that stands in two lists only in the first.

    Raises:
        translate.Strange: it is no answer of a precheck, which has all three lists.
    """
    if not isinstance(lists, Mapping):
        raise translate.Strange(f"{translate.kind(lists)} where a precheck's lists belong")
    found = [
        (str(entry.get("vm_uuid") or ""), way, entry)
        for key, way in _LISTS.items()
        for entry in translate.rows(lists.get(key))
    ]
    once = {uuid: (uuid, way, entry) for uuid, way, entry in reversed(found) if uuid}
    nameless = [entry for entry in found if not entry[0]]
    return sorted([*nameless, *once.values()], key=lambda entry: entry[:2])


def _offer(uuid: str, way: WayBackKind, entry: Reply, vm: TowerVm | None) -> WayBack:
    verify = entry.get("verify")
    checked: Reply = verify if isinstance(verify, Mapping) else {}
    changed = str(checked.get("reason") or "it was changed since") if checked.get("changed") is True else ""
    return WayBack(
        uuid=uuid,
        way=way,
        name=(vm.name if vm else "") or str(entry.get("vm_name") or uuid),
        place=(vm.host if vm else "") or str(entry.get("target_host_name") or ""),
        changed=changed,
        vm=vm,
    )

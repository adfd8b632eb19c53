"""What CloudTower's own high availability does about a failed host, as far as its API shows it. Reads only.

No call tells which VMs HA has restarted, and a VM that has moved is no longer listed on the host it came from. What can
be seen: the host's status, the VMs still listed on it with their `ha` flag, and the tasks that are open on VMs of the
cluster (restarts among them) with the host each VM is on by now.
"""

from collections.abc import Sequence

from adapters.cloudtower.survey import read
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import TowerHost, TowerTask, TowerVm
from bot.domain.abilities import Instead
from bot.domain.counting import counted, listed
from bot.domain.listing import Listing
from bot.domain.values import Json

MOST_NAMED = 4
_OPEN: Json = ["PENDING", "EXECUTING", "PAUSED"]


async def instead(client: Client, name: str, host: str) -> Instead:
    """What HA does about a host, and what can be seen of it now.

    Args:
        client: the tower.
        name: what people call this cloud.
        host: exact name or id of a host; unknown ones are not told about.

    Raises:
        Refused, Unreachable
    """
    sentence = (
        f"Muster does not evacuate on {name}: the product's own high availability restarts the VMs of a failed host "
        "by itself, those that have HA switched on."
    )
    either: Json = [{"name": host}, {"id": host}, {"local_id": host}]
    found = read.whole(await read.hosts(client, {"OR": either}))
    if len(found) != 1:
        return Instead(sentence=sentence)
    (seen,) = found
    vms = read.whole(await read.vms(client, {"host": {"id": seen.id}, "in_recycle_bin": False}))
    tasks = await read.tasks_counted(client, {"cluster": {"id": seen.cluster_id}, "status_in": _OPEN})
    resources = sorted({t.resource for t in tasks.items if t.resource})
    busy = await read.vms_called(client, resources) if resources else ()
    return Instead(sentence=sentence, seen=_told(seen, vms, tasks, busy))


def _told(host: TowerHost, vms: Sequence[TowerVm], tasks: Listing[TowerTask], busy: Sequence[TowerVm]) -> str:
    if host.is_connected:
        healthy = translate.said(host.status)
        return f"{host.name} has not failed: it is {healthy}. To empty it, use /maintenance enter."
    protected = [vm for vm in vms if vm.ha]
    bare = [vm.name for vm in vms if not vm.ha and vm.status != "STOPPED"]
    number = counted(len(vms), "VM")
    parts = [f"CloudTower shows {host.name} as {translate.said(host.status)} with {number} still listed on it"]
    parts.append(f"; {len(protected)} of them have HA" if vms else "")
    parts.append(f"; without HA, so down until the host is back: {_some(bare)}" if bare else "")
    restarts = [f"{vm.name} on {vm.host or 'no host'} ({_state_of(vm, tasks.items)})" for vm in busy]
    none = f"Whether VM tasks are open could not be found out. {tasks.gap}" if tasks.gap else "No VM task is open."
    parts.append(f". Open tasks on VMs of {host.cluster}: {_some(restarts)}." if restarts else f". {none}")
    return "".join(parts)


def _state_of(vm: TowerVm, tasks: Sequence[TowerTask]) -> str:
    task = next(t for t in tasks if vm.is_called(t.resource))
    return " ".join(filter(None, (task.words, task.status.lower())))


def _some(names: Sequence[str]) -> str:
    return listed(names, most=MOST_NAMED)

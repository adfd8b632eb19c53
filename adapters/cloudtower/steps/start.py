"""The mutating calls: entering maintenance, leaving it, switching the power of a host in maintenance."""

from adapters.cloudtower.steps import course, power
from adapters.cloudtower.wire.client import Client
from bot.domain.cloud import NotSupported
from bot.domain.plans.plan import Receipt, Step
from bot.domain.values import Json

_CALLS = {  # path, and the lists of VMs that its `data` may carry
    course.ENTER.verb: ("/enter-maintance-mode", ("shutdown_vms",)),
    course.EXIT.verb: ("/exit-maintance-mode", ("poweron_vms", "live_migrate_back_vms", "offline_migrate_back_vms")),
}


async def start(client: Client, step: Step) -> Receipt:
    """Make the call of a step with exactly the VMs that stand in it.

    Raises:
        Refused, Unreachable, NotSupported
    """
    if step.verb == power.VERB:
        return await _switch(client, step)
    if step.verb not in _CALLS:
        raise NotSupported(f"{client.name} cannot do {step.verb!r}.")
    path, lists = _CALLS[step.verb]
    data: dict[str, Json] = {}
    for name in lists:
        vms = step.arguments.get(name)
        if isinstance(vms, list | tuple) and vms:
            data[name] = list(vms)
    return Receipt(id=await client.begin(path, {"where": {"host_id": course.host_id(step)}, "data": data}))


async def _switch(client: Client, step: Step) -> Receipt:
    """Never forced: a forced one stops running VMs."""
    data: dict[str, Json] = {**{name: step.arguments[name] for name in ("action", "reason")}, "force": False}
    body: dict[str, Json] = {"where": {"host_id": course.host_id(step)}, "data": data}
    return Receipt(id=await client.begin("/operate-host-power", body))

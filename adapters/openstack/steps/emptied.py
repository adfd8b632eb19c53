"""The evidence about the ends of a drain: a cold migration that is confirmed, and a host that is empty. Pure."""

from collections.abc import Sequence

from adapters.openstack.model.resources import Migration, Server, Service
from adapters.openstack.steps import evidence
from adapters.openstack.steps.evidence import unclear
from bot.domain import counting
from bot.domain.cloud import Seen, Sighting
from bot.domain.listing import Listing
from bot.domain.plans.plan import Step

TO_BE_CONFIRMED = "VERIFY_RESIZE"
_RESTORABLE = (
    " A VM that is SOFT_DELETED was deleted and can still be restored: have it restored, or deleted for good"
    " (`openstack server delete --force`)."
)
_NAMES = 10  #: so many VMs are named in a sentence


def confirmed(step: Step, server: Server | None, migrations: Sequence[Migration]) -> Sighting:
    """Judge a step that confirms a cold migration.

    Args:
        step: with the verb `verbs.CONFIRM`.
        server: the VM as Nova shows it now; None: Nova knows it no more.
        migrations: its moves from the host, read before the server was.
    """
    name, host = str(step.arguments["name"]), step.arguments["host"]
    if server is None or server.is_gone:
        return evidence.deleted(server, name)
    mark, last = evidence.mark(server, migrations), max(migrations, key=lambda m: m.id, default=None)
    raw = evidence.raw(server, last)
    if server.task is not None or (last is not None and last.is_open):
        stage = last.status if last is not None and last.is_open else server.task
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{name} is on {server.host}: {stage}.",
            raw=raw,
            place=server.host,
            movement=f"{server.host} {server.status} {stage}",
            mark=mark,
        )
    if server.host == host:
        return unclear(f"{name} is on {host} though it had left it: was its move reverted?", server, last, mark)
    if server.status == TO_BE_CONFIRMED:
        sentence = f"{name} is on {server.host}; until that is confirmed, its old disk is kept on {host}."
        return Sighting(seen=Seen.NEVER_STARTED, sentence=sentence, raw=raw, place=server.host, mark=mark)
    return evidence.well(step, server, f"{name} is on {server.host}", left="its host", raw=raw, mark=mark)


def emptied(step: Step, service: Service | None, listed: Listing[Server], migrations: Sequence[Migration]) -> Sighting:
    """Judge whether a host is empty and stays so: only then it may be called safe to power off.

    Args:
        step: with the verb `verbs.EMPTY`.
        service: its compute service.
        listed: of any status, that are on it, and whether that is all.
        migrations: to and from it, that may still be under way; read before the servers were.

    Raises:
        Unreachable: nothing shows that it is not empty, and nothing proves that it is.
    """
    servers = listed.items
    host = str(step.arguments["host"])
    coming = [m for m in migrations if m.target == host]
    if service is not None and service.is_enabled:
        return _not_empty(
            f"{host} is enabled, so Nova may put VMs on it at any time.",
            "Somebody enabled it meanwhile. Ask them, disable it, then retry.",
        )
    if coming:
        number = counting.counted(len(coming), "VM is still on its way", "VMs are still on their way")
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{number} to {host}.",
            remedy=f"See `openstack server migration list --host {host}`.",
            movement=" ".join(f"{m.id} {m.status}" for m in coming),
        )
    if servers:
        names = counting.listed([f"{s.name} ({s.status})" for s in servers], most=_NAMES)
        number = counting.counted(len(servers), "VM is", "VMs are")
        return _not_empty(
            f"{host} is not empty: {number} still on it: {names}. Do not power it off.",
            f"Move or remove what is on it, then retry: Muster only looks again. {host} stays disabled."
            + (_RESTORABLE if any(s.is_restorable for s in servers) else ""),
        )
    if not listed.is_proven_empty:
        raise evidence.unproven(host, listed)
    return Sighting(
        seen=Seen.DONE,
        sentence=f"{host} is empty: Nova lists no VM of any status on it, and {listed.witness}. It is safe to power"
        " off.",
    )


def _not_empty(sentence: str, remedy: str) -> Sighting:
    return Sighting(seen=Seen.FAILED, sentence=sentence, remedy=remedy)

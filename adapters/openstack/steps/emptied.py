"""The end of a drain: the step by which a host is seen to be empty, and what shows that it is."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.openstack.model import migration_records
from adapters.openstack.model.resources import Migration, Server, Service, in_turn
from adapters.openstack.steps import evidence
from adapters.openstack.steps.family import Access, Family
from adapters.openstack.survey import nova, older_clouds, proof
from adapters.openstack.survey import servers as server_reads
from adapters.openstack.wire.versions import SERVICES, SHADOWS
from bot.domain import counting
from bot.domain.cloud import Seen, Sighting
from bot.domain.listing import Listing
from bot.domain.plans.plan import By, PlannedStep, Step
from bot.domain.values import StepKey

EMPTY = "verify-empty"  #: brought about by the moves
_RESTORABLE = (
    " A VM that is SOFT_DELETED was deleted and can still be restored: have it restored, or deleted for good"
    " (`openstack server delete --force`)."
)
_NAMES = 10  #: so many VMs are named in a sentence


def step(service: Service, *, phase: str, quiet: timedelta) -> PlannedStep:
    """The step that sees that nothing is left on a host.

    Args:
        service: its compute service.
        phase: of the plan.
        quiet: as in `PlannedStep`.
    """
    return PlannedStep(
        key=StepKey(f"{EMPTY}:{service.id}"),
        phase=phase,
        verb=EMPTY,
        target=service.id,
        title=f"verify that {service.host} is empty",
        by=By.CLOUD,
        arguments={"host": service.host},
        patience=timedelta(minutes=10),
        quiet=quiet,
    )


def sighting(step: Step, service: Service | None, listed: Listing[Server], migrations: Sequence[Migration]) -> Sighting:
    """Judge whether a host is empty and stays so: only then it may be called safe to power off.

    Args:
        step: as made by `step`.
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


async def look(access: Access, host: str, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """Whether it is empty, by lists that bear each other out."""
    session = access.session
    found = await nova.migrations_of(session, {"host": host})
    servers = await nova.servers_on(session, host, at=SHADOWS)
    compute = next(iter(in_turn(await nova.compute_services(session, host=host))), None)  # last: it shows a silent cell
    if compute is None:
        await proof.service_is_gone(session, host)
    hypervisors = await nova.hypervisors_of(session)
    if (await nova.compute_offer(session)).highest < SERVICES:
        hypervisors = await older_clouds.with_providers(session, hypervisors)
    held = await proof.allocations_on(session, host, hypervisors)
    listed = await proof.told(session, host, servers, held=held, hypervisors=hypervisors, migrations=found)
    movers = await server_reads.of_movers(session, found, listed.items)
    opened = migration_records.still_open(found, movers, now=session.time_there(access.now))
    return {s.key: sighting(s, compute, listed, opened) for s in steps}


FAMILY = Family(starts={EMPTY: None}, look=look)

"""Whether a VM that Nova does not know was deleted, or is of another cloud than the plan was made of.

Whoever changes clouds.yaml while an operation runs (another region, other credentials) may have Muster look at another
Nova, which knows none of its VMs. So each step about a VM names the compute service of the VM's host as it was in the
plan. Where that service is not there, nobody can tell what became of a VM without a record of a move.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from adapters.openstack.model.computes import Computes
from adapters.openstack.survey import nova
from adapters.openstack.wire.session import Session
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import PlannedStep, Step
from bot.domain.values import StepKey


def named(steps: Iterable[PlannedStep], computes: Computes) -> tuple[PlannedStep, ...]:
    """The steps of a plan, those about VMs with the compute service of the VM's host."""
    ids = {service.host: service.id for service in reversed(computes.all)}
    return tuple(s if s.vm is None else replace(s, witness=ids.get(str(s.arguments["host"]), "")) for s in steps)


async def missing(session: Session, host: str, steps: Sequence[Step]) -> frozenset[StepKey]:
    """Those of the steps whose witness is not on their host any more; none of plans of earlier releases.

    Args:
        session: the cloud.
        host: of the steps.
        steps: about VMs that Nova does not know.

    Raises:
        Refused, Unreachable: could not ask.
    """
    asked = [s for s in steps if s.witness]
    if not asked:
        return frozenset()
    there = {service.id for service in await nova.compute_services(session, host=host)}
    return frozenset(s.key for s in asked if s.witness not in there)


def sighting(step: Step) -> Sighting:
    """That nobody knows what became of a VM."""
    name, host = step.arguments["name"], step.arguments["host"]
    return Sighting(
        seen=Seen.UNCLEAR,
        sentence=f"Nova knows neither {name} nor the compute service of {host} that the plan was made with: they were"
        " deleted, or this is another cloud.",
        remedy="See that clouds.yaml names the same cloud and region as before, and retry. If both were deleted, set"
        " the VM aside.",
    )

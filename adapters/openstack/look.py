"""A look: each family of steps at each host sees its own, and what keeps one from being read hides no other."""

from collections.abc import Mapping, Sequence
from itertools import product

from adapters.openstack.steps.family import Access
from adapters.openstack.steps.verbs import FAMILIES, family_of
from bot.domain.cloud import PartlySeen, Sighting, Unreachable
from bot.domain.plans.plan import Step
from bot.domain.values import StepKey


async def at(access: Access, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """What the cloud shows about each step.

    Args:
        access: the cloud.
        steps: of this adapter.

    Raises:
        NotSupported: a step is not of this adapter.
        PartlySeen: could not ask about some of them.
        Refused, Unreachable: could not ask.
    """
    family = {step.key: family_of(step) for step in steps}
    seen: dict[StepKey, Sighting] = {}
    trouble: Unreachable | None = None
    for host, one in product(sorted({str(s.arguments["host"]) for s in steps}), FAMILIES):
        mine = [s for s in steps if s.arguments["host"] == host and family[s.key] is one]
        try:
            seen |= await one.look(access, host, mine) if mine else {}
        except Unreachable as error:
            trouble = trouble or error
    if trouble is None:
        return seen
    raise PartlySeen(trouble, seen) if seen else trouble

"""The verbs of OpenStack's steps, each with the one family that makes, begins and recognises it."""

from adapters.openstack.steps import emptied, locks, power, rehome, service
from adapters.openstack.steps.family import Access, Family
from adapters.openstack.steps.moves import look as moves
from bot.domain.cloud import NotSupported
from bot.domain.plans.plan import Receipt, Step

FAMILIES = (rehome.FAMILY, power.FAMILY, service.FAMILY, moves.FAMILY, locks.FAMILY, emptied.FAMILY)
"""In the order in which they are looked at."""
_BY_VERB = {verb: family for family in FAMILIES for verb in family.starts}


def family_of(step: Step) -> Family:
    """The family of a step.

    Raises:
        NotSupported: it is not of this adapter.
    """
    if step.verb not in _BY_VERB:
        raise NotSupported(f"This cloud knows no step called {step.verb}.")
    return _BY_VERB[step.verb]


async def start(access: Access, step: Step) -> Receipt:
    """Make the one call of a step, or run its one command.

    Raises:
        NotSupported: it has none, or it is not Muster's to make.
        Refused: it was not made, or it ended with an error.
        Unreachable: nobody knows.
    """
    begin = family_of(step).starts[step.verb]
    if begin is None:
        raise NotSupported(f"No call of Muster's brings it about that {step.title}.")
    return await begin(access, step)

"""What other operations of Muster have still to move, read from their steps: so much room is promised already. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from adapters.openstack.model.resources import Amounts
from adapters.openstack.steps import evidence
from adapters.openstack.steps.moves.ways import MOVES
from bot.domain.plans.plan import Step


def coming(steps: Sequence[Step]) -> Iterator[tuple[Amounts, str]]:
    """What each VM that is still to be moved takes, and the host that it was told or would best go to; "": not known.

    Args:
        steps: what other operations have still to start, of any kind.
    """
    for step in steps:
        needs = step.arguments.get("needs")
        if step.verb in MOVES and isinstance(needs, Mapping):
            yield {str(name): int(str(amount)) for name, amount in needs.items()}, _place(step)


def how_many(steps: Sequence[Step]) -> int:
    """How many VMs are still to be moved."""
    return sum(1 for _ in coming(steps))


def _place(step: Step) -> str:
    return str(step.arguments.get("to") or "") or evidence.wish(step)

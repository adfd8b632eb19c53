"""Choosing the VMs of a plan: a person ticks them, and the cloud is surveyed again for a plan of exactly those."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from bot.desk.transition import apply, settled
from bot.domain.counting import listed
from bot.domain.errors import AlreadySettled, BadChoice
from bot.domain.messages.decided import VmsChosen
from bot.domain.messages.news import News
from bot.domain.operation import Event, Operation, PlannedOperation
from bot.domain.plans.plan import Plan
from bot.domain.ports import Unit
from bot.domain.rules.policy import Actor
from bot.domain.values import Digest, Facts, VmId


def check_open(operation: Operation, digest: Digest) -> Plan:
    """The plan whose VMs may be chosen now.

    Args:
        operation: whose plan it is.
        digest: of the plan that the person saw.

    Raises:
        AlreadySettled: decided meanwhile, or another plan is stored now.
        BadChoice: it leaves nothing to choose.
    """
    if not operation.may(Event.RECHECK):
        raise settled(operation)
    if not isinstance(operation, PlannedOperation) or operation.digest != digest:
        raise AlreadySettled(
            "The plan has changed since you saw it, so nothing was chosen.",
            remedy="Choose from the card as it stands now.",
        )
    if not operation.plan.choices:
        raise BadChoice("This plan leaves nothing to choose.")
    return operation.plan


async def choose(
    unit: Unit, operation: Operation, vms: Collection[VmId], *, digest: Digest, by: Actor, at: datetime
) -> None:
    """Ask for a new plan with exactly these VMs; votes on the old one count no more, for its digest is gone.

    Args:
        unit: the transaction.
        operation: as read in it.
        vms: the ids that were ticked, of those that the plan offers.
        digest: the plan whose list the person saw.
        by: who chose.
        at: when.

    Raises:
        AlreadySettled: decided meanwhile, or the list is that of another plan.
        BadChoice: nothing to choose, nothing chosen where that makes no sense, or no change.
        Stale
    """
    plan = check_open(operation, digest)
    _check(plan, vms, may_stay=operation.awaits_choice)
    chosen = [vm for vm in plan.choices if vm.id in vms]
    left = [vm for vm in plan.choices if vm.id not in vms]
    request = replace(operation.request, vms=tuple(vm.id for vm in chosen), is_choice=True)
    facts: Facts = {"digest": digest, "chosen": [vm.id for vm in chosen], "left": [vm.id for vm in left]}
    told = VmsChosen(by=by.id, chosen=len(chosen), left=tuple(vm.name for vm in left))
    await apply(unit, replace(operation, request=request), Event.RECHECK, at, by.id, facts)
    await unit.outbox.tell(News(what=told, operation=operation.id))


def _check(plan: Plan, vms: Collection[VmId], *, may_stay: bool) -> None:
    """Let a choice pass that this plan offers and that changes it, or that says for the first time what is meant."""
    if strange := set(vms) - {vm.id for vm in plan.choices}:
        raise BadChoice(f"Not among the VMs to choose from: {listed(sorted(strange), most=5)}.")
    if not vms and not plan.may_choose_none:
        raise BadChoice("No VM was chosen, so nothing would be done.", remedy="Choose at least one, or cancel.")
    if not may_stay and set(vms) == {vm.id for vm in plan.choices if vm.chosen}:
        raise BadChoice("That is what the plan does already, so nothing was changed.")

"""Setting failed VMs aside: a person ticks them, and nothing of this operation touches them again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.desk.transition import apply
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled, BadChoice
from bot.domain.messages.executed import LeftUndone, VmsSetAside
from bot.domain.messages.news import News
from bot.domain.operation import STANDS, Event, Operation, State
from bot.domain.ports import Unit
from bot.domain.progress import fates, set_aside
from bot.domain.progress.steps import SetAside, StepRecord
from bot.domain.rules.policy import Actor
from bot.domain.values import Facts, VmId

_OPEN = frozenset({State.RUNNING, State.PAUSED, State.NEEDS_ATTENTION})
"""Where a failed VM may be set aside: others may still move meanwhile."""
_REMEDY = "See the card as it stands now."


def check_open(operation: Operation, records: Sequence[StepRecord]) -> Mapping[VmId, StepRecord]:
    """The VMs that may be set aside now, each with the step that did not get done.

    Raises:
        AlreadySettled: the operation does not wait for people any more.
        BadChoice: there is none.
    """
    _check_waits(operation)
    offered = set_aside.may_be(records)
    if not offered:
        raise BadChoice("No VM of this operation can be set aside.", remedy=_REMEDY)
    return offered


async def set_vms_aside(
    unit: Unit, operation: Operation, vms: Collection[VmId], *, reason: str, by: Actor, at: datetime
) -> None:
    """Set these VMs aside, all or none; where nothing else is left to do, that ends the operation.

    Args:
        unit: the transaction.
        operation: as read in it.
        vms: the ids that were ticked.
        reason: why, in the person's words; may be empty.
        by: who sets them aside.
        at: when.

    Raises:
        AlreadySettled: the operation does not wait for people any more, or somebody set one of them aside already.
        BadChoice: none was chosen, or one of them has not failed, or not any more.
        Stale
    """
    _check_waits(operation)
    records = await unit.steps.of(operation.id, alone=True)
    names = _names(operation, vms)
    _check(records, names)
    marked = {r.key: r for r in set_aside.of(records, vms, SetAside(by=by.id, at=at, reason=reason))}
    entry = Entry(event=AuditEvent.STEP_SET_ASIDE, actor=by.id)
    await unit.steps.save(
        operation.id,
        [(r, replace(entry, facts={"step": key, "reason": reason}) if r.counts else None) for key, r in marked.items()],
    )
    facts: Facts = {"vms": list(names.values()), "reason": reason}
    saved = await unit.operations.save(operation, Entry(event=AuditEvent.VMS_SET_ASIDE, actor=by.id, facts=facts))
    await unit.outbox.tell(
        News(what=VmsSetAside(by=by.id, vms=tuple(names.values()), reason=reason), operation=operation.id)
    )
    records = [marked.get(r.key, r) for r in records]
    if operation.state is not State.NEEDS_ATTENTION:
        return  # the engine is at work, and ends it when nothing moves any more
    if set_aside.is_all_that_is_left(records, operation.phases):
        left = [r.step.title for r in fates.undone(records)]
        ended = replace(saved, outcome=set_aside.outcome(records))
        told = LeftUndone(by=by.id, left=tuple(left), sentence=ended.outcome)
        await apply(unit, ended, Event.CLOSED, at, by.id, {"left": left}, told=told)


def _check_waits(operation: Operation) -> None:
    if operation.state not in _OPEN:
        raise AlreadySettled(f"This operation {STANDS[operation.state]}, so no VM was set aside.", remedy=_REMEDY)


def _check(records: Sequence[StepRecord], names: Mapping[VmId, str]) -> None:
    """Let VMs pass that may all be set aside now."""
    if not names:
        raise BadChoice("No VM was chosen, so none was set aside.")
    offered = set_aside.may_be(records)
    earlier = {r.step.vm: r.aside for r in records if r.aside}
    for vm, name in names.items():
        if before := earlier.get(vm):
            remedy = f"Nothing was changed. {_REMEDY}"
            raise AlreadySettled(f"{name} was set aside already", by=(before.by,), at=before.at, remedy=remedy)
        if vm not in offered:
            raise BadChoice(
                f"{name} is not among the failed VMs that can be set aside now, so none was.", remedy=_REMEDY
            )


def _names(operation: Operation, vms: Collection[VmId]) -> Mapping[VmId, str]:
    known = {vm.id: vm.name for vm in operation.vms}
    return {vm: known.get(vm) or vm for vm in dict.fromkeys(vms)}

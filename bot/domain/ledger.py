"""Where the VMs of a host are that operations of ours moved away, as plans and step rows have it. Pure."""

from collections.abc import Iterable, Sequence

from bot.domain.cloud import Left
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Disposition, PlannedStep, Vm
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import Action, VmId

MOST = 50
"""So many past operations of a host are looked at."""
CLOSED_STATES = frozenset({State.SUCCEEDED, State.ENDED_INCOMPLETE})
"""In which an operation has acted and acts no more."""


def of(past: Iterable[tuple[Operation, Sequence[StepRecord]]]) -> tuple[Left, ...]:
    """The VMs that were moved away since the host's last return and have not come back.

    Several operations add up. A return leaves those away that it did not bring back, for another return to offer; the
    next operation that takes the host out of service begins anew.

    Args:
        past: operations of one host in `CLOSED_STATES` with their steps, oldest first.
    """
    left: dict[VmId, Left] = {}
    is_back = False
    for operation, records in past:
        if operation.request.action is Action.REHOME:
            continue
        if operation.request.action is Action.EXIT:
            is_back |= operation.state is State.SUCCEEDED
            for id in {r.step.vm for r in records if r.step.vm}:
                if all(r.state is StepState.DONE for r in records if r.step.vm == id and r.counts):
                    left.pop(id, None)
            continue
        if is_back:
            left.clear()
        is_back = False
        for vm in operation.vms:
            if vm.disposition is Disposition.LEAVE:
                continue  # it was only looked at
            mine = [r for r in records if r.step.vm == vm.id and r.counts]
            if any(r.starts or r.state in {StepState.DONE, StepState.UNKNOWN} for r in mine):
                left[vm.id] = _left(vm, mine, before=left.get(vm.id))
    return tuple(left.values())


def undone(past: Iterable[tuple[Operation, Sequence[StepRecord]]], by: Action) -> tuple[PlannedStep, ...]:
    """The steps that an action takes back: those that got done since it was last done itself.

    Args:
        past: operations of one host in `CLOSED_STATES` with their steps, oldest first.
        by: the action.
    """
    steps: list[PlannedStep] = []
    for operation, records in past:
        if operation.request.action is by and operation.state is State.SUCCEEDED:
            steps.clear()
        steps += [r.step for r in records if r.step.undone_by is by and r.state is StepState.DONE]
    return tuple(steps)


def _left(vm: Vm, records: Sequence[StepRecord], *, before: Left | None) -> Left:
    place = next((r.place for r in reversed(records) if r.state is StepState.DONE and r.place), "")
    return Left(id=vm.id, name=vm.name, status=before.status if before else vm.status, place=place)

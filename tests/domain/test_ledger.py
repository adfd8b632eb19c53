"""What the books say of the VMs that were moved away from a host."""

from dataclasses import fields, replace

import pytest

from bot.domain import ledger
from bot.domain.cloud import Host, Left, Request
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Disposition, Step
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import Action, Digest, HostId, OperationId, StepKey, UserId, VmId
from tests.domain.build import NOW, plan, step, vm

DONE, FAILED, SKIPPED, UNKNOWN = StepState.DONE, StepState.FAILED, StepState.NOT_NEEDED, StepState.UNKNOWN
Past = tuple[Operation, list[StepRecord]]


def moved(id: str, place: str, state: StepState = DONE, *, starts: int = 1, verb: str = "live") -> StepRecord:
    made = step(f"{verb} {id}", vm=VmId(id), follows=None)
    return StepRecord(step=Step.of(made), seq=0, state=state, starts=starts, place=place if state is DONE else "")


def past(action: Action, *records: StepRecord, state: State = State.SUCCEEDED, status: str = "ACTIVE") -> Past:
    ids = list(dict.fromkeys(r.step.vm for r in records if r.step.vm))
    close = StepRecord(step=Step.of(step("close")), seq=9, state=DONE, starts=1)
    request = Request(action=action, cloud="prod", host=HostId("h-1"), host_name="compute-1", run=OperationId("1"))
    made = Operation(
        id=OperationId("1"),
        request=request,
        host=Host(id=HostId("h-1"), name="compute-1"),
        requested_by=UserId("U0ALICE"),
        channel="C0OPS",
        state=state,
        created_at=NOW,
        changed_at=NOW,
    )
    drawn = plan(vms=tuple(vm(id, status=status) for id in ids))
    return made.with_plan(drawn, Digest("d")), [*records, close]


def left(id: str, place: str, status: str = "ACTIVE") -> Left:
    return Left(id=VmId(id), name=f"name of {id}", status=status, place=place)


def test_a_host_that_was_never_emptied_has_none() -> None:
    assert ledger.of([]) == ()
    assert ledger.of([past(Action.EXIT)]) == ()


def test_each_vm_is_where_it_was_verified_and_was_as_the_plan_found_it() -> None:
    found = ledger.of([past(Action.ENTER, moved("a", "compute-2"), moved("b", "compute-3"), status="SHUTOFF")])
    assert found == (left("a", "compute-2", "SHUTOFF"), left("b", "compute-3", "SHUTOFF"))


def test_of_several_steps_of_a_vm_the_last_that_tells_a_place_counts() -> None:
    cold = [moved("a", "compute-2", verb="migrate"), moved("a", "", FAILED, verb="confirm")]
    assert ledger.of([past(Action.ENTER, *cold)]) == (left("a", "compute-2"),)
    abort = moved("a", "compute-1", verb="abort")
    relief = replace(abort, step=replace(abort.step, relieves=StepKey("migrate a")))
    assert ledger.of([past(Action.ENTER, *cold, relief)]) == (left("a", "compute-2"),)


@pytest.mark.parametrize(
    ("record", "is_listed"),
    [
        (moved("a", "", FAILED), True),
        (moved("a", "", UNKNOWN, starts=0), True),
        (moved("a", "", DONE, starts=0), True),
        (moved("a", "", FAILED, starts=0), False),
        (moved("a", "", SKIPPED, starts=0), False),
    ],
)
def test_what_was_begun_and_not_verified_is_listed_without_a_place(record: StepRecord, is_listed: bool) -> None:
    assert ledger.of([past(Action.EVACUATE, record)]) == ((left("a", ""),) if is_listed else ())


def test_vms_without_steps_and_operations_without_a_plan_add_nothing() -> None:
    entered, records = past(Action.ENTER, moved("a", "compute-2"))
    stays = vm("stays", disposition=Disposition.CANNOT)
    assert entered.plan is not None
    more = entered.with_plan(replace(entered.plan, vms=(*entered.plan.vms, stays)), Digest("d"))
    known = {f.name: getattr(entered, f.name) for f in fields(Operation) if f.init}
    assert ledger.of([(more, records), (Operation(**known), records)]) == (left("a", "compute-2"),)


def test_several_operations_add_up_with_the_first_status_and_the_last_place() -> None:
    first = past(Action.ENTER, moved("a", "compute-2"), state=State.ENDED_INCOMPLETE)
    second = past(Action.EVACUATE, moved("b", "compute-3"), moved("a", "compute-4"), status="SHUTOFF")
    assert ledger.of([first, second]) == (left("a", "compute-4"), left("b", "compute-3", "SHUTOFF"))


def test_who_was_brought_back_is_off_the_list_and_who_was_left_away_may_come_later() -> None:
    entered = past(Action.ENTER, moved("a", "compute-2"), moved("b", "compute-3"), moved("c", "compute-3"))
    relief = moved("a", "", SKIPPED, verb="abort")
    unneeded = replace(relief, step=replace(relief.step, relieves=StepKey("live a")))
    back = past(Action.EXIT, moved("a", "compute-1"), unneeded, moved("b", "", FAILED), state=State.ENDED_INCOMPLETE)
    assert ledger.of([entered, back]) == (left("b", "compute-3"), left("c", "compute-3"))
    again = past(Action.EXIT, moved("b", "compute-1"))
    assert ledger.of([entered, back, again]) == (left("c", "compute-3"),)


def test_after_a_return_the_next_operation_that_empties_the_host_begins_anew() -> None:
    entered, returned = past(Action.ENTER, moved("old", "compute-2")), past(Action.EXIT)
    assert ledger.of([entered, returned, past(Action.ENTER, moved("new", "compute-3"))]) == (left("new", "compute-3"),)
    fell_short = past(Action.EXIT, state=State.ENDED_INCOMPLETE)
    both = ledger.of([entered, fell_short, past(Action.ENTER, moved("new", "compute-3"))])
    assert [one.id for one in both] == ["old", "new"]


def test_a_vm_whose_migration_was_aborted_is_where_nobody_has_verified_it() -> None:
    aborted = replace(
        moved("a", "compute-1", verb="abort"), step=Step.of(step("abort a", vm=VmId("a"), relieves=StepKey("x")))
    )
    assert ledger.of([past(Action.ENTER, moved("a", "", FAILED), aborted)]) == (left("a", ""),)


# what an action takes back -----------------------------------------------------------------------------------------


def given(key: str, state: StepState = DONE, by: Action | None = Action.REHOME) -> StepRecord:
    return StepRecord(step=Step.of(replace(step(key), undone_by=by)), seq=0, state=state, starts=1)


def test_an_action_takes_back_what_got_done_since_it_was_last_done_itself() -> None:
    first, second = given("volumes"), given("backups")
    history = [past(Action.EVACUATE, first, given("failed", FAILED), given("other", by=None))]
    assert ledger.undone(history, Action.REHOME) == (first.step,)
    short = past(Action.REHOME, state=State.ENDED_INCOMPLETE)
    assert ledger.undone([*history, short], Action.REHOME) == (first.step,)
    assert ledger.undone([*history, past(Action.REHOME), past(Action.EVACUATE, second)], Action.REHOME) == (
        second.step,
    )


def test_giving_volumes_back_says_nothing_about_where_vms_are() -> None:
    away = past(Action.EVACUATE, moved("vm-1", "compute-2"))
    back = past(Action.EXIT)
    assert ledger.of([away, back, past(Action.REHOME)]) == ledger.of([away, back])


def test_a_vm_that_was_to_stay_and_was_only_looked_at_was_not_moved_away() -> None:
    operation, records = past(Action.ENTER, moved("a", "compute-1"))
    assert operation.plan is not None
    stays = replace(operation.plan, vms=(vm("a", disposition=Disposition.LEAVE),))
    assert ledger.of([(operation.with_plan(stays, Digest("d")), records)]) == ()

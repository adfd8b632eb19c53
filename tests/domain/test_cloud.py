"""What the errors of a cloud carry, and which VMs a request means once there is a plan."""

from dataclasses import replace

from bot.domain.cloud import PartlySeen, Request, Seen, Sighting, Unreachable, as_planned
from bot.domain.values import Action, HostId, OperationId, StepKey
from tests.domain.build import plan, vm


def test_a_look_that_could_be_made_at_some_steps_alone_says_what_it_saw_and_why_not_more() -> None:
    why = Unreachable("Nova answered 503.", remedy="Wait.", raw="HTTP 503")
    seen = {StepKey("a"): Sighting(seen=Seen.DONE)}
    partly = PartlySeen(why, seen)
    assert (partly.seen, partly.sentence, partly.remedy, partly.raw) == (seen, why.sentence, why.remedy, why.raw)
    assert not partly.is_over


def test_the_vms_that_people_named_are_those_of_the_plan_once_there_is_one() -> None:
    asked = Request(
        action=Action.EVACUATE,
        cloud="prod",
        host=HostId("h-1"),
        host_name="compute-1",
        run=OperationId("OP1"),
        vms=("web", "vm-2", "gone"),
    )
    made = plan(vms=(vm("vm-1", name="web"), vm("vm-2", name="db"), vm("vm-3", name="vm-2"), vm("vm-4", chosen=True)))
    assert as_planned(asked, made) == replace(asked, vms=("vm-1", "vm-2", "vm-4"), is_choice=True)
    for same in (replace(asked, vms=()), replace(asked, is_choice=True)):
        assert as_planned(same, made) == same

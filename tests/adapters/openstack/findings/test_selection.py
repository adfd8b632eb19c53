"""The wishes that narrow an evacuation: a target, and a chosen set of VMs."""

import pytest

from bot.domain.plans.plan import Disposition
from tests.adapters.openstack.build import (
    codes,
    finding,
    plan,
    room,
    server,
    survey,
    with_service,
)


def test_a_target_is_asked_for_in_every_evacuation() -> None:
    made = plan(survey(server("a"), server("b")), to="compute-3")
    assert not made.is_blocked
    assert {s.arguments["to"] for s in made.steps if s.verb == "evacuate"} == {"compute-3"}
    assert made.facts["target"] == "compute-3"


def test_a_target_without_room_blocks_though_others_have_some() -> None:
    made = plan(survey(by_host={"compute-2": room(), "compute-3": room(vcpus=0)}), to="compute-3")
    found = finding(made, "fits-nowhere")
    assert found is not None
    assert "compute-3" in found.sentence


@pytest.mark.parametrize(("to", "code"), [("compute-9", "target-unknown"), ("compute-1", "target-is-source")])
def test_a_target_that_cannot_be_one_blocks(to: str, code: str) -> None:
    made = plan(survey(), to=to)
    assert code in codes(made)
    assert made.is_blocked


@pytest.mark.parametrize("change", [{"is_up": False}, {"is_enabled": False}])
def test_a_target_out_of_service_blocks(change: dict[str, bool]) -> None:
    made = plan(with_service(survey(), "compute-3", **change), to="compute-3")
    assert "target-not-in-service" in codes(made)
    assert made.is_blocked


def test_a_target_is_matched_exactly_and_never_by_its_beginning() -> None:
    assert "target-unknown" in codes(plan(survey(), to="compute"))


def test_only_the_vms_asked_for_are_evacuated_and_the_others_are_shown_as_left() -> None:
    made = plan(survey(server("a"), server("b"), server("c")), vms=("a", "id-c"))
    assert {vm.name: vm.disposition for vm in made.vms} == {
        "a": Disposition.EVACUATE,
        "b": Disposition.LEAVE,
        "c": Disposition.EVACUATE,
    }
    assert [s.target for s in made.steps if s.verb == "evacuate"] == ["id-a", "id-c"]


def test_vms_may_be_chosen_unless_they_cannot_be_evacuated() -> None:
    made = plan(survey(server("a"), server("b"), server("c", vm_state="paused")), vms=("id-a",), is_choice=True)
    assert {vm.name: vm.chosen for vm in made.vms} == {"a": True, "b": False, "c": None}
    assert [s.target for s in made.steps if s.verb == "evacuate"] == ["id-a"]
    assert {vm.chosen for vm in plan(survey(server("a"), server("b"))).vms} == {True}


def test_a_chosen_vm_that_has_left_the_host_meanwhile_does_not_block() -> None:
    made = plan(survey(server("a")), vms=("id-a", "id-gone"), is_choice=True)
    assert not made.is_blocked
    assert [s.target for s in made.steps if s.verb == "evacuate"] == ["id-a"]


def test_a_vm_that_is_not_on_the_host_blocks() -> None:
    made = plan(survey(server("a")), vms=("b",))
    assert "vm-not-here" in codes(made)
    assert made.is_blocked


def test_a_name_that_two_vms_bear_blocks_and_their_ids_are_offered() -> None:
    made = plan(survey(server("a", id="id-1"), server("a", id="id-2")), vms=("a",))
    found = finding(made, "vm-ambiguous")
    assert found is not None
    assert "id-1, id-2" in found.remedy

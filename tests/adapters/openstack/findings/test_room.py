"""Whether the VMs fit elsewhere."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.findings.room import spoken
from adapters.openstack.model import translate
from adapters.openstack.model.resources import Room, Server
from bot.domain.plans.plan import Disposition, Plan, Step, Verdict
from tests.adapters.openstack.build import (
    codes,
    configured,
    enter,
    finding,
    living,
    plan,
    room,
    server,
    survey,
    with_service,
)
from tests.steps import steps_of


def test_the_room_needed_and_free_is_said_in_numbers() -> None:
    found = finding(plan(survey(server("a"), server("b"))), "room")
    assert found is not None
    assert found.verdict is Verdict.OK
    assert "2 vCPU, 4 GiB" in found.sentence
    assert "3 hosts have 300 vCPU, 300 GiB" in found.sentence


def test_what_placement_says_a_vm_holds_counts_more_than_its_flavor() -> None:
    made = plan(survey(server("a"), held={"id-a": {"PCPU": 4, "MEMORY_MB": 8192}}))
    found = finding(made, "fits-nowhere")
    assert found is not None
    assert "4 PCPU, 8 GiB" in found.sentence


def test_what_a_vm_needs_is_said_in_one_order_whatever_order_placement_has() -> None:
    made = plan(survey(server("a"), held={"id-a": {"FPGA": 1, "DISK_GB": 10, "MEMORY_MB": 999 * 1024, "VCPU": 2}}))
    found = finding(made, "fits-nowhere")
    assert found is not None
    assert "needs 2 vCPU, 999 GiB, 10 GB disk, 1 FPGA." in found.sentence


def test_a_vm_that_alone_fits_nowhere_blocks() -> None:
    made = plan(survey(server("big", needs={"VCPU": 101, "MEMORY_MB": 1024}), server("small")), vms=("big",))
    found = finding(made, "fits-nowhere")
    assert found is not None
    assert found.vm == "id-big"
    assert made.is_blocked
    assert finding(made, "stays-for-room") is None


def test_room_that_is_scattered_warns() -> None:
    many = [server(f"vm-{n}", needs={"VCPU": 1, "MEMORY_MB": 60 * 1024}) for n in range(4)]
    made = plan(survey(*many))
    assert "tight-room" in codes(made)
    assert not made.is_blocked


def test_without_placement_the_room_is_unknown_and_that_blocks() -> None:
    made = plan(survey(by_host=None))
    found = finding(made, "room-unknown")
    assert found is not None
    assert found.verdict is Verdict.UNKNOWN
    assert made.is_blocked


def test_a_host_that_placement_does_not_name_is_not_called_full() -> None:
    big = server("big", needs={"VCPU": 101, "MEMORY_MB": 1024})
    whole = survey(big)
    assert whole.rooms.by_host is not None
    silent = min(whole.rooms.by_host)
    for left in ({host: r for host, r in whole.rooms.by_host.items() if host != silent}, {}):
        made = plan(survey(big, by_host=left))
        found = finding(made, "room-unknown")
        assert found is not None
        assert found.verdict is Verdict.UNKNOWN
        assert f"tells nothing of {silent}" in found.sentence
        assert finding(made, "fits-nowhere") is None


def test_hosts_that_are_down_or_disabled_lend_no_room() -> None:
    full = {"compute-3": Room(capacity={}, used={}), "compute-4": Room(capacity={}, used={})}
    taken = with_service(survey(by_host={"compute-2": room(), **full}), "compute-2")
    assert finding(plan(taken), "room") is not None
    disabled = with_service(taken, "compute-2", is_enabled=False)
    assert "fits-nowhere" in codes(plan(disabled))
    by_trait = survey(by_host={"compute-2": room(disabled=True), **full})
    assert "fits-nowhere" in codes(plan(by_trait))


def test_a_vm_pinned_to_a_zone_needs_room_there() -> None:
    taken = survey(server("a", pinned_zone="az-2"))
    made = plan(taken)
    found = finding(made, "fits-nowhere")
    assert found is not None
    assert "az-2" in found.sentence
    assert "room" in codes(plan(with_service(taken, "compute-4", zone="az-2")))


def test_a_vm_that_stays_behind_needs_no_room() -> None:
    made = plan(survey(server("big", vm_state="paused", needs={"VCPU": 999}), server("small")))
    assert "room" in codes(made)


@pytest.mark.parametrize("resource", ["VCPU", "MEMORY_MB", "DISK_GB"])
def test_one_vm_takes_no_more_than_a_host_has_whatever_is_overcommitted(resource: str) -> None:
    big = server("big", needs={resource: 64})
    hosts = {f"compute-{n}": replace(room(1000, 1000), largest={resource: 63}) for n in (2, 3, 4)}
    assert finding(plan(survey(big, by_host=hosts)), "fits-nowhere") is not None
    hosts["compute-4"] = replace(room(1000, 1000), largest={resource: 64})
    assert finding(plan(survey(big, by_host=hosts)), "fits-nowhere") is None


@pytest.mark.parametrize(("how", "with_it"), [("required", True), ("forbidden", False)])
def test_a_vm_that_asks_for_a_trait_needs_a_host_that_has_it_or_has_it_not(how: str, with_it: bool) -> None:
    asking = server("a", traits={"HW_CPU_X86_AVX512F": how})
    hosts = {"compute-2": room(), "compute-3": replace(room(), traits=frozenset({"HW_CPU_X86_AVX512F"}))}
    good, bad = ("compute-3", "compute-2") if with_it else ("compute-2", "compute-3")
    assert "fits-nowhere" not in codes(plan(survey(asking, by_host=hosts), to=good))
    found = finding(plan(survey(asking, by_host=hosts), to=bad), "fits-nowhere")
    assert found is not None
    assert "HW_CPU_X86_AVX512F" in found.sentence


# ---------------------------------------------------------------------- what others have still to move


def theirs(*, gib: int = 60, **changes: Any) -> Step:
    """A VM that another operation has still to move."""
    moving = server("theirs", needs={"VCPU": 1, "MEMORY_MB": gib * 1024})
    return replace(steps_of(plan(survey(moving)))[-1], **{"wish": "", **changes})


def test_what_others_have_still_to_move_takes_its_room_away() -> None:
    big = server("big", needs={"VCPU": 1, "MEMORY_MB": 60 * 1024})
    assert "fits-nowhere" not in codes(plan(survey(big), promised=(theirs(), theirs())))
    made = plan(survey(big), promised=(theirs(), theirs(), theirs()))
    assert finding(made, "fits-nowhere") is not None


def test_room_that_is_kept_for_others_is_said() -> None:
    found = finding(plan(survey(), promised=(theirs(), theirs())), "room")
    assert found is not None
    assert "180 GiB free (2 VMs of other operations counted as there already)" in found.sentence


@pytest.mark.parametrize(
    "said", [{"wish": "compute-3"}, {"arguments": {"to": "compute-3", "needs": {"MEMORY_MB": 61440}}}]
)
def test_what_others_have_a_place_for_is_counted_there(said: dict[str, Any]) -> None:
    big = server("big", needs={"MEMORY_MB": 60 * 1024})
    beside = (theirs(**said),)
    assert "fits-nowhere" in codes(plan(survey(big), to="compute-3", promised=beside))
    assert "fits-nowhere" not in codes(plan(survey(big), to="compute-2", promised=beside))


def test_a_vm_is_not_wished_onto_the_room_of_others() -> None:
    filled = tuple(theirs(gib=100, wish=host) for host in ("compute-2", "compute-3"))
    made = plan(survey(server("a"), server("b")), promised=filled)
    assert {s.wish for s in made.steps if s.verb == "evacuate"} == {"compute-4"}


def test_steps_of_others_that_move_no_vm_keep_no_room() -> None:
    disable = steps_of(plan(survey()))[0]
    found = finding(plan(survey(), promised=(disable,)), "room")
    assert found is not None
    assert "other operations" not in found.sentence


# ---------------------------------------------------------------------- room for some


def big(name: str, gib: int = 50, **changes: Any) -> Server:
    return server(name, needs={"VCPU": 1, "MEMORY_MB": gib * 1024}, **changes)


def staying(made: Plan) -> set[str]:
    """The VMs that have no step, and of which it is said that they stay."""
    stay = {vm.name for vm in made.vms if vm.disposition is Disposition.CANNOT}
    moved = {s.arguments["name"] for s in made.steps if s.vm}
    assert not stay & moved
    assert stay | moved == {vm.name for vm in made.vms}
    return stay


def test_a_vm_that_fits_nowhere_stays_behind_so_that_the_others_can_go() -> None:
    made = plan(survey(server("big", needs={"VCPU": 101, "MEMORY_MB": 1024}), server("small")))
    found = finding(made, "stays-for-room")
    assert found is not None
    assert found.verdict is Verdict.WARNING
    assert "There is no room on the hosts that are left for big (101 vCPU, 1 GiB): it stays behind." in found.sentence
    assert not made.is_blocked
    assert staying(made) == {"big"}
    assert {vm.name: (vm.chosen, vm.note) for vm in made.vms} == {
        "big": (False, "no room on the hosts that are left"),
        "small": (True, ""),
    }
    room_told = str(finding(made, "room"))
    assert "for 1 of 2 VMs only: it needs 1 vCPU" in room_told, "the room that is told is that of those who go"
    whole = str(finding(plan(survey(server("small"))), "room"))
    assert "There is room on the hosts that are left: the VM needs 1 vCPU" in whole


def test_where_room_is_short_in_sum_those_whose_turn_comes_last_stay_behind() -> None:
    many = [big(f"vm-{n}", metadata={"turn": str(n)}) for n in range(8)]
    made = plan(survey(*many), settings=configured(priority_metadata="turn"))
    assert staying(made) == {"vm-0", "vm-1"}
    assert not made.is_blocked
    found = finding(made, "stays-for-room")
    assert found is not None
    assert "vm-1 (1 vCPU, 50 GiB), vm-0 (1 vCPU, 50 GiB): these 2 stay behind" in found.sentence
    assert {vm.note for vm in made.vms if not vm.chosen} == {"no room once those that go first have theirs"}


def test_many_that_stay_behind_are_one_finding() -> None:
    made = plan(survey(*(big(f"vm-{n}") for n in range(16))))
    (found,) = (f for f in made.findings if f.code == "stays-for-room")
    assert "and 5 more: these 10 stay behind" in found.sentence


def test_one_that_stays_behind_may_be_chosen_in_the_place_of_another() -> None:
    many = [big(f"vm-{n}") for n in range(7)]
    assert staying(plan(survey(*many))) == {"vm-6"}
    made = plan(survey(*many), vms=tuple(f"id-vm-{n}" for n in range(1, 7)), is_choice=True)
    assert finding(made, "stays-for-room") is None
    assert {s.arguments["name"] for s in made.steps if s.vm} == {f"vm-{n}" for n in range(1, 7)}


def test_to_a_named_host_go_those_that_fit_there() -> None:
    made = plan(survey(big("a"), big("b"), big("c")), to="compute-3")
    assert staying(made) == {"c"}
    assert "no room on compute-3 for c" in str(finding(made, "stays-for-room"))


def test_a_vm_that_stays_behind_loses_nothing_and_asks_nobody_to_vouch_for_it() -> None:
    local = {"has_local_disk": True, "boots_from_volume": False}
    made = plan(survey(big("a", 999, **local), big("b")), settings=configured(shared_storage=False))
    assert staying(made) == {"a"}
    assert not any(vm.loses_disk for vm in made.vms)
    assert "disk-lost" not in codes(made)


def test_a_host_that_is_to_be_empty_for_maintenance_is_not_emptied_in_part() -> None:
    made = enter(living(big("a", 999), big("b")))
    assert finding(made, "fits-nowhere") is not None
    assert made.is_blocked
    made = enter(living(*(big(f"vm-{n}") for n in range(7))))
    assert "350 GiB" in str(finding(made, "no-room"))
    assert made.is_blocked


def test_a_host_that_promised_more_than_it_has_takes_nothing_away_from_the_others_and_is_named() -> None:
    over = replace(room(vcpus=32), used={"VCPU": 112, "MEMORY_MB": 0, "DISK_GB": 0})
    made = plan(survey(server("a"), by_host={"compute-2": over, "compute-3": over, "compute-4": room(vcpus=8)}))
    found = finding(made, "room")
    assert found is not None
    assert "3 hosts have 8 vCPU, 300 GiB free." in found.sentence
    assert "compute-2 (112 vCPU of 32 vCPU), compute-3 (112 vCPU of 32 vCPU)" in found.sentence
    assert not made.is_blocked


def test_memory_that_is_promised_twice_is_said_in_the_unit_of_memory() -> None:
    over = replace(room(memory_gib=64), used={"VCPU": 0, "MEMORY_MB": 96 * 1024, "DISK_GB": 0})
    found = finding(plan(survey(server("a"), by_host={"compute-2": over, "compute-3": room()})), "room")
    assert found is not None
    assert "compute-2 (96 GiB of 64 GiB)" in found.sentence


def test_where_all_hosts_take_their_disk_from_a_pool_it_is_not_looked_for_on_them() -> None:
    pooled = Room(capacity={"VCPU": 8, "MEMORY_MB": 65536}, used={})
    needs = {"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 20}
    rooms = {"compute-2": pooled, "compute-3": pooled, "compute-4": pooled}
    made = plan(survey(server("a", needs=needs), by_host=rooms))
    found = finding(made, "room")
    assert found is not None
    assert found.sentence.endswith("Disk comes from a pool that the hosts share, and is not counted.")
    assert {s.wish for s in made.steps if s.vm} <= {"compute-2", "compute-3", "compute-4"}
    one_of_its_own = rooms | {"compute-4": room()}
    assert "fits-nowhere" not in codes(plan(survey(server("a", needs=needs), by_host=one_of_its_own)))
    assert "fits-nowhere" in codes(plan(survey(server("a", needs=needs | {"FPGA": 1}), by_host=rooms)))


def test_what_nested_providers_have_is_their_hosts_and_a_provider_that_shares_is_no_host() -> None:
    def summary(root: str, **resources: int) -> dict[str, Any]:
        amounts = {name: {"capacity": amount, "used": 1} for name, amount in resources.items()}
        return {"resources": amounts, "traits": ["HW_CPU_X86_VMX"], "root_provider_uuid": root}

    shares = summary("pool", DISK_GB=100_000) | {"traits": ["MISC_SHARES_VIA_AGGREGATE"]}
    found = translate.rooms(
        {
            "provider_summaries": {
                "root": summary("root", MEMORY_MB=1024),
                "cell-0": summary("root", PCPU=8),
                "cell-1": summary("root", PCPU=8),
                "pool": shares,
            }
        },
        [{"id": "root", "service": {"host": "compute-2"}}, {"id": "pool", "service": {"host": "nobody"}}],
    )
    assert {host: dict(there.free) for host, there in found.items()} == {"compute-2": {"MEMORY_MB": 1023, "PCPU": 14}}


@pytest.mark.parametrize(
    ("mebibytes", "said"),
    [(0, "0 GiB"), (1024, "1 GiB"), (21 * 1024, "21 GiB"), (300 * 1024, "300 GiB"), (24_830 * 1024, "24,830 GiB")],
)
def test_an_amount_of_memory_is_spelled_as_people_write_it(mebibytes: int, said: str) -> None:
    assert spoken({"MEMORY_MB": mebibytes, "VCPU": 12_719}, ["MEMORY_MB", "VCPU"]) == f"12,719 vCPU, {said}"

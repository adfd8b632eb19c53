"""Where the VMs of a dead host are wished: spread by room over hosts like it, and only where room alone decides."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openstack.model.resources import Server, ServerGroup
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.plans import spread
from bot.domain.plans.plan import digest_of
from tests.adapters.openstack.build import DEAD, altered, plan, room, server, survey, with_service


def wished(taken: OpenStackSurvey) -> dict[str, str]:
    return {id: targets[0] for id, targets in spread.wishes(taken, taken.servers.here).items()}


def servers(count: int, **changes: Any) -> list[Server]:
    return [server(f"vm-{n}", **changes) for n in range(count)]


def test_vms_are_dealt_out_in_turns_over_hosts_with_equal_room() -> None:
    found = list(wished(survey(*servers(9))).values())
    assert Counter(found) == {"compute-2": 3, "compute-3": 3, "compute-4": 3}
    assert all(len(set(found[n : n + 3])) == 3 for n in (0, 3, 6)), "those that start together part"


def test_a_host_with_twice_the_room_gets_twice_as_many() -> None:
    rooms = {"compute-2": room(), "compute-3": room(), "compute-4": room(memory_gib=200)}
    assert Counter(wished(survey(*servers(20), by_host=rooms)).values()) == {
        "compute-2": 5,
        "compute-3": 5,
        "compute-4": 10,
    }


def test_a_host_that_is_full_gets_no_more() -> None:
    rooms = {"compute-2": room(vcpus=1), "compute-3": room(vcpus=2)}
    found = wished(survey(*servers(5), by_host=rooms))
    assert Counter(found.values()) == {"compute-2": 1, "compute-3": 2}
    assert len(found) == 3, "the others are the scheduler's"


@pytest.mark.parametrize(
    "changes",
    [{"is_up": False}, {"is_enabled": False}, {"zone": "az-2"}],
    ids=["down", "disabled", "in another zone"],
)
def test_a_host_that_is_out_of_service_or_elsewhere_is_not_wished_for(changes: dict[str, Any]) -> None:
    taken = with_service(survey(*servers(6)), "compute-3", **changes)
    assert set(wished(taken).values()) == {"compute-2", "compute-4"}


def test_only_hosts_of_the_same_aggregates_are_wished_for() -> None:
    taken = survey(
        *servers(6),
        aggregates={DEAD: ("ssd",), "compute-2": ("ssd",), "compute-3": (), "compute-4": ("licensed", "ssd")},
    )
    assert set(wished(taken).values()) == {"compute-2"}


@pytest.mark.parametrize(
    "special",
    [
        server("s", vm_state="stopped", status="SHUTOFF"),
        server("s", vm_state="error", status="ERROR"),
        server("s", pinned_zone="az-2"),
        server("s", needs={"VCPU": 1, "MEMORY_MB": 1024, "VGPU": 1}),
        server("s", has_promised_bandwidth=True),
    ],
    ids=["stopped", "in error", "pinned elsewhere", "with a vGPU", "with promised bandwidth"],
)
def test_what_more_than_room_decides_about_is_left_to_the_scheduler(special: Server) -> None:
    assert wished(survey(special)) == {}


def test_members_of_a_server_group_are_left_to_the_scheduler() -> None:
    group = ServerGroup(id="g", name="db", policy="anti-affinity", members=frozenset({"id-vm-1"}))
    assert set(wished(survey(*servers(3), groups=(group,)))) == {"id-vm-0", "id-vm-2"}


def test_without_placement_nothing_is_wished() -> None:
    assert wished(survey(*servers(3), by_host=None)) == {}


def test_a_wish_is_in_no_argument_and_changes_no_digest() -> None:
    taken = survey(*servers(3))
    moved = altered(taken, by_host={"compute-4": room()})
    ours, others = plan(taken), plan(moved)
    wishes = [[s.wish for s in made.steps if s.vm] for made in (ours, others)]
    assert wishes[0] != wishes[1]
    assert digest_of(ours, terms={}) == digest_of(others, terms={})


def test_where_a_target_was_asked_for_nothing_else_is_wished() -> None:
    made = plan(survey(*servers(3)), to="compute-2")
    assert {s.wish for s in made.steps} == {""}
    assert {s.arguments["to"] for s in made.steps if s.vm} == {"compute-2"}


sizes = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40 * 1024)), max_size=30)


@given(sizes, st.lists(st.integers(0, 200), min_size=3, max_size=3))
def test_wishes_never_promise_more_than_there_is(needs: list[tuple[int, int]], memory: list[int]) -> None:
    many = [server(f"vm-{n}", needs={"VCPU": c, "MEMORY_MB": m}) for n, (c, m) in enumerate(needs)]
    rooms = {f"compute-{n}": room(memory_gib=gib) for n, gib in zip((2, 3, 4), memory, strict=True)}
    taken = survey(*many, by_host=rooms)
    found = {id: targets[0] for id, targets in spread.wishes(taken, many).items()}
    for host, there in rooms.items():
        placed = [s for s in many if found.get(s.id) == host]
        for name in ("VCPU", "MEMORY_MB"):
            assert sum(s.needs[name] for s in placed) <= there.free[name]

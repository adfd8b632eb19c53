"""The steps of an evacuation, and whose turn it is."""

import pytest

from adapters.openstack.model.resources import Server, ServerGroup
from adapters.openstack.settings import OpenStackSettings
from tests.adapters.openstack.build import (
    configured,
    plan,
    server,
    survey,
)


def in_turn(*servers: Server, settings: OpenStackSettings) -> list[str]:
    moves = [s for s in plan(survey(*servers), settings=settings).steps if s.verb == "evacuate"]
    return [str(s.arguments["name"]) for s in sorted(moves, key=lambda s: -s.priority)]


def test_those_that_ran_come_first_and_metadata_counts_only_where_a_key_is_configured() -> None:
    vms = (
        server("off", vm_state="stopped", metadata={"turn": "5"}),
        server("low", metadata={"turn": "-1"}),
        server("on"),
    )
    assert in_turn(*vms, settings=configured()) == ["low", "on", "off"]
    assert in_turn(*vms, settings=configured(priority_metadata="turn")) == ["off", "on", "low"]


@pytest.mark.parametrize("said", ["1001", "-1001", "1.5", "", "first"])
def test_a_turn_that_is_no_number_within_bounds_counts_as_none(said: str) -> None:
    vms = (server("a", metadata={"turn": said}), server("b", metadata={"turn": "1"}), server("c"))
    assert in_turn(*vms, settings=configured(priority_metadata="turn")) == ["b", "a", "c"]


def test_the_host_is_disabled_then_forced_down_and_only_then_evacuated() -> None:
    made = plan(survey(server("a")), reason="dead power supply")
    disable, force, rebuild = made.steps
    assert [s.verb for s in made.steps] == ["disable-service", "force-down", "evacuate"]
    assert made.phases.index(disable.phase) < made.phases.index(rebuild.phase)
    assert force.follows == disable.key
    assert disable.essential
    assert force.essential
    assert disable.arguments["reason"] == "muster run=01RUN: dead power supply"


def test_a_reason_longer_than_nova_stores_is_cut() -> None:
    disable = plan(survey(), reason="x" * 999).steps[0]
    assert len(str(disable.arguments["reason"])) == 255


def test_vms_of_one_server_group_are_kept_apart() -> None:
    group = ServerGroup(id="g1", name="kafka", policy="anti-affinity", members=frozenset({"id-a", "id-b"}))
    made = plan(survey(server("a"), server("b"), server("c"), groups=(group,)))
    assert [s.apart for s in made.steps if s.verb == "evacuate"] == ["g1", "g1", ""]
    assert "kafka" in made.vms[0].note


def test_running_vms_come_first() -> None:
    made = plan(survey(server("a", vm_state="stopped", status="SHUTOFF"), server("b")))
    by_target = {s.target: s for s in made.steps if s.verb == "evacuate"}
    assert by_target["id-b"].priority > by_target["id-a"].priority


def test_the_same_intent_has_the_same_key_in_the_next_plan() -> None:
    first, second = plan(survey(server("a"))), plan(survey(server("b"), server("a")))
    assert {s.key for s in first.steps} < {s.key for s in second.steps}

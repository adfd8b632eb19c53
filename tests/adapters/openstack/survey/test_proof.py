"""Absence is no proof: what a short list leaves out is neither deleted nor moved, and its host neither empty nor safe."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.steps import service
from adapters.openstack.survey.servers import FEW
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.openstack_api import Release
from bot.domain.cloud import AnyCloud, Refused, Seen, Sighting, Unreachable
from bot.domain.plans.plan import Plan, Step, Verdict
from bot.domain.values import Action
from tests.adapters.openstack.bends import Bend, bent, says
from tests.adapters.openstack.build import codes, finding
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena
from tests.steps import steps_of

SERVERS, MIGRATIONS = "/servers(/detail)?$", "/os-migrations$"
DOWN = says("<html>503</html>", status=503)


def without(key: str, *names: str) -> Bend:
    """A list without some of its entries; without all of them when none is named."""
    return lambda _request, body: {key: [e for e in body[key] if names and e["name"] not in names]}


async def planned(arena: OpenStackArena, cloud: AnyCloud, **asked: Any) -> Plan:
    request = arena.request(**asked)
    return cloud.plan(request, await cloud.survey(request))


async def look_at_empty(arena: OpenStackArena, cloud: AnyCloud, plan: Plan) -> Sighting:
    """Look whether the host is empty, which somebody has disabled meanwhile."""
    step = next(s for s in steps_of(plan) if s.verb == "verify-empty")
    arena.host.enabled = False
    return (await cloud.look([step]))[step.key]


def evacuations(plan: Plan) -> Sequence[Step]:
    return [s for s in steps_of(plan) if s.verb == "evacuate"]


# ---------------------------------------------------------------------- empty


@pytest.mark.parametrize("left_out", [(), ("vm-2",)])
async def test_a_list_that_leaves_out_what_placement_has_there_forbids_the_plan(left_out: tuple[str, ...]) -> None:
    async with openstack_arena(vms=3) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/servers/detail", without("servers", *left_out))
        plan = await planned(arena, cloud)
    told = finding(plan, "list-not-whole")
    assert told is not None
    assert told.verdict is Verdict.UNKNOWN
    assert "vm-2" in told.sentence
    assert plan.is_blocked
    assert "no-vms" not in codes(plan)
    assert "vm-2" in {vm.name for vm in plan.vms}


async def test_a_host_is_not_called_safe_to_power_off_because_one_list_was_short() -> None:
    async with openstack_enter_arena(vms=3) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        plan = await planned(arena, cloud)
        bends.on("/servers/detail", without("servers"))
        seen = await look_at_empty(arena, cloud, plan)
    assert seen.seen is Seen.FAILED
    assert "vm-1" in seen.sentence
    assert "safe" not in seen.sentence


@pytest.mark.parametrize("release", [Release(), Release(nova=60), Release(nova=42, placement=4)])
async def test_a_host_is_safe_to_power_off_when_a_second_witness_agrees(release: Release) -> None:
    async with openstack_enter_arena(vms=1, release=release) as arena:
        plan = await arena.planned()
        arena.world.delete_vm("vm-1")
        seen = await look_at_empty(arena, arena.cloud, plan)
    assert seen.seen is Seen.DONE
    assert "Placement holds nothing there" in seen.sentence
    assert "safe to power off" in seen.sentence


async def test_where_placement_is_silent_the_hypervisor_is_asked_and_else_nobody_knows() -> None:
    async with openstack_enter_arena(vms=0) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        plan = await planned(arena, cloud)
        bends.on("/allocations$", DOWN)
        with pytest.raises(Unreachable):
            await look_at_empty(arena, cloud, plan)
        bends.on("/allocations$", says('{"errors": [{"detail": "No resource provider"}]}', status=404))
        seen = await look_at_empty(arena, cloud, plan)
        assert seen.seen is Seen.DONE
        assert "its hypervisor names no other" in seen.sentence
        bends.on("/os-hypervisors/[0-9a-f-]+$", DOWN)
        with pytest.raises(Unreachable) as lost:
            await look_at_empty(arena, cloud, plan)
        assert "could not be found out" in lost.value.sentence
        assert "list-not-whole" in codes(await planned(arena, cloud))


async def test_what_an_evacuated_vm_still_holds_of_its_dead_host_does_not_mean_that_it_is_there() -> None:
    async with openstack_arena(vms=FEW + 3) as arena:
        for vm in arena.subjects():
            vm.host = arena.world.host("compute-2")
        plan = await arena.planned()
    assert "no-vms" in codes(plan)
    assert "list-not-whole" not in codes(plan)


async def test_a_vm_that_may_be_coming_keeps_a_host_from_being_called_empty() -> None:
    async with openstack_enter_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, _bends, _):
        plan = await planned(arena, cloud)
        [vm] = arena.subjects()
        vm.host, vm.task = arena.world.host("compute-2"), "migrating"
        with pytest.raises(Unreachable) as lost:
            await look_at_empty(arena, cloud, plan)
        assert "may be on the way" in lost.value.sentence


# ---------------------------------------------------------------------- deleted


async def test_a_few_vms_that_no_list_shows_are_asked_for_one_by_one_and_are_where_they_were() -> None:
    async with openstack_arena(vms=2) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        steps = evacuations(await planned(arena, cloud))
        bends.on(SERVERS, without("servers"))
        bends.on(MIGRATIONS, without("migrations"))
        assert {s.seen for s in (await cloud.look(steps)).values()} == {Seen.NEVER_STARTED}


async def test_many_vms_that_no_list_shows_are_not_taken_to_be_deleted_and_a_few_questions_show_that() -> None:
    async with openstack_arena(vms=60) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        steps = evacuations(await planned(arena, cloud))
        bends.on(SERVERS, without("servers"))
        bends.on(MIGRATIONS, without("migrations"))
        began = len(bends.seen)
        with pytest.raises(Unreachable) as lost:
            await cloud.look(steps)
        assert "leave out vm-" in lost.value.sentence
        assert len(bends.seen) - began <= FEW + 4


async def test_many_vms_that_were_deleted_are_each_proven_to_be() -> None:
    async with openstack_arena(vms=FEW + 3) as arena:
        steps = evacuations(await arena.planned())
        for vm in arena.subjects():
            arena.world.delete_vm(vm.id)
        began = len(arena.calls())
        seen = await arena.cloud.look(steps)
        asked = [c for c in arena.calls()[began:] if c.path.rpartition("/")[2] in {s.target for s in steps}]
    assert {s.seen for s in seen.values()} == {Seen.DONE}
    assert len(asked) == len(steps)


@pytest.mark.parametrize("vms", [1, FEW + 1])
async def test_a_vm_that_can_be_restored_is_told_and_is_neither_moved_nor_gone(vms: int) -> None:
    async with openstack_arena(vms=vms) as arena:
        steps = evacuations(await arena.planned())
        for vm in arena.subjects():
            vm.state = "soft-delete"
        plan = await arena.planned()
        seen = await arena.cloud.look(steps)
    assert {s.seen for s in seen.values()} == {Seen.FAILED}
    assert all("can still be restored" in s.sentence for s in seen.values())
    assert evacuations(plan) == []
    assert len(plan.vms) == vms
    assert all("restored" in vm.note for vm in plan.vms)
    assert "no-vms" not in codes(plan)


async def test_a_host_with_a_vm_that_can_be_restored_is_not_empty() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        plan = await arena.planned()
        arena.subjects()[0].state = "soft-delete"
        seen = await look_at_empty(arena, arena.cloud, plan)
    assert seen.seen is Seen.FAILED
    assert "vm-1 (SOFT_DELETED)" in seen.sentence
    assert "openstack server delete --force" in seen.remedy


async def test_a_lock_that_a_short_list_does_not_show_is_not_taken_to_be_gone() -> None:
    async with (
        openstack_arena(vms=FEW + 1) as arena,
        bent(arena.world, arena.clock, lock_vms=True) as (cloud, bends, _),
    ):
        plan = await planned(arena, cloud)
        unlocks = [s for s in steps_of(plan) if s.verb == "unlock"]
        for vm in arena.subjects():
            vm.locked_by, vm.locked_reason = "admin", str(unlocks[0].arguments["reason"])
        bends.on("/servers/detail", lambda q, body: {"servers": []} if "locked" in q.query else body)
        seen = await cloud.look(unlocks)
    assert {s.seen for s in seen.values()} == {Seen.NEVER_STARTED}


# ---------------------------------------------------------------------- a cell that is silent

RELEASES = [Release(), Release(nova=68), Release(nova=52)]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("vms", [2, FEW + 3])
async def test_while_the_cell_of_a_host_is_silent_nothing_is_known_and_then_all_is_as_it_was(
    release: Release, vms: int
) -> None:
    async with openstack_arena(vms=vms, release=release) as arena:
        plan = await arena.planned()
        steps = evacuations(plan)
        arena.world.faults.silence(arena.host.name)
        with pytest.raises(Unreachable):
            await arena.planned()
        with pytest.raises(Unreachable) as lost:
            await arena.cloud.look(steps)
        assert lost.value.remedy
        arena.world.faults.silence()
        seen = await arena.cloud.look(steps)
        assert {s.seen for s in seen.values()} == {Seen.NEVER_STARTED}
        assert await arena.planned() == plan


async def test_a_host_whose_cell_is_silent_is_named_as_that_and_not_as_down() -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.silence("compute-2")
        with pytest.raises(Unreachable) as lost:
            await arena.planned(host=arena.world.host("compute-2").name, host_name="compute-2")
        assert "The cell of Nova that compute-2 belongs to does not answer" in lost.value.sentence


@pytest.mark.parametrize("release", [Release(), Release(nova=68)])
async def test_a_silent_cell_does_not_forbid_to_evacuate_a_host_of_another(release: Release) -> None:
    async with openstack_arena(vms=2, release=release) as arena:
        before = await arena.planned()
        arena.world.faults.silence("compute-4")
        plan = await arena.planned()
    told = finding(plan, "not-answered")
    assert told is not None
    assert "Placement's providers" in told.sentence
    assert not plan.is_blocked
    assert [(s.verb, s.target) for s in plan.steps] == [(s.verb, s.target) for s in before.steps]
    assert "compute-4" not in {s.wish for s in plan.steps}


@pytest.mark.parametrize("release", RELEASES)
async def test_a_service_that_a_list_leaves_out_was_not_deleted(release: Release) -> None:
    async with openstack_arena(vms=1, release=release) as arena:
        steps = [s for s in steps_of(await arena.planned()) if s.verb in service.FAMILY.starts]
        assert len(steps) == 2
        arena.world.faults.silence(arena.host.name)
        for step in steps:
            with pytest.raises(Unreachable):
                await arena.cloud.look([step])


@pytest.mark.parametrize("other", ["its provider", "its hypervisor"])
async def test_a_service_is_not_deleted_while_either_witness_has_its_host(other: str) -> None:
    """Where nobody knew the host any more, nothing would hold an evacuation back once it lives."""

    def without_placement(_request: Any, body: Any) -> Any:
        rest = [s for s in body["token"]["catalog"] if s["type"] != "placement"]
        return {"token": {**body["token"], "catalog": rest}}

    def by_its_full_name(request: Any, body: Any) -> Any:
        named = [{**p, "name": f"{p['name']}.example.org"} for p in body["resource_providers"]]
        return {"resource_providers": [] if "name" in request.query else named}

    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        if other == "its hypervisor":
            bends.on("/auth/tokens$", without_placement, method="POST")
        steps = [s for s in steps_of(await planned(arena, cloud)) if s.verb in {"disable-service", "evacuate"}]
        assert len(steps) == 2
        arena.world.revive_host(arena.host.name)
        await arena.pass_time(60)
        bends.on("/os-services$", lambda _request, _body: {"services": []})
        if other == "its provider":
            bends.on("/os-hypervisors/detail$", lambda _request, _body: {"hypervisors": []})
            bends.on("/resource_providers$", by_its_full_name)
        for step in steps:
            with pytest.raises(Unreachable):
                await cloud.look([step])


async def test_a_host_that_vms_name_in_two_ways_is_not_taken_for_a_filter_that_was_dropped() -> None:
    def in_capitals(_request: Any, body: Any) -> Any:
        """MySQL compares names without their case."""
        first, *rest = body["servers"]
        return {"servers": [{**first, "OS-EXT-SRV-ATTR:host": "COMPUTE-1"}, *rest]}

    async with openstack_arena(vms=2) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/servers/detail$", in_capitals)
        with pytest.raises(Refused, match="on COMPUTE-1 where compute-1 was asked for"):
            await planned(arena, cloud)


async def test_a_short_list_of_services_does_not_make_a_host_unknown() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/compute/v2.1/os-services$", lambda _q, body: {"services": body["services"][:2]})
        with pytest.raises(Unreachable) as lost:
            await planned(arena, cloud)
        assert "leaves out compute-1" in lost.value.sentence
        bends.clear()
        assert "service-unknown" in codes(await planned(arena, cloud, host="nowhere", host_name="nowhere"))


# ---------------------------------------------------------------------- questions that no plan waits for


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("^/identity/v3/projects$", 503, "their ids are shown"),
        ("^/identity/v3/projects$", 403, "their ids are shown"),
        ("/allocations$", 503, "what their flavors say"),
        ("/allocations$", 404, "what their flavors say"),
        ("/os-aggregates$", 503, "is the last of one"),
    ],
)
async def test_what_only_costs_accuracy_never_forbids_a_plan_and_the_card_says_what_was_not_answered(
    path: str, status: int, told: str
) -> None:
    async with openstack_arena(vms=2) as arena:
        before = await arena.planned()
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, path=path, status=status, times=None))
        plan = await arena.planned()
    question = finding(plan, "not-answered") or finding(plan, "unanswered-risk")
    assert question is not None
    assert told in question.sentence
    assert not plan.is_blocked
    assert plan.steps == before.steps
    assert all(vm.project for vm in plan.vms)


async def test_without_the_list_of_volumes_in_use_their_encryption_is_a_risk_that_is_told() -> None:
    def only_of_those_in_use(request: Any, _body: Any) -> Any:
        return DOWN(request, None) if "status" in request.query else None

    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/volumes/detail$", only_of_those_in_use)
        plan = await planned(arena, cloud)
    told = finding(plan, "unanswered-risk")
    assert told is not None
    assert told.verdict is Verdict.WARNING
    assert "encrypted" in told.sentence
    assert not plan.is_blocked


async def test_a_drain_says_so_too() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, path="/projects$", status=503, times=None))
        assert finding(await arena.planned(), "not-answered") is not None
        back = replace(arena.request(), action=Action.EXIT)
        assert finding(arena.cloud.plan(back, await arena.cloud.survey(back)), "not-answered") is not None


# ---------------------------------------------------------------------- unknown


@pytest.mark.parametrize("host", ["compute-1", ""])
async def test_a_host_is_not_unknown_because_the_list_of_services_is_short(host: str) -> None:
    def without_it(_request: object, body: Any) -> Any:
        return {"services": [s for s in body["services"] if host and s["host"] != host]}

    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        assert [h.name for h in await cloud.hosts("compute-1", limit=5)] == ["compute-1"]
        bends.on("/os-services$", without_it)
        with pytest.raises(Unreachable, match="list of services is not whole"):
            await cloud.hosts("compute-1", limit=5)


async def test_a_service_list_without_a_single_row_is_not_whole_though_the_hypervisors_are_silent() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/os-services$", lambda _request, _body: {"services": []})
        bends.on("/os-hypervisors/detail$", DOWN)
        with pytest.raises(Unreachable, match="not even one of its own services"):
            await cloud.hosts("compute-1", limit=5)


# ---------------------------------------------------------------------- room


async def test_a_host_that_placements_summaries_leave_out_is_asked_for_itself_before_it_is_called_full_or_lost() -> (
    None
):
    """They are of hosts with memory left, so a full host is missing in them as a lost one is."""
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        whole = finding(await planned(arena, cloud), "room")
        bends.on("/allocation_candidates$", lambda _request, body: {**body, "provider_summaries": {}})
        assert finding(await planned(arena, cloud), "room") == whole
        bends.on("/inventories$", DOWN)
        plan = await planned(arena, cloud)
    told = finding(plan, "room-unknown")
    assert told is not None
    assert told.verdict is Verdict.UNKNOWN
    assert any("how much room the hosts have" in f.sentence for f in plan.findings)

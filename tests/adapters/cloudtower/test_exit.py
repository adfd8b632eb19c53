"""Leaving maintenance: what comes back, what stays unless somebody names it, and that each is verified."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.cloudtower.survey.leaving import LeavingSurvey
from adapters.simulated.cloudtower.state import HostAlert, Moved
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Maintenance, Power
from bot.domain.cloud import Refused, Seen, Unreachable
from bot.domain.plans import drift
from bot.domain.plans.plan import Disposition, Plan, Verdict
from bot.domain.progress.steps import StepState
from bot.domain.values import Action
from tests.adapters.cloudtower.bench import WITH_PASSWORD, Bench, Walk, bench
from tests.steps import steps_of

EXIT = "/v2/api/exit-maintance-mode"


@pytest.fixture
async def away() -> AsyncIterator[Bench]:
    """A tower whose node-1 is in maintenance: web-1 and web-2 moved, batch-1 moved offline, gpu-1 shut down."""
    async with bench() as tower:
        await Walk(bench=tower, plan=await tower.plan()).to_end()
        await tower.clock.pass_time(30)
        yield tower


def exit_calls(tower: Bench) -> list[object]:
    return [c.body for c in tower.world.calls if c.path == EXIT]


def dispositions(plan: Plan) -> dict[str, Disposition]:
    return {vm.name: vm.disposition for vm in plan.vms}


async def test_everything_comes_back_and_is_verified_where_it_was(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT)
    assert dispositions(plan) == {
        "web-1": Disposition.MIGRATE_BACK,
        "web-2": Disposition.MIGRATE_BACK,
        "batch-1": Disposition.MIGRATE_BACK,
        "gpu-1": Disposition.POWER_ON,
    }
    assert all(f.verdict is Verdict.OK for f in plan.findings)
    walk = await Walk(bench=away, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert {vm.name for vm in away.world.vms_on(away.host("node-1"))} == {"web-1", "web-2", "batch-1", "gpu-1"}
    assert away.world.vm("gpu-1").power is Power.RUNNING
    assert walk.record("live-migrate back web-1").place == "node-1"
    ids = {name: away.world.vm(name).id for name in ("web-1", "web-2", "batch-1", "gpu-1")}
    assert exit_calls(away) == [
        {
            "where": {"host_id": away.host("node-1").cuid},
            "data": {
                "poweron_vms": [ids["gpu-1"]],
                "live_migrate_back_vms": sorted([ids["web-1"], ids["web-2"]]),
                "offline_migrate_back_vms": [ids["batch-1"]],
            },
        }
    ]


async def test_each_vm_is_shown_with_where_it_is_now(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT)
    told = {vm.name: (vm.group, vm.place, vm.note) for vm in plan.vms}
    assert told["gpu-1"] == ("power on", "node-1", "")
    for name, group in (("web-1", "live-migrate back"), ("batch-1", "migrate back offline")):
        place = away.world.vm(name).host
        assert place is not None
        assert told[name] == (group, place.name, "")


async def test_a_vm_that_was_moved_since_is_flagged_and_stays_unless_it_is_named(away: Bench) -> None:
    web = away.world.vm("web-1")
    away.world.relocate(web, away.host("node-2" if web.host is away.host("node-3") else "node-3"))
    plan = await away.plan(action=Action.EXIT)
    assert dispositions(plan)["web-1"] is Disposition.LEAVE
    assert [(f.code, f.vm, f.verdict) for f in plan.findings if f.verdict is not Verdict.OK] == [
        ("vm-changed", web.id, Verdict.WARNING)
    ]
    assert {vm.name for vm in plan.choices if not vm.chosen} == {"web-1"}
    named = await away.plan(action=Action.EXIT, vms=("web-1",))
    assert [name for name, how in dispositions(named).items() if how is not Disposition.LEAVE] == ["web-1"]
    walk = await Walk(bench=away, plan=named).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert web.host is away.host("node-1")
    assert away.world.vm("gpu-1").power is Power.STOPPED


async def test_a_vm_in_the_recycle_bin_stays_there(away: Bench) -> None:
    batch = away.world.vm("batch-1")
    batch.in_recycle_bin, batch.name = True, f"in-recycle-bin-{batch.id}"
    plan = await away.plan(action=Action.EXIT)
    assert dispositions(plan)[batch.name] is Disposition.LEAVE
    assert next(vm.note for vm in plan.vms if vm.id == batch.id).endswith("in the recycle bin")
    assert all(step.vm != batch.id for step in plan.steps)


async def test_a_vm_that_muster_may_not_see_stays_where_it_is(away: Bench) -> None:
    away.tower.unseen = {"gpu-1"}
    plan = await away.plan(action=Action.EXIT)
    assert dispositions(plan)["gpu-1"] is Disposition.LEAVE
    assert next(vm for vm in plan.vms if vm.name == "gpu-1").note.endswith("CloudTower does not show this VM to Muster")


async def test_exactly_the_ticked_vms_come_back_and_flagged_ones_with_a_warning(away: Bench) -> None:
    batch, gpu = away.world.vm("batch-1"), away.world.vm("gpu-1")
    batch.in_recycle_bin = True
    plan = await away.plan(action=Action.EXIT, vms=(batch.id, gpu.id), is_choice=True)
    assert {vm.name for vm in plan.choices if vm.chosen} == {"batch-1", "gpu-1"}
    assert [(f.code, f.sentence) for f in plan.findings if f.verdict is Verdict.WARNING] == [
        ("vm-flagged", "batch-1 was chosen, but: in the recycle bin.")
    ]
    walk = await Walk(bench=away, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert exit_calls(away) == [
        {
            "where": {"host_id": away.host("node-1").cuid},
            "data": {"poweron_vms": [gpu.id], "offline_migrate_back_vms": [batch.id]},
        }
    ]
    assert away.world.vm("web-1").host is not away.host("node-1")


async def test_none_ticked_brings_nothing_back_and_is_not_taken_for_everything(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT, is_choice=True)
    assert plan.may_choose_none
    assert set(dispositions(plan).values()) == {Disposition.LEAVE}
    walk = await Walk(bench=away, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert exit_calls(away) == [{"where": {"host_id": away.host("node-1").cuid}, "data": {}}]


async def test_a_ticked_vm_that_is_gone_since_only_shrinks_the_plan(away: Bench) -> None:
    ids = tuple(away.world.vm(name).id for name in ("web-1", "gpu-1"))
    approved = await away.plan(action=Action.EXIT, vms=ids, is_choice=True)
    away.world.delete_vm("gpu-1")
    present = await away.plan(action=Action.EXIT, vms=ids, is_choice=True)
    assert not present.is_blocked
    assert drift.between(approved, present).only_shrinks
    assert ids[1] in next(f.sentence for f in present.findings if f.code == "vm-gone")


async def test_an_alert_that_is_still_open_and_the_labels_of_the_host_are_told(away: Bench) -> None:
    node = away.host("node-1")
    away.tower.alerts = [HostAlert(id="a1", host=node, message="DIMM 3 has errors", severity="CRITICAL")]
    away.tower.labels[node.cuid] = {"rack": "7", "env": "prod"}
    plan = await away.plan(action=Action.EXIT)
    assert [(f.code, f.sentence) for f in plan.findings if f.verdict is Verdict.WARNING] == [
        ("alert:a1", "Open alert on node-1 (CRITICAL): DIMM 3 has errors.")
    ]
    assert "node-1 is labelled env=prod, rack=7." in [f.sentence for f in plan.findings]


async def test_names_with_markup_come_back_as_they_are(away: Bench) -> None:
    name = "<!channel> *web* & `x`|<https://evil|y>"
    away.world.vm("web-1").name = name
    plan = await away.plan(action=Action.EXIT)
    assert name in dispositions(plan)
    walk = await Walk(bench=away, plan=plan).to_end()
    assert walk.record(f"live-migrate back {name}").state is StepState.DONE


async def test_a_token_that_expires_before_the_exit_costs_one_login_and_no_second_call(away: Bench) -> None:
    away.cloud = away.made(**WITH_PASSWORD)
    plan = await away.plan(action=Action.EXIT)
    away.tower.expire_tokens()
    walk = await Walk(bench=away, plan=plan).to_end()
    await away.cloud.aclose()
    assert set(walk.states().values()) == {StepState.DONE}
    assert len(exit_calls(away)) == 1


async def test_a_passive_node_does_not_take_the_exit(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT)
    away.tower.passive = True
    with pytest.raises(Refused, match="passive node"):
        await away.cloud.start(steps_of(plan)[0])


async def test_a_host_comes_back_alone_when_nothing_is_left_to_bring_back(away: Bench) -> None:
    for name in ("web-1", "web-2", "batch-1", "gpu-1"):
        away.world.delete_vm(name)
    walk = await Walk(bench=away, plan=await away.plan(action=Action.EXIT)).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert exit_calls(away) == [{"where": {"host_id": away.host("node-1").cuid}, "data": {}}]


async def test_a_name_that_cannot_come_back_blocks(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT, vms=("web-1", "app-2"))
    assert [f.code for f in plan.findings if f.verdict is Verdict.BLOCKER] == ["vm-not-offered"]
    assert plan.steps == ()


async def test_a_host_that_is_not_in_maintenance_cannot_leave_it(tower: Bench) -> None:
    plan = await tower.plan(action=Action.EXIT)
    assert [f.code for f in plan.findings if f.verdict is Verdict.BLOCKER] == ["host-state"]


async def test_a_host_that_is_still_off_cannot_leave_maintenance(away: Bench) -> None:
    away.world.kill_host("node-1")
    plan = await away.plan(action=Action.EXIT)
    blockers = [f for f in plan.findings if f.verdict is Verdict.BLOCKER]
    assert [f.code for f in blockers] == ["host-status"]
    assert "Power it on" in blockers[0].remedy


async def test_a_precheck_that_is_refused_blocks_with_its_reason(away: Bench) -> None:
    path = "/exit-maintance-mode-precheck-result$"
    away.world.faults.order(CallFault(effect=Effect.ANSWER, status=400, path=path))
    plan = await away.plan(action=Action.EXIT)
    (blocker,) = [f for f in plan.findings if f.verdict is Verdict.BLOCKER]
    assert blocker.code == "precheck"
    assert "ordered by a fault" in blocker.sentence


async def test_a_lost_reply_is_found_again_and_never_called_twice(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT)
    away.world.faults.order(CallFault(effect=Effect.LOSE_REPLY, path=f"{EXIT}$"))
    walk = await Walk(bench=away, plan=plan).to_end()
    assert isinstance(walk.errors[0], Unreachable)
    assert set(walk.states().values()) == {StepState.DONE}
    assert len(exit_calls(away)) == 1


async def test_a_task_that_fails_half_way_tells_which_vms_did_not_come_back(away: Bench) -> None:
    walk = Walk(bench=away, plan=await away.plan(action=Action.EXIT))
    await walk.round()
    away.world.delete_vm("gpu-1")
    await walk.to_end()
    assert walk.records[0].state is StepState.FAILED
    assert "VM_NOT_FOUND" in walk.records[0].sentence
    assert walk.record("back web-1").state is StepState.DONE
    assert walk.record("power on gpu-1").state is StepState.FAILED
    assert away.host("node-1").maintenance is Maintenance.IN_MAINTENANCE


async def test_a_host_that_somebody_else_took_out_is_as_wanted_already(away: Bench) -> None:
    plan = await away.plan(action=Action.EXIT)
    away.host("node-1").maintenance = Maintenance.IN_USE
    sighting = (await away.cloud.look(steps_of(plan)[:1]))[plan.steps[0].key]
    assert sighting.seen is Seen.DONE


async def test_a_vm_that_changed_since_the_approval_is_a_difference_to_approve(away: Bench) -> None:
    approved = await away.plan(action=Action.EXIT)
    away.world.set_power(away.world.vm("gpu-1"), Power.RUNNING)
    difference = drift.between(approved, await away.plan(action=Action.EXIT))
    assert not difference.only_shrinks
    assert "gpu-1: leave instead of power on" in difference.lines


async def test_what_is_asked_before_entering_is_asked_before_leaving_too(away: Bench) -> None:
    request = away.request(action=Action.EXIT)
    survey = await away.cloud.survey(request)
    assert isinstance(survey, LeavingSurvey)
    assert survey.host is not None
    assert survey.cluster is not None
    asked = {"cluster", "host-busy", "vm-busy"}
    assert not asked & {f.code for f in away.cloud.plan(request, survey).findings}
    at_work = replace(
        survey,
        host=replace(survey.host, busy="UPDATING"),
        cluster=replace(survey.cluster, connection="DISCONNECTED"),
        offers=tuple(replace(o, vm=replace(o.vm, busy="UPDATING")) if o.vm else o for o in survey.offers),
    )
    found = {f.code: f.verdict for f in away.cloud.plan(request, at_work).findings if f.code in asked}
    assert found == {"cluster": Verdict.BLOCKER, "host-busy": Verdict.BLOCKER, "vm-busy": Verdict.WARNING}


async def test_hundreds_of_vms_come_back_with_few_calls(tower: Bench) -> None:
    home, other = tower.host("node-1"), tower.host("node-2")
    home.maintenance, home.maintenance_job = Maintenance.IN_MAINTENANCE, "job"
    ledger = tower.tower.moved.setdefault(home.cuid, [])
    for number in range(300):
        how = ("live", "offline", "stopped")[number % 3]
        power = Power.RUNNING if how == "live" else Power.STOPPED
        place = home if how == "stopped" else other
        vm = tower.world.add_vm(f"many-{number}", place, memory_mb=16, power=power)
        ledger.append(Moved(vm=vm, how=how, to=None if how == "stopped" else other))
    before = len(tower.world.calls)
    plan = await tower.plan(action=Action.EXIT)
    assert len(tower.world.calls) - before <= 6
    assert Counter(vm.disposition for vm in plan.vms) == {Disposition.MIGRATE_BACK: 200, Disposition.POWER_ON: 100}
    assert Counter(vm.group for vm in plan.choices) == {
        "power on": 100,
        "live-migrate back": 100,
        "migrate back offline": 100,
    }
    await tower.cloud.start(steps_of(plan)[0])
    await tower.clock.pass_time(600)
    before = len(tower.world.calls)
    sightings = await tower.cloud.look(steps_of(plan))
    assert len(tower.world.calls) - before <= 4
    assert {s.seen for s in sightings.values()} == {Seen.DONE}

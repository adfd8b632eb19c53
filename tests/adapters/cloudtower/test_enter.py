"""Entering maintenance, from the survey to the verified host, over the real wire."""

from collections import Counter

import pytest

from adapters.simulated import cloudtower_api, datacentre
from adapters.simulated.faults import Break, CallFault, Effect, MoveFault
from adapters.simulated.records import Maintenance, MoveKind, Power
from bot.domain.cloud import Refused, Request, Seen
from bot.domain.plans import drift
from bot.domain.plans.plan import Disposition, Plan, Verdict, digest_of
from bot.domain.progress.steps import StepState
from bot.domain.values import Action, HostId, OperationId
from tests.adapters.cloudtower.bench import ENTER, WITH_PASSWORD, Bench, Walk, bench, made
from tests.clocks import ManualClock
from tests.steps import steps_of


async def test_the_plan_names_exactly_the_vms_that_cloudtower_will_shut_down(tower: Bench) -> None:
    plan = await tower.plan()
    assert {vm.name: vm.disposition for vm in plan.vms} == {
        "web-1": Disposition.LIVE_MIGRATE,
        "web-2": Disposition.LIVE_MIGRATE,
        "gpu-1": Disposition.SHUT_DOWN,
        "batch-1": Disposition.LEAVE,
    }
    assert plan.steps[0].arguments == {
        "host_id": tower.host("node-1").cuid,
        "shutdown_vms": [tower.world.vm("gpu-1").id],
    }
    assert not plan.is_blocked
    assert {f.verdict for f in plan.findings} == {Verdict.OK}


async def test_a_survey_asks_for_a_precheck_and_changes_nothing(tower: Bench) -> None:
    await tower.plan()
    assert tower.world.mutations() == []
    assert tower.host("node-1").maintenance is Maintenance.IN_USE


async def test_a_host_is_in_maintenance_only_when_every_vm_is_verified(tower: Bench) -> None:
    walk = await Walk(bench=tower, plan=await tower.plan()).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert walk.record("migrate web-1").place in {"node-2", "node-3"}
    assert tower.world.vm("gpu-1").power is Power.STOPPED
    assert tower.enter_calls() == [
        {
            "where": {"host_id": tower.host("node-1").cuid},
            "data": {"shutdown_vms": [tower.world.vm("gpu-1").id]},
        }
    ]


@pytest.mark.parametrize("has_ha", [True, False])
async def test_of_a_vm_that_stays_off_it_is_told_where_cloudtower_keeps_it(tower: Bench, *, has_ha: bool) -> None:
    tower.world.vm("batch-1").ha = has_ha
    walk = await Walk(bench=tower, plan=await tower.plan()).to_end()
    kept = tower.world.vm("batch-1").host
    assert kept is not None
    assert (kept.name != "node-1") is has_ha
    seen = walk.record("see where CloudTower keeps batch-1")
    assert (seen.state, seen.place, seen.sentence) == (StepState.DONE, kept.name, f"It is STOPPED on {kept.name}.")
    assert "empty" not in " ".join(r.step.title for r in walk.records)
    assert "no VM runs on it" in walk.record("verify that").step.title


async def test_a_host_with_nothing_to_shut_down_enters_without_a_list(tower: Bench) -> None:
    tower.world.delete_vm("gpu-1")
    walk = await Walk(bench=tower, plan=await tower.plan()).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert tower.enter_calls() == [{"where": {"host_id": tower.host("node-1").cuid}, "data": {}}]


async def test_both_shapes_of_the_shutdown_list_make_the_same_plan() -> None:
    async with bench() as objects:
        expected = await objects.plan()
    async with bench(shutdown_as_strings=True) as strings:
        plan = await strings.plan()
        strings.violations.clear()  # the vendor's page shows this shape, the OpenAPI document does not allow it
    assert digest_of(plan, terms={}) == digest_of(expected, terms={})


async def test_a_vm_that_must_be_shut_down_since_the_approval_is_a_difference_to_approve(tower: Bench) -> None:
    approved = await tower.plan()
    tower.world.vm("web-2").migratable = False
    difference = drift.between(approved, await tower.plan())
    assert not difference.only_shrinks
    assert "web-2: shut down instead of live-migrate" in difference.lines
    assert any("changed step: put node-1 into maintenance" in line for line in difference.lines)


async def test_a_vm_on_the_shutdown_list_that_left_the_host_only_shrinks_the_plan(tower: Bench) -> None:
    approved = await tower.plan()
    tower.world.relocate(tower.world.vm("gpu-1"), tower.host("node-2"))
    difference = drift.between(approved, await tower.plan())
    assert difference.only_shrinks
    assert difference.lines == ("- gpu-1 is not on the host any more",)


async def test_a_peer_that_entered_after_the_approval_refuses_the_call_and_nothing_is_done(tower: Bench) -> None:
    plan = await tower.plan()
    tower.host("node-2").maintenance = Maintenance.IN_MAINTENANCE
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert "node-2" in walk.errors[0].sentence
    assert walk.records[0].state is StepState.FAILED
    assert StepState.DONE not in walk.states().values()
    assert "not entering maintenance" in walk.record("migrate web-1").sentence
    assert walk.record("verify that").state is StepState.NOT_NEEDED
    assert len(tower.enter_calls()) == 1


async def test_a_task_that_fails_half_way_fails_the_vms_that_did_not_move_with_the_true_reason(tower: Bench) -> None:
    tower.tower.lanes = 1
    order = MoveFault(how=Break.SPAWN, kind=MoveKind.LIVE, vm="web-2", reason="qemu died on the way")
    tower.world.faults.order_move(order)
    walk = await Walk(bench=tower, plan=await tower.plan()).to_end()
    assert {title: state for title, state in walk.states().items() if "node-1" not in title} == {
        "shut down gpu-1": StepState.DONE,
        "migrate web-1": StepState.DONE,
        "migrate web-2": StepState.FAILED,
        "see where CloudTower keeps batch-1": StepState.DONE,
    }
    failed = walk.record("migrate web-2")
    assert "is RUNNING on node-1" in failed.sentence
    assert "JOB_VM_MIGRATE_FAILED" in failed.sentence
    assert "qemu died on the way" in failed.sentence
    assert "Cannot unwrap Ok value" in failed.raw
    assert "Cannot unwrap" not in failed.sentence
    assert walk.records[0].state is StepState.FAILED
    assert walk.records[0].sentence.endswith(" node-1 is in use.")
    assert walk.record("verify that").state is StepState.NOT_NEEDED


async def test_a_guest_that_ignores_the_shutdown_is_named(tower: Bench) -> None:
    tower.tower.stubborn = {"gpu-1"}
    walk = await Walk(bench=tower, plan=await tower.plan()).to_end()
    failed = walk.record("shut down gpu-1")
    assert failed.state is StepState.FAILED
    assert "JOB_VM_SHUTDOWN_TIMEOUT" in failed.sentence
    assert "is RUNNING on node-1" in failed.sentence


async def test_a_task_that_is_not_listed_yet_is_underway(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan())
    await walk.round()
    step = walk.records[0].step
    assert step.receipt is not None
    seen = (await tower.cloud.look([step]))[step.key]
    assert (seen.seen, seen.sentence) == (Seen.UNDERWAY, "CloudTower took the call; its task is not listed yet.")


async def test_the_way_into_maintenance_is_told_with_progress_and_each_vms_place(tower: Bench) -> None:
    tower.tower.lanes, tower.host("node-1").knobs.live_seconds = 1, 60
    walk = Walk(bench=tower, plan=await tower.plan())
    for _ in range(45):  # 90 s: gpu-1 is off, web-1 has moved, web-2 is on its way
        await walk.round()
    call = walk.records[0]
    assert call.sentence == "node-1 is entering maintenance (task by muster)."
    assert call.progress == pytest.approx(2 / 3)
    assert walk.record("shut down gpu-1").state is StepState.DONE
    assert walk.record("migrate web-1").state is StepState.DONE
    assert walk.record("migrate web-2").sentence == "It is RUNNING on node-1."
    assert walk.record("migrate web-2").place == "node-1"


async def test_a_paused_task_is_not_an_end(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan())
    await walk.round()
    await tower.clock.pass_time(1)
    tower.world.settle()
    receipt = walk.records[0].step.receipt
    assert receipt is not None
    tower.world.tasks[receipt.id].status = "PAUSED"
    for _ in range(3):
        await walk.round()
    assert walk.records[0].state is StepState.ACCEPTED


async def test_a_succeeded_task_is_not_the_end_while_the_host_shows_otherwise(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan())
    seen = set()
    while not walk.records[0].has_ended:
        await walk.round()
        receipt = walk.records[0].step.receipt
        if receipt and tower.world.tasks[receipt.id].status == "SUCCESSED":
            seen.add(walk.records[0].sentence)
    assert "The task succeeded; waiting until node-1 shows as in maintenance." in seen
    assert walk.records[0].state is StepState.DONE


async def test_a_host_that_left_maintenance_again_at_once_is_a_failure_that_says_so(tower: Bench) -> None:
    tower.tower.sync = 0
    walk = Walk(bench=tower, plan=await tower.plan())
    await walk.round()
    receipt = walk.records[0].step.receipt
    assert receipt is not None
    while tower.world.tasks[receipt.id].status != "SUCCESSED":
        await tower.clock.pass_time(1)
        tower.world.settle()
    tower.host("node-1").maintenance = Maintenance.IN_USE
    await walk.round()
    at_once = walk.records[0]
    assert at_once.state is StepState.ACCEPTED
    await tower.clock.pass_time(600)
    await walk.round()
    later = walk.records[0]
    assert later.state is StepState.FAILED
    assert "it went back again" in later.sentence


async def test_the_demos_full_host_enters_and_its_calls_do_not_grow_with_its_vms() -> None:
    clock = ManualClock()
    world = datacentre.build(clock.now)
    async with cloudtower_api.serve(world) as url:
        cloud = made(url, clock)
        host = world.host("node-1")
        request = Request(
            action=Action.ENTER, cloud="tower", host=HostId(host.cuid), host_name="node-1", run=OperationId("op")
        )
        plan = cloud.plan(request, await cloud.survey(request))
        assert not plan.is_blocked, plan.sorted_findings
        counts = Counter(vm.disposition for vm in plan.vms)
        assert counts == {Disposition.SHUT_DOWN: 3, Disposition.LIVE_MIGRATE: 35, Disposition.LEAVE: 2}
        await cloud.start(steps_of(plan)[0])
        await clock.pass_time(120)
        before = len(world.calls)
        sightings = await cloud.look(steps_of(plan))
        assert {s.seen for s in sightings.values()} == {Seen.DONE}
        assert len(world.calls) - before <= 6
        await cloud.aclose()


# ------------------------------------------------------------------ other trouble on the way


async def test_a_token_that_expires_between_survey_and_call_costs_one_login_and_no_second_call(tower: Bench) -> None:
    tower.cloud = tower.made(**WITH_PASSWORD)
    plan = await tower.plan()
    tower.tower.expire_tokens()
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert sum(c.path.endswith("/login") for c in tower.world.calls) == 2
    assert len(tower.enter_calls()) == 1
    await tower.cloud.aclose()


async def test_a_call_refused_with_401_is_replayed_once_after_a_login(tower: Bench) -> None:
    tower.cloud = tower.made(**WITH_PASSWORD)
    plan = await tower.plan()
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=401, path=f"{ENTER}$"))
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert [c.status for c in tower.world.calls if c.path == ENTER] == [401, 200]
    await tower.cloud.aclose()


async def test_a_migration_that_hangs_asks_a_human_after_the_patience_of_its_step(tower: Bench) -> None:
    tower.world.faults.order_move(MoveFault(how=Break.HANG, kind=MoveKind.LIVE, vm="web-1"))
    walk = Walk(bench=tower, plan=await tower.plan())
    for _ in range(30):
        await walk.round()
    assert walk.record("migrate web-2").state is StepState.DONE
    await tower.clock.pass_time(2 * 3600)
    await walk.round()
    assert walk.records[0].state is StepState.UNKNOWN
    assert walk.record("migrate web-1").state is StepState.UNKNOWN
    assert "No headway for 120 min" in walk.record("migrate web-1").sentence


async def test_a_vm_that_muster_may_not_see_is_warned_about_and_ends_with_the_host() -> None:
    async with bench(unseen={"gpu-1"}) as tower:
        plan = await tower.plan()
        uuid = tower.world.vm("gpu-1").id
        assert [(f.code, f.vm) for f in plan.findings if f.verdict is Verdict.WARNING] == [("shutdown-unseen", uuid)]
        assert [(vm.name, vm.disposition) for vm in plan.vms if vm.id == uuid] == [(uuid, Disposition.SHUT_DOWN)]
        walk = await Walk(bench=tower, plan=plan).to_end()
        assert set(walk.states().values()) == {StepState.DONE}
        assert tower.world.vm("gpu-1").power is Power.STOPPED


async def test_a_vm_that_was_deleted_meanwhile_is_not_called_done(tower: Bench) -> None:
    walk = Walk(bench=tower, plan=await tower.plan())
    await walk.round()
    tower.world.delete_vm("web-2")
    for _ in range(60):
        await walk.round()
    await tower.clock.pass_time(600)
    await walk.to_end()
    assert walk.record("migrate web-2").state is StepState.FAILED
    assert walk.record("migrate web-1").state is StepState.DONE


async def test_names_with_markup_pass_through_as_they_are(tower: Bench) -> None:
    name = "<!channel> *web* & `x`|<https://evil|y>"
    tower.world.vm("web-1").name = name
    tower.world.vm("gpu-1").name = "\u202egpu\n- fake"
    plan = await tower.plan()
    assert name in {vm.name for vm in plan.vms}
    walk = await Walk(bench=tower, plan=plan).to_end()
    assert walk.record(f"migrate {name}").state is StepState.DONE


async def test_a_passive_node_is_said_to_be_one_and_not_followed(tower: Bench) -> None:
    plan = await tower.plan()
    tower.tower.passive = True
    with pytest.raises(Refused, match="passive node"):
        await tower.cloud.start(steps_of(plan)[0])
    with pytest.raises(Refused, match="passive node"):
        await tower.cloud.survey(tower.request())


async def test_a_plan_lists_every_vm_however_short_the_towers_pages_are() -> None:
    async with bench(most_rows=3) as tower:
        for number in range(10):
            tower.world.add_vm(f"more-{number}", tower.host("node-1"), memory_mb=512)
        plan = await tower.plan()
        assert len(plan.vms) == 14
        walk = await Walk(bench=tower, plan=plan).to_end()
        assert set(walk.states().values()) == {StepState.DONE}


async def test_the_same_host_makes_the_same_plan_twice(tower: Bench) -> None:
    for number in range(5):
        tower.world.add_vm(f"gpu-{number + 2}", tower.host("node-1")).migratable = False
    plans: list[Plan] = [await tower.plan() for _ in range(2)]
    assert digest_of(plans[0], terms={}) == digest_of(plans[1], terms={})

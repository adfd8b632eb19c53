"""Entering maintenance, from the survey to the verified host, over the real wire."""

from bot.domain.plan import Disposition, Verdict
from bot.domain.steps import StepState
from tests.cloudtower.bench import Bench, Walk


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


async def test_a_host_is_in_maintenance_only_when_every_vm_is_verified(tower: Bench) -> None:
    walk = await Walk(bench=tower, plan=await tower.plan()).to_end()
    assert set(walk.states().values()) == {StepState.DONE}
    assert walk.record("migrate web-1").place in {"node-2", "node-3"}
    assert tower.world.vm("gpu-1").power == "STOPPED"
    assert [c.path for c in tower.world.mutations()] == ["/v2/api/enter-maintance-mode"]
    assert walk.records[0].step.receipt is not None

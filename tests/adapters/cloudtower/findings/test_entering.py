"""What speaks for and against entering maintenance, arranged in the world and read off the plan."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.cloudtower.findings import entering
from adapters.simulated.cloudtower.state import HostAlert, PrecheckMood
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Maintenance, Power
from bot.domain.plans import drift
from bot.domain.plans.plan import Plan, Verdict
from bot.domain.values import Action
from tests.adapters.cloudtower.bench import Bench, bad, bench


def sentence(plan: Plan, code: str) -> str:
    return next(f.sentence for f in plan.findings if f.code == code)


def peer_enters(b: Bench) -> None:
    b.host("node-2").maintenance = Maintenance.ENTERING


def host_enters(b: Bench) -> None:
    b.host("node-1").maintenance = Maintenance.IN_MAINTENANCE


def host_goes(b: Bench) -> None:
    b.host("node-1").maintenance = Maintenance.REMOVING


def host_dies(b: Bench) -> None:
    b.world.kill_host("node-1")


def host_warns(b: Bench) -> None:
    b.host("node-1").health = "WARNING"


def tower_vm(b: Bench) -> None:
    b.world.vm("web-1").usage = "CLOUDTOWER"


def controller_stops(b: Bench) -> None:
    b.world.vm("gpu-1").usage = "EVEROUTE_CONTROLLER"


def suspended(b: Bench) -> None:
    b.world.set_power(b.world.vm("web-1"), Power.SUSPENDED)


def unknown(b: Bench) -> None:
    b.world.vm("web-1").state = "unknown"


def busy_vm(b: Bench) -> None:
    b.world.vm("web-1").busy = "UPDATING"


def others_die(b: Bench) -> None:
    b.world.kill_host("node-2")
    b.world.kill_host("node-3")


def too_big(b: Bench) -> None:
    b.world.add_vm("huge", b.host("node-1"), memory_mb=70000)


def full_recycle_bin(b: Bench) -> None:
    for number in range(147):
        b.world.add_vm(f"old-{number}", b.host("node-1"), memory_mb=1, power=Power.STOPPED).in_recycle_bin = True


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        (peer_enters, {"peer-in-maintenance": Verdict.BLOCKER}),
        (host_enters, {"host-state": Verdict.BLOCKER}),
        (host_goes, {"host-state": Verdict.BLOCKER}),
        (host_dies, {"host-status": Verdict.BLOCKER}),
        (host_warns, {"host-status": Verdict.WARNING}),
        (tower_vm, {"cloudtower-here": Verdict.BLOCKER}),
        (controller_stops, {"service-vm-stops": Verdict.WARNING}),
        (suspended, {"vm-suspended": Verdict.BLOCKER, "precheck": Verdict.BLOCKER}),
        (unknown, {"vm-state-unknown": Verdict.BLOCKER, "precheck": Verdict.BLOCKER}),
        (busy_vm, {"vm-busy": Verdict.WARNING}),
        (others_die, {"last-host": Verdict.BLOCKER, "precheck": Verdict.BLOCKER}),
        (too_big, {"room": Verdict.BLOCKER, "precheck": Verdict.BLOCKER}),
        (full_recycle_bin, {"too-many-vms": Verdict.BLOCKER, "precheck": Verdict.BLOCKER}),
    ],
)
async def test_each_condition_of_the_host_has_its_verdict(
    tower: Bench, arrange: Callable[[Bench], None], expected: dict[str, Verdict]
) -> None:
    arrange(tower)
    plan = await tower.plan()
    assert bad(plan) == expected
    assert plan.is_blocked is bool(set(expected.values()) & {Verdict.BLOCKER, Verdict.UNKNOWN})
    assert bool(plan.steps) is not plan.is_blocked


async def test_a_host_in_a_state_that_nobody_announced_blocks_as_unknown(tower: Bench) -> None:
    tower.host("node-1").health = "PONDERING"
    assert bad(await tower.plan()) == {"host-status": Verdict.UNKNOWN}
    tower.violations.clear()  # the OpenAPI document does not know it either


async def test_a_host_that_may_not_enter_anyhow_is_not_prechecked(tower: Bench) -> None:
    peer_enters(tower)
    await tower.plan()
    assert not tower.tower.prechecks


@pytest.mark.parametrize(
    ("mood", "verdict", "words"),
    [
        (PrecheckMood.NEVER, Verdict.UNKNOWN, "not done after 10 min (its task is EXECUTING)"),
        (PrecheckMood.SAYS_NO, Verdict.BLOCKER, "ended without saying that the host may enter"),
        (PrecheckMood.FAILS, Verdict.BLOCKER, "MAINTENANCE_MODE_PRECHECK_FAILED: storage network is abnormal"),
    ],
)
async def test_only_a_precheck_that_is_done_lets_a_host_enter(mood: PrecheckMood, verdict: Verdict, words: str) -> None:
    async with bench(precheck=mood) as tower:
        plan = await tower.plan()
        assert bad(plan) == {"precheck": verdict}
        assert words in sentence(plan, "precheck")


@pytest.mark.parametrize("version", ["3.4.4", "2.0.0"])
async def test_a_tower_without_maintenance_mode_says_which_version_it_needs(version: str) -> None:
    async with bench(version=version) as tower:
        plan = await tower.plan()
        assert bad(plan) == {"version": Verdict.BLOCKER}
        assert sentence(plan, "version") == f"CloudTower is {version}: maintenance mode needs 4.0.0."
        assert list(await tower.cloud.check()) == [f"tower: CloudTower is {version}: maintenance mode needs 4.0.0."]


async def test_a_host_that_is_gone_blocks_its_plan(tower: Bench) -> None:
    request = tower.request()
    tower.world.hosts.pop(tower.host("node-1").id)
    plan = tower.cloud.plan(request, await tower.cloud.survey(request))
    assert bad(plan) == {"host-gone": Verdict.BLOCKER}


async def test_a_shutdown_list_with_a_vm_of_another_host_is_not_believed(tower: Bench) -> None:
    survey = await tower.survey()
    away = next(vm for vm in survey.vms if vm.name == "gpu-1")
    odd = replace(
        survey,
        vms=tuple(vm for vm in survey.vms if vm is not away),
        elsewhere=(replace(away, host="node-2", host_id=tower.host("node-2").cuid),),
    )
    assert bad(tower.cloud.plan(tower.request(), odd)) == {"shutdown-elsewhere": Verdict.UNKNOWN}


async def test_a_cluster_that_recovers_data_or_is_cut_off_blocks(tower: Bench) -> None:
    survey = await tower.survey()
    assert survey.cluster is not None
    recovering = replace(survey, cluster=replace(survey.cluster, recovering=3 * 2**30))
    assert bad(tower.cloud.plan(tower.request(), recovering)) == {"data-recovery": Verdict.BLOCKER}
    lost = replace(survey, cluster=replace(survey.cluster, connection="DISCONNECTED"))
    assert bad(tower.cloud.plan(tower.request(), lost)) == {"cluster": Verdict.BLOCKER}
    assert bad(tower.cloud.plan(tower.request(), replace(survey, cluster=None))) == {"cluster": Verdict.WARNING}


async def test_alerts_are_warnings_with_their_severity_the_worst_first_and_never_a_flood(tower: Bench) -> None:
    node = tower.host("node-1")
    tower.tower.alerts = [
        HostAlert(id="n", host=node, message="fan 2 is slow", severity="NOTICE"),
        HostAlert(id="i", host=node, message="licence is fine", severity="INFO"),
        HostAlert(id="c", host=node, message="disk 4 fails", severity="CRITICAL"),
        HostAlert(id="old", host=node, message="was hot", severity="CRITICAL", ended=True),
        HostAlert(id="other", host=tower.host("node-2"), message="not here", severity="CRITICAL"),
    ]
    before = sum(c.path.endswith("/get-alerts") for c in tower.world.calls)
    plan = await tower.plan()
    assert sum(c.path.endswith("/get-alerts") for c in tower.world.calls) - before == 1
    assert not plan.is_blocked
    assert [f.sentence for f in plan.sorted_findings if f.verdict is Verdict.WARNING] == [
        "Open alert on node-1 (CRITICAL): disk 4 fails.",
        "Open alert on node-1 (NOTICE): fan 2 is slow.",
    ]
    assert sentence(plan, "alerts-info") == "An INFO alert: licence is fine."
    tower.tower.alerts = [HostAlert(id=f"x{n}", host=node, message=f"trouble {n}") for n in range(60)]
    flood = await tower.plan()
    assert len([f for f in flood.findings if f.verdict is Verdict.WARNING]) == 6
    assert sentence(flood, "alerts-more") == "At least 45 more open alerts on node-1."


async def test_an_alert_that_opens_after_the_approval_is_a_difference_and_one_that_ends_is_not(tower: Bench) -> None:
    quiet = await tower.plan()
    tower.tower.alerts = [HostAlert(id="c", host=tower.host("node-1"), message="disk 4 fails", severity="CRITICAL")]
    noisy = await tower.plan()
    assert not drift.between(quiet, noisy).only_shrinks
    assert drift.between(noisy, quiet).only_shrinks


async def test_alerts_that_may_not_be_read_are_said_and_do_not_stop_the_rest(tower: Bench) -> None:
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=403, path="/get-alerts$"))
    plan = await tower.plan()
    assert bad(plan) == {"alerts": Verdict.WARNING}


async def test_the_labels_of_the_host_are_on_the_card(tower: Bench) -> None:
    tower.tower.labels[tower.host("node-1").cuid] = {"rack": "7", "critical": ""}
    assert sentence(await tower.plan(), "labels") == "node-1 is labelled critical, rack=7."


async def test_room_that_holds_the_sum_but_not_the_pieces_is_tight(tower: Bench) -> None:
    survey = await tower.survey()
    assert survey.host is not None
    web = next(vm for vm in survey.vms if vm.name == "web-1")
    three = tuple(replace(web, id=f"v{n}", local_id=f"u{n}", memory=6 * 2**30) for n in range(3))
    tight = replace(survey, vms=three, peers=tuple(replace(p, free_memory=10 * 2**30) for p in survey.peers))
    assert [f.code for f in entering.findings(tight, survey.host) if f.verdict is Verdict.WARNING][:1] == ["room"]


async def test_what_a_vm_is_and_whom_it_belongs_to_is_in_the_table(tower: Bench) -> None:
    tower.tower.labels[tower.world.vm("gpu-1").cuid] = {"Owner": "render-team"}
    plan = await tower.plan()
    gpu = next(vm for vm in plan.vms if vm.name == "gpu-1")
    assert (gpu.project, gpu.size, gpu.status) == ("render-team", "2 vCPU, 4 GiB", "RUNNING")
    assert gpu.note == "cannot be migrated (GPU)"


async def test_hosts_are_listed_with_their_cluster_state_and_vms(tower: Bench) -> None:
    host_enters(tower)
    first, second, _ = await tower.cloud.hosts("", limit=10)
    assert (first.name, first.area, first.state, first.in_service, first.vms) == (
        *("node-1", "c1", "healthy, in maintenance"),
        *(False, 4),
    )
    assert (second.state, second.in_service) == ("healthy, in use", True)
    assert [h.name for h in await tower.cloud.hosts(tower.host("node-3").id, limit=5)] == ["node-3"]


async def test_evacuation_is_not_offered(tower: Bench) -> None:
    assert Action.EVACUATE not in tower.cloud.actions


async def test_a_user_who_may_only_read_is_complained_about() -> None:
    async with bench(role="READ_ONLY") as tower:
        (complaint,) = await tower.cloud.check()
        assert "may only read" in complaint

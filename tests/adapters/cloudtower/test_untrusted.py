"""Answers of CloudTower that are less than the truth, or not its own: what is not seen is not gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.cloudtower.wire.client import Credentials
from adapters.simulated.cloudtower.state import PASSWORD, USERNAME
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Maintenance, Power
from bot.domain.cloud import CloudError, Left, Refused, Seen, Unreachable
from bot.domain.plans.plan import Plan, Step, Verdict, digest_of
from bot.domain.values import Action, Then, VmId
from tests.adapters.cloudtower.bench import WITH_PASSWORD, Bench, Walk, answering, bad, bench, client
from tests.bends.wire import BENDS, Answer, Bend, Question, Wire
from tests.steps import steps_of
from tests.tiers import examples

VMS = "POST /v2/api/get-vms host"
LISTS = {"hosts": "POST /v2/api/get-hosts cluster", "VMs": VMS}


@asynccontextmanager
async def bending(**switches: Any) -> AsyncIterator[tuple[Bench, Wire]]:
    """A tower behind a wire that bends."""
    wire = Wire()
    async with bench(middlewares=[wire.middleware], **switches) as tower:
        yield tower, wire


async def verification(tower: Bench) -> Step:
    """The step that says that node-1 is in maintenance and empty, once CloudTower calls it so."""
    plan = await tower.plan()
    host = tower.host("node-1")
    host.maintenance, host.maintenance_job = Maintenance.IN_MAINTENANCE, "job"
    for vm in tower.world.vms_on(host):
        tower.world.set_power(vm, Power.STOPPED)
    return next(s for s in steps_of(plan) if s.verb == "verify-host")


# ---------------------------------------------------------------------- lists that are not whole


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize("bend", ["empty", "half"])
async def test_a_plan_is_not_made_of_a_list_that_the_towers_count_contradicts(what: str, bend: str) -> None:
    async with bending() as (tower, wire):
        wire.bend(LISTS[what], BENDS[bend])
        with pytest.raises(Unreachable, match="its list is not whole"):
            await tower.plan()


async def test_a_list_whose_skip_is_ignored_ends_and_is_not_taken_for_whole() -> None:
    async with bench(ignores_skip=True, most_rows=2) as tower:
        async with asyncio.timeout(60):
            with pytest.raises(Unreachable, match=r"listed 2 of [34] (hosts|VMs)"):
                await tower.plan()


async def test_a_tower_that_ignores_skip_and_gives_everything_at_once_is_understood() -> None:
    async with bench(ignores_skip=True) as tower:
        assert len((await tower.plan()).vms) == 4


def twins(**changes: Any) -> Bend:
    """Each VM comes with another one that has its uuid."""

    def bend(_: Question, answer: Answer) -> Answer:
        return answer.saying([*answer.body, *({**row, "id": f"{row['id']}2", **changes} for row in answer.body)])

    return bend


OTHERS: dict[str, Any] = {"status": "RUNNING", "host": {"id": "other", "name": "other"}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({**OTHERS, "cluster": {"id": "other", "name": "c2"}}, "It is RUNNING on node-1."),
        (OTHERS, "It is shown 2 times by CloudTower, under one id."),
        ({**OTHERS, "cluster": None}, "It is shown 2 times by CloudTower, under one id."),
    ],
    ids=["another cluster", "its own cluster", "no cluster"],
)
async def test_another_vm_under_the_same_uuid_is_never_taken_for_the_one_that_was_meant(
    changes: dict[str, Any], told: str
) -> None:
    async with bending() as (tower, wire):
        step = next(s for s in steps_of(await tower.plan()) if s.verb == "verify-vm" and "web-1" in s.title)
        host = tower.host("node-1")
        host.maintenance, host.maintenance_job = Maintenance.ENTERING, "job"
        await tower.clock.pass_time(60)
        wire.bend("POST /v2/api/get-vms OR", twins(**changes))
        seen = (await tower.cloud.look([step]))[step.key]
        assert (seen.seen, seen.sentence) == (Seen.UNDERWAY, told)
        (place,) = await tower.cloud.find({VmId(step.target): "node-1"})
        assert place.unknown == "CloudTower shows several VMs of this id."


async def test_nothing_is_planned_with_vms_that_share_an_id() -> None:
    async with bending() as (tower, wire):
        wire.bend("POST /v2/api/get-vms host", twins())
        with pytest.raises(Unreachable, match="under one id"):
            await tower.plan()


async def test_a_host_without_its_cluster_is_not_judged_as_one_without_peers() -> None:
    async with bending() as (tower, wire):
        wire.bend(
            "POST /v2/api/get-hosts OR",
            lambda _, answer: answer.saying([{**row, "cluster": None} for row in answer.body]),
        )
        with pytest.raises(Unreachable, match="a host without its cluster"):
            await tower.plan()


async def test_a_host_is_not_gone_because_one_list_is_empty() -> None:
    async with bending() as (tower, wire):
        step = steps_of(await tower.plan())[0]
        wire.bend("POST /v2/api/get-hosts id_in", BENDS["empty"])
        with pytest.raises(Unreachable, match="listed 0 of 1 hosts"):
            await tower.cloud.look([step])
        wire.bend("POST /v2/api/get-hosts OR", BENDS["empty"])
        with pytest.raises(Unreachable):
            await tower.plan()


async def test_a_host_is_empty_only_when_the_list_the_count_and_the_host_agree() -> None:
    async with bending() as (tower, wire):
        step = await verification(tower)
        assert (await tower.cloud.look([step]))[step.key].seen is Seen.DONE
        tower.world.set_power(tower.world.vm("web-1"), Power.RUNNING)
        wire.bend(VMS, BENDS["empty"])
        seen = (await tower.cloud.look([step]))[step.key]
        assert seen.seen is Seen.UNDERWAY
        assert "could not be found out" in seen.sentence
        assert "CloudTower listed 0 of 4 VMs" in seen.sentence


async def test_a_running_vm_that_muster_may_not_see_keeps_its_host_from_being_called_empty() -> None:
    async with bench(unseen={"web-1"}) as tower:
        step = await verification(tower)
        tower.world.set_power(tower.world.vm("web-1"), Power.RUNNING)
        seen = (await tower.cloud.look([step]))[step.key]
        assert seen.seen is Seen.UNDERWAY
        assert "counts 1 running VM on node-1, and lists none" in seen.sentence


async def test_that_nothing_began_is_not_told_from_a_list_of_tasks_that_is_not_whole() -> None:
    async with bending() as (tower, wire):
        tower.tower.hides_fresh_tasks = False
        step = steps_of(await tower.plan())[0]
        before = (await tower.cloud.look([step]))[step.key]
        await tower.cloud.start(step)
        wire.bend("POST /v2/api/get-tasks resource_id_in", BENDS["empty"])
        with pytest.raises(Unreachable, match="tasks: its list is not whole"):
            await tower.cloud.look([replace(step, before=before.mark)])


async def test_a_vm_that_left_with_the_maintenance_and_is_not_offered_back_is_named() -> None:
    async with bending() as (tower, wire):
        entered = await tower.plan()
        await Walk(bench=tower, plan=entered).to_end()
        await tower.clock.pass_time(60)
        ledger = tuple(Left(id=vm.id, name=vm.name, status=vm.status) for vm in entered.vms if vm.name != "batch-1")
        assert bad(await tower.plan(action=Action.EXIT, ledger=ledger)) == {}
        wire.bend("POST /v2/api/exit-maintance-mode-precheck-result id", BENDS["empty"])
        plan = await tower.plan(action=Action.EXIT, ledger=ledger)
        told = [f.sentence for f in plan.findings if f.code == "vm-left-out"]
        assert len(told) == 3
        assert (
            "does not offer to bring gpu-1 back, which left with the maintenance: it is STOPPED on node-1." in told[0]
        )


# ---------------------------------------------------------------------- answers that are none


@pytest.mark.parametrize("bend", ["another shape", "null", "nulls", "a login page", "an empty body", "half a document"])
async def test_what_is_no_answer_of_cloudtower_is_nothing_that_it_said(bend: str) -> None:
    async with bending() as (tower, wire):
        await tower.plan()
        optional = {"POST /v2/api/get-alerts ended,host", "POST /v2/api/get-clusters id"}
        for kind in sorted(wire.asked[""]):
            wire.bend(kind, BENDS[bend])
            if kind in optional:
                plan = await tower.plan()
                assert not plan.is_blocked
                assert list(bad(plan).values()) == [Verdict.WARNING], (kind, plan.findings)
                assert "not the API" in next(f.sentence for f in plan.findings if f.verdict is Verdict.WARNING)
            else:
                with pytest.raises(Unreachable, match="not the API"):
                    await tower.plan()


@pytest.mark.parametrize("bend", ["another shape", "null", "nulls"])
async def test_an_exit_is_not_planned_without_the_three_lists(bend: str) -> None:
    async with bending() as (tower, wire):
        host = tower.host("node-1")
        host.maintenance, host.maintenance_job = Maintenance.IN_MAINTENANCE, "job"
        wire.bend("POST /v2/api/exit-maintance-mode-precheck-result id", BENDS[bend])
        with pytest.raises(Unreachable, match="not the API"):
            await tower.plan(action=Action.EXIT)


@pytest.mark.parametrize("said", ['{"status": "ok"}', "null", "[]", "<html>", ""])
async def test_a_call_that_a_gateway_answered_has_an_unknown_fate(tower: Bench, said: str) -> None:
    page = web.Response(text=said, content_type="application/json")
    async with answering(page) as url, client(url, tower.clock, token="t", login=None) as wire:
        with pytest.raises(Unreachable, match="not the API"):
            await wire.begin("/enter-maintance-mode", {})


@pytest.mark.parametrize("status", [400, 404])
async def test_a_no_without_cloudtowers_words_is_somebody_elses(tower: Bench, status: int) -> None:
    page = web.Response(text="<html>no such page</html>", content_type="text/html", status=status)
    async with answering(page) as url, client(url, tower.clock, token="t", login=None) as wire:
        with pytest.raises(Unreachable, match=f"not the API: a page with status {status}"):
            await wire.act("/enter-maintance-mode", {})


async def test_an_answer_about_another_host_is_not_about_this_one(tower: Bench) -> None:
    ask = tower.cloud._client.read

    async def read(path: str, body: Any) -> Any:
        where = (body or {}).get("where", {})
        return await ask(
            path, {**body, "where": {"name": "node-2"}} if path == "/get-hosts" and "OR" in where else body
        )

    tower.cloud._client.read = read  # type: ignore[method-assign]
    with pytest.raises(Unreachable, match="another host than the one that was asked for"):
        await tower.plan()


# ---------------------------------------------------------------------- reads that are only an extra


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_alerts_and_cluster_cost_accuracy_and_not_the_plan(tower: Bench, status: int) -> None:
    for path in ("/get-alerts$", "/get-clusters$"):
        tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=status, path=path, times=None))
    plan = await tower.plan()
    assert bad(plan) == {"alerts": Verdict.WARNING, "cluster": Verdict.WARNING}
    assert plan.steps


async def test_power_is_not_planned_while_nobody_knows_through_which_host_the_tower_is_attached(tower: Bench) -> None:
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=503, path="/get-clusters$", times=None))
    plan = await tower.plan(then=Then.POWER_OFF)
    assert bad(plan)["power-attached"] is Verdict.UNKNOWN


# ---------------------------------------------------------------------- nothing learned in a failing moment


async def test_a_login_in_a_bad_moment_teaches_nothing(tower: Bench) -> None:
    who = Credentials(username=USERNAME, password=PASSWORD, source="LDAP")
    async with client(tower.url, tower.clock, login=who) as wire:
        for path in ("/api$", "/login$"):
            tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=413, path=path, times=None))
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await wire.read("/get-hosts", {})
            tower.world.faults.clear()
        assert len(await wire.read("/get-hosts", {})) == 3


@pytest.mark.parametrize("said", ["<html>", "{}", '{"data": []}', "null"])
async def test_a_page_in_place_of_a_login_is_not_a_refusal(tower: Bench, said: str) -> None:
    page = web.Response(text=said, content_type="application/json")
    async with answering(page) as url, client(url, tower.clock) as wire:
        with pytest.raises(Unreachable, match="not the API"):
            await wire.read("/get-hosts", {})


KINDS = [
    "POST /v2/api/get-alerts ended,host",
    "POST /v2/api/get-clusters id",
    *(
        f"POST /v2/api/get-hosts{more}"
        for more in ("", " OR", " cluster", " id_in", "-connection", "-connection cluster")
    ),
    *(f"POST /v2/api/get-tasks{more}" for more in (" id", " resource_id_in", "-connection resource_id_in")),
    *(f"POST /v2/api/get-vms{more}" for more in (" host", " OR", "-connection host", "-connection OR")),
    "POST /v2/api/enter-maintance-mode-precheck-result task_id",
    "GET /v2/api/get-version",
    "POST /v2/api/login",
]


@settings(max_examples=examples(4))
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(sorted(BENDS))), min_size=1, max_size=4))
def test_after_any_sequence_of_faults_a_healthy_tower_is_heard_as_a_fresh_process_hears_it(
    faults: list[tuple[str, str]],
) -> None:
    asyncio.run(_suffered(faults))


async def _suffered(faults: list[tuple[str, str]]) -> None:
    async with bending(sync=0, precheck_seconds=0.1, task_seconds=0.1) as (tower, wire):
        one = tower.made(**WITH_PASSWORD)
        for kind, bend in faults:
            wire.bend(kind, BENDS[bend])
            tower.tower.expire_tokens()
            with suppress(Refused, Unreachable):
                await _said(tower, one)
        wire.straighten()
        fresh = tower.made(**WITH_PASSWORD)
        try:
            assert await _said(tower, one) == await _said(tower, fresh)
        finally:
            await one.aclose()
            await fresh.aclose()


async def _said(tower: Bench, cloud: CloudTowerCloud) -> Any:
    """All that one adapter says, every question asked whatever became of the one before."""
    errors: list[CloudError] = []
    said: list[Any] = []
    plan: Plan | None = None
    try:
        said.append(await cloud.hosts("", limit=10))
        said.append(await cloud.check())
        plan = cloud.plan(tower.request(), await cloud.survey(tower.request()))
        said.append(digest_of(plan, terms={}))
        seen = await cloud.look(steps_of(plan))
        said.append({key: (sighting.seen, sighting.sentence) for key, sighting in seen.items()})
    except CloudError as error:
        errors.append(error)
    if errors:
        raise errors[0]
    return said

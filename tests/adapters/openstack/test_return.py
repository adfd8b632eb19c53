"""A host brought back to service over a socket, after maintenance and after an evacuation."""

from bot.domain.cloud import Seen
from bot.domain.plans.plan import Plan
from bot.domain.values import Action
from tests.adapters.openstack.build import codes
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena
from tests.contract.clouds import carry_out
from tests.steps import steps_of


async def coming_back(arena: OpenStackArena) -> Plan:
    return await arena.planned(action=Action.EXIT)


async def test_after_maintenance_it_is_enabled_and_nothing_else_is_changed() -> None:
    async with openstack_enter_arena(vms=2) as arena:
        vms = arena.world.vms_on(arena.host)
        assert not (await carry_out(arena, await arena.planned())).bad()
        places = [vm.host for vm in vms]
        before = len(arena.mutations())
        done = await carry_out(arena, await coming_back(arena))
        assert not done.bad()
        assert arena.host.enabled
        assert arena.world.is_up(arena.host)
        assert [c.body for c in arena.mutations()[before:]] == [{"status": "enabled"}]
        assert [vm.host for vm in vms] == places


async def test_after_an_evacuation_it_waits_for_the_clean_up_and_is_then_released_and_enabled() -> None:
    async with openstack_arena(vms=2) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        await arena.pass_time(90)
        silent = await coming_back(arena)
        assert silent.is_blocked
        assert {"compute-silent", "old-guests"} <= codes(silent)
        arena.world.revive_host(arena.host.name)
        await arena.pass_time(30)
        plan = await coming_back(arena)
        assert not plan.is_blocked, plan.sorted_findings
        before = len(arena.mutations())
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert [c.body for c in arena.mutations()[before:]] == [{"forced_down": False}, {"status": "enabled"}]
        assert (arena.host.enabled, arena.host.forced_down, arena.world.is_up(arena.host)) == (True, False, True)


async def test_a_host_that_was_only_cut_off_keeps_its_old_guests_and_is_not_released() -> None:
    async with openstack_arena(vms=2) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        arena.world.revive_host(arena.host.name, restarted=False)
        await arena.pass_time(30)
        plan = await coming_back(arena)
        assert "old-guests" in codes(plan)
        assert plan.is_blocked


async def test_a_host_that_dies_again_while_it_is_watched_is_not_enabled() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        plan = await coming_back(arena)
        arena.world.kill_host(arena.host.name)
        await arena.pass_time(60)
        done = await carry_out(arena, plan)
        assert done.bad()
        assert not arena.host.enabled
        states = {r.step.verb: str(r.state) for r in done.records.values()}
        assert states == {"verify-up": "unknown", "enable-service": "skipped"}


async def test_a_dead_host_that_was_forced_down_a_moment_ago_is_not_taken_for_one_that_reports() -> None:
    async with openstack_arena(vms=0) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        done = await carry_out(arena, await coming_back(arena))
        states = {r.step.verb: str(r.state) for r in done.records.values()}
        assert states["verify-up"] == "unknown"
        assert states["enable-service"] == "skipped"
        assert not arena.host.enabled


async def test_a_host_that_is_looked_at_often_within_one_heartbeat_is_not_trusted_sooner() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        plan = await coming_back(arena)
        (watch,) = steps_of(plan)
        for _ in range(5):
            assert (await arena.cloud.look([watch]))[watch.key].seen is Seen.UNDERWAY


async def test_what_somebody_disabled_meanwhile_is_not_enabled() -> None:
    async with openstack_enter_arena(vms=1) as arena:
        assert not (await carry_out(arena, await arena.planned())).bad()
        plan = await coming_back(arena)
        arena.host.disabled_reason = "disk alarm"
        done = await carry_out(arena, plan)
        assert "disk alarm" in " ".join(done.bad())
        assert not arena.host.enabled

"""A target that dies in the middle of a rebuild leaves a record that never ends: when nothing stands behind it any more."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.model.resources import Migration, Server
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps.moves import outcome
from adapters.openstack.wire.session import Session
from bot.domain.cloud import Seen, Sighting
from bot.domain.values import Facts
from tests.adapters.openstack.build import DEAD, NOW, evacuate_step, migration, server
from tests.contract.arena_openstack import OpenStackArena, clouds_file, openstack_arena, openstack_enter_arena
from tests.contract.clouds import up_to_the_move
from tests.steps import steps_of

LONG_AGO, JUST_NOW = NOW - timedelta(minutes=5), NOW - timedelta(minutes=4, seconds=59)
OURS: Facts = {"migrations": [], "host": DEAD, "status": "ACTIVE", "vm_state": "active", "task": None}


def hanging(status: str = "pre-migrating", **changes: Any) -> Migration:
    return migration(5, "web-1", status, **{"updated_at": LONG_AGO.isoformat(), **changes})


def web(**changes: Any) -> Server:
    return server("web-1", **{"updated_at": LONG_AGO.isoformat(), **changes})


def look(shown: Server, *records: Migration, before: Facts | None = None) -> Sighting:
    return outcome.sighting(evacuate_step(before=before), shown, records, now=NOW)


# ---------------------------------------------------------------------- when nothing stands behind it


def test_once_the_vm_was_reset_and_all_is_at_rest_it_can_be_evacuated_again() -> None:
    assert look(web(), hanging()).seen is Seen.NEVER_STARTED
    assert look(web(status="ERROR", vm_state="error"), hanging()).seen is Seen.NEVER_STARTED


def test_our_own_attempt_has_failed_then_and_says_who_died() -> None:
    seen = look(web(), hanging(), before=OURS)
    assert seen.seen is Seen.FAILED
    assert "compute-2 died with it" in seen.sentence
    assert seen.remedy == "Retry: Nova's scheduler chooses another target."


def test_where_a_person_asked_for_the_target_that_died_they_are_told_to_ask_for_another() -> None:
    step = evacuate_step(before=OURS, to="compute-2")
    hung = outcome.sighting(step, web(), [hanging()], now=NOW)
    assert "compute-2 died with it" in hung.sentence
    assert "Retry once compute-2 takes VMs again: no other target was approved. To go elsewhere, cancel" in hung.remedy
    assert "ask anew with another `--to`" in hung.remedy


def test_a_later_attempt_is_judged_by_its_own_record() -> None:
    later = migration(6, "web-1", "failed", updated_at=LONG_AGO.isoformat())
    assert look(web(), hanging(), later, before={**OURS, "migrations": [5]}).seen is Seen.FAILED
    running = migration(6, "web-1", "accepted")
    assert look(web(), hanging(), running, before={**OURS, "migrations": [5]}).seen is Seen.UNDERWAY


def test_a_target_that_died_is_not_wished_for_again() -> None:
    assert look(web(), hanging()).mark["refused_by"] == ["compute-2"]


def test_an_attempt_that_ends_badly_is_seen_at_once_though_it_has_just_touched_the_vm() -> None:
    touched: dict[str, Any] = {"updated_at": JUST_NOW.isoformat()}
    broken = web(status="ERROR", vm_state="error", fault="No valid host was found. ", **touched)
    ours = migration(6, "web-1", "error", **touched)
    assert look(broken, hanging(), ours, before={**OURS, "migrations": [5]}).seen is Seen.FAILED
    again = hanging(updated_at=JUST_NOW.isoformat())
    assert look(broken, again, ours, before={**OURS, "migrations": [5]}).seen is Seen.UNDERWAY, "its target goes on"


@pytest.mark.parametrize(
    ("shown", "record"),
    [
        (web(task="rebuild_spawning", status="REBUILD"), hanging()),
        (web(updated_at=JUST_NOW.isoformat()), hanging()),
        (web(), hanging(updated_at=JUST_NOW.isoformat())),
        (web(updated_at=""), hanging()),
        (web(), hanging("accepted")),
        (web(host="compute-2"), hanging()),
    ],
    ids=["it has a task", "just reset", "just written", "age not told", "still in its target's queue", "it has left"],
)
@pytest.mark.parametrize("before", [None, OURS])
def test_otherwise_no_second_evacuation_is_begun(shown: Server, record: Migration, before: Facts | None) -> None:
    assert look(shown, record, before=before).seen is Seen.UNDERWAY


def test_while_somebody_evacuates_it_again_beside_us_the_second_look_starts_nothing() -> None:
    marked: Facts = {**OURS, "migrations": [5]}
    touched: dict[str, Any] = {"task": "rebuilding", "status": "REBUILD", "updated_at": JUST_NOW.isoformat()}
    assert look(web(**touched), hanging(), before=marked).seen is Seen.UNDERWAY, "before there is a record"
    theirs = migration(6, "web-1", "accepted", updated_at=JUST_NOW.isoformat())
    between_tasks = web(updated_at=JUST_NOW.isoformat())
    assert look(between_tasks, hanging(), theirs, before=marked).seen is Seen.UNDERWAY


def test_only_a_rebuild_that_hangs_is_said_to_need_a_reset() -> None:
    spawning = web(task="rebuild_spawning", status="REBUILD")
    assert "server set --state active" in look(spawning, hanging(), before=OURS).remedy
    assert look(spawning, hanging("accepted"), before=OURS).remedy == "", "it begins when its target is back"


# ---------------------------------------------------------------------- over the wire


async def reset_state(arena: OpenStackArena, server_id: str, folder: Path) -> None:
    """`openstack server set --state active`, as an operator."""
    path = clouds_file(folder, arena.address)
    session = Session.of("sim", clouds_yaml=path, timeout=30)
    body = {"os-resetState": {"state": "active"}}
    await session.act(
        "compute", "POST", f"/servers/{server_id}/action", body, microversion="2.53", doing="reset a server"
    )
    await session.aclose()


async def test_a_vm_whose_target_died_is_evacuated_again_after_somebody_reset_its_state(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:

        async def sight(step: Any) -> Sighting:
            return (await arena.cloud.look([step]))[step.key]

        planned = replace(await up_to_the_move(arena, await arena.planned()), wish="compute-3")
        first = replace(planned, receipt=await arena.cloud.start(planned))
        while arena.world.moves[0].status != "pre-migrating":
            await arena.pass_time(0.1)
        arena.world.kill_host("compute-3")
        await arena.pass_time(300)
        assert (await sight(first)).seen is Seen.UNDERWAY
        await reset_state(arena, first.target, tmp_path)
        again = replace(planned, before=None)
        assert (await sight(again)).seen is Seen.UNDERWAY, "too fresh to be believed"
        await arena.pass_time(301)
        assert (await sight(first)).seen is Seen.FAILED
        untouched = await sight(again)
        assert untouched.seen is Seen.NEVER_STARTED
        marked = replace(again, before=untouched.mark)
        await arena.cloud.start(marked)
        for _ in range(60):
            await arena.pass_time(1)
            if (seen := await sight(marked)).seen is Seen.DONE:
                break
        assert seen.seen is Seen.DONE
        assert seen.place in {"compute-2", "compute-4"}
        asked = [call.body["evacuate"] for call in arena.mutations() if "evacuate" in (call.body or {})]
        assert asked == [{"host": "compute-3"}, {}], "the dead target was wished for once"


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=1), timedelta(days=-1)])
async def test_how_old_a_record_is_goes_by_the_clouds_own_clock(ahead: timedelta, tmp_path: Path) -> None:
    """Ours may be hours ahead until it is set: what happened just now would be at rest, and a VM that moves lost."""
    async with openstack_arena(vms=1) as arena:
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address), timeout=30)
        elsewhen = OpenStackCloud(
            OpenStackSettings(name="sim", kind="openstack"), session=session, now=lambda: arena.clock.now() + ahead
        )
        planned = replace(await up_to_the_move(arena, await arena.planned()), wish="compute-3")
        step = replace(planned, receipt=await arena.cloud.start(planned))
        while arena.world.moves[0].status != "pre-migrating":
            await arena.pass_time(0.1)
        arena.world.kill_host("compute-3")
        await arena.pass_time(60)
        await reset_state(arena, step.target, tmp_path)
        assert (await elsewhen.look([step]))[step.key].seen is Seen.UNDERWAY
        await arena.pass_time(301)
        assert (await elsewhen.look([step]))[step.key].seen is Seen.FAILED
        await elsewhen.aclose()


async def test_a_retry_to_a_target_that_is_dead_is_refused_by_name_with_the_way_out() -> None:
    async with openstack_arena(vms=1) as arena:
        planned = await up_to_the_move(arena, await arena.planned(to="compute-3"))
        arena.world.kill_host("compute-3")
        await arena.pass_time(120)
        step = replace(planned, receipt=await arena.cloud.start(planned))
        await arena.pass_time(2)
        seen = (await arena.cloud.look([step]))[step.key]
    assert seen.seen is Seen.FAILED
    assert "Nova's scheduler did not take compute-3, which was asked for: it is down, disabled or full" in seen.sentence
    assert "cancel this and ask anew with another `--to`, or without" in seen.remedy
    assert "No valid host was found" in seen.raw


# ---------------------------------------------------------------------- a named target that is away


@pytest.mark.parametrize("arena_of", [openstack_arena, openstack_enter_arena])
async def test_nothing_is_begun_towards_a_named_target_while_that_is_not_up(arena_of: Any) -> None:
    async with arena_of(vms=2) as arena:
        plan = await arena.planned(to="compute-3")
        step = await up_to_the_move(arena, plan)
        assert (await arena.cloud.look([step]))[step.key].not_yet == ""
        arena.world.kill_host("compute-3")
        await arena.pass_time(60)
        seen = (await arena.cloud.look([step]))[step.key]
        assert (seen.seen, seen.not_yet) == (Seen.NEVER_STARTED, "compute-3, where VMs are to go, is not up.")
        assert "another `--to`" in seen.remedy
        arena.world.revive_host("compute-3")
        await arena.pass_time(60)
        assert (await arena.cloud.look([step]))[step.key].not_yet == ""


async def test_whether_a_named_target_is_up_costs_one_call_however_many_vms_go_there() -> None:
    async with openstack_arena(vms=40) as arena:
        plan = await arena.planned(to="compute-3")
        moves = [s for s in steps_of(plan) if s.verb == "evacuate"]
        began = len(arena.calls())
        await arena.cloud.look(moves)
        named = [c for c in arena.calls()[began:] if c.path.endswith("/os-services") and "compute-3" in c.query]
        assert len(named) == 1

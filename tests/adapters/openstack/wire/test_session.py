"""The session with an OpenStack over a socket: who may log in, what is logged, and calls whose time is over."""

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire.session import Session
from adapters.simulated import datacentre, openstack_api
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.middleware import served
from adapters.simulated.openstack.identity import Keystone
from bot.domain.cloud import Refused, Unreachable
from bot.domain.progress import right_to_act
from bot.runtime.clock import SystemClock
from tests.adapters.openstack.bends import bent
from tests.clocks import ManualClock
from tests.contract.arena_openstack import PASSWORD, adapter, clouds_file, openstack_arena
from tests.contract.clouds import START, up_to_the_move


async def test_a_member_may_not_survey_and_the_missing_right_is_named() -> None:
    async with openstack_arena(vms=1) as arena, adapter(arena.address, arena.clock, user="demo") as member:
        with pytest.raises(Refused) as refused:
            await member.survey(arena.request())
        assert "os_compute_api:os-services:list" in refused.value.sentence
        assert "admin" in refused.value.remedy
        complaints = await member.check()
        assert any("no admin role" in c for c in complaints)
        assert any("os-services" in c for c in complaints)


async def test_a_cloud_that_clouds_yaml_does_not_know_is_a_complaint_with_a_remedy(tmp_path: Path) -> None:
    path = clouds_file(tmp_path, "http://127.0.0.1:9")
    for name, file in (("other", path), ("sim", tmp_path / "missing.yaml")):
        session = Session.of(name, clouds_yaml=file, timeout=1)
        try:
            with pytest.raises(Refused) as refused:
                await session.offer("compute")
            assert "clouds.yaml" in f"{refused.value.sentence} {refused.value.remedy}"
        finally:
            await session.aclose()


async def test_check_names_a_version_that_is_too_low_and_rights_that_a_fault_takes_away() -> None:
    async with (
        openstack_arena(vms=1) as arena,
        adapter(arena.address, arena.clock, minimum_version="6.4.3", platform_version="6.4.2") as cloud,
    ):
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, path="allocation_candidates", status=403))
        complaints = await cloud.check()
        assert len(complaints) == 2
        assert any("6.4.2" in c for c in complaints)
        assert any("read how much room hosts have" in c for c in complaints)


async def test_no_credentials_of_a_netrc_file_are_sent_beside_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    sent: list[str] = []

    def note(request: web.Request, _body: Any) -> None:
        sent.extend(request.headers.getall("Authorization", []))

    clock = ManualClock(START)
    async with bent(datacentre.build(clock.now), clock) as (cloud, bends, _):
        for method in ("GET", "POST"):
            bends.on("", note, method=method)
        await cloud.hosts("", limit=5)
        assert len(bends.seen) > 3
    assert sent == []


async def test_neither_password_nor_token_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = ManualClock(START)
    world = datacentre.build(clock.now)
    keystone = Keystone(world)
    async with openstack_api.serve(world, keystone=keystone) as url, adapter(url, clock) as cloud:
        await cloud.check()
        await cloud.hosts("", limit=5)
        tokens = list(keystone._logins)
    assert tokens
    assert "compute/v2.1/os-services" in caplog.text, "the library's debug log was not captured"
    assert all(token not in caplog.text for token in tokens)
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (CallFault(effect=Effect.HOLD, path="/identity", times=None), "Keystone did not answer in time"),
        (CallFault(effect=Effect.ANSWER, path="/identity", times=None, status=503), "Keystone answered 503"),
    ],
)
async def test_a_keystone_that_has_no_answer_is_not_somebody_else_who_answered(
    fault: CallFault, words: str, tmp_path: Path
) -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order(fault)
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address), timeout=2)
        try:
            with pytest.raises(Unreachable) as lost:
                await session.offer("compute")
            assert words in lost.value.sentence
        finally:
            fault.release()
            await session.aclose()


async def test_a_cloud_that_answers_401_to_everything_at_the_first_call_is_heard_again_when_it_is_well(
    tmp_path: Path,
) -> None:
    """Keystoneauth would wait for ever for a lock that its own thread holds."""
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, status=401, face="openstack", times=None))
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address), timeout=2, workers=2)
        try:
            for _ in range(3):
                with pytest.raises(Refused) as refused:
                    await session.offer("compute")
                assert "credentials" in refused.value.sentence
            arena.world.faults.clear()
            assert await session.offer("compute") is not None
        finally:
            await session.aclose()


async def test_calls_that_are_answered_401_at_once_all_have_the_next_token(tmp_path: Path) -> None:
    """Keystoneauth would give a new one to the first of them, and call the credentials of the others wrong."""
    async with openstack_arena(vms=1) as arena:
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address))
        try:
            for _ in range(3):
                asked = (session.get("compute", "/os-services", doing="list compute services") for _ in range(8))
                await Session.together(*asked)
                await arena.pass_time(2 * 3600)  # as if it had been revoked: by the machine's clock it lasts
        finally:
            await session.aclose()


@pytest.mark.parametrize("asked", [1, 2], ids=["before the first try", "before the one after a login"])
async def test_whoever_lost_the_right_to_act_while_it_logged_in_sends_nothing_more(tmp_path: Path, asked: int) -> None:
    """A process that was frozen meanwhile, say."""
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address))
        refused = arena.fault(Effect.ANSWER, status=401, times=None)
        answers = [True] * (asked - 1) + [False]
        try:
            with right_to_act.held_while(lambda: answers.pop(0)), pytest.raises(Unreachable, match="nothing was sent"):
                await evacuate(session, step)
        finally:
            await session.aclose()
        assert refused.hits == asked - 1


async def test_a_silent_cloud_is_given_up_after_the_timeout_and_asked_only_once(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        path = clouds_file(tmp_path, arena.address)
        session = Session.of("sim", clouds_yaml=path, timeout=2)
        held = arena.fault(Effect.HOLD)
        try:
            with pytest.raises(Unreachable) as lost:
                await evacuate(session, step)
            assert "in time" in lost.value.sentence
        finally:
            held.release()
            await session.aclose()
        assert held.hits == 1


@pytest.mark.parametrize(("effect", "is_over"), [(Effect.CUT, False), (Effect.ANSWER, True)])
async def test_a_cut_connection_leaves_open_what_is_to_come_and_a_proxy_that_gives_up_at_once_does_not(
    effect: Effect, is_over: bool, tmp_path: Path
) -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, arena.address))
        arena.fault(effect, status=502)
        with pytest.raises(Unreachable) as lost:
            await evacuate(session, step)
        await session.aclose()
        assert lost.value.is_over is is_over


async def test_of_a_change_for_which_nobody_took_a_connection_nothing_is_to_come(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        async with served(openstack_api.app(arena.world)) as address:
            session = Session.of("sim", clouds_yaml=clouds_file(tmp_path, address))
            assert await session.offer("compute")
        with pytest.raises(Unreachable, match="Nobody answers") as lost:
            await evacuate(session, step)
        await session.aclose()
        assert lost.value.is_over


async def test_a_change_that_found_no_thread_in_time_is_never_made_later(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        path = clouds_file(tmp_path, arena.address)
        session = Session.of("sim", clouds_yaml=path, timeout=0.1, workers=1)
        gate = threading.Event()
        busy = asyncio.wrap_future(session._pool.submit(gate.wait))
        with pytest.raises(Unreachable):
            await evacuate(session, step)
        gate.set()
        await busy
        await asyncio.wrap_future(session._pool.submit(int))  # all that was queued before has had its turn
        await session.aclose()
        assert arena.move_calls() == []


async def test_a_change_whose_login_came_too_late_is_never_made(tmp_path: Path) -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        path = clouds_file(tmp_path, arena.address)
        ready = Session.of("sim", clouds_yaml=path, timeout=30)
        gate = threading.Event()

        def late() -> Any:
            gate.wait()
            return ready._region()

        session = Session(late, timeout=0.1, workers=1)
        with pytest.raises(Unreachable):
            await evacuate(session, step)
        gate.set()
        await asyncio.wrap_future(session._pool.submit(int))
        await session.aclose()
        await ready.aclose()
        assert any(c.path.endswith("/auth/tokens") for c in arena.calls()), "it did log in"
        assert arena.move_calls() == []


async def evacuate(session: Session, step: Any) -> str:
    """Start an evacuation on a session of one's own."""
    return await session.act(
        "compute",
        "POST",
        f"/servers/{step.target}/action",
        {"evacuate": {}},
        microversion="2.94",
        doing=step.title,
    )


async def test_the_cloud_of_the_settings_asks_again_where_a_read_failed_in_passing(tmp_path: Path) -> None:
    clock = ManualClock(START)
    world = datacentre.build(clock.now)
    async with openstack_api.serve(world) as url:
        path = clouds_file(tmp_path, url)
        settings = OpenStackSettings(name="sim", kind="openstack", clouds_file=path)
        cloud = OpenStackCloud.open(settings, SystemClock())
        try:
            world.faults.order(CallFault(effect=Effect.ANSWER, path="os-services", status=503))
            assert await cloud.hosts("", limit=5)
        finally:
            await cloud.aclose()

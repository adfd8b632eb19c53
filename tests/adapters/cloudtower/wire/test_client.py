"""The wire between Muster and CloudTower when it is not kind: tokens, certificates, silence, proxies, secrets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from adapters.cloudtower.wire.client import Credentials
from adapters.simulated import cloudtower_api
from adapters.simulated.cloudtower.state import PASSWORD, USERNAME, Tower
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.world import World
from bot.domain.cloud import Refused, Unreachable
from bot.domain.progress import right_to_act
from bot.domain.values import Json
from tests import tls
from tests.adapters.cloudtower.bench import Bench, answering, client, furnish
from tests.clocks import ManualClock

NOWHERE: dict[str, Json] = {"where": {"host_id": "no-such-host"}, "data": {}}


def paths(tower: Bench) -> list[str]:
    return [c.path.removeprefix("/v2/api") for c in tower.world.calls]


async def test_the_token_goes_bare_into_the_authorization_header(tower: Bench) -> None:
    tower.tower.api_keys = {"plain-key"}
    async with client(tower.url, tower.clock, token="plain-key", login=None) as wire:
        assert len(await wire.read("/get-hosts", {})) == 3


async def test_many_calls_at_once_log_in_once(tower: Bench) -> None:
    async with client(tower.url, tower.clock) as wire:
        await asyncio.gather(*(wire.read("/get-hosts", {}) for _ in range(8)))
        assert paths(tower).count("/login") == 1
        tower.tower.expire_tokens()
        await asyncio.gather(*(wire.read("/get-hosts", {}) for _ in range(8)))
        assert paths(tower).count("/login") == 2


async def test_a_tower_that_keeps_saying_401_is_asked_twice_and_no_more(tower: Bench) -> None:
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=401, path="/get-hosts$", times=None))
    async with client(tower.url, tower.clock) as wire:
        with pytest.raises(Refused, match="does not accept Muster's credentials"):
            await wire.read("/get-hosts", {})
    assert paths(tower) == ["/login", "/get-hosts", "/login", "/get-hosts"]


@pytest.mark.parametrize("asked", [1, 2], ids=["before the first try", "before the one after a login"])
async def test_whoever_lost_the_right_to_act_while_it_logged_in_sends_nothing_more(tower: Bench, asked: int) -> None:
    """A process that was frozen meanwhile, say."""
    path = "/enter-maintance-mode"
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=401, path=f"{path}$", times=None))
    answers = [True] * (asked - 1) + [False]
    async with client(tower.url, tower.clock) as wire:
        with right_to_act.held_while(lambda: answers.pop(0)), pytest.raises(Unreachable, match="nothing was sent"):
            await wire.act(path, NOWHERE)
    assert paths(tower).count(path) == asked - 1


async def test_a_fixed_token_that_is_refused_is_not_tried_again(tower: Bench) -> None:
    async with client(tower.url, tower.clock, token="old-token", login=None) as wire:
        with pytest.raises(Refused) as refused:
            await wire.act("/enter-maintance-mode", NOWHERE)
    assert refused.value.remedy == "Give it a valid token of a user who may manage hosts."
    assert "old-token" not in refused.value.raw
    assert len(tower.world.calls) == 1


async def test_a_token_that_wears_out_is_renewed_without_anybody_noticing(tower: Bench) -> None:
    tower.tower.token_calls = 3
    async with client(tower.url, tower.clock) as wire:
        for _ in range(10):
            assert len(await wire.read("/get-hosts", {})) == 3


async def test_a_wrong_password_is_refused_once_and_never_shown(tower: Bench) -> None:
    async with client(tower.url, tower.clock, login=Credentials(username="muster", password="hunter2")) as wire:
        with pytest.raises(Refused) as refused:
            await wire.read("/get-hosts", {})
    assert "hunter2" not in f"{refused.value} {refused.value.raw} {Credentials(username='m', password='hunter2')!r}"
    assert "API key" in refused.value.remedy
    assert paths(tower) == ["/login"]


async def test_an_ldap_login_asks_for_the_strategy_first_and_falls_back_to_plain_ldap(tower: Bench) -> None:
    async with client(
        tower.url, tower.clock, login=Credentials(username=USERNAME, password=PASSWORD, source="LDAP")
    ) as wire:
        assert len(await wire.read("/get-hosts", {})) == 3
    assert [c.path for c in tower.world.calls] == ["/api", "/v2/api/login", "/v2/api/get-hosts"]


@pytest.mark.parametrize("status", [413, 429, 500, 502, 503, 504])
async def test_a_read_survives_two_passing_troubles(tower: Bench, status: int) -> None:
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=status, path="/get-hosts$", times=2, retry_after=3))
    async with client(tower.url, tower.clock) as wire:
        before = tower.clock.now()
        assert len(await wire.read("/get-hosts", {})) == 3
        assert 6 < (tower.clock.now() - before).total_seconds() <= 6.75  # as it was asked to, and not with all others


async def test_a_read_survives_a_connection_that_was_cut(tower: Bench) -> None:
    tower.world.faults.order(CallFault(effect=Effect.CUT, path="/get-hosts$", times=2))
    async with client(tower.url, tower.clock) as wire:
        assert len(await wire.read("/get-hosts", {})) == 3


async def test_a_read_gives_up_after_five_tries(tower: Bench) -> None:
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, status=503, path="/get-hosts$", times=None))
    async with client(tower.url, tower.clock) as wire:
        with pytest.raises(Unreachable, match="could not answer \\(503\\)"):
            await wire.read("/get-hosts", {})
    assert paths(tower).count("/get-hosts") == 5


@pytest.mark.parametrize("effect", [Effect.CUT, Effect.LOSE_REPLY])
async def test_a_change_is_never_asked_for_twice(tower: Bench, effect: Effect) -> None:
    tower.world.faults.order(CallFault(effect=effect, path="/enter-maintance-mode$", times=None))
    async with client(tower.url, tower.clock) as wire:
        with pytest.raises(Unreachable):
            await wire.act("/enter-maintance-mode", {"where": {"host_id": tower.host("node-1").cuid}, "data": {}})
    assert paths(tower).count("/enter-maintance-mode") == 1


async def test_a_tower_that_does_not_answer_in_time_is_unreachable(tower: Bench) -> None:
    held = tower.world.faults.order(CallFault(effect=Effect.HOLD, path="/enter-maintance-mode$"))
    async with client(tower.url, tower.clock, timeout=1) as wire:
        with pytest.raises(Unreachable, match=r"did not answer within 1 s"):
            await wire.act("/enter-maintance-mode", NOWHERE)
    held.release()


async def test_a_tower_that_echoes_the_token_or_the_password_is_quoted_without_them(tower: Bench) -> None:
    def refuses(word: str) -> web.Response:
        return web.json_response({"message": f"no user for {word} here", "code": "NotFound"}, status=400)

    async with (
        answering(refuses("key-of-no-known-shape")) as url,
        client(url, tower.clock, token="key-of-no-known-shape", login=None) as wire,
    ):
        with pytest.raises(Refused, match=r"no user for \*\*\* here") as refused:
            await wire.read("/get-hosts", {})
    assert "key-of" not in refused.value.raw
    async with answering(refuses(PASSWORD)) as url, client(url, tower.clock) as wire:
        with pytest.raises(Refused) as refused:
            await wire.read("/get-hosts", {})
    assert "no user for *** here" in refused.value.raw


async def test_the_towers_words_are_kept_with_their_request_id_and_without_its_stack(tower: Bench) -> None:
    async with client(tower.url, tower.clock) as wire:
        with pytest.raises(Refused) as refused:
            await wire.read("/get-hosts", {"where": {"colour": "red"}})
    assert 'Field "colour" is not defined' in refused.value.sentence
    assert "(request " in refused.value.raw
    assert "stack" not in refused.value.raw
    assert "secret-internals" not in f"{refused.value} {refused.value.raw}"
    tower.violations.clear()  # asked for on purpose


async def test_a_locked_resource_says_what_to_wait_for(tower: Bench) -> None:
    tower.world.vm("web-1").busy = "UPDATING"
    async with client(tower.url, tower.clock) as wire:
        with pytest.raises(Refused) as refused:
            await wire.act("/migrate-vm", {"where": {"id": tower.world.vm("web-1").cuid}})
    assert "wait until that task has ended" in refused.value.remedy


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(tower: Bench, status: int) -> None:
    elsewhere = web.Response(status=status, headers={"Location": tower.url})
    async with answering(elsewhere) as url, client(url, tower.clock, token="t", login=None) as wire:
        with pytest.raises(Refused, match="passive node"):
            await wire.act("/enter-maintance-mode", {})
    assert tower.world.calls == []


async def test_a_proxys_page_is_not_an_answer(tower: Bench) -> None:
    page = web.Response(text="<html>please log in</html>", content_type="text/html")
    async with answering(page) as url, client(url, tower.clock, token="t", login=None) as wire:
        with pytest.raises(Unreachable, match="not JSON"):
            await wire.act("/enter-maintance-mode", {})


async def test_nobody_at_the_address_is_said_with_its_name(tower: Bench) -> None:
    async with client("http://127.0.0.1:9/v2/api", tower.clock, token="t", login=None) as wire:
        with pytest.raises(Unreachable, match=r"tower \(127\.0\.0\.1:9\) could not be reached"):
            await wire.act("/enter-maintance-mode", {})


# ------------------------------------------------------------------ certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tls.self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def secure_url(certificate: tuple[Path, Path]) -> AsyncIterator[str]:
    clock = ManualClock()
    world = World(clock.now)
    furnish(world)
    runner = web.AppRunner(cloudtower_api.app(world, tower=Tower(world=world)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.serving(certificate)).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/v2/api"
    await runner.cleanup()


async def test_a_private_authority_is_trusted_when_it_is_named(secure_url: str, certificate: tuple[Path, Path]) -> None:
    async with client(secure_url, ManualClock(), verify=str(certificate[0])) as wire:
        assert len(await wire.read("/get-hosts", {})) == 3


async def test_a_certificate_of_nobody_known_is_refused_with_the_remedy(secure_url: str) -> None:
    async with client(secure_url, ManualClock()) as wire:
        with pytest.raises(Unreachable) as refused:
            await wire.act("/get-hosts", {})
    assert "not trusted" in refused.value.sentence
    assert "ca_file" in refused.value.remedy


async def test_insecure_trusts_anybody_and_only_when_told_so(secure_url: str) -> None:
    async with client(secure_url, ManualClock(), verify=False) as wire:
        assert len(await wire.read("/get-hosts", {})) == 3


# ------------------------------------------------------------------ the log


async def test_a_change_is_logged_under_the_towers_request_id_and_never_with_a_secret(
    tower: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="adapters.cloudtower")
    async with client(tower.url, tower.clock) as wire:
        await wire.act("/enter-maintenance-mode-precheck", {"where": {"id": tower.host("node-1").cuid}})
        token = next(iter(tower.tower.logins))
    assert any("took /enter-maintenance-mode-precheck, request " in line for line in caplog.messages)
    assert token not in caplog.text
    assert PASSWORD not in caplog.text

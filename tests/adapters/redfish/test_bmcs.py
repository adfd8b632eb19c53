"""Power read and taken over a real socket: what a BMC says, and what Muster makes of one that is not kind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.redfish.bmcs import Bmc, Bmcs
from adapters.redfish.power import PowerReading
from adapters.retries import TRIES, reads
from adapters.simulated import datacentre, redfish_api
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.middleware import served
from adapters.simulated.world import World
from bot.domain.cloud import CloudError, Refused, Unreachable
from tests import tls
from tests.bends.wire import BENDS, Wire
from tests.clocks import ManualClock, TakingAlong
from tests.tiers import examples

OFF, ON = "compute-2", "compute-1"
RESET = "/redfish/v1/Systems/compute-1/Actions/ComputerSystem.Reset"


def bmc(url: str, host: str, *, password: str = redfish_api.PASSWORD, verify: bool | str = True) -> Bmc:
    path = redfish_api.system_path(host)
    return Bmc(url=url + path, username=redfish_api.USERNAME, password=password, verify=verify)


@dataclass
class Rack:
    """BMCs and what they govern."""

    bmcs: Bmcs
    world: World
    clock: ManualClock
    url: str

    def resets(self) -> int:
        return len(self.world.mutations())


@asynccontextmanager
async def asking(known: dict[str, Bmc], clock: ManualClock, *, patience: float = 5) -> AsyncIterator[Bmcs]:
    made = Bmcs(known, now=clock.now, again=reads(TakingAlong(clock)), timeout=patience)
    try:
        yield made
    finally:
        await made.aclose()


@pytest.fixture
async def rack() -> AsyncIterator[Rack]:
    clock = ManualClock()
    world = datacentre.build(clock.now)
    async with redfish_api.serve(world) as url:
        known = {host: Bmc(url=its, username="root", password="muster-bmc") for host, its in systems(world, url)}
        async with asking(known, clock) as bmcs:
            yield Rack(bmcs=bmcs, world=world, clock=clock, url=url)


def system(**shown: Any) -> dict[str, Any]:
    """The document of the machine of compute-1, and of the service itself."""
    return {
        "@odata.id": redfish_api.system_path(ON),
        "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
        "Id": ON,
        "RedfishVersion": "1.11.0",
    } | shown


def systems(world: World, url: str) -> list[tuple[str, str]]:
    return list(redfish_api.systems(world, url).items())


async def failure(bmcs: Bmcs, host: str = ON) -> CloudError:
    with pytest.raises(CloudError) as failed:
        await bmcs.read(host)
    return failed.value


# ---------------------------------------------------------------------- reading


async def test_power_is_read_with_the_name_that_the_machine_calls_itself(rack: Rack) -> None:
    assert await rack.bmcs.read(ON) == PowerReading(state="On", host_name=ON)
    assert await rack.bmcs.read(OFF) == PowerReading(state="Off", host_name=OFF, times=1)


async def test_two_readings_count_as_two_only_when_seconds_lie_between_them(rack: Rack) -> None:
    assert [(await rack.bmcs.read(OFF)).times for _ in range(3)] == [1, 1, 1]
    await rack.clock.pass_time(3)
    assert (await rack.bmcs.read(OFF)).times == 2


@pytest.mark.parametrize("effect", [Effect.ANSWER, Effect.CUT, Effect.LOSE_REPLY])
async def test_a_reading_that_fails_in_passing_is_made_again_and_costs_no_count(rack: Rack, effect: Effect) -> None:
    assert (await rack.bmcs.read(OFF)).times == 1
    await rack.clock.pass_time(3)
    fault = rack.world.faults.order(CallFault(effect=effect, face="redfish", method="GET", times=2))
    assert (await rack.bmcs.read(OFF)).times == 2
    assert fault.hits == 2


async def test_a_bmc_that_goes_on_failing_is_asked_a_few_times_and_the_switch_once(rack: Rack) -> None:
    failing = rack.world.faults.order(CallFault(effect=Effect.ANSWER, face="redfish", method="GET", times=None))
    assert isinstance(await failure(rack.bmcs), Unreachable)
    assert failing.hits == TRIES
    rack.world.faults.calls.remove(failing)
    lost = rack.world.faults.order(CallFault(effect=Effect.ANSWER, face="redfish", method="POST", times=None))
    with pytest.raises(Unreachable):
        await rack.bmcs.force_off(ON)
    assert lost.hits == 1


async def test_power_that_came_back_in_between_begins_the_count_anew(rack: Rack) -> None:
    await rack.bmcs.read(OFF)
    rack.world.revive_host(OFF)
    assert (await rack.bmcs.read(OFF)).times == 0
    rack.world.kill_host(OFF)
    await rack.clock.pass_time(5)
    assert (await rack.bmcs.read(OFF)).times == 1


@pytest.mark.parametrize("state", [None, "", "off", "OFF", "Unknown", 0, False, ["Off"]])
async def test_a_word_that_is_no_power_state_is_never_off(rack: Rack, state: Any) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(system(PowerState=state))

    async with answering(handle) as url, asking({ON: bmc(url, ON)}, rack.clock) as bmcs:
        assert isinstance(await failure(bmcs), Unreachable)


@pytest.mark.parametrize(
    ("shown", "what"),
    [
        ({"@odata.id": "/redfish/v1/Systems/compute-2"}, "the system /redfish/v1/Systems/compute-2"),
        ({"@odata.type": "#Chassis.v1_9_0.Chassis"}, "a #Chassis"),
        ({"@odata.type": None}, "something without a type"),
        ({"@odata.id": None}, "the system None"),
    ],
)
async def test_the_document_of_something_else_says_nothing_about_this_machine(
    rack: Rack, shown: dict[str, Any], what: str
) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response(system(PowerState="Off", **shown))

    async with answering(handle) as url, asking({ON: bmc(url, ON)}, rack.clock) as bmcs:
        failed = await failure(bmcs)
    assert isinstance(failed, Unreachable)
    assert what.removeprefix("a ") in failed.sentence


async def test_a_reading_that_failed_begins_the_count_anew(rack: Rack) -> None:
    assert (await rack.bmcs.read(OFF)).times == 1
    await rack.clock.pass_time(5)
    rack.world.faults.order(
        CallFault(effect=Effect.ANSWER, face="redfish", path="Systems/compute-2$", status=413, times=None)
    )
    assert isinstance(await failure(rack.bmcs, OFF), Unreachable)
    rack.world.faults.clear()
    assert (await rack.bmcs.read(OFF)).times == 1


@pytest.mark.parametrize("said", ["compute-2", "COMPUTE-2", "compute-2.rack.example", "", "localhost", "localhost.lan"])
def test_a_machine_that_calls_itself_alike_or_nothing_contradicts_nothing(said: str) -> None:
    assert not PowerReading(host_name=said).contradicts("compute-2")


@pytest.mark.parametrize(
    ("said", "host"),
    [("compute-21", "compute-2"), ("compute-1.rack", "compute-2"), ("compute-2.rack-b", "compute-2.rack-a")],
)
def test_a_machine_that_calls_itself_otherwise_is_another(said: str, host: str) -> None:
    assert PowerReading(host_name=said).contradicts(host)


# ---------------------------------------------------------------------- taking power


async def test_power_is_taken_by_one_call_and_is_gone_a_moment_later(rack: Rack) -> None:
    await rack.bmcs.force_off(ON)
    assert (await rack.bmcs.read(ON)).state == "On"
    await rack.clock.pass_time(1)
    assert (await rack.bmcs.read(ON)).state == "Off"
    assert [(c.method, c.path, c.body) for c in rack.world.mutations()] == [("POST", RESET, {"ResetType": "ForceOff"})]


@pytest.mark.parametrize("effect", [Effect.CUT, Effect.LOSE_REPLY])
async def test_a_call_whose_answer_is_lost_is_not_made_again(rack: Rack, effect: Effect) -> None:
    rack.world.faults.order(CallFault(effect=effect, face="redfish", method="POST"))
    with pytest.raises(Unreachable):
        await rack.bmcs.force_off(ON)
    assert rack.resets() == 1


async def test_a_bmc_that_is_not_ready_is_not_asked_again(rack: Rack) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.method == "POST":
            asked.append(request.path)
            text = "iDRAC is not ready. Wait a few minutes. SYS518"
            return web.json_response({"error": {"code": "Base.1.0.GeneralError", "message": text}}, status=503)
        reset = {"target": RESET, "ResetType@Redfish.AllowableValues": ["ForceOff"]}
        return web.json_response(system(PowerState="On", Actions={"#ComputerSystem.Reset": reset}))

    asked: list[str] = []
    async with answering(handle) as url, asking({ON: bmc(url, ON)}, rack.clock) as bmcs:
        with pytest.raises(Unreachable):
            await bmcs.force_off(ON)
    assert asked == [RESET]


async def test_a_refusal_is_told_in_the_bmcs_own_words(rack: Rack) -> None:
    with pytest.raises(Refused, match="already off"):
        await rack.bmcs.force_off(OFF)


async def test_a_user_who_may_only_read_is_told_which_right_is_missing(rack: Rack) -> None:
    rack.world.faults.order(CallFault(effect=Effect.ANSWER, status=403, face="redfish", method="POST"))
    with pytest.raises(Refused, match="does not let Muster power it off") as refused:
        await rack.bmcs.force_off(ON)
    assert "the right to read and switch power" in refused.value.remedy


async def test_a_machine_that_offers_no_forced_power_off_is_told_as_that(rack: Rack) -> None:
    async def handle(request: web.Request) -> web.Response:
        reset = {"target": RESET, "ResetType@Redfish.AllowableValues": ["On", "GracefulShutdown"]}
        return web.json_response(system(PowerState="On", Actions={"#ComputerSystem.Reset": reset}))

    async with answering(handle) as url, asking({ON: bmc(url, ON)}, rack.clock) as bmcs:
        with pytest.raises(Refused, match="does not offer that"):
            await bmcs.force_off(ON)


# ---------------------------------------------------------------------- what goes wrong


@asynccontextmanager
async def answering(handle: Handler) -> AsyncIterator[str]:
    """A server that answers everything alike."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    async with served(app) as address:
        yield address


async def test_a_wrong_password_is_refused_and_never_shown(rack: Rack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with asking({ON: bmc(rack.url, ON, password="hunter2")}, rack.clock) as bmcs:
        failed = await failure(bmcs)
    assert isinstance(failed, Refused)
    assert "does not accept Muster's credentials" in failed.sentence
    assert "hunter2" not in f"{failed} {failed.raw} {bmc(rack.url, ON, password='hunter2')!r} {caplog.text}"


async def test_nobody_at_the_address_is_unreachable(rack: Rack) -> None:
    async with asking({ON: bmc("http://127.0.0.1:9", ON)}, rack.clock) as bmcs:
        failed = await failure(bmcs)
    assert isinstance(failed, Unreachable)
    assert "The BMC of compute-1 did not answer" in failed.sentence


async def test_a_bmc_that_keeps_silent_is_given_up_after_a_while(rack: Rack) -> None:
    fault = rack.world.faults.order(CallFault(effect=Effect.HOLD, face="redfish", times=None))
    async with asking({ON: bmc(rack.url, ON)}, rack.clock, patience=0.2) as bmcs:
        assert isinstance(await failure(bmcs), Unreachable)
    fault.release()


async def test_an_unknown_system_is_told_with_the_key_to_correct(rack: Rack) -> None:
    async with asking({ON: bmc(rack.url, "nobody")}, rack.clock) as bmcs:
        failed = await failure(bmcs)
    assert isinstance(failed, Refused)
    assert "`url` of compute-1" in failed.remedy


@pytest.mark.parametrize(
    "text",
    ["<html>login</html>", "[]", "{}", '{"Id": "1", "Actions": 7}', pytest.param("[" * 100_000, id="lists in lists")],
)
async def test_what_is_no_redfish_is_told_as_that(rack: Rack, text: str) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    async with answering(handle) as url, asking({ON: bmc(url, ON)}, rack.clock) as bmcs:
        failed = await failure(bmcs)
    assert isinstance(failed, Unreachable)
    assert "does not answer as Redfish does" in failed.sentence


async def test_the_check_complains_of_each_bmc_that_would_not_help(rack: Rack) -> None:
    rack.world.host("compute-4").bmc_says = "compute-12"
    known = {
        "compute-1": bmc(rack.url, "compute-1"),
        "compute-2": bmc(rack.url, "compute-2", password="wrong"),
        "compute-3": bmc("http://127.0.0.1:9", "compute-3"),
        "compute-4": bmc(rack.url, "compute-4"),
    }
    async with asking(known, rack.clock) as bmcs:
        found = await bmcs.complaints()
    assert len(found) == 3
    assert "compute-2 does not accept" in found[0]
    assert "compute-3 did not answer" in found[1]
    assert "compute-4 belongs to compute-12" in found[2]
    assert await rack.bmcs.complaints() == [
        "The BMC configured for compute-4 belongs to compute-12. Correct [clouds.fencing.redfish]."
    ]


@pytest.mark.parametrize("number", [1, 2, 18])
async def test_one_wrong_password_of_many_bmcs_is_one_complaint_that_names_all_hosts(rack: Rack, number: int) -> None:
    hosts = [f"rack-{n}" for n in range(number)]
    known = {host: bmc(rack.url, "compute-2", password="wrong") for host in hosts}
    async with asking(known, rack.clock) as bmcs:
        (found,) = await bmcs.complaints()
    assert found.startswith("The BMC of rack-0 does not accept Muster's credentials.")
    assert all(host in found for host in hosts)
    assert ("The same of 17 other hosts: rack-1, rack-2" in found) is (number == 18)
    assert ("The same of 1 other host: rack-1." in found) is (number == 2)


SYSTEM, ROOT = "GET /redfish/v1/Systems/{name}", "GET /redfish/v1/"


@settings(max_examples=examples(10))
@given(st.lists(st.tuples(st.sampled_from([SYSTEM, ROOT]), st.sampled_from(sorted(BENDS))), min_size=1, max_size=4))
def test_after_any_sequence_of_faults_a_healthy_bmc_is_heard_as_a_fresh_process_hears_it(
    faults: list[tuple[str, str]],
) -> None:
    asyncio.run(_suffered(faults))


async def _suffered(faults: list[tuple[str, str]]) -> None:
    clock, wire = ManualClock(), Wire()
    app = redfish_api.app(datacentre.build(clock.now))
    app.middlewares.insert(0, wire.middleware)
    async with served(app) as url, asking({ON: bmc(url, ON), OFF: bmc(url, OFF)}, clock) as one:
        for kind, bend in faults:
            wire.bend(kind, BENDS[bend])
            for host, state in ((ON, "On"), (OFF, "Off")):
                with suppress(Refused, Unreachable):
                    assert (await one.read(host)).state == state
            await clock.pass_time(5)
        wire.straighten()
        async with asking({ON: bmc(url, ON), OFF: bmc(url, OFF)}, clock) as fresh:
            for host in (ON, OFF):
                heard, told = await one.read(host), await fresh.read(host)
                assert replace(heard, times=0) == replace(told, times=0)
                assert (heard.times == 0) is (told.times == 0)


# ---------------------------------------------------------------------- certificates


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    clock = ManualClock()
    certificate = tls.self_signed(tmp_path)
    runner = web.AppRunner(redfish_api.app(datacentre.build(clock.now)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.serving(certificate)).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", certificate[0]
    await runner.cleanup()


async def test_a_certificate_of_nobody_known_is_refused_with_the_remedy(secure: tuple[str, Path]) -> None:
    async with asking({ON: bmc(secure[0], ON)}, ManualClock()) as bmcs:
        failed = await failure(bmcs)
    assert "not trusted" in failed.sentence
    assert "ca_file" in failed.remedy


async def test_an_authority_that_is_named_is_trusted(secure: tuple[str, Path]) -> None:
    async with asking({ON: bmc(secure[0], ON, verify=str(secure[1]))}, ManualClock()) as bmcs:
        assert (await bmcs.read(ON)).state == "On"


async def test_anybody_is_trusted_only_when_told_so(secure: tuple[str, Path]) -> None:
    async with asking({ON: bmc(secure[0], ON, verify=False)}, ManualClock()) as bmcs:
        assert (await bmcs.read(ON)).state == "On"

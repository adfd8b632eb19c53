"""The simulated BMCs, held to what DSP0266 demands and to what sushy-tools' emulator answers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from adapters.simulated import datacentre, redfish_api
from adapters.simulated.world import World
from tests.clocks import ManualClock

RESET = f"{redfish_api.system_path('compute-1')}/Actions/ComputerSystem.Reset"


@dataclass
class Bench:
    world: World
    clock: ManualClock
    session: aiohttp.ClientSession

    async def power(self, host: str = "compute-1") -> str:
        async with self.session.get(redfish_api.system_path(host)) as answer:
            assert answer.status == 200
            return str((await answer.json())["PowerState"])

    async def reset(self, body: object) -> int:
        async with self.session.post(RESET, json=body) as answer:
            return answer.status


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = ManualClock()
    world = datacentre.build(clock.now)
    headers = {"Authorization": aiohttp.encode_basic_auth(redfish_api.USERNAME, redfish_api.PASSWORD)}
    async with redfish_api.serve(world) as url, aiohttp.ClientSession(url, headers=headers) as session:
        yield Bench(world=world, clock=clock, session=session)


async def test_only_the_service_root_is_open(bench: Bench) -> None:
    async with aiohttp.ClientSession(bench.session._base_url) as nobody:
        for path, status in (("/redfish", 200), ("/redfish/v1/", 200), ("/redfish/v1/Systems", 401), (RESET, 401)):
            async with nobody.get(path) as answer:
                assert answer.status == status, path
        async with nobody.post(RESET, json={"ResetType": "ForceOff"}) as answer:
            assert answer.status == 401
            assert "@Message.ExtendedInfo" in (await answer.json())["error"]
    assert bench.world.host("compute-1").powered


async def test_every_host_has_a_machine(bench: Bench) -> None:
    async with bench.session.get("/redfish/v1/Systems") as answer:
        found = await answer.json()
    assert found["Members@odata.count"] == len(bench.world.hosts)
    for member in found["Members"]:
        async with bench.session.get(member["@odata.id"]) as answer:
            assert (await answer.json())["@odata.id"] == member["@odata.id"]
    async with bench.session.get(redfish_api.system_path("nobody")) as answer:
        assert answer.status == 404


async def test_power_changes_some_time_after_it_was_asked_for(bench: Bench) -> None:
    assert await bench.reset({"ResetType": "ForceOff"}) == 204
    assert await bench.power() == "On"
    await bench.clock.pass_time(1)
    assert await bench.power() == "Off"
    assert not bench.world.host("compute-1").alive
    assert await bench.reset({"ResetType": "ForceOff"}) == 409
    assert await bench.reset({"ResetType": "On"}) == 204
    await bench.clock.pass_time(1)
    assert await bench.power() == "On"
    assert bench.world.host("compute-1").alive


@pytest.mark.parametrize("body", [{}, [], {"ResetType": "Explode"}, "off"])
async def test_what_is_no_reset_is_refused(bench: Bench, body: object) -> None:
    assert await bench.reset(body) == 400
    await bench.clock.pass_time(5)
    assert await bench.power() == "On"


async def test_a_host_that_hangs_keeps_its_power_and_one_that_lost_it_does_not(bench: Bench) -> None:
    bench.world.hang_host("compute-1")
    assert (await bench.power(), bench.world.host("compute-1").alive) == ("On", False)
    bench.world.kill_host("compute-1")
    assert await bench.power() == "Off"
    bench.world.revive_host("compute-1")
    assert (await bench.power(), bench.world.host("compute-1").alive) == ("On", True)

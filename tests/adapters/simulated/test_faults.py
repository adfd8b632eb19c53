"""Faults to order do on the wire what they promise, and only as often as ordered."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from adapters.simulated.datacentre import build
from adapters.simulated.faults import Break, CallFault, Effect, MoveFault
from adapters.simulated.records import MoveKind
from tests.adapters.simulated.openstack_wire import Region, region


@pytest.fixture
async def cloud() -> AsyncIterator[Region]:
    async with region(lambda clock: build(clock.now, sleep=clock.sleep)) as one:
        await one.log_in("admin")
        yield one


async def test_an_ordered_answer_takes_no_effect_and_is_given_once(cloud: Region) -> None:
    fault = CallFault(effect=Effect.ANSWER, status=503, retry_after=7, path="/action$", body="evacuate")
    cloud.world.faults.order(fault)
    assert (await cloud.nova("GET", "/os-services")).status == 200
    answer = await cloud.act("shop-web-3", "evacuate", {})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert cloud.world.moves == []
    assert (await cloud.act("shop-web-3", "evacuate", {})).status == 200


async def test_a_lost_reply_cuts_the_connection_after_the_effect(cloud: Region) -> None:
    cloud.world.faults.order(CallFault(effect=Effect.LOSE_REPLY, method="POST", path="/action$"))
    with pytest.raises(aiohttp.ClientError):
        await cloud.act("shop-web-3", "evacuate", {})
    assert len(cloud.world.moves) == 1
    assert cloud.world.calls[-1].status is None


async def test_a_cut_connection_takes_no_effect(cloud: Region) -> None:
    cloud.world.faults.order(CallFault(effect=Effect.CUT, method="POST", path="/action$"))
    with pytest.raises(aiohttp.ClientError):
        await cloud.act("shop-web-3", "evacuate", {})
    assert cloud.world.moves == []


async def test_a_late_call_takes_effect_after_its_client_has_given_up(cloud: Region) -> None:
    cloud.world.faults.order(CallFault(effect=Effect.LATE, method="POST", path="/action$", seconds=30))
    with pytest.raises(aiohttp.ClientError):
        await cloud.act("shop-web-3", "evacuate", {})
    await cloud.clock.pass_time(29)
    assert await cloud.migrations("shop-web-3") == []
    await cloud.clock.pass_time(1)
    assert [m["status"] for m in await cloud.migrations("shop-web-3")] == ["accepted"]


async def test_a_slow_answer_comes_after_its_seconds_of_the_clock(cloud: Region) -> None:
    cloud.world.faults.order(CallFault(effect=Effect.SLOW, path="/os-services$", seconds=5))
    asked = asyncio.create_task(cloud.nova("GET", "/os-services"))
    while not asked.done():
        await cloud.clock.pass_time(1)
    assert (await asked).status == 200
    assert (cloud.clock.now() - cloud.world.born).total_seconds() >= 5


async def test_a_held_call_waits_at_the_door_until_released(cloud: Region) -> None:
    fault = cloud.world.faults.order(CallFault(effect=Effect.HOLD, method="POST", path="/action$"))
    asked = asyncio.create_task(cloud.act("shop-web-3", "evacuate", {}))
    await fault.arrived.wait()
    assert cloud.world.moves == []
    fault.release()
    assert (await asked).status == 200
    assert len(cloud.world.moves) == 1


async def test_the_nth_call_can_be_meant(cloud: Region) -> None:
    cloud.world.faults.order(CallFault(effect=Effect.ANSWER, status=500, path="/os-services", first=2, times=2))
    answers = [(await cloud.nova("GET", "/os-services")).status for _ in range(5)]
    assert answers == [200, 500, 500, 200, 200]


async def test_a_401_can_last_until_the_next_login(cloud: Region) -> None:
    order = CallFault(effect=Effect.ANSWER, status=401, path="^/compute", times=None, until_login=True)
    cloud.world.faults.order(order)
    for _ in range(3):
        assert (await cloud.nova("GET", "/os-services")).status == 401
    await cloud.log_in("admin")
    assert (await cloud.nova("GET", "/os-services")).status == 200


async def test_a_fault_of_one_face_leaves_the_other_alone(cloud: Region) -> None:
    cloud.world.faults.order(CallFault(effect=Effect.ANSWER, face="cloudtower", times=None))
    assert (await cloud.nova("GET", "/os-services")).status == 200


async def test_the_second_evacuation_of_a_server_can_be_made_to_find_no_host(cloud: Region) -> None:
    order = MoveFault(how=Break.NO_HOST, kind=MoveKind.EVACUATION, vm="shop-web-3", first=2)
    cloud.world.faults.order_move(order)
    await cloud.act("shop-web-3", "evacuate", {}, at="2.94")
    assert (await cloud.move_ends("shop-web-3")).status == "done"
    await cloud.fall_silent("compute-1")
    await cloud.act("shop-web-4", "evacuate", {})
    assert (await cloud.move_ends("shop-web-4")).status == "done"
    await cloud.act("shop-web-3", "evacuate", {})
    assert (await cloud.move_ends("shop-web-3")).status == "error"


async def test_a_move_can_be_made_to_hang(cloud: Region) -> None:
    cloud.world.faults.order_move(MoveFault(how=Break.HANG, to="compute-3"))
    await cloud.act("shop-web-3", "evacuate", {"host": "compute-3"})
    await cloud.clock.pass_time(3000)
    cloud.world.settle()
    assert cloud.world.moves[0].status == "accepted"


async def test_clearing_forgets_all_orders_and_lets_held_calls_go(cloud: Region) -> None:
    fault = cloud.world.faults.order(CallFault(effect=Effect.HOLD, path="/os-services"))
    asked = asyncio.create_task(cloud.nova("GET", "/os-services"))
    await fault.arrived.wait()
    cloud.world.faults.order_move(MoveFault(how=Break.SPAWN))
    cloud.world.faults.clear()
    assert (await asked).status == 200
    assert (cloud.world.faults.calls, cloud.world.faults.moves) == ([], [])


async def test_every_call_is_in_the_log_and_changes_are_told_from_questions(cloud: Region) -> None:
    await cloud.nova("GET", "/os-services?binary=nova-compute")
    await cloud.act("shop-web-3", "evacuate", {"host": "nope"})
    log = cloud.world.calls
    assert [(c.method, c.status, c.changes) for c in log] == [
        ("POST", 201, False),
        ("GET", 200, False),
        ("POST", 404, True),
    ]
    assert log[0].body is None
    assert log[1].query == "binary=nova-compute"
    assert log[2].body == {"evacuate": {"host": "nope"}}
    assert cloud.world.mutations() == [log[2]]
    assert cloud.world.calls_to("/action", method="POST", face="openstack") == [log[2]]

"""The bot is killed without a farewell in the middle of an evacuation, started again, and ends what it began."""

import asyncio
from collections import Counter

import pytest

from adapters.simulated.faults import CallFault, Effect
from tests.stories.stage import ALICE, BOB, OPS, Stage

# path and body of the call at which the bot dies, and which of them
POINTS = {
    "while it surveys the approved plan again": ("GET", "/servers/detail", "", 1),
    "while the service is being disabled": ("PUT", "/os-services/", "disabled", 1),
    "while the host is being forced down": ("PUT", "/os-services/", "forced_down", 1),
    "while the first server is being evacuated": ("POST", "/action$", "evacuate", 1),
    "while the fifth server is being evacuated": ("POST", "/action$", "evacuate", 5),
    "while it looks at the migrations": ("GET", "/os-migrations", "", 8),
}


IN_THE_GATE = {"while the service is being disabled", "while the first server is being evacuated"}


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=() if point in IN_THE_GATE else pytest.mark.long) for point in POINTS]
)
async def test_it_finishes_after_a_kill(stage: Stage, point: str) -> None:
    method, path, body, nth = POINTS[point]
    lost = {vm.id: vm.name for vm in stage.world.vms_on(stage.world.host("compute-2"))}
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    hold = stage.world.faults.order(
        CallFault(effect=Effect.HOLD, face="openstack", method=method, path=path, body=body, first=nth)
    )
    await stage.workspace.click(BOB, stage.card, label="Approve")
    async with asyncio.timeout(60):
        await hold.arrived.wait()
    await stage.kill_bot()
    hold.release()  # the call was on the wire: it takes effect though nobody hears the answer
    await stage.start_bot()
    await stage.card_says("12 of 12 done and verified", seconds=150)

    assert stage.world.vms_on(stage.world.host("compute-2")) == []
    assert Counter(stage.evacuated()) == Counter(lost.keys())
    assert len(stage.cards()) == 1
    await stage.until(stage.files, what="the timeline, which comes last")
    story = stage.thread()
    told = [line for line in story if ":checkered_flag:" not in line]  # but the report
    for name in lost.values():
        assert sum(name in line for line in told) == 1, f"{name} in {story}"
    assert len(story) == len(set(story)), "no line twice"


async def test_it_stops_at_sigterm_within_ten_seconds_and_goes_on_after(stage: Stage) -> None:
    stage.forks = False  # as a service manager starts it
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.until(lambda: len(stage.evacuated()) >= 3, what="three evacuations started")
    assert await stage.stop_bot(seconds=10) == 0
    await stage.start_bot()
    await stage.card_says("12 of 12 done and verified", seconds=120)
    assert max(Counter(stage.evacuated()).values()) == 1


async def test_a_command_recorded_before_the_kill_is_served_after_the_restart(stage: Stage) -> None:
    await stage.start_bot()
    hold = stage.world.faults.order(CallFault(effect=Effect.HOLD, face="openstack", path="/os-services"))
    result = await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    assert not result.error
    async with asyncio.timeout(60):
        await hold.arrived.wait()
    await stage.kill_bot()
    hold.release()
    await stage.start_bot()
    await stage.card_says("Waiting for approval")
    assert len(stage.cards()) == 1

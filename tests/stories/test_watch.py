"""A host dies while nobody looks: the incident channel hears of it, somebody clicks, and the ordinary path begins."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stories.stage import ALICE, BOB, DAVE, INCIDENT, Stage, staged

QUICK = '[watch]\nevery = "1s"\nleft_over_after = "3s"\n'


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path, settings=QUICK, forks=True) as stage:
        stage.world.service_down_time = 12.0  # just above the time between two heartbeats
        yield stage


def kill(stage: Stage, name: str) -> None:
    """A host that went silent twenty seconds ago."""
    stage.world.kill_host(name)
    host = stage.world.host(name)
    host.last_beat = stage.world.last_beat(host) - timedelta(seconds=20)


async def test_a_dead_host_is_told_of_once_and_a_click_begins_its_evacuation(stage: Stage) -> None:
    kill(stage, "compute-3")
    await stage.start_bot()
    await stage.until(lambda: stage.incidents("`prod/compute-3` has been down for"), what="compute-3 is told of")
    (alarm,) = stage.incidents("compute-3")
    assert "7 VMs" in alarm.plain
    assert "`prod/compute-2` has been down" in stage.incidents("compute-2")[0].plain, "dead when the bot was started"
    assert alarm.buttons == ["Evacuate…"]
    assert stage.mutations() == []

    await stage.workspace.click(DAVE, alarm, label="Evacuate…")
    await stage.hears(DAVE, "not among those who may ask")
    await stage.workspace.click(ALICE, alarm, label="Evacuate…")
    await stage.until(lambda: stage.incidents("Waiting for approval"), what="a card where the button was clicked")
    (card,) = stage.incidents("Waiting for approval")
    assert card.plain.startswith("Evacuate prod/compute-3: 7 VMs")
    await stage.until(
        lambda: "is dealing with this host" in stage.incidents("has been down")[-1].plain, what="the card is linked"
    )
    assert [m.buttons for m in stage.incidents("`prod/compute-3` has been down")] == [[]]
    assert stage.mutations() == []

    await stage.workspace.click(BOB, card, label="Approve")
    await stage.until(lambda: stage.incidents("7 of 7 done and verified"), what="evacuated")
    await stage.until(lambda: stage.incidents("Still not back in service"), what="a reminder of what is left over")
    assert len(stage.incidents("`prod/compute-3` has been down")) == 1


async def test_a_host_that_returns_is_told_as_back_and_a_restart_tells_nothing_twice(stage: Stage) -> None:
    await stage.start_bot()
    await stage.until(lambda: stage.incidents("`prod/compute-2` has been down"), what="compute-2 is told of")
    await stage.kill_bot()
    await stage.start_bot()
    stage.world.revive_host("compute-2")
    await stage.until(lambda: stage.incidents("`prod/compute-2` is back after"), what="compute-2 is back")
    assert len(stage.incidents("compute-2")) == 1
    assert stage.incidents("compute-2")[0].buttons == []


async def test_when_most_hosts_look_dead_nobody_is_told_to_evacuate_them(stage: Stage) -> None:
    for name in ("compute-1", "compute-3", "compute-4"):
        kill(stage, name)
    await stage.start_bot()
    await stage.until(
        lambda: stage.incidents("It is more likely that they cannot be heard"), what="one message that doubts"
    )
    (alarm,) = stage.workspace.channel_messages(INCIDENT)
    assert alarm.buttons == []
    assert "4 of 5 hosts look down" in alarm.plain

"""Planned work from Slack: asked for a time, approved before it, begun at it, and closed by its window."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

FREEZE = """
[[freezes]]
name = "Always"
starts = "00:00"
ends = "00:00"
timezone = "Etc/UTC"
"""


async def test_work_asked_for_a_time_waits_for_it_also_over_a_restart_and_then_begins(stage: Stage) -> None:
    host = stage.world.host("compute-1")
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1 --at +20s --window 10m")
    await stage.card_says("Waiting for approval")
    assert "Starts" in stage.card.plain
    assert "(Europe/Berlin)" in stage.card.plain
    assert "Nothing new is started after" in stage.card.plain
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("Not started before")
    assert stage.mutations() == []
    assert await stage.stop_bot() == 0
    await stage.start_bot()
    await stage.card_says("7 of 7 done and verified", seconds=120)
    assert stage.world.vms_on(host) == []
    await stage.until(lambda: stage.thread_says("not earlier"), what="the wait is told")
    first = stage.world.mutations()[0]
    asked_at = datetime.fromtimestamp(float(stage.card.ts), UTC)
    assert first.at >= asked_at + timedelta(seconds=15)


async def test_what_cannot_be_meant_is_answered_privately_and_nothing_is_begun(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1 --at 2020-01-01T02:00")
    await stage.hears(ALICE, "is past.")
    assert stage.cards() == []


async def test_a_freeze_stops_planned_work_and_no_evacuation(tmp_path: Path) -> None:
    async with staged(tmp_path, settings=FREEZE, forks=True) as stage:
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
        await stage.card_says("Blocked")
        assert "Planned work is frozen: Always, from" in stage.card.plain
        await stage.workspace.type_command(ALICE, OPS, "/muster policy prod")
        assert "Always, every day 00:00 until every day 00:00 (Etc/UTC)" in await stage.hears(ALICE, "Frozen now")
        await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
        await stage.card_says("Waiting for approval")
        assert "frozen" not in stage.card.plain
        assert stage.mutations() == []

"""Repeated and disordered deliveries, and secrets: a whole evacuation, and nothing comes of any of it."""

import asyncio
import json
from collections import Counter

from bot.demo import configuration
from tests.stories import ledger
from tests.stories.stage import ALICE, BOB, OPS, Stage


async def test_deliveries_that_come_many_times_and_out_of_order_do_the_same_as_once(stage: Stage) -> None:
    await stage.start_bot()
    faults = stage.served.faults
    faults.duplicate(100, copies=5)
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    faults.held = 2
    await asyncio.gather(*(stage.workspace.click(BOB, stage.card, label="Approve") for _ in range(3)))
    await stage.card_says("12 of 12 done and verified", seconds=120)
    assert len(stage.cards()) == 1
    assert set(Counter(stage.evacuated()).values()) == {1}
    assert faults.used["duplicates"] > 0
    story = stage.thread()
    assert len(story) == len(set(story)), story
    assert sum("pproved by" in line for line in story[:-1]) <= 1


async def test_no_secret_reaches_the_database_the_log_or_a_message(stage: Stage) -> None:
    await stage.start_bot()
    await stage.evacuate(says="12 of 12 done and verified")
    await stage.stop_bot()
    places = {path.name: path.read_bytes() for path in stage.folder.glob("muster.*") if path.suffix != ".toml"}
    assert {"muster.db", "muster.log"} <= places.keys()
    places["messages"] = json.dumps(stage.everything()).encode()
    for secret in (*stage.env.values(), "muster-demo", configuration.TOKEN):
        for place, content in places.items():
            assert secret.encode() not in content, f"{secret[:6]}… stands in {place}"


async def test_the_ledger_finds_a_change_that_nobody_approved(stage: Stage) -> None:
    """The check at the end of every story can fail."""
    await stage.start_bot()
    await stage.evacuate(says="12 of 12 done and verified")
    await stage.stop_bot()
    calls, database = stage.world.mutations(), stage.folder / "muster.db"
    assert ledger.complaints(database, calls) == []
    assert ledger.complaints(database, [*calls, *calls[-1:]])
    assert ledger.complaints(stage.folder / "none.db", calls)

"""PostgreSQL is stopped and started under two bots at work: they say so, are well soon after, and have lost nothing."""

import io
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from bot.cli import audit
from tests.pairs.ensemble import FAILOVER_SECONDS, SLACK, Ensemble, ensemble
from tests.store.own_server import OwnServer, Stop, own_server
from tests.stories.stage import ALICE, BOB, OPS

DOWN_SECONDS = 3.0
MOMENTS = ("asked", "approved", "moving", "nearly done")


async def come_to(both: Ensemble, moment: str) -> None:
    """Let the evening come so far."""
    first = both.first
    if moment == "asked":
        return
    await first.card_says("Waiting for approval")
    await first.workspace.click(BOB, first.card, label="Approve")
    if moment != "approved":
        few = 1 if moment == "moving" else 10
        await first.until(lambda: len(first.evacuated()) >= few, what=moment)


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", get_args(Stop))
async def test_a_database_that_is_restarted_under_two_bots_costs_nobody_anything_but_the_wait(
    tmp_path: Path, how: Stop, moment: str
) -> None:
    async with own_server() as server, ensemble(server, tmp_path, bots=2) as both:
        for number in (0, 1):
            await both.start(number)
        await both.has_leader()
        await both.first.until(lambda: both.first.served.sockets.connections == 2, what="both")
        await both.ask("/evacuate prod/compute-2")
        await come_to(both, moment)
        await restart(both, server, how)
        await both.come_to_an_end()
        assert await both.complaints() == []
        assert "12 of 12 done and verified" in both.first.card.plain
        verified = io.StringIO()
        assert await audit.verify(both.url, verified) == 0, verified.getvalue()
        for stage in both.stages:
            told = Counter(line.split("[bot")[0].split("]", 1)[-1].strip() for line in stage.log().splitlines())
            assert told["the database fails; it is tried again and again"] <= 1, stage.log()
            assert "Traceback" not in stage.log()


async def restart(both: Ensemble, server: OwnServer, how: Stop) -> None:
    """Stop it for a while; they say so meanwhile, and are whole again in time."""
    await server.stop(how)
    for number in (0, 1):
        assert (await both.health(number, "/healthz"))[0] == 200
        status, said = await both.health(number, "/readyz")
        assert (status, "store" in said) == (503, True)
    shown = await both.first.workspace.type_command(ALICE, OPS, "/muster list")
    assert "nothing was noted and nothing is done" in shown.text
    await both.let_pass(DOWN_SECONDS)
    await server.start()
    assert await both.until_all_are_ready() <= FAILOVER_SECONDS + SLACK
    assert await both.has_leader() <= FAILOVER_SECONDS + SLACK

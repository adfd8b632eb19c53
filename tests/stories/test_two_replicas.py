"""Two replicas of the whole bot over one PostgreSQL and one workspace: the thread reads as if there were one."""

import asyncio
import re
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.databases import Postgresql
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged


def speaks(stage: Stage) -> bool:
    """Whether that replica was the last of the two to say of itself that it leads."""
    said = re.findall(r"speaks for all replicas|another replica speaks", stage.log())
    return bool(said) and said[-1].startswith("speaks")


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen and thawed"])
async def test_the_one_that_speaks_is_lost_while_vms_move_and_nothing_is_told_or_done_twice(
    tmp_path: Path, server: Postgresql, how: signal.Signals
) -> None:
    async with server.database() as url, staged(tmp_path) as first:
        first.config.write_text(re.sub(r"(\[store\]\nurl = ).*", rf'\1"{url}"', first.config.read_text()))
        folder = tmp_path / "other"
        folder.mkdir()
        other = replace(first, folder=folder, logs=[])
        try:
            await first.start_bot()
            await other.launch_bot()
            await first.until(lambda: first.served.sockets.connections == 2, what="both", seconds=60)
            await first.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
            await first.card_says("Waiting for approval")
            await first.workspace.click(BOB, first.card, label="Approve")
            await first.until(first.evacuated, what="the first VM")
            lost = first if speaks(first) else other
            assert lost.process is not None
            lost.process.send_signal(how)
            await first.card_says("12 of 12 done and verified", seconds=120)
            if how is signal.SIGSTOP:
                lost.process.send_signal(signal.SIGCONT)
            await first.until(lambda: any("Done: everything" in line for line in first.thread()), what="its end")
            await asyncio.sleep(5)  # what the thawed one would say
            assert len(first.cards()) == 1
            assert {line: n for line, n in Counter(first.thread()).items() if n > 1} == {}
            assert len(first.evacuated()) == 12
        finally:
            if other.process is not None and other.process.returncode is None:
                await other.kill_bot()

"""The machine's clock is set while Muster works, as NTP does to a virtual machine that kept local time."""

from pathlib import Path

import pytest

from adapters.simulated.faults import CallFault, Effect
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

HOUR, DAY = 3_600, 86_400
ROOT = Path(__file__).parents[2]


def clock_of(stage: Stage, *, ahead: float) -> Path:
    """The file that says how far the bot's dates are ahead of everybody else's."""
    file = stage.folder / "ahead"
    file.write_text(str(ahead))
    stage.env |= {"PYTHONPATH": f"{Path(__file__).parent / 'set_clock'}:{ROOT}", "CLOCK_AHEAD": str(file)}
    return file


@pytest.mark.parametrize(
    ("ahead", "then"),
    [
        (HOUR, 0),
        pytest.param(0, HOUR, marks=pytest.mark.long),
        pytest.param(DAY, 0, marks=pytest.mark.long),
        pytest.param(0, DAY, marks=pytest.mark.long),
    ],
)
async def test_an_evacuation_goes_on_when_the_clock_is_set_while_vms_move(
    tmp_path: Path, ahead: float, then: float
) -> None:
    async with staged(tmp_path) as stage:
        clock = clock_of(stage, ahead=ahead)
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
        await stage.card_says("Waiting for approval")
        await stage.workspace.click(BOB, stage.card, label="Approve")
        await stage.until(stage.evacuated, what="the first one is started")
        slow = CallFault(effect=Effect.SLOW, face="openstack", path="/servers", method="GET", seconds=1.0, times=2)
        stage.world.faults.order(slow)  # the clock is set in the middle of a round
        clock.write_text(str(then))
        await stage.card_says("12 of 12 done and verified", seconds=90)
        assert len(stage.evacuated()) == 12
        await stage.until(
            lambda: any("Done: everything was verified" in line for line in stage.thread()), what="its end"
        )


@pytest.mark.long
@pytest.mark.parametrize(("ahead", "then"), [(HOUR, 0), (DAY, 0), (DAY, 2 * DAY)])
async def test_what_waits_for_people_is_told_and_taken_when_the_clock_is_set_back(
    tmp_path: Path, ahead: float, then: float
) -> None:
    """The card, its lines, the buttons and the next command; set forward by a day, it has expired."""
    async with staged(tmp_path) as stage:
        clock = clock_of(stage, ahead=ahead)
        await stage.start_bot()
        await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
        await stage.card_says("Waiting for approval")
        clock.write_text(str(then))
        if then > ahead:
            await stage.card_says("Expired", seconds=60)
        else:
            await stage.workspace.click(BOB, stage.card, label="Approve")
            await stage.card_says("12 of 12 done and verified", seconds=90)
            await stage.until(lambda: len(stage.thread()) > 3, what="who approved, the start and the end")
        await stage.workspace.type_command(BOB, OPS, "/evacuate prod/compute-1")
        await stage.until(lambda: len(stage.cards()) > 1, what="the next command's card")

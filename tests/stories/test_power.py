"""Proof of death, as people see it: the host's power on the card, and taken where it still has some."""

import re

import pytest

from adapters.simulated.faults import CallFault, Effect
from tests.stories.stage import ALICE, BOB, OPS, TICKED, Stage

DEAD = "compute-2"


def fencing(stage: Stage) -> None:
    """Let the bot power hosts off."""
    table = "[clouds.fencing.redfish]"
    stage.config.write_text(stage.config.read_text().replace(table, f"[clouds.fencing]\nfence = true\n{table}"))


async def asked(stage: Stage) -> str:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
    return (await stage.card_says("Evacuate prod/compute-2: 12 VMs")).plain


async def test_the_power_of_a_dead_host_stands_on_the_card_as_proof(stage: Stage) -> None:
    await asked(stage)
    card = (await stage.card_says("Waiting for approval")).plain
    assert "The power of compute-2 is off, read twice by Redfish." in card
    assert "Nothing proves" not in card


@pytest.mark.parametrize("bmc", ["none", "silent"])
async def test_a_death_that_no_bmc_proves_is_vouched_for_by_two_people(stage: Stage, bmc: str) -> None:
    if bmc == "none":
        stage.config.write_text(re.sub(f'^"{DEAD}" = .*\n', "", stage.config.read_text(), flags=re.MULTILINE))
    else:
        stage.world.faults.order(CallFault(effect=Effect.CUT, face="redfish", path=DEAD, times=None))
    await asked(stage)
    card = (await stage.card_says("0 of 2 vouched for")).plain
    assert ("The BMC of compute-2 did not answer" in card) is (bmc == "silent")
    for who, label in ((BOB, "Approve"), (ALICE, "Vouch")):
        assert stage.mutations() == []
        shown = await stage.window(who, label)
        assert "ompute-2 is dead: powered off, or cut off from its storage and network" in str(shown.blocks)
        await stage.workspace.submit(who, values={"host": DEAD, "vouch-0": TICKED})
        await stage.until(lambda: stage.thread_says(f"Vouched by <@{who}>"), what=f"{who} vouched")  # noqa: B023
    await stage.card_says("12 of 12 done and verified")


async def test_a_host_that_has_power_is_not_evacuated(stage: Stage) -> None:
    stage.world.host(DEAD).powered = True
    await asked(stage)
    card = (await stage.card_says("Blocked")).plain
    assert "The power of compute-2 is ON although Nova reports it as down." in card
    assert stage.mutations() == []


async def test_a_host_that_hangs_is_powered_off_by_an_approved_step_and_then_evacuated(stage: Stage) -> None:
    fencing(stage)
    stage.world.host(DEAD).powered = True
    await asked(stage)
    card = (await stage.card_says("Waiting for approval")).plain
    assert "Muster powers it off first" in card
    assert "power compute-2 off by its BMC" in card
    assert stage.mutations() == []

    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("12 of 12 done and verified")
    assert not stage.world.host(DEAD).powered
    assert stage.mutations()[0] == "POST /redfish/v1/Systems/compute-2/Actions/ComputerSystem.Reset"
    assert sum("redfish" in call for call in stage.mutations()) == 1
    await stage.until(lambda: stage.thread_says("Fence"), what="the phase is told")


async def test_when_the_bmc_refuses_nothing_else_is_done(stage: Stage) -> None:
    fencing(stage)
    stage.world.host(DEAD).powered = True
    stage.world.faults.order(CallFault(effect=Effect.ANSWER, status=403, face="redfish", method="POST"))
    await asked(stage)
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("Needs a person")
    assert len(stage.mutations()) == 1
    await stage.until(lambda: stage.thread_says("does not let Muster power it off"), what="the thread says why")
    assert stage.world.host(DEAD).enabled

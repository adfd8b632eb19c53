"""A host that was taken out of service comes back, by the button on the card that took it out."""

import asyncio

from adapters.simulated.faults import CallFault, Effect
from tests.stories.stage import ALICE, BOB, DAVE, OPS, Stage


async def test_cancelled_right_after_the_host_was_disabled_it_says_so_and_one_click_asks_for_its_return(
    stage: Stage,
) -> None:
    host = stage.world.host("compute-1")
    vms = stage.world.vms_on(host)
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
    await stage.card_says("Waiting for approval")
    hold = stage.world.faults.order(CallFault(effect=Effect.HOLD, face="openstack", method="PUT", path="/os-services/"))
    await stage.workspace.click(BOB, stage.card, label="Approve")
    async with asyncio.timeout(30):
        await hold.arrived.wait()
    await stage.workspace.click(ALICE, stage.card, label="Cancel")
    await stage.card_says("Stopping")
    hold.release()
    ended = await stage.card_says("Ended incomplete")
    said = "In effect and not undone: disable compute-1."
    assert said in ended.plain
    await stage.until(lambda: stage.thread_says(said), what="the thread says it too")
    assert stage.world.vms_on(host) == vms
    assert not host.enabled

    await stage.workspace.click(DAVE, ended, label="Exit Maintenance")
    await stage.hears(DAVE, "not among those who may ask")
    await stage.workspace.click(ALICE, ended, label="Exit Maintenance")
    await stage.until(lambda: len(stage.cards()) == 2, what="a card for its return")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified", seconds=60)
    assert host.enabled
    assert stage.world.vms_on(host) == vms

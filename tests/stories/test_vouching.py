"""Data would be lost: two people vouch for it with the host's name typed, before anything is touched."""

from tests.stories.stage import ALICE, BOB, OPS, TICKED, Stage


async def test_disks_that_would_be_lost_are_vouched_for_by_a_lead_and_the_requester(stage: Stage) -> None:
    stage.config.write_text(stage.config.read_text().replace("shared_storage = true", "shared_storage = false"))
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("0 of 2 vouched for")
    dead = stage.world.host("compute-2")
    losing = sorted(vm.name for vm in stage.world.vms_on(dead) if vm.image is not None)
    assert losing

    shown = await stage.window(BOB, "Approve")
    assert all(name in str(shown.blocks) for name in losing)
    complained = await stage.workspace.submit(BOB, values={"host": "compute-22", "vouch-0": TICKED})
    assert set(complained.errors) == {"host"}
    assert not (await stage.workspace.submit(BOB, values={"host": "compute-2"})).errors
    await stage.card_says("1 of 2 vouched for")
    assert stage.mutations() == []

    await stage.window(ALICE, "Vouch")
    await stage.workspace.submit(ALICE, values={"host": "compute-2", "vouch-0": TICKED})
    await stage.card_says("12 of 12 done and verified")
    assert stage.world.vms_on(dead) == []
    await stage.until(lambda: stage.thread_says("Vouched by <@U0ALICE>, 2 of 2 people"), what="who vouched is told")
    assert "Approved by <@U0BOB>" in stage.card.plain

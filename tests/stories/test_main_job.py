"""The main job, as people see it: a command typed, a button clicked, a host emptied and verified."""

from tests.stories.stage import ALICE, BOB, OPS, Stage


async def test_an_engineer_asks_a_lead_approves_and_the_dead_host_is_evacuated(stage: Stage) -> None:
    await stage.start_bot()
    result = await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    assert not result.error
    await stage.until(lambda: stage.cards(), seconds=3, what="a card within 3 s")
    await stage.card_says("Approve")
    print(stage.card.plain)
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("verified", seconds=90)
    print(stage.card.plain, *stage.thread(), sep="\n")
    assert [vm.name for vm in stage.world.vms_on(stage.world.host("compute-2"))] == []

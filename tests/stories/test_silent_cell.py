"""A cell of Nova dies while VMs move: Muster waits, says so, calls nothing done that is not, and goes on."""

from tests.stories.stage import ALICE, BOB, OPS, Stage

HOST = "compute-2"


async def test_a_cell_that_dies_in_the_middle_is_waited_for_and_no_vm_of_it_is_called_done(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{HOST}")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.until(stage.evacuated, what="the first one is started")
    stage.world.faults.silence(*(host.name for host in stage.world.hosts.values()))

    await stage.until(
        lambda: "does not answer" in said(stage) or "500" in said(stage), what="Muster says so", seconds=60
    )
    left = {vm.name for vm in stage.world.vms_on(stage.world.host(HOST))}
    assert left
    assert [name for name in left if stage.thread_says(f"evacuate {name}")] == []

    stage.world.faults.silence()
    await stage.until(lambda: "Done and verified" in stage.card.plain, what="it goes on", seconds=120)
    assert stage.world.vms_on(stage.world.host(HOST)) == []


def said(stage: Stage) -> str:
    return "\n".join([stage.card.plain, *stage.thread()])

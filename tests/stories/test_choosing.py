"""People choose the VMs of an OpenStack host from the card, and get a plan of exactly those."""

import pytest

from tests.stories.stage import ALICE, BOB, OPS, Stage


@pytest.mark.parametrize(
    ("command", "host"),
    [("/evacuate prod/compute-2", "compute-2"), ("/maintenance enter prod/compute-1", "compute-1")],
)
async def test_only_the_chosen_vms_leave_the_host(stage: Stage, command: str, host: str) -> None:
    here = stage.world.vms_on(stage.world.host(host))
    chosen = sorted(here, key=lambda vm: vm.name)[:2]
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, command)
    await stage.card_says("Waiting for approval")
    before = stage.card
    await stage.choose([vm.id for vm in chosen])
    await stage.card_says(f"2 of {len(here)} VMs")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, before, label="Approve")
    await stage.hears(BOB, "plan has changed")
    assert stage.mutations() == []

    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("2 of 2 done and verified", seconds=90)
    left = stage.world.vms_on(stage.world.host(host))
    assert {vm.name for vm in left} == {vm.name for vm in here} - {vm.name for vm in chosen}
    assert f"{len(left)} VMs left in place" in stage.card.plain

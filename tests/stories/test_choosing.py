"""People choose the VMs of an OpenStack host from the card, and get a plan of exactly those."""

from dataclasses import replace

import pytest

from tests.stories.stage import ALICE, BOB, OPS, Stage


@pytest.mark.parametrize(
    ("command", "host"),
    [
        ("/evacuate prod/compute-2", "compute-2"),
        pytest.param("/maintenance enter prod/compute-1", "compute-1", marks=pytest.mark.long),
    ],
)
async def test_only_the_chosen_vms_leave_the_host(stage: Stage, command: str, host: str) -> None:
    here = stage.world.vms_on(stage.world.host(host))
    chosen = sorted(here, key=lambda vm: vm.name)[:2]
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, command)
    await stage.card_says("Waiting for approval")
    before = stage.card
    if host == "compute-2":
        kept = "this cloud's settings say that the hosts share their storage ('shared_storage = true'); Muster has not seen"
        assert f"{kept} it itself." in before.plain, "what an approver relies on is read whole"
    await stage.choose([vm.id for vm in chosen])
    await stage.card_says(f"2 of {len(here)} VMs")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, before, label="Approve")
    await stage.hears(BOB, "plan has changed")
    assert stage.mutations() == []

    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.until(stage.mutations, what="it is under way")
    moved, deleted, *still = [vm for vm in here if vm not in chosen]
    stage.world.relocate(moved, stage.world.host("compute-4"))
    stage.world.delete_vm(deleted.name)
    await stage.card_says("2 of 2 done and verified")
    left = stage.world.vms_on(stage.world.host(host))
    assert left == [vm for vm in here if vm in still]
    assert f"*{len(still) + 2} VMs were not part of it*. Where they were at" in stage.card.plain
    assert f"• `{moved.name}`: on `compute-4` now, no longer on `{host}`" in stage.card.plain
    assert f"• `{deleted.name}`: deleted since; it was on `{host}`" in stage.card.plain
    (line,) = [line for line in stage.card.plain.splitlines() if f": still on `{host}` (" in line]
    assert moved.name not in line
    assert deleted.name not in line


async def test_a_named_vm_that_is_deleted_before_the_start_holds_up_no_other(stage: Stage) -> None:
    gone, moved, *_ = sorted(stage.world.vms_on(stage.world.host("compute-2")), key=lambda vm: vm.name)
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/compute-2 --vm {gone.name} --vm {moved.name}")
    await stage.card_says("Waiting for approval")
    stage.world.delete_vm(gone.name)
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("1 of 1 done and verified")
    await stage.until(lambda: stage.thread_says(f"{gone.name} is not on the host any more"), what="that is told")
    assert moved.host is not stage.world.host("compute-2")


@pytest.mark.long
async def test_where_all_named_vms_have_left_before_the_start_nothing_is_done(stage: Stage) -> None:
    gone, *_ = sorted(stage.world.vms_on(stage.world.host("compute-2")), key=lambda vm: vm.name)
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/compute-2 --vm {gone.name}")
    await stage.card_says("Waiting for approval")
    stage.world.delete_vm(gone.name)
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says(f"compute-2 has no VM called {gone.name}")
    assert stage.mutations() == []


async def test_a_vm_for_which_no_host_has_room_stays_behind_by_name_and_holds_nobody_up(stage: Stage) -> None:
    dead = stage.world.host("compute-2")
    here = stage.world.vms_on(dead)
    big, *others = sorted(here, key=lambda vm: vm.name)
    assert big.flavor is not None
    big.flavor, stage.world.allocations[big.id] = replace(big.flavor, vcpus=100_000), {}
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    assert f"There is no room on the hosts that are left for {big.name} (100,000 vCPU" in stage.card.plain
    assert f"{len(others)} of {len(here)} VMs" in stage.card.plain

    await stage.choose([big.id])
    await stage.card_says("Blocked")
    assert f"There is no room for {big.name} on the hosts that are left: it needs 100,000 vCPU" in stage.card.plain
    assert stage.mutations() == []

    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says(f"{len(others)} of {len(others)} done and verified")
    assert "1 VM was not part of it" in stage.card.plain
    assert stage.world.vms_on(dead) == [big]
    assert big.id not in stage.evacuated()
    behind = f"{big.name}: still on compute-2 (no room on the hosts that are left"
    assert behind in stage.card.plain.replace("'", "").replace("`", "")
    await stage.until(lambda: stage.thread_says("not part of it"), what="who was left, in the thread")
    assert big.name in stage.thread_says("not part of it")[0]

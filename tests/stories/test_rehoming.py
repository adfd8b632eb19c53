"""Volumes and backups of a dead host get a new manager before its VMs move: by Muster, or by people's hands."""

import json
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulated import cinder_manage
from bot.demo.workspace.messages import PostedMessage
from tests.stories import ledger
from tests.stories.stage import ALICE, BOB, DAVE, OPS, Stage, staged

DEAD, NEW = "compute-2", "storage-1@ceph#ceph"
PROGRAM = [sys.executable, "-m", "adapters.simulated.cinder_manage", "{url}"]


@pytest.fixture
async def by_muster(tmp_path: Path) -> AsyncIterator[Stage]:
    cinder = f'runner = "local"\ncommand = {json.dumps(PROGRAM)}'
    async with staged(tmp_path, cinder=cinder, forks=True) as stage:
        yield stage
        assert ledger.complaints(stage.folder / "muster.db", stage.world.mutations()) == []


@pytest.fixture
async def by_hand(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path, cinder='runner = "manual"', forks=True) as stage:
        yield stage
        assert ledger.complaints(stage.folder / "muster.db", stage.world.mutations()) == []


async def asked(stage: Stage) -> PostedMessage:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
    return await stage.card_says("Waiting for approval")


def homes(stage: Stage) -> set[str]:
    """The managers of the volumes of the VMs that were on the dead host."""
    vms = {vm.id for vm in stage.world.vms.values() if vm.name.startswith("payments-")}
    return {v.host for v in stage.world.volumes.values() if vms & {a.vm_id for a in v.attachments}}


def command_on(card: PostedMessage) -> list[str]:
    """The command that the card shows, as a shell would read what a person copied."""
    block = next(b["text"]["text"] for b in card.blocks if "```" in str(b.get("text", "")))
    return shlex.split(block.split("```")[1].replace("&amp;", "&"))


async def test_muster_rehomes_what_the_dead_host_managed_and_then_evacuates_it(by_muster: Stage) -> None:
    card = await asked(by_muster)
    for word in ("10 volumes", NEW, "1 backup (payments-db-1-nightly)", "Re-home volumes"):
        assert word in card.plain
    assert by_muster.mutations() == []
    await by_muster.workspace.click(BOB, card, label="Approve")
    await by_muster.card_says("12 of 12 done and verified", seconds=120)
    assert homes(by_muster) == {NEW}
    assert by_muster.mutations()[:3] == [f"POST {cinder_manage.CONTROLLER_PATH}"] * 3


async def test_a_person_runs_each_command_and_says_so_and_is_told_when_it_is_not_so(by_hand: Stage) -> None:
    await by_hand.workspace.click(BOB, await asked(by_hand), label="Approve")
    card = await by_hand.card_says("To be done by hand")
    first = command_on(card)
    assert first[-4:] == ["--currenthost", "compute-2@ceph#ceph", "--newhost", NEW]
    await by_hand.until(lambda: by_hand.thread_says(f"<@{ALICE}>: to be done by hand"), what="who asked is called")
    assert by_hand.mutations() == []

    await by_hand.workspace.click(DAVE, card, label="Done")
    await by_hand.hears(DAVE, "Only the requester and the approvers")
    await by_hand.workspace.click(ALICE, card, label="Done")
    await by_hand.card_says("said to be done, but 10 volumes are still with compute-2@ceph#ceph")
    await by_hand.until(lambda: by_hand.thread_says(f"<@{ALICE}> says that this is done"), what="their word")

    cinder_manage.run(by_hand.world, first[1:])
    card = await by_hand.card_says("update_service")
    cinder_manage.run(by_hand.world, command_on(card)[1:])
    card = await by_hand.card_says("update_backup_host")
    assert by_hand.evacuated() == []
    cinder_manage.run(by_hand.world, command_on(card)[1:])
    await by_hand.workspace.click(BOB, card, label="Done")
    await by_hand.card_says("12 of 12 done and verified", seconds=120)
    assert homes(by_hand) == {NEW}


async def test_a_stop_does_not_wait_for_anybodys_hands(by_hand: Stage) -> None:
    await by_hand.workspace.click(BOB, await asked(by_hand), label="Approve")
    card = await by_hand.card_says("To be done by hand")
    await by_hand.workspace.click(ALICE, card, label="Cancel")
    await by_hand.card_says("Ended incomplete")
    await by_hand.workspace.click(ALICE, card, label="Done")
    await by_hand.hears(ALICE, "is not needed any more: it does not wait for a person")
    assert by_hand.mutations() == []


async def test_the_volumes_go_back_by_one_click_and_one_approval_once_their_host_lives_again(by_muster: Stage) -> None:
    card = await asked(by_muster)
    await by_muster.workspace.click(BOB, card, label="Approve")
    ended = await by_muster.card_says("12 of 12 done and verified", seconds=120)
    await by_muster.workspace.click(ALICE, ended, label="Move Volumes Back")
    await by_muster.until(lambda: len(by_muster.cards()) == 2, what="a card for it")
    await by_muster.card_says("compute-2@ceph#ceph is not up and enabled")  # the host is dead still
    assert homes(by_muster) == {NEW}

    by_muster.world.revive_host(DEAD)
    await by_muster.workspace.click(ALICE, ended, label="Move Volumes Back")
    await by_muster.until(lambda: len(by_muster.cards()) == 3, what="another card")
    again = await by_muster.card_says("Waiting for approval")
    assert "Move volumes back to prod/compute-2" in again.plain
    assert "had itself come along" in again.plain
    before = len(by_muster.mutations())
    await by_muster.workspace.click(BOB, again, label="Approve")
    await by_muster.card_says("3 of 3 done and verified")
    assert homes(by_muster) == {"compute-2@ceph#ceph"}
    assert {b.host for b in by_muster.world.backups.values()} == {DEAD}
    assert by_muster.mutations()[before:] == [f"POST {cinder_manage.CONTROLLER_PATH}"] * 3
